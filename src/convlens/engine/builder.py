"""The small vocabulary in which kernels are written: loop, load, splat, fma, select, store.

A kernel is one function on float32 pointers (or float64, where it says so). Python loops unroll while it is written;
``loop`` makes a loop that runs. Offsets count numbers. Nothing here knows what a convolution is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llvmlite import ir

from .target import Target
from .tiles import split

F32, F64 = ir.FloatType(), ir.DoubleType()
I64 = ir.IntType(64)
I32 = ir.IntType(32)

MOST_WOVEN = 4
"""The widest step at which neighbours are taken apart by shuffles; beyond it lane by lane costs less."""

# llvmlite has no types: a Value is a number or vector of the running kernel, an Index also one known while writing it
Value: TypeAlias = Any
Index: TypeAlias = int | Any


@dataclass
class Loop:
    """A running loop: its index, the values carried into this turn, and those of the next (set them inside)."""

    index: Value
    values: list[Value]
    next: list[Value] = field(default_factory=list)

    @property
    def out(self) -> list[Value]:
        """After the loop: the carried values of its last turn."""
        return self.next


class Kernel:
    """One function under construction.

    Args:
        name: the function's name in the machine code.
        target: whose lanes it is written for.
        arguments: names of its pointer arguments; none may overlap another.
        counts: names of its 64-bit whole-number arguments, after the pointers.
        double: whether its numbers are float64, half as many in a vector.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        arguments: Sequence[str],
        counts: Sequence[str] = (),
        *,
        double: bool = False,
    ) -> None:
        self.name, self.target = name, target
        self.number, self.bytes = (F64, 8) if double else (F32, 4)
        self.lanes = target.vector_bytes // self.bytes
        self.module = ir.Module(name)
        types = [self.number.as_pointer()] * len(arguments) + [I64] * len(counts)
        self.function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), types), name)
        for argument, label in zip(self.function.args, [*arguments, *counts], strict=True):
            argument.name = label
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.arguments: tuple[Value, ...] = tuple(self.function.args)
        self.vector = ir.VectorType(self.number, self.lanes)
        self._declared: dict[str, ir.Function] = {}

    # ---- whole numbers and addresses ----

    def index(self, value: Index) -> Value:
        """A whole number as a value."""
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def add(self, a: Index, b: Index) -> Index:
        """a + b, folded where both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.b.add(self.index(a), self.index(b))

    def times(self, a: Index, b: Index) -> Index:
        """a * b, folded where both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if (isinstance(a, int) and a == 0) or (isinstance(b, int) and b == 0):
            return 0
        if isinstance(a, int) and a == 1:
            return b
        if isinstance(b, int) and b == 1:
            return a
        return self.b.mul(self.index(a), self.index(b))

    def offset(self, *terms: tuple[Index, int] | Index) -> Index:
        """The sum of terms, each a number or (index, stride)."""
        total: Index = 0
        for term in terms:
            total = self.add(total, self.times(*term) if isinstance(term, tuple) else term)
        return total

    def at(self, pointer: Value, *terms: tuple[Index, int] | Index) -> Value:
        """The address ``pointer + offset(terms)``."""
        offset = self.offset(*terms)
        return pointer if isinstance(offset, int) and offset == 0 else self.b.gep(pointer, [self.index(offset)])

    def table(self, name: str, numbers: Sequence[int]) -> Value:
        """A constant array of whole numbers; read it with ``entry``."""
        kind = ir.ArrayType(I64, max(1, len(numbers)))
        constant = ir.GlobalVariable(self.module, kind, f"{self.name}.{name}")
        constant.initializer = ir.Constant(kind, list(numbers) or [0])
        constant.global_constant = True
        constant.linkage = "internal"
        return self.b.gep(constant, [ir.Constant(I64, 0), ir.Constant(I64, 0)])

    def entry(self, table: Value, index: Index) -> Value:
        """The number at ``index`` of a table."""
        return self.b.load(self.b.gep(table, [self.index(index)]))

    def lane(self, number: int) -> Value:
        """The number of a lane, as ``extract_element`` takes it."""
        return ir.Constant(I32, number)

    # ---- vectors ----

    def zero(self) -> Value:
        """A vector of zeros."""
        return self.constant(0.0)

    def constant(self, value: float) -> Value:
        """A vector with ``value`` in every lane."""
        return ir.Constant(self.vector, [value] * self.lanes)

    def recalled(self, value: float) -> Value:
        """A vector with ``value`` in every lane, read where it is used: between two barriers it takes no register."""
        name = f"{self.name}.{value!r}"
        if name not in self.module.globals:
            # no constant: one would be read before the loop, and put on the stack where registers are few
            lasting = ir.GlobalVariable(self.module, self.vector, name)
            lasting.initializer, lasting.linkage = self.constant(value), "internal"
            lasting.align = self.target.vector_bytes
        return self.b.load(self.module.globals[name], align=self.target.vector_bytes)

    def load(self, pointer: Value, *terms: tuple[Index, int] | Index, aligned: bool = True) -> Value:
        """The vector at an address; ``aligned`` promises a multiple of its size."""
        address = self.b.bitcast(self.at(pointer, *terms), self.vector.as_pointer())
        return self.b.load(address, align=self.target.vector_bytes if aligned else self.bytes)

    def store(self, value: Value, pointer: Value, *terms: tuple[Index, int] | Index, aligned: bool = True) -> None:
        """Write a vector."""
        address = self.b.bitcast(self.at(pointer, *terms), value.type.as_pointer())
        self.b.store(value, address, align=self.target.vector_bytes if aligned else self.bytes)

    def scalar(self, pointer: Value, *terms: tuple[Index, int] | Index) -> Value:
        """The one number at an address."""
        return self.b.load(self.at(pointer, *terms), align=self.bytes)

    def splat(self, pointer: Value, *terms: tuple[Index, int] | Index) -> Value:
        """The number at an address, in every lane."""
        return self.spread(self.scalar(pointer, *terms))

    def spread(self, scalar: Value) -> Value:
        """A scalar in every lane."""
        kind = ir.VectorType(scalar.type, self.lanes)
        one = self.b.insert_element(ir.Constant(kind, ir.Undefined), scalar, self.lane(0))
        return self._mix(one, one, [0] * self.lanes)

    def every(self, step: int, pointer: Value, *terms: tuple[Index, int] | Index) -> Value:
        """A vector of the numbers at an address, ``step`` after it, twice as far after it, ...: nothing behind the last
        of them is read."""
        if step == 1:
            return self.load(pointer, *terms, aligned=False)
        if step > MOST_WOVEN:
            found = ir.Constant(self.vector, ir.Undefined)
            for lane in range(self.lanes):
                one = self.scalar(pointer, *terms, lane * step)
                found = self.b.insert_element(found, one, self.lane(lane))
            return found
        last = (self.lanes - 1) * step + 1 - self.lanes
        starts = [min(i * self.lanes, last) for i in range(step)]
        vectors = [self.load(pointer, *terms, start, aligned=False) for start in starts]
        cells = [lane * step for lane in range(self.lanes)]
        return self.pick(vectors, [(c // self.lanes, c - starts[c // self.lanes]) for c in cells])

    def pick(self, vectors: Sequence[Value], places: Sequence[tuple[int, int]]) -> Value:
        """For each lane one number of some vectors: (which vector, which of its lanes).

        Such picks take a row's neighbours apart: ``pick([a, b], [(0, 0), (0, 2), (1, 0), (1, 2)])`` of four lanes are
        the even columns.
        """
        if len(vectors) == 1:
            return self._mix(vectors[0], vectors[0], [lane for _, lane in places])
        found = vectors[0]
        for n in range(1, len(vectors)):
            # lanes that an earlier turn has put into their place, those of this turn's vector, and yet unknown ones
            held = [lane if n == 1 else i for i, (_, lane) in enumerate(places)]
            found = self._mix(
                found,
                vectors[n],
                [held[i] if which < n else self.lanes + lane for i, (which, lane) in enumerate(places)],
            )
        return found

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, in one rounding where the target can."""
        # a fused call on a processor without the instruction would become a library call a lane
        name = "llvm.fma" if self.target.fma else "llvm.fmuladd"
        return self.b.call(self._intrinsic(name, 3), [a, b, c])

    def prefetch(self, pointer: Value, *terms: tuple[Index, int] | Index) -> None:
        """Ask for the cache line at an address, to be read soon; outside every buffer it does nothing."""
        name, byte = "llvm.prefetch.p0i8", ir.IntType(8).as_pointer()
        if name not in self._declared:
            kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
            self._declared[name] = ir.Function(self.module, kind, name)
        address = self.b.bitcast(self.at(pointer, *terms), byte)
        # to read, into all caches, data
        self.b.call(self._declared[name], [address, *(ir.Constant(I32, n) for n in (0, 3, 1))])

    def sqrt(self, a: Value) -> Value:
        """The square root, lane by lane."""
        return self.b.call(self._intrinsic("llvm.sqrt", 1), [a])

    def nearest(self, a: Value) -> Value:
        """The whole numbers of 32 bits that are nearest, of two the even one; any where that is beyond 32 bits."""
        name = f"llvm.lrint.v{self.lanes}i32.v{self.lanes}f{8 * self.bytes}"
        if name not in self._declared:
            kind = ir.FunctionType(ir.VectorType(I32, self.lanes), [self.vector])
            self._declared[name] = ir.Function(self.module, kind, name)
        return self.b.call(self._declared[name], [a])

    def _intrinsic(self, name: str, arity: int) -> ir.Function:
        full = f"{name}.v{self.lanes}f{8 * self.bytes}"
        if full not in self._declared:
            kind = ir.FunctionType(self.vector, [self.vector] * arity)
            self._declared[full] = ir.Function(self.module, kind, full)
        return self._declared[full]

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger of both, lane by lane; NaN if either is."""
        # b > a is false for a NaN in a, which is kept; this select alone is one instruction, a NaN in b is another
        larger = self.b.select(self.b.fcmp_ordered(">", b, a), b, a)
        return self.b.select(self.b.fcmp_unordered("uno", b, b), b, larger)

    def relu(self, a: Value) -> Value:
        """max(a, 0); NaN stays."""
        return self.b.select(self.b.fcmp_ordered("<", a, self.zero()), self.zero(), a)

    def barrier(self) -> None:
        """Keep memory operations on their side of this place: without it unrolled loads are shared, and spilled."""
        self.b.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)

    def hold(self, value: Value, *, in_order: bool = False) -> None:
        """Keep a vector in its register up to this place, so that its last multiply-add leaves the sum in the sum's.

        Sums that wander from register to register are put back through the stack when their loop turns: x86 lets a
        multiply-add end in any of its registers. Elsewhere it only keeps those before this place from being put off,
        and is done where that is wanted, ``in_order``.
        """
        register = {"avx512": "v", "avx2": "x", "neon": "w"}.get(self.target.name)
        if register and (in_order or register != "w"):
            self.b.asm(ir.FunctionType(ir.VoidType(), [value.type]), "", register, [value], True)

    def lesser(self, a: Index, b: Index) -> Index:
        """The smaller of two whole numbers, folded where both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        a, b = self.index(a), self.index(b)
        return self.b.select(self.b.icmp_signed("<", a, b), a, b)

    # ---- loops ----

    @contextmanager
    def loop(
        self, stop: Index, carried: Sequence[Value] = (), start: Index = 0, step: int = 1, *, maybe_empty: bool = False
    ) -> Iterator[Loop]:
        """Run the block for index = start, start + step, ... below ``stop``.

        ``carried`` values live in registers; set ``next`` inside when they change. A loop runs at least once unless it
        is ``maybe_empty``.
        """
        b, before = self.b, self.b.block
        body, done = b.append_basic_block("loop"), b.append_basic_block("done")
        first = self.index(start)
        if maybe_empty:
            b.cbranch(b.icmp_signed("<", first, self.index(stop)), body, done)
        else:
            b.branch(body)
        b.position_at_end(body)
        i = b.phi(I64)
        i.add_incoming(first, before)
        phis = [b.phi(v.type) for v in carried]
        for phi, v in zip(phis, carried, strict=True):
            phi.add_incoming(v, before)
        turn = Loop(i, list(phis), list(phis))
        yield turn
        after = b.add(i, ir.Constant(I64, step))
        i.add_incoming(after, b.block)
        for phi, v in zip(phis, turn.next, strict=True):
            phi.add_incoming(v, b.block)
        last = b.block
        b.cbranch(b.icmp_signed("<", after, self.index(stop)), body, done)
        b.position_at_end(done)
        if maybe_empty:
            merged = [b.phi(v.type) for v in carried]
            for phi, v, w in zip(merged, carried, turn.next, strict=True):
                phi.add_incoming(v, before)
                phi.add_incoming(w, last)
            turn.next = list(merged)

    @contextmanager
    def vectors(self, stop: Index, start: Index = 0, *, maybe_empty: bool = False) -> Iterator[Index]:
        """Where vectors from ``start`` to ``stop`` begin; the last one may overlap, so that none goes beyond."""
        with self.loop(stop, start=start, step=self.lanes, maybe_empty=maybe_empty) as turn:
            yield self.lesser(turn.index, self.b.sub(self.index(stop), self.index(self.lanes)))

    @contextmanager
    def each(self, count: int) -> Iterator[Index]:
        """The indices 0 to ``count`` - 1: a running loop, or just 0 where there is one."""
        if count == 1:
            yield 0
        else:
            with self.loop(count) as turn:
                yield turn.index

    def tiles(self, count: int, tile: int) -> Iterator[tuple[int, Index]]:
        """Cover ``count`` by tiles of at most ``tile`` of them: how many a tile holds, and its first.

        The full ones share a running loop, in which the body of the ``for`` stands once; the remainder follows.
        """
        for size, times in split(count, min(tile, count)):
            with self.each(times) as n:
                yield size, self.add(self.times(n, size), 0 if size == tile else count - size)

    @contextmanager
    def widened(self, times: int) -> Iterator[None]:
        """Within the block vectors are so many times as long: each operation is as many instructions side by side."""
        lanes, vector = self.lanes, self.vector
        self.lanes, self.vector = lanes * times, ir.VectorType(self.number, lanes * times)
        yield
        self.lanes, self.vector = lanes, vector

    def joined(self, vectors: Sequence[Value]) -> Value:
        """Vectors, a power of two of them, one behind the other as one long vector."""
        found = list(vectors)
        while len(found) > 1:
            places = list(range(2 * found[0].type.count))
            found = [self._mix(a, b, places) for a, b in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def parted(self, long: Value) -> list[Value]:
        """A long vector as vectors."""
        starts = range(0, long.type.count, self.lanes)
        return [self._mix(long, long, list(range(start, start + self.lanes))) for start in starts]

    def transpose(self, rows: list[Value]) -> list[Value]:
        """As many vectors as lanes, mirrored at the diagonal: butterflies of half the size each time."""
        rows, step = list(rows), self.lanes // 2
        while step:
            low = [i if not i & step else self.lanes + i - step for i in range(self.lanes)]
            high = [i + step if not i & step else self.lanes + i for i in range(self.lanes)]
            for i in range(self.lanes):
                if not i & step:
                    a, b = rows[i], rows[i + step]
                    rows[i], rows[i + step] = self._mix(a, b, low), self._mix(a, b, high)
            step //= 2
        return rows

    def totals(self, rows: list[Value]) -> Value:
        """The total of the lanes of each vector, at most as many as lanes: mirrored, and added in a fixed order."""
        columns = self.transpose([*rows, *[self.zero()] * (self.lanes - len(rows))])
        while len(columns) > 1:
            columns = [self.b.fadd(a, b) for a, b in zip(columns[::2], columns[1::2], strict=True)]
        return columns[0]

    def _mix(self, a: Value, b: Value, places: list[int]) -> Value:
        return self.b.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))

    def text(self) -> str:
        """The finished function as LLVM's text."""
        if not self.b.block.is_terminated:
            self.b.ret_void()
        width = 8 * self.bytes * self.lanes
        attributes = f'"prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"'
        text = str(self.module)
        start = text.index("define ")
        brace = text.index("{", start)
        return f"{text[:brace].rstrip()} {attributes} {text[brace:]}"
