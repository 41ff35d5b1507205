"""Convolution backward, a block of images in lanes: the gradients of its input and of its weights.

    input:    total[c, y, x]  = sum over o, taps of weight[o, c, tap] * gradient[o, (y, x) seen through tap]
    weights:  total[o, c, tap] += sum over y, x of gradient[o, y, x] * input[c, (y, x) moved by tap]

The weights' sums keep one number a lane, [o][c][tap][lane], over all blocks of a share; ``fold`` adds the lanes up.
"""

from __future__ import annotations

from itertools import product

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..taps import Rows, Run, runs
from ..target import Target
from ..tiles import FMAS_A_CYCLE, LATENCY, LOADS_A_CYCLE, choose
from .convolution import Convolution, outer, reduced

LINE = 16
"""Floats of a cache line."""


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
    rows = Rows.of(c.window, gradient)
    tables = (k.table("starts", rows.starts), k.table("weights", rows.weights), k.table("outputs", rows.outputs))
    each = c.channels // c.groups
    width = c.window.axes[2]
    tile = choose(target, each, 1, width.size)
    with k.each(c.groups) as g, k.each(result.size[0] * result.size[1]) as row:
        pairs = (k.entry(tables[0], row), k.entry(tables[0], k.add(row, 1)))
        for run in runs(width, tile.columns):
            with k.each(run.times) as turn:
                for channels, channel in k.tiles(each, tile.channels):
                    sums = _input_sums(k, c, gradient, tables, pairs, run, (g, turn), channel, channels)
                    place = k.at(
                        k.arguments[2],
                        (k.add(k.times(g, each), channel), result.channel),
                        (row, result.strides[1]),
                        (k.add(k.times(turn, run.columns), run.first), result.strides[2]),
                    )
                    for (o, x), value in sums.items():
                        k.store(value, place, o * result.channel + x * result.strides[2])
    return k


def _input_sums(
    k: Kernel,
    c: Convolution,
    gradient: Layout,
    tables: tuple[Value, Value, Value],
    pairs: tuple[Value, Value],
    run: Run,
    at: tuple[Index, Index],
    channel: Index,
    channels: int,
) -> dict[tuple[int, int], Value]:
    """The sums of one tile over output channels and the pairs of its row."""
    g, turn = at
    each, filters, taps = c.channels // c.groups, c.filters // c.groups, c.window.taps
    tile = list(product(range(channels), [0], range(run.columns)))
    weight = k.at(k.arguments[1], (k.times(g, filters), each * taps), (channel, taps))
    source = k.at(
        k.arguments[0], (k.times(g, filters), gradient.channel), (k.times(turn, run.step), gradient.strides[2])
    )
    with k.loop(filters, [k.zero()] * len(tile)) as o:
        with k.loop(pairs[1], o.values, start=pairs[0], maybe_empty=True) as pair:
            w = k.at(weight, (o.index, each * taps), k.entry(tables[1], pair.index))
            s = k.at(source, (o.index, gradient.channel), k.entry(tables[2], pair.index))
            total = dict(zip(tile, pair.values, strict=True))
            _ahead(k, c, gradient, run, s)
            for tap in range(c.window.kernel[2]):
                k.barrier()
                cells = {
                    (0, x): (s, out * gradient.strides[2])
                    for x, column in enumerate(run.pairs)
                    for t, out in column
                    if t == tap
                }
                weights = {i: (w, i * taps + tap) for i in range(channels)}
                outer(k, weights, cells, {(i, (r, x)): (i, r, x) for i, r, x in tile}, total)
            pair.next = [total[place] for place in tile]
        o.next = pair.out
    return {(i, x): value for (i, _, x), value in zip(tile, o.out, strict=True)}


def _ahead(k: Kernel, c: Convolution, gradient: Layout, run: Run, row: Value) -> None:
    """Ask for the same cells of the next output channel: a plane away, where no processor looks by itself.

    A kernel row of several taps covers the dozen cycles that the second-level cache takes; a single tap does not, and
    would only wait for more lines. 3x32x32: conv 64 3 pad 1 went from 68 to 97 GFLOP/s of 103, a 1x1 kernel lost.
    """
    outputs = [out for column in run.pairs for _, out in column]
    if c.window.kernel[2] > 1 and c.filters > c.groups and outputs:
        width = gradient.strides[2]
        for place in range(min(outputs) * width, (max(outputs) + 1) * width, LINE):
            k.prefetch(row, gradient.channel + place)


@blueprint
def of_weights(target: Target, c: Convolution, source: Layout, gradient: Layout, name: str) -> Kernel:
    """Write the kernel ``(input, gradient, sums)`` that adds a block's share to ``sums`` [o][c][tap][lane].

    Args:
        target: the processor.
        c: the convolution.
        source: the input's layout, with the borders that the window reads.
        gradient: of the sums, before activation and pool; without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("input", "gradient", "sums"))
    each, filters, taps = c.channels // c.groups, c.filters // c.groups, c.window.taps
    kd, kh, kw = c.window.kernel
    many_o, many_c, many_h, many_x = _weight_tile(target, filters, each, (kh, kw))
    with k.each(c.groups) as g:
        for f, first in k.tiles(filters, many_o):
            o = k.add(k.times(g, filters), first)
            for i, inner in k.tiles(each, many_c):
                # the kernel's rows inside: the planes of a tile are still in cache for the next row
                with k.each(kd) as d, k.each(kh // many_h) as hi:
                    h = k.times(hi, many_h)
                    for x0 in range(0, kw, many_x):
                        columns = list(product(range(many_h), range(x0, min(x0 + many_x, kw))))
                        place = k.at(
                            k.arguments[2],
                            (o, each * taps * k.lanes),
                            (inner, taps * k.lanes),
                            (d, kh * kw * k.lanes),
                            (h, kw * k.lanes),
                        )
                        channel = k.add(k.times(g, each), inner)
                        _weight_sums(k, c, source, gradient, place, (o, channel), (d, h), (f, i), columns)
    return k


def _weight_tile(target: Target, filters: int, channels: int, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
    """How many filters, channels, kernel rows and columns one turn holds: the most multiply-adds a cycle."""
    height, width = kernel
    best, most = (1, 1, 1, 1), 0.0
    whole = [(h, width) for h in range(1, height + 1) if height % h == 0]
    for h, x in [*((1, x) for x in range(1, width)), *whole]:
        for i in range(1, channels + 1) if x == width else [1]:
            for f in range(1, filters + 1):
                cells = i * h * x
                if f * cells + min(f, cells) + 1 > target.registers - target.spare:
                    break
                turn = max(f * cells / FMAS_A_CYCLE, (f + cells) / LOADS_A_CYCLE, LATENCY)
                turns = -(-filters // f) * -(-channels // i) * height // h * -(-width // x)
                speed = filters * channels * height * width / (turns * turn)
                if speed > most + 1e-9:
                    best, most = (f, i, h, x), speed
    return best


def _weight_sums(
    k: Kernel,
    c: Convolution,
    source: Layout,
    gradient: Layout,
    place: Value,
    channel: tuple[Index, Index],
    row: tuple[Index, Index],
    many: tuple[int, int],
    columns: list[tuple[int, int]],
) -> None:
    """The sums of one tile of weights over all positions, kept in registers meanwhile; ``columns``: (row, column)."""
    each, taps, kw = c.channels // c.groups, c.window.taps, c.window.kernel[2]
    (sd, sh, sw), (dd, dh, dw) = c.window.stride, c.window.dilation
    spans = [(i, h, x) for i in range(many[1]) for h, x in columns]
    spots = list(product(range(many[0]), spans))
    where = {(f, (i, h, x)): ((f * each + i) * taps + h * kw + x) * k.lanes for f, (i, h, x) in spots}
    start = [k.load(place, where[spot]) for spot in spots]
    inputs = k.at(
        k.arguments[0], (channel[1], source.channel), (row[0], dd * source.strides[0]), (row[1], dh * source.strides[1])
    )
    slopes = k.at(k.arguments[1], (channel[0], gradient.channel))
    depth, height, width = gradient.size
    loops = [
        (depth, sd * source.strides[0], gradient.strides[0]),
        (height, sh * source.strides[1], gradient.strides[1]),
        (width, sw * source.strides[2], gradient.strides[2]),
    ]

    def innermost(values: list[Value], cell: Value, slope: Value) -> list[Value]:
        total = dict(zip(spots, values, strict=True))
        cells = {
            (i, h, x): (cell, i * source.channel + h * dh * source.strides[1] + x * dw * source.strides[2])
            for i, h, x in spans
        }
        if many[0] <= len(spans):
            held = {f: k.load(slope, f * gradient.channel) for f in range(many[0])}
            for span, place in cells.items():
                vector = k.load(*place)
                for f in range(many[0]):
                    total[f, span] = k.fma(held[f], vector, total[f, span])
        else:
            kept = {span: k.load(*place) for span, place in cells.items()}
            for f in range(many[0]):
                own = k.load(slope, f * gradient.channel)
                for span in spans:
                    total[f, span] = k.fma(own, kept[span], total[f, span])
        return [total[spot] for spot in spots]

    for spot, value in zip(spots, reduced(k, loops, start, inputs, slopes, innermost), strict=True):
        k.store(value, place, where[spot])


@blueprint
def fold(target: Target, count: int, name: str) -> Kernel:
    """Write the kernel ``(sums, result)``: ``count`` numbers, each the total of its lanes, in a fixed order."""
    k = Kernel(name, target, ("sums", "result"))
    for many, first in k.tiles(count, k.lanes):
        total = k.totals([k.load(k.arguments[0], (first, k.lanes), i * k.lanes) for i in range(many)])
        if many == k.lanes:
            k.store(total, k.arguments[1], first, aligned=False)
            continue
        for i in range(many):
            k.b.store(k.b.extract_element(total, k.lane(i)), k.at(k.arguments[1], first, i))
    return k
