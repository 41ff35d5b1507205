"""Convolution and pools forward on planar maps, the lanes of a vector along a row: neighbouring columns.

The loops they stand for are those of ``convolution``, with eight (or sixteen, or four) columns at once:

    for each group, each output row, each tile of columns, each tile of output channels:
      total[o, r, v] = bias[o]                                          v: a vector of columns
      for each input channel, kernel row, kernel column:
        total[o, r, v] += weight[o, ...] * input[..., columns of v]     not aligned
      store activation(total), pooled if a pool follows

Maps lie as [channel][row][column] (a ``Layout`` of one lane). How many rows and columns of the result are made is said
when a kernel is called, so one kernel serves every size up to that of its layouts; but there must be a vector of
columns at least. A row's last vector overlaps the one before it, so that nothing outside the result is written and
nothing outside the cells that it sees is read. Sums run in the order of ``convolution``: both give the same bits.

A convolution that moves by more than one column reads a map that was taken apart before: every stride-th column lies
beside the next. Doing so in the innermost loop takes shuffles, and registers that the sums need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

from convlens.network import Axis

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..target import Target
from ..tiles import Tile, choose
from .activation import apply_all
from .convolution import Convolution, largest, mean, outer, reduced
from .dense import even
from .pooling import Pooling

READS = 2.0
"""Loads that a vector of input costs: half of those that are not aligned cross a cache line with 8 lanes, nearly all
with 16. With 2 the tiles that are chosen are the fastest, or within a tenth of it, on Zen 2."""


Place = tuple[int, int, int]
"""One sum of a tile: output channel, row, vector of columns."""


def together(c: Convolution) -> int:
    """Output rows of a tile: those under a pool, or a few that share what they read where filters alone are too few to
    keep multiply-adds busy with a vector of input."""
    if c.pool is not None:
        return len(c.rows)
    few = {1: 3, 2: 2}.get(c.filters // c.groups, 1)
    moves_by_one = c.window.stride[1] == c.window.dilation[1] == 1
    return min(few, c.window.kernel[1]) if moves_by_one else 1


def tiles(target: Target, c: Convolution, vectors: int) -> tuple[Tile, Tile]:
    """The tile of a convolution over so many vectors of (pooled) columns, and that of a row's last ones, one vector
    wide. Their columns count vectors of the convolution's own columns."""
    filters, high, unit = c.filters // c.groups, len(c.rows), c.pool.window[2] if c.pool else 1
    if (shared := together(c)) > high:
        # a filter's rows are to a vector of input what filters are
        wide, narrow = (choose(target, filters * shared, 1, n, 1, READS) for n in (vectors, 1))
        return replace(wide, channels=filters), replace(narrow, channels=filters)
    wide, narrow = (choose(target, filters, high, n * unit, unit, READS) for n in (vectors, 1))
    if narrow.channels > high * unit:
        # a lone vector is held and the weights pass by: LLVM then wants registers to spare, which cost nothing here
        narrow = replace(narrow, channels=even(filters, max(1, target.registers // (2 * high * unit))))
    return wide, narrow


@blueprint
def forward(target: Target, c: Convolution, source: Layout, result: Layout, name: str) -> Kernel:
    """Write the kernel ``(input, weight, bias, result; rows, columns)``.

    Args:
        target: the processor.
        c: the convolution of pictures, and the pool behind it.
        source: the input's layout, one lane, with the borders that the window reads; taken ``apart`` where the window
            moves by more than one column.
        result: the output's layout, one lane.
        name: the function's name.

    ``rows`` (at least 1) and ``columns`` (at least the target's lanes) of the result are made, from its first cell on.
    """
    k = Kernel(name, target, ("input", "weight", "bias", "result"), ("rows", "columns"))
    rows, columns = k.arguments[-2:]
    most, narrow = tiles(target, c, -(-c.out[2] // k.lanes))
    wide = most.columns // (c.pool.window[2] if c.pool else 1)

    def across(g: Index, row: Index, high: int) -> None:
        """A row of tiles, ``high`` rows of sums each."""
        turn, done = _Turn(k, c, source, result, high), 0
        if wide > 1:
            done = k.times(k.b.udiv(columns, k.index(wide * k.lanes)), wide * k.lanes)
            with k.loop(done, step=wide * k.lanes, maybe_empty=True) as x:
                turn.every_filter(g, row, x.index, most.channels, wide)
        with k.vectors(columns, done, maybe_empty=True) as column:
            turn.every_filter(g, row, column, narrow.channels, 1)

    shared = together(c)
    with k.each(c.groups) as g:
        done: Index = 0
        if shared > len(c.rows):
            done = k.times(k.b.udiv(rows, k.index(shared)), shared)
            with k.loop(done, step=shared, maybe_empty=True) as y:
                across(g, y.index, shared)
        with k.loop(rows, start=done, maybe_empty=True) as y:
            across(g, y.index, len(c.rows))
    return k


@dataclass(frozen=True)
class _Turn:
    """Tiles of outputs, ``high`` rows of sums each: their sums in registers, then what becomes of them."""

    k: Kernel
    c: Convolution
    source: Layout
    result: Layout
    high: int

    def every_filter(self, g: Index, row: Index, column: Index, most: int, vectors: int) -> None:
        """The output channels of a group over so many vectors of columns, ``most`` at once."""
        k, filters = self.k, self.c.filters // self.c.groups
        for channels, first in k.tiles(filters, most):
            self._run(k.add(k.times(g, filters), first), g, row, column, channels, vectors)

    def _run(self, filters: Index, g: Index, row: Index, column: Index, channels: int, vectors: int) -> None:
        k, c = self.k, self.c
        unit = c.pool.window[2] if c.pool else 1
        places = list(product(range(channels), range(self.high), range(vectors * unit)))
        bias = [k.splat(k.arguments[2], filters, o) if c.bias else k.zero() for o in range(channels)]
        sums = self._sum(filters, g, row, k.times(column, unit), places, [bias[o] for o, _, _ in places])
        done = dict(zip(places, apply_all(k, c.activation, sums), strict=True))
        under = len(c.rows)
        for o, r, v in product(range(channels), range(self.high // under), range(vectors)):
            window = [done[o, r * under + i, v * unit + n] for i in range(under) for n in range(unit)]
            k.store(
                self._pooled(window, unit),
                k.arguments[3],
                self.result.origin,
                (filters, self.result.channel),
                (row, self.result.strides[1]),
                column,
                o * self.result.channel + r * self.result.strides[1] + v * k.lanes,
                aligned=False,
            )

    def _sum(
        self,
        filters: Index,
        g: Index,
        row: Index,
        column: Index,
        places: list[Place],
        start: list[Value],
    ) -> list[Value]:
        """The sums of a tile over input channels and taps, beginning at ``start``."""
        k, c, source = self.k, self.c, self.source
        each, taps = c.channels // c.groups, c.window.taps
        (_, kh, kw), stride, down = c.window.kernel, c.window.stride[1], c.window.dilation[1]
        high = c.pool.window[1] if c.pool else 1
        moved = (row, high * stride * source.strides[1])
        inputs = k.at(k.arguments[0], (k.times(g, each), source.channel), moved, column)
        weights = k.at(k.arguments[1], (filters, each * taps))
        channel = each, source.channel, taps

        def kernel_row(values: list[Value], inputs: Value, weight: Value) -> list[Value]:
            return self._kernel_row(
                places,
                values,
                {o: (weight, o * each * taps) for o, _, _ in places},
                {(r, v): (inputs, r * stride * source.strides[1] + v * k.lanes) for _, r, v in places},
                {(o, (r, v)): (o, r, v) for o, r, v in places},
            )

        def input_rows(values: list[Value], inputs: Value, weight: Value) -> list[Value]:
            return self._input_rows(places, values, inputs, weight)

        if self.high > len(c.rows):
            return reduced(k, [channel], start, inputs, weights, input_rows)
        return reduced(k, [channel, (kh, down * source.strides[1], kw)], start, inputs, weights, kernel_row)

    def _input_rows(self, places: list[Place], values: list[Value], inputs: Value, weight: Value) -> list[Value]:
        """The sums over one input channel, input row by input row: each is read once for all rows of sums that see it.

        Input row j meets kernel row j - r in the sums of row r. The first rows and the last are seen by few; those
        between, by all, are a running loop.
        """
        k, c, high, step = self.k, self.c, self.high, self.source.strides[1]
        _, kh, kw = c.window.kernel
        taps = c.window.taps * (c.channels // c.groups)

        def input_row(values: list[Value], j: Index, seen: range) -> list[Value]:
            cells, kernel_row = k.at(inputs, (j, step)), k.at(weight, (j, kw))
            return self._kernel_row(
                places,
                values,
                {o * high + r: (kernel_row, o * taps - r * kw) for o, r, _ in places if r in seen},
                {(0, v): (cells, v * k.lanes) for _, _, v in places},
                {(o * high + r, (0, v)): (o, r, v) for o, r, v in places},
            )

        for j in range(high - 1):
            values = input_row(values, j, range(j + 1))
        with k.loop(kh, values, start=high - 1) as turn:
            turn.next = input_row(turn.values, turn.index, range(high))
        values = turn.out
        for j in range(kh, kh + high - 1):
            values = input_row(values, j, range(j - kh + 1, high))
        return values

    def _kernel_row(
        self,
        places: list[Place],
        values: list[Value],
        weights: dict[int, tuple[Value, int]],
        cells: dict[tuple[int, int], tuple[Value, int]],
        products: dict[tuple[int, tuple[int, int]], Place],
    ) -> list[Value]:
        """Add the products of a kernel row, tap by tap; ``weights`` and ``cells`` say where those of its first lie."""
        k, axis, source = self.k, self.c.window.axes[2], self.source
        total = dict(zip(places, values, strict=True))
        for tap in range(axis.kernel):
            k.barrier()
            column, phase = divmod(tap * axis.dilation, axis.stride)
            far = phase * source.strides[0] + column
            outer(
                k,
                {o: (pointer, at + tap) for o, (pointer, at) in weights.items()},
                {cell: (pointer, at + far) for cell, (pointer, at) in cells.items()},
                products,
                total,
                lambda pointer, offset: k.load(pointer, offset, aligned=False),
            )
        return [total[place] for place in places]

    def _pooled(self, window: list[Value], unit: int) -> Value:
        """One vector from the rows under a pool, each of ``unit`` vectors: neighbours are taken apart, then pooled."""
        k, pool = self.k, self.c.pool
        if pool is None:
            return window[0]
        cells = [n * unit + i for n in range(len(window) // unit) for i in range(unit)]
        every = [(n // k.lanes, n % k.lanes) for n in range(unit * k.lanes)]
        apart = [k.pick(window[i - i % unit : i - i % unit + unit], every[i % unit :: unit]) for i in cells]
        return mean(k, apart) if pool.kind == "avg" else largest(k, apart, None)[0]


def taken_apart(layout: Layout, axis: Axis) -> Layout:
    """How a map lies for a window that slides along ``axis``: column x at depth x % stride, column x // stride."""
    _, height, width = layout.padded
    return Layout(1, layout.channels, (axis.stride, height, -(-width // axis.stride)))


@blueprint
def apart(target: Target, source: Layout, axis: Axis, name: str) -> Kernel:
    """Write the kernel ``(input, result; rows, columns)`` that takes the rows of a map apart, see ``taken_apart``.

    Args:
        target: the processor.
        source: the input's layout, one lane, borders and all.
        axis: how the window that reads the result slides along a row.
        name: the function's name.

    ``rows`` and ``columns`` are those of the input, as many columns as make a vector of results. Where no tap of the
    window looks nothing is written.
    """
    k = Kernel(name, target, ("input", "result"), ("rows", "columns"))
    result, (rows, columns) = taken_apart(source, axis), k.arguments[2:]
    looked = sorted({tap * axis.dilation % axis.stride for tap in range(axis.kernel)})
    with k.each(source.channels) as channel, k.loop(rows) as y:
        place = k.at(k.arguments[0], (channel, source.channel), (y.index, source.strides[1]))
        into = k.at(k.arguments[1], (channel, result.channel), (y.index, result.strides[1]))
        for phase in looked:
            past = k.b.sub(columns, k.index(1 + phase))
            count = k.add(k.b.udiv(past, k.index(axis.stride)), 1)
            with k.vectors(count) as column:
                value = k.every(axis.stride, place, (column, axis.stride), phase)
                k.store(value, into, column, phase * result.strides[0], aligned=False)
    return k


@blueprint
def pool(target: Target, p: Pooling, source: Layout, result: Layout, name: str) -> Kernel:
    """Write the kernel ``(input, result, high, wide; rows, columns)`` of a pool of its own.

    An average is divided by ``high[row] * wide[column]``, the cells that count; both have a number for every row and
    column of the result, and a largest one does not read them. The source has a cell wherever a tap looks: -inf
    (or 0 for averages) outside the picture.

    Args:
        target: the processor.
        p: the pool.
        source: the input's layout, one lane.
        result: the output's layout, one lane.
        name: the function's name.
    """
    k = Kernel(name, target, ("input", "result", "high", "wide"), ("rows", "columns"))
    inputs, outputs, high, wide, rows, columns = k.arguments
    (_, kh, kw), (_, sh, sw), (_, dh, dw) = p.window.kernel, p.window.stride, p.window.dilation
    with k.each(p.channels) as channel, k.loop(rows) as y, k.vectors(columns) as column:
        first = k.at(inputs, (channel, source.channel), (y.index, sh * source.strides[1]), (column, sw))
        with k.loop(kh, [k.constant(-math.inf) if p.kind == "max" else k.zero()]) as tap:
            [value] = tap.values
            for n in range(kw):
                cell = k.every(sw, first, (tap.index, dh * source.strides[1]), n * dw)
                value = k.maximum(value, cell) if p.kind == "max" else k.b.fadd(value, cell)
            tap.next = [value]
        [value] = tap.out
        if p.kind == "avg":
            cells = k.b.fmul(k.splat(high, y.index), k.load(wide, column, aligned=False))
            value = k.b.fdiv(value, cells)
        place = ((channel, result.channel), (y.index, result.strides[1]), column)
        k.store(value, outputs, result.origin, *place, aligned=False)
    return k
