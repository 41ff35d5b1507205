"""Pools whose windows overlap, skip, hang over the end or reach into padding, a block of images in lanes.

    max:  result = the first largest cell under the window, NaN before all; its tap is kept for the way back
    avg:  result = the sum under the window divided by its cells, padding counted or not

A pool whose windows tile the output of a convolution is fused into that one and never comes here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from llvmlite import ir

from convlens.network import Axis

from ..blueprint import blueprint
from ..builder import F32, Index, Kernel, Loop, Value
from ..layout import Layout, Three, Window
from ..taps import Run, cover, forward_taps
from ..target import Target
from .convolution import PoolKind

COLUMNS = 4
"""Windows of a row at once: enough independent comparisons to hide their latency."""


@dataclass(frozen=True)
class Pooling:
    """One pool.

    Args:
        kind: ``"max"`` or ``"avg"``.
        window: how it slides.
        channels: feature maps.
        count_padding: whether an average counts padded cells.
    """

    kind: PoolKind
    window: Window
    channels: int
    count_padding: bool = True

    @property
    def out(self) -> Three:
        """Positions along each axis."""
        return self.window.out

    def cells(self, axis: Axis, position: int) -> int:
        """Cells along one axis by which an average at ``position`` divides; beyond the padded end none counts."""
        if not self.count_padding:
            return len(forward_taps(axis, position))
        return min(axis.extent, axis.padded - position * axis.stride)


@blueprint
def forward(target: Target, p: Pooling, source: Layout, result: Layout, name: str, *, argmax: bool) -> Kernel:
    """Write the kernel ``(input, result, where)``; the input has no borders, ``where`` lies as the result does.

    Args:
        target: the processor.
        p: the pool.
        source: the input's layout.
        result: the output's layout.
        name: the function's name.
        argmax: whether the tap of each maximum is kept.
    """
    k = Kernel(name, target, ("input", "result", "where"))
    walk = _Walk(k, p, source)

    def turn(channel: Index, row: Index, column: Index, run: Run) -> None:
        place = walk.place(result, channel, row, column)
        tops = _largest(k, walk, run) if p.kind == "max" else _total(k, walk, run)
        for x, (value, where) in enumerate(tops):
            k.store(value, k.arguments[1], *place, x * result.strides[2])
            if argmax and p.kind == "max":
                k.store(where, k.arguments[2], *place, x * result.strides[2])

    walk.each(turn)
    return k


@blueprint
def backward(target: Target, p: Pooling, upstream: Layout, stored: Layout, gradient: Layout, name: str) -> Kernel:
    """Write the kernel ``(upstream, where, gradient)``; ``upstream`` and ``gradient`` have no borders.

    Args:
        target: the processor.
        p: the pool.
        upstream: the layout of the output's gradient.
        stored: of the output, and so of ``where``.
        gradient: of the input's gradient.
        name: the function's name.
    """
    k = Kernel(name, target, ("upstream", "where", "gradient"))
    with k.each(gradient.floats // k.lanes) as n:
        k.store(k.zero(), k.arguments[2], (n, k.lanes))
    walk = _Walk(k, p, gradient)

    def turn(channel: Index, row: Index, column: Index, run: Run) -> None:
        given, kept = walk.place(upstream, channel, row, column), walk.place(stored, channel, row, column)
        for x, pairs in enumerate(run.pairs):
            value = k.load(k.arguments[0], *given, x * upstream.strides[2])
            if p.kind == "avg":
                value = k.b.fdiv(value, walk.divisor(run.first + x))
                where = value
            else:
                where = k.load(k.arguments[1], *kept, x * stored.strides[2])
            with walk.rows([]) as (_, base, cells):
                for tap, cell in pairs:
                    place = (cell * gradient.strides[2],)
                    share = value
                    if p.kind == "max":
                        mine = k.b.fcmp_ordered("==", where, k.b.fadd(base, k.constant(float(tap))))
                        share = k.b.select(mine, value, k.zero())
                    k.store(k.b.fadd(k.load(cells, *place), share), cells, *place)

    walk.each(turn, k.arguments[2])
    return k


class _Walk:
    """All windows of a pool: channel by channel, row by row (depth and height together), run by run of columns."""

    def __init__(self, k: Kernel, p: Pooling, source: Layout) -> None:
        self.k, self.p, self.source = k, p, source
        depth, height, width = p.window.axes
        starts, taps, cells, counts = [0], [], [], []
        for d, h in product(range(depth.out), range(height.out)):
            for (kd, zd), (kh, zh) in product(forward_taps(depth, d), forward_taps(height, h)):
                taps.append((kd * height.kernel + kh) * width.kernel)
                cells.append(zd * source.strides[0] + zh * source.strides[1])
            starts.append(len(taps))
            counts.append(p.cells(depth, d) * p.cells(height, h))
        tables = (("starts", starts), ("taps", taps), ("cells", cells), ("counts", counts))
        self._starts, self._taps, self._cells, self._counts = (k.table(name, numbers) for name, numbers in tables)
        columns = [forward_taps(width, o) for o in range(width.out)]
        self._runs = cover(columns, COLUMNS, lambda count: count * width.stride)
        self._at: tuple[Value, Index] = (k.arguments[0], 0)
        self._run_counts = [p.cells(width, o) for o in range(width.out)]

    def each(self, turn: Callable[[Index, Index, Index, Run], None], source: Value | None = None) -> None:
        """Call ``turn(channel, row, column, run)`` where the loops stand at every tile of windows."""
        k, p = self.k, self.p
        pointer = k.arguments[0] if source is None else source
        with k.each(p.channels) as channel, k.each(p.out[0] * p.out[1]) as row:
            for run in self._divided():
                with k.each(run.times) as n:
                    start = k.at(pointer, (channel, self.source.channel), (n, run.step * self.source.strides[2]))
                    self._at = (start, row)
                    turn(channel, row, k.add(k.times(n, run.columns), run.first), run)

    def _divided(self) -> list[Run]:
        """The runs, cut where an average divides by another number of columns."""
        if self.p.kind == "max":
            return self._runs
        found = []
        for run in self._runs:
            counts = [
                tuple(self._run_counts[run.first + n * run.columns + x] for x in range(run.columns))
                for n in range(run.times)
            ]
            if len(set(counts)) == 1:
                found.append(run)
                continue
            for n in range(run.times):
                pairs = tuple(tuple((tap, cell + n * run.step) for tap, cell in column) for column in run.pairs)
                found.append(Run(run.first + n * run.columns, run.columns, 1, pairs, 0))
        return found

    def rows(self, carried: list[Value]) -> _Rows:
        """A loop over the kernel rows that meet real cells in this row."""
        return _Rows(self, carried)

    def divisor(self, column: int) -> Value:
        """Cells of the window in this row at a column of the first tile of a run."""
        k = self.k
        count = k.b.sitofp(k.entry(self._counts, self._at[1]), F32)
        return k.b.fmul(k.spread(count), k.constant(float(self._run_counts[column])))

    def place(self, layout: Layout, channel: Index, row: Index, column: Index) -> list[tuple[Index, int] | Index]:
        """Where a window's output lies."""
        k, height = self.k, self.p.out[1]
        if self.p.out[0] == 1:
            at: list[tuple[Index, int] | Index] = [(row, layout.strides[1])]
        else:
            d = k.b.udiv(k.index(row), k.index(height))
            h = k.b.urem(k.index(row), k.index(height))
            at = [(d, layout.strides[0]), (h, layout.strides[1])]
        return [layout.origin, (channel, layout.channel), *at, (column, layout.strides[2])]


class _Rows:
    """The kernel rows of an output row: a running loop that gives (loop, first tap as floats, address of the cells)."""

    def __init__(self, walk: _Walk, carried: list[Value]) -> None:
        k, (_, row) = walk.k, walk._at
        self._walk = walk
        stop = k.entry(walk._starts, k.add(row, 1))
        self.loop = k.loop(stop, carried, start=k.entry(walk._starts, row), maybe_empty=True)

    def __enter__(self) -> tuple[Loop, Value, Value]:
        k, walk = self._walk.k, self._walk
        self.turn = self.loop.__enter__()
        tap = k.spread(k.b.sitofp(k.entry(walk._taps, self.turn.index), ir.FloatType()))
        return self.turn, tap, k.at(walk._at[0], k.entry(walk._cells, self.turn.index))

    def __exit__(self, *error: object) -> None:
        self.loop.__exit__(None, None, None)


def _largest(k: Kernel, walk: _Walk, run: Run) -> list[tuple[Value, Value]]:
    """The largest cell of each window of a tile, and its tap."""
    lowest, nowhere = k.constant(-math.inf), k.constant(-1.0)
    with walk.rows([lowest, nowhere] * run.columns) as (turn, base, cells):
        following: list[Value] = []
        for x, pairs in enumerate(run.pairs):
            best, where = turn.values[2 * x], turn.values[2 * x + 1]
            for tap, cell in pairs:
                value = k.load(cells, cell * walk.source.strides[2])
                # the first cell is taken whatever it is, so that a window of -inf alone has a place too
                larger = k.b.or_(k.b.fcmp_ordered(">", value, best), k.b.fcmp_unordered("uno", value, value))
                taken = k.b.or_(larger, k.b.fcmp_ordered("<", where, k.zero()))
                best = k.b.select(taken, value, best)
                where = k.b.select(taken, k.b.fadd(base, k.constant(float(tap))), where)
            following += [best, where]
        turn.next = following
    out = turn.out
    return [(out[2 * x], out[2 * x + 1]) for x in range(run.columns)]


def _total(k: Kernel, walk: _Walk, run: Run) -> list[tuple[Value, Value]]:
    """The mean of each window of a tile."""
    with walk.rows([k.zero()] * run.columns) as (turn, _, cells):
        following: list[Value] = []
        for x, pairs in enumerate(run.pairs):
            total = turn.values[x]
            for _, cell in pairs:
                total = k.b.fadd(total, k.load(cells, cell * walk.source.strides[2]))
            following.append(total)
        turn.next = following
    means = [k.b.fdiv(v, walk.divisor(run.first + x)) for x, v in enumerate(turn.out)]
    return [(v, v) for v in means]
