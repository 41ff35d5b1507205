"""Rows of a bordered picture as floats: what every kernel that slides one stencil over an array as it lies begins with.

What lies outside the picture is looked up row by row and cell by cell, and zero where there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Generic, Protocol, Self, TypeVar

from llvmlite import ir

from ..builder import I64, Index, Kernel, Value
from ..target import Target
from .cells import Cells

POINTERS = ("source", "result", "weights", "panel", "rows", "columns", "planes")
COUNTS = ("pitch", "result_pitch", "first", "stop", "left", "strips", "wide", "right", "before", "inner")
AT_ONCE = 4
"""Vectors that are converted in a turn of a loop."""


class Slid(Protocol):
    """What is slid over what."""

    @property
    def kind(self) -> str:
        """Of the cells: a name among ``cells.KINDS``."""


Facts = TypeVar("Facts", bound=Slid)


@dataclass(frozen=True)
class Panel(Generic[Facts]):
    """A kernel under construction ``(source, result, weights, panel, rows, columns, planes; counts)``.

    ``rows[y]`` says for a row of the picture with its border around it which row of the source that is, or ``AWAY``,
    and ``columns[x]`` the same for the cells of a row, but for the ``inner`` ones behind the first ``before``, which
    are the source's own; ``planes[d]`` how many cells into the source depth tap d begins. The source has ``pitch``
    cells a row, the result ``result_pitch``. Written are the rows ``first`` to ``stop`` of the result, in ``strips`` of
    ``wide`` cells from ``left`` on, the last one so that it ends at ``right``.

    Args:
        k: the kernel.
        s: what it slides.
    """

    k: Kernel
    s: Facts

    @classmethod
    def opened(cls, target: Target, s: Facts, name: str) -> Self:
        """The beginning of a kernel of that name."""
        return cls(Kernel(name, target, POINTERS, COUNTS, double=s.kind == "float64"), s)

    @cached_property
    def given(self) -> dict[str, Value]:
        """The arguments by name: cells, numbers and tables as what they are."""
        k = self.k
        found = dict(zip((*POINTERS, *COUNTS), k.arguments, strict=True))
        for name in ("source", "result"):
            found[name] = self.cells.of(found[name])
        for name in ("rows", "columns", "planes"):
            found[name] = k.b.bitcast(found[name], I64.as_pointer())
        return found

    @cached_property
    def cells(self) -> Cells:
        """What the cells are."""
        return Cells(self.k, self.s.kind)

    def found(self, plane: Value, row: Value, left: Value, width: Index, room: Value) -> Value:
        """Where ``width`` cells of a row of the bordered picture stand as numbers, from ``left`` on: in the source
        itself where that holds them all as such, else in ``room``, into which they are brought."""
        k, given = self.k, self.given
        if self.cells.whole:
            self.fetched(plane, row, left, width, room)
            return room
        source_row = k.entry(given["rows"], row)
        begin, end = given["before"], k.add(given["before"], given["inner"])
        signs = [(">=", plane, k.index(0)), (">=", source_row, k.index(0)), (">=", left, begin)]
        facts = [k.b.icmp_signed(*sign) for sign in (*signs, ("<=", k.add(left, width), end))]
        with k.b.if_else(reduce(k.b.and_, facts)) as (inside, other):
            with inside:
                own = k.at(given["source"], plane, (source_row, given["pitch"]), k.b.sub(left, begin))
                there = k.b.block
            with other:
                self.fetched(plane, row, left, width, room)
                brought = k.b.block
        place = k.b.phi(room.type)
        place.add_incoming(own, there)
        place.add_incoming(room, brought)
        return place

    def fetched(self, plane: Value, row: Value, left: Value, width: Index, into: Value) -> None:
        """Bring ``width`` cells of a row of the bordered picture in, from ``left`` on, as floats."""
        k, given = self.k, self.given
        row = k.entry(given["rows"], row)
        there = k.b.and_(*(k.b.icmp_signed(">=", n, k.index(0)) for n in (plane, row)))
        with k.b.if_else(there) as (inside, outside):
            with inside:
                self._row(k.at(given["source"], plane, (row, given["pitch"])), left, width, into)
            with outside, k.loop(width) as x:
                k.b.store(ir.Constant(k.number, 0.0), k.at(into, x.index))

    def _row(self, source: Value, left: Value, width: Index, into: Value) -> None:
        k, given = self.k, self.given
        right = k.add(left, width)
        end = k.add(given["before"], given["inner"])
        first = k.lesser(self._greater(left, given["before"]), right)
        last = self._greater(k.lesser(right, end), first)

        self._looked_up(source, left, first, 0, into, left)
        count = k.b.sub(last, first)
        with k.b.if_else(k.b.icmp_signed(">=", count, k.index(k.lanes))) as (vectors, few):
            with vectors:
                many = k.add(first, k.times(k.b.udiv(count, k.index(AT_ONCE * k.lanes)), AT_ONCE * k.lanes))
                with k.loop(many, start=first, step=AT_ONCE * k.lanes, maybe_empty=True) as x:
                    self._converted(source, x.index, left, into, AT_ONCE)
                with k.vectors(last, many, maybe_empty=True) as at:
                    self._converted(source, at, left, into, 1)
            with few, k.loop(last, start=first, maybe_empty=True) as x:
                value = self.cells.one(source, k.b.sub(x.index, given["before"]))
                k.b.store(value, k.at(into, k.b.sub(x.index, left)))
        self._looked_up(source, last, right, given["inner"], into, left)

    def _converted(self, source: Value, place: Value, left: Value, into: Value, vectors: int) -> None:
        """Neighbouring vectors of a row of the bordered picture that are the source's own."""
        k = self.k
        cells, numbers = k.at(source, k.b.sub(place, self.given["before"])), k.at(into, k.b.sub(place, left))
        for v in range(vectors):
            k.store(self.cells.several(cells, v * k.lanes), numbers, v * k.lanes, aligned=False)

    def _looked_up(self, source: Value, start: Value, stop: Value, skipped: Index, into: Value, left: Value) -> None:
        """The cells ``start`` to ``stop`` of a row of the bordered picture that its border decides."""
        k = self.k
        with k.loop(stop, start=start, maybe_empty=True) as x:
            at = k.entry(self.given["columns"], k.b.sub(x.index, k.index(skipped)))
            place = k.at(into, k.b.sub(x.index, left))
            with k.b.if_else(k.b.icmp_signed(">=", at, k.index(0))) as (inside, outside):
                with inside:
                    k.b.store(self.cells.one(source, at), place)
                with outside:
                    k.b.store(ir.Constant(k.number, 0.0), place)

    def _greater(self, a: Value, b: Value) -> Value:
        return self.k.b.select(self.k.b.icmp_signed(">", a, b), a, b)
