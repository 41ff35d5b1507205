"""Pools of arrays as they lie in memory, plane by plane: lanes along the row, every size a run-time number.

    for each plane, each output row:
      windows that lie wholly inside:  a vector of neighbours at once, the last one overlapping the one before
      windows that reach into padding: one by one, over the cells that are there

A pool inside a network works on blocks of images and lives in ``pooling``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from convlens.network import Axis

from ..blueprint import blueprint
from ..builder import F32, I64, Index, Kernel, Value
from ..layout import Window
from ..target import Target
from .convolution import PoolKind

SHUFFLED = range(2, 5)
"""Strides along the row whose windows are picked out of whole vectors; larger ones would throw most of a load away."""
MOST_TAPS = 8
"""The longest window along a row that is written out; a longer one would spill what it picks."""
AHEAD = 2048
"""Floats ahead that are asked for: 8 KB; measured against 2 to 16 KB and nothing, worth a fifth on large arrays."""
FIELDS = ("size", "out", "kernel", "stride", "before", "dilation", "padded")


@dataclass(frozen=True)
class Form:
    """What the code depends on; all else is in the table of ``geometry``.

    Args:
        kind: ``"max"`` or ``"avg"``.
        lanes: windows at once: the target's lanes, 4, or 1 where a row has too few.
        stride: along the row where ``taps`` are picked out of vectors, 1 where vectors are loaded tap by tap.
        taps: of the window along the row where they are picked out of vectors, else 0.
        rows: of the window where they are written out, else 0.
        ragged: whether there are output rows whose windows reach into padding.
        deep: whether there is a depth axis.
        count_padding: whether an average counts padded cells.
    """

    kind: PoolKind
    lanes: int
    stride: int
    taps: int
    rows: int
    ragged: bool
    deep: bool
    count_padding: bool = True

    @classmethod
    def of(cls, target: Target, kind: PoolKind, window: Window, *, count_padding: bool = True) -> Form:
        """The form for a window: as many lanes as its rows have use for."""
        depth, height, width = window.axes
        first, stop = inside(width)
        lanes = next(n for n in (target.lanes, 4, 1) if n <= max(1, stop - first))
        picked = width.stride in SHUFFLED and width.dilation == 1 and width.kernel <= MOST_TAPS
        if not picked and width.stride > 1:
            lanes = 1
        picked = picked and lanes > 1
        return cls(
            kind,
            lanes,
            stride=width.stride if picked else 1,
            taps=width.kernel if picked else 0,
            rows=height.kernel if height.kernel <= MOST_TAPS else 0,
            ragged=inside(height) != (0, height.out),
            deep=depth.padded > 1,
            count_padding=count_padding,
        )


def inside(axis: Axis) -> tuple[int, int]:
    """First and past-the-end position whose windows see real cells alone.

    >>> inside(Axis(size=8, kernel=3, stride=2, before=1, after=1))
    (1, 4)
    """
    first = min(axis.out, -(-axis.before // axis.stride))
    stop = min(axis.out, (axis.size + axis.before - axis.extent) // axis.stride + 1)
    return first, max(first, stop)


def geometry(window: Window, lanes: int) -> list[int]:
    """The table that the kernel reads: FIELDS of each axis, where vectors begin and end, the last one, whole rows."""
    first, stop = inside(window.axes[2])
    whole = inside(window.axes[1])
    rest = (stop - first) % lanes
    last = stop - lanes
    return [
        *(getattr(axis, name) for axis in window.axes for name in FIELDS),
        *(first, stop, last if rest else 0, last + 1 if rest else 0, *whole),
    ]


@blueprint
def pool(target: Target, form: Form, name: str) -> Kernel:
    """Write the kernel ``(input, result, geometry; first, stop)``: planes ``first`` to ``stop`` of arrays without gaps.

    Args:
        target: the processor.
        form: what the code depends on.
        name: the function's name.
    """
    k = Kernel(name, replace(target, lanes=form.lanes), ("input", "result", "geometry"), ("first", "stop"))
    source, result, _, first, stop = k.arguments
    walk = _Walk(k, form)
    depth, height, width = walk.axes
    plane = k.times(k.times(depth["size"], height["size"]), width["size"])
    pooled = k.times(k.times(depth["out"], height["out"]), width["out"])
    begins, ends, last, last_stop, *whole = (walk.number(len(FIELDS) * 3 + i) for i in range(6))

    def row(plane_: Value, z: Value, y: Value, *, written: bool) -> None:
        at = k.add(k.times(plane_, pooled), k.times(k.add(k.times(z, height["out"]), y), width["out"]))
        walk.enter(k.at(source, k.times(plane_, plane)), k.at(result, at), z, y, written=written)
        with k.loop(begins, maybe_empty=True) as x:
            walk.edge(x.index)
        with k.loop(k.add(ends, 1 - k.lanes), start=begins, step=k.lanes, maybe_empty=True) as x:
            walk.block(x.index)
        with k.loop(last_stop, start=last, maybe_empty=True) as x:
            walk.block(x.index)
        with k.loop(width["out"], start=ends, maybe_empty=True) as x:
            walk.edge(x.index)

    with k.loop(stop, start=first, maybe_empty=True) as p, k.loop(depth["out"]) as z:
        if form.ragged or not form.rows:
            with k.loop(whole[0] if form.rows else height["out"], maybe_empty=True) as y:
                row(p.index, z.index, y.index, written=False)
        if form.rows:
            with k.loop(whole[1], start=whole[0], maybe_empty=True) as y:
                row(p.index, z.index, y.index, written=True)
        if form.ragged and form.rows:
            with k.loop(height["out"], start=whole[1], maybe_empty=True) as y:
                row(p.index, z.index, y.index, written=False)
    return k


class _Walk:
    """One output row after another: which kernel rows meet real cells in it, and its windows."""

    def __init__(self, k: Kernel, form: Form) -> None:
        self.k, self.form = k, form
        self._table = k.b.bitcast(k.arguments[2], I64.as_pointer())
        self.axes = [{name: self.number(len(FIELDS) * i + n) for n, name in enumerate(FIELDS)} for i in range(3)]

    def number(self, place: int) -> Value:
        """A number of the table."""
        return self.k.entry(self._table, place)

    def enter(self, plane: Value, row: Value, z: Value, y: Value, *, written: bool) -> None:
        """Stand at output row (z, y), stored at ``row``; ``written`` says that its kernel rows are written out."""
        k, self._written = self.k, written
        self._plane, self._row = plane, row
        depth, height, _ = self.axes
        self._depth = self._met(depth, z) if self.form.deep else (0, 1)
        self._height = self._met(height, y)
        self._starts = self._start(depth, z), self._start(height, y)
        counts = self._counted(depth, z, self._depth), self._counted(height, y, self._height)
        self._rows = k.times(*counts) if self.form.deep else counts[1]

    def _start(self, axis: dict[str, Value], position: Value) -> Value:
        return self.k.b.sub(self.k.times(position, axis["stride"]), axis["before"])

    def _met(self, axis: dict[str, Value], position: Value) -> tuple[Value, Value]:
        """The taps, first and past the end, of the window at ``position`` that lie on real cells."""
        k, start = self.k, self._start(axis, position)
        zero, up = k.index(0), k.b.sub(axis["dilation"], k.index(1))
        skipped = k.b.sdiv(k.b.sub(up, start), axis["dilation"])
        reached = k.b.sdiv(k.b.add(k.b.sub(axis["size"], start), up), axis["dilation"])
        first = k.b.select(k.b.icmp_signed("<", start, zero), skipped, zero)
        return first, k.lesser(reached, axis["kernel"])

    def _counted(self, axis: dict[str, Value], position: Value, met: tuple[Index, Index]) -> Value:
        """Cells along an axis by which an average at ``position`` divides; beyond the padded end none counts."""
        k = self.k
        if not self.form.count_padding:
            return k.b.sub(k.index(met[1]), k.index(met[0]))
        return k.lesser(axis["kernel"], k.b.sub(axis["padded"], k.times(position, axis["stride"])))

    # ---- windows ----

    def block(self, x: Value) -> None:
        """Windows ``x`` and its neighbours, all inside."""
        k, width = self.k, self.axes[2]
        if self.form.taps:
            found = self._picked(x)
        else:
            column = self._start(width, x)

            def tapped(row: Value, values: list[Value]) -> list[Value]:
                with k.loop(width["kernel"], values) as tap:
                    cells = k.load(row, column, k.times(tap.index, width["dilation"]), aligned=False)
                    tap.next = [self._joined(tap.values[0], cells)]
                return tap.out

            (found,) = self._over_rows([self._nothing()], tapped)
        if self.form.kind == "avg":
            cells = k.b.sitofp(k.times(self._rows, width["kernel"]), F32)
            found = k.b.fdiv(found, k.spread(cells))
        k.store(found, self._row, x, aligned=False)

    def edge(self, x: Value) -> None:
        """The window ``x`` alone, over its real cells."""
        k, width = self.k, self.axes[2]
        column, met = self._start(width, x), self._met(width, x)

        def tapped(row: Value, values: list[Value]) -> list[Value]:
            with k.loop(met[1], values, start=met[0], maybe_empty=True) as tap:
                cell = k.scalar(row, column, k.times(tap.index, width["dilation"]))
                tap.next = [self._joined(tap.values[0], cell)]
            return tap.out

        lowest = F32(-math.inf) if self.form.kind == "max" else F32(0.0)
        (found,) = self._over_rows([lowest], tapped)
        if self.form.kind == "avg":
            count = k.times(self._rows, self._counted(width, x, met))
            found = k.b.fdiv(found, k.b.sitofp(count, F32))
        k.b.store(found, k.at(self._row, x), align=4)

    def _picked(self, x: Value) -> Value:
        """Whole vectors joined over the window's rows first, then its taps picked out of them."""
        k, form = self.k, self.form
        span = form.stride * (form.lanes - 1) + form.taps
        offsets = [min(i, span - form.lanes) for i in range(0, span, form.lanes)]
        column = self._start(self.axes[2], x)

        def joined(row: Value, values: list[Value]) -> list[Value]:
            here = k.at(row, column)
            k.prefetch(here, AHEAD)
            loads = (k.load(here, offset, aligned=False) for offset in offsets)
            return [self._joined(v, cells) for v, cells in zip(values, loads, strict=True)]

        vectors = self._over_rows([self._nothing()] * len(offsets), joined)
        found = None
        for tap in range(form.taps):
            columns = [tap + form.stride * lane for lane in range(form.lanes)]
            owners = [max(i for i, offset in enumerate(offsets) if offset <= column) for column in columns]
            picked = k.pick(vectors, [(i, c - offsets[i]) for i, c in zip(owners, columns, strict=True)])
            found = picked if found is None else self._joined(found, picked)
        return found

    def _over_rows(self, start: list[Value], turn: Callable[[Value, list[Value]], list[Value]]) -> list[Value]:
        """``turn(row, values)`` for every row of real cells under the window, its values handed on."""
        k = self.k
        depth, height, width = self.axes

        def of_height(plane: Value, values: list[Value]) -> list[Value]:
            if self._written:
                for tap in range(self.form.rows):
                    down = k.add(self._starts[1], k.times(tap, height["dilation"]))
                    values = turn(k.at(plane, k.times(down, width["size"])), values)
                return values
            first, stop = self._height
            with k.loop(stop, values, start=first, maybe_empty=True) as turning:
                down = k.b.add(self._starts[1], k.times(turning.index, height["dilation"]))
                turning.next = turn(k.at(plane, k.times(down, width["size"])), turning.values)
            return turning.out

        if not self.form.deep:
            return of_height(self._plane, start)
        first, stop = self._depth
        with k.loop(stop, start, start=first, maybe_empty=True) as layer:
            down = k.b.add(self._starts[0], k.times(layer.index, depth["dilation"]))
            plane = k.at(self._plane, k.times(down, k.times(height["size"], width["size"])))
            layer.next = of_height(plane, layer.values)
        return layer.out

    def _nothing(self) -> Value:
        return self.k.constant(-math.inf if self.form.kind == "max" else 0.0)

    def _joined(self, a: Value, b: Value) -> Value:
        return self.k.maximum(a, b) if self.form.kind == "max" else self.k.b.fadd(a, b)
