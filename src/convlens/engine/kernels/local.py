"""Convolutions with weights of their own at every position, a block of images in lanes: forward and all gradients.

forward:  total[o, p] = bias[o, p] + sum over c, taps of weight[p, o, c, tap] * input[c, p moved by tap]
input:    total[c, cell] = sum over o and the positions p that read the cell of weight[p, o, c, tap] * gradient[o, p]
weights:  sums[p, o, c, tap] += sum over images of gradient[o, p] * input[c, p moved by tap]
bias:     sums[o, p] += sum over images of gradient[o, p]

No two positions share a weight, so a weight meets one block of images once: its gradient is summed over the lanes at
once, and one number is kept where a convolution keeps one a lane. What becomes of the sums is ``convolution.Turn``'s.
"""

from __future__ import annotations

import math
from itertools import product

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..taps import Rows, Run, runs
from ..target import Target
from .convolution import Convolution, Turn, reduced


def filters_at_once(target: Target, c: Convolution) -> int:
    """Output channels of one turn: they share the cells of a position, or of all positions that one pool needs."""
    sums = target.registers - target.spare - 2  # one for the cell, one for the weight
    return max(1, min(c.filters // c.groups, sums // (c.pool.cells if c.pool else 1)))


@blueprint
def forward(
    target: Target,
    c: Convolution,
    source: Layout,
    result: Layout,
    kept: Layout | None,
    name: str,
    *,
    argmax: bool = False,
) -> Kernel:
    """Write the kernel ``(input, weight, bias, result, kept, where)``; the arguments are ``convolution.forward``'s."""
    k = Kernel(name, target, ("input", "weight", "bias", "result", "kept", "where"))
    depth, height, width = c.out
    unit, filters = c.pool.window[2] if c.pool else 1, c.filters // c.groups
    tile = filters_at_once(target, c)
    turn = _LocalTurn(k, c, source, result, kept, argmax)
    with k.each(depth) as z, k.each(height) as y, k.each(width) as x, k.each(c.groups) as g:
        for channels, first in k.tiles(filters, tile):
            turn.run(g, k.add(k.times(g, filters), first), (z, y), k.times(x, unit), channels, unit, unit)
    return k


class _LocalTurn(Turn):
    """A turn whose weights and bias belong to its positions."""

    def offset(self, filters: Index, o: int) -> Value:
        return self.k.zero()  # a bias of every position is added in ``sum``

    def sum(
        self,
        g: Index,
        filters: Index,
        at: tuple[Index, Index],
        column: Index,
        tile: list[tuple[int, int, int]],
        start: list[Value],
        channels: int,
    ) -> list[Value]:
        k, c = self.k, self.c
        each, taps = c.channels // c.groups, c.window.taps
        _, height, width = c.window.out
        scale = c.pool.window[:2] if c.pool else (1, 1)
        position = k.offset((at[0], scale[0] * height * width), (at[1], scale[1] * width), column)
        steps = {(r, x): (dz * height + dy) * width + x for r, (dz, dy) in enumerate(c.rows) for _, _, x in tile}
        if c.bias:
            bias = k.at(k.arguments[2], (filters, math.prod(c.window.out)), position)
            start = [k.splat(bias, o * math.prod(c.window.out) + steps[r, x]) for o, r, x in tile]
        written, columns = self.kernel_columns()
        reduce = [(each, self.source.channel, taps), *self.kernel_rows(1), *columns]
        origin = k.at(self.corner(at, column), (k.times(g, each), self.source.channel))
        weights = k.at(k.arguments[1], (position, c.filters * each * taps), (filters, each * taps))
        sw, dilation, rows = c.window.stride[2], c.window.dilation[2], self.row_steps

        def innermost(values: list[Value], inputs: Value, weight: Value) -> list[Value]:
            total = dict(zip(tile, values, strict=True))
            for tap in range(written):
                k.barrier()
                for (r, x), step in steps.items():
                    cell = k.load(inputs, rows[r] + (x * sw + tap * dilation) * self.source.strides[2])
                    for o in range(channels):
                        own = k.splat(weight, ((step * c.filters) + o) * each * taps + tap)
                        total[o, r, x] = k.fma(own, cell, total[o, r, x])
            return [total[place] for place in tile]

        return reduced(k, reduce, start, origin, weights, innermost)


@blueprint
def of_input(target: Target, c: Convolution, gradient: Layout, result: Layout, name: str) -> Kernel:
    """Write the kernel ``(gradient, weight, result)``; both layouts are without borders.

    Args:
        target: the processor.
        c: the convolution.
        gradient: of the sums, before activation and pool.
        result: the gradient of the input.
        name: the function's name.
    """
    k = Kernel(name, target, ("gradient", "weight", "result"))
    each, weights = c.channels // c.groups, c.filters * (c.channels // c.groups) * c.window.taps
    rows = Rows.of(c.window, gradient)
    own = tuple(w + out // k.lanes * weights for w, out in zip(rows.weights, rows.outputs, strict=True))
    tables = (k.table("starts", rows.starts), k.table("weights", own), k.table("outputs", rows.outputs))
    columns = min(c.window.size[2], target.registers - target.spare - 3)
    with k.each(result.size[0] * result.size[1]) as row, k.each(c.groups) as g, k.each(each) as i:
        channel = k.add(k.times(g, each), i)
        for run in runs(c.window.axes[2], columns):
            with k.each(run.times) as turn:
                sums = _input_sums(k, c, gradient, tables, (row, g, i, turn), run)
                place = k.at(
                    k.arguments[2],
                    (channel, result.channel),
                    (row, result.strides[1]),
                    (k.add(k.times(turn, run.columns), run.first), result.strides[2]),
                )
                for x, value in enumerate(sums):
                    k.store(value, place, x * result.strides[2])
    return k


def _input_sums(
    k: Kernel,
    c: Convolution,
    gradient: Layout,
    tables: tuple[Value, Value, Value],
    at: tuple[Index, Index, Index, Index],
    run: Run,
) -> list[Value]:
    """The sums of a tile of columns of one input channel, over output channels and the pairs of its row."""
    row, g, i, turn = at
    each, filters, taps = c.channels // c.groups, c.filters // c.groups, c.window.taps
    weights = c.filters * each * taps
    weight = k.at(k.arguments[1], (k.times(g, filters), each * taps), (i, taps), (k.times(turn, run.step), weights))
    source = k.at(
        k.arguments[0], (k.times(g, filters), gradient.channel), (k.times(turn, run.step), gradient.strides[2])
    )
    start, stop = k.entry(tables[0], row), k.entry(tables[0], k.add(row, 1))
    with k.loop(filters, [k.zero()] * run.columns) as o:
        with k.loop(stop, o.values, start=start, maybe_empty=True) as pair:
            w = k.at(weight, (o.index, each * taps), k.entry(tables[1], pair.index))
            s = k.at(source, (o.index, gradient.channel), k.entry(tables[2], pair.index))
            total = list(pair.values)
            for x, column in enumerate(run.pairs):
                k.barrier()
                for tap, out in column:
                    cell = k.load(s, out * gradient.strides[2])
                    total[x] = k.fma(k.splat(w, out * weights + tap), cell, total[x])
            pair.next = total
        o.next = pair.out
    return o.out


@blueprint
def of_weights(target: Target, c: Convolution, source: Layout, gradient: Layout, name: str) -> Kernel:
    """Write the kernel ``(input, gradient, sums)`` that adds a block's share to ``sums`` [p][o][c][tap].

    Args:
        target: the processor.
        c: the convolution.
        source: the input's layout, with the borders that the window reads.
        gradient: of the sums, before activation and pool; without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("input", "gradient", "sums"))
    each, filters = c.channels // c.groups, c.filters // c.groups
    cells = k.table("cells", _cells(c, source))
    count = each * c.window.taps
    depth, height, width = c.window.out
    (sd, sh, sw), steps = c.window.stride, source.strides
    with k.each(depth) as z, k.each(height) as y, k.each(width) as x, k.each(c.groups) as g:
        position = k.offset((z, height * width), (y, width), x)
        seen = (z, sd * steps[0]), (y, sh * steps[1]), (x, sw * steps[2])
        inputs = k.at(k.arguments[0], (k.times(g, each), source.channel), *seen)
        with k.each(filters) as n:
            o = k.add(k.times(g, filters), n)
            slope = k.load(k.arguments[1], (o, gradient.channel), (position, k.lanes))
            place = k.at(k.arguments[2], (position, c.filters * count), (o, count))

            def product_of(tap: Index, inputs: Value = inputs, slope: Value = slope) -> Value:
                return k.b.fmul(slope, k.load(inputs, k.entry(cells, tap)))

            for many, first in k.tiles(count, k.lanes):
                _add(k, [product_of(k.add(first, i)) for i in range(many)], k.at(place, first))
    return k


def _cells(c: Convolution, source: Layout) -> list[int]:
    """Floats from a position's first cell to that under every weight of a group's channels."""
    steps = [n * s for n, s in zip(c.window.dilation, source.strides, strict=True)]
    taps = [sum(t * s for t, s in zip(tap, steps, strict=True)) for tap in product(*map(range, c.window.kernel))]
    return [i * source.channel + tap for i in range(c.channels // c.groups) for tap in taps]


@blueprint
def of_bias(target: Target, count: int, name: str) -> Kernel:
    """Write the kernel ``(gradient, sums)`` that adds the lanes of each of ``count`` numbers to ``sums`` [o][p]."""
    k = Kernel(name, target, ("gradient", "sums"))
    for many, first in k.tiles(count, k.lanes):
        rows = [k.load(k.arguments[0], (first, k.lanes), i * k.lanes) for i in range(many)]
        _add(k, rows, k.at(k.arguments[1], first))
    return k


def _add(k: Kernel, rows: list[Value], place: Value) -> None:
    """Add the total of the lanes of each vector to a number, one behind the other; at most as many as lanes."""
    total = k.totals(rows)
    if len(rows) == k.lanes:
        k.store(k.b.fadd(k.load(place, aligned=False), total), place, aligned=False)
        return
    for i in range(len(rows)):
        value = k.b.fadd(k.scalar(place, i), k.b.extract_element(total, k.lane(i)))
        k.b.store(value, k.at(place, i), align=4)
