"""Batch norm while training, a block of images in lanes: what each image adds to the statistics, and what they change.

x_hat = (x - mean) * inverse                                        inverse = 1 / sqrt(variance + eps)
y     = gain * x_hat + shift
dx    = gain * inverse * (dy - mean(dy) - x_hat * mean(dy * x_hat))

The statistics are of all blocks, so they cut the way through the network: what comes before is measured and put aside,
block by block, and what comes behind begins with the means. Nothing here adds images: every lane has sums of its own.

Source: Ioffe and Szegedy, 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout, Three
from ..target import Target

SUMS = 4
"""Sums of a map at once, which hide the cycles that an addition takes."""
MEASURED = 3
"""Numbers an image and channel that are measured, ``measured`` says which; the way back has two."""
MEAN, INVERSE, GAIN, SHIFT, MEAN_UPSTREAM, MEAN_PRODUCT = range(6)
"""Rows of a norm's numbers, each with one a channel. The first four are what it does after training, too."""
APPLIED, NUMBERS = 4, 6
"""How many rows the way forward reads, and how many there are."""


@dataclass(frozen=True)
class Normalising:
    """One batch norm.

    Args:
        eps: added to the variance.
        channels: feature maps.
        size: cells along each axis.
        layer: its place in the network.
    """

    eps: float
    channels: int
    size: Three
    layer: int


@blueprint
def measured(target: Target, n: Normalising, source: Layout, name: str) -> Kernel:
    """Write the kernel ``(source, put_aside, measured)``: copy a block, and measure every image's maps.

    ``measured`` is [channel][3][lane]: a number near the map's mean, and the sums of the differences from it and of
    their squares. Of maps far from 0 the squares themselves would round the variance away.

    Args:
        target: the processor.
        n: the norm.
        source: the layout of what is read and of what is put aside, without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("source", "put_aside", "measured"))
    with k.each(n.channels) as c:
        map_ = k.at(k.arguments[0], (c, source.channel))

        def cell(at: Index) -> list[Value]:
            value = k.load(map_, at)
            k.store(value, k.arguments[1], (c, source.channel), at)
            return [value]

        (total,) = summed(k, source.cells, [k.zero()], cell)
        near = k.b.fmul(total, k.constant(1.0 / source.cells))

        def difference(at: Index) -> list[Value]:
            value = k.b.fsub(k.load(map_, at), near)
            return [value, k.b.fmul(value, value)]

        for i, value in enumerate((near, *summed(k, source.cells, [k.zero()] * 2, difference))):
            k.store(value, k.arguments[2], (c, MEASURED * k.lanes), i * k.lanes)
    return k


@blueprint
def normalised(
    target: Target, n: Normalising, source: Layout, result: Layout, name: str, *, training: bool = True
) -> Kernel:
    """Write the kernel ``(source, numbers, present, result)``: y from x.

    ``numbers`` is [row][channel]; ``present`` [lane], not 0 where a lane holds an image; others become 0, so that they
    reach no gradient however far from the mean they are.

    Args:
        target: the processor.
        n: the norm.
        source: the layout of what is read, without borders.
        result: of what is written.
        name: the function's name.
        training: False treats all lanes alike, and reads no ``present``.
    """
    k = Kernel(name, target, ("source", "numbers", "present", "result"))
    there = _present(k, k.arguments[2]) if training else None
    with k.each(n.channels) as c:
        mean, inverse, gain, shift = (_number(k, n, k.arguments[1], row, c) for row in range(APPLIED))
        factor = k.b.fmul(inverse, gain)
        depth, height, width = n.size
        with k.each(depth) as z, k.each(height) as y, k.each(width) as x:
            steps = list(zip((z, y, x), source.strides, strict=True))
            value = k.b.fsub(k.load(k.arguments[0], (c, source.channel), *steps), mean)
            value = k.fma(value, factor, shift)
            if there is not None:
                value = k.b.select(there, value, k.zero())
            steps = list(zip((z, y, x), result.strides, strict=True))
            k.store(value, k.arguments[3], result.origin, (c, result.channel), *steps)
    return k


@blueprint
def weighed(target: Target, n: Normalising, source: Layout, name: str) -> Kernel:
    """Write the kernel ``(upstream, source, numbers, put_aside, weighed)``: copy dy, and sum it up for every image.

    ``weighed`` is laid out as ``measured`` is: the sums of dy and of dy * x_hat; the third number is left alone.

    Args:
        target: the processor.
        n: the norm.
        source: the layout of x, dy and what is put aside, without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("upstream", "source", "numbers", "put_aside", "weighed"))
    with k.each(n.channels) as c:
        mean, inverse = (_number(k, n, k.arguments[2], row, c) for row in (MEAN, INVERSE))

        def cell(at: Index) -> list[Value]:
            upstream = k.load(k.arguments[0], (c, source.channel), at)
            k.store(upstream, k.arguments[3], (c, source.channel), at)
            standing = k.b.fmul(k.b.fsub(k.load(k.arguments[1], (c, source.channel), at), mean), inverse)
            return [upstream, k.b.fmul(upstream, standing)]

        for i, value in enumerate(summed(k, source.cells, [k.zero()] * 2, cell)):
            k.store(value, k.arguments[4], (c, MEASURED * k.lanes), i * k.lanes)
    return k


@blueprint
def of_input(target: Target, n: Normalising, source: Layout, name: str) -> Kernel:
    """Write the kernel ``(upstream, source, numbers, present, result)``: dx from dy and x.

    Args:
        target: the processor.
        n: the norm.
        source: the layout of x, dy and dx, without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("upstream", "source", "numbers", "present", "result"))
    there = _present(k, k.arguments[3])
    with k.each(n.channels) as c:
        mean, inverse, gain, _, flat, steep = (_number(k, n, k.arguments[2], row, c) for row in range(NUMBERS))
        factor = k.b.fmul(inverse, gain)
        with k.each(source.cells) as i:
            place = ((c, source.channel), (i, k.lanes))
            standing = k.b.fmul(k.b.fsub(k.load(k.arguments[1], *place), mean), inverse)
            moved = k.b.fsub(k.b.fsub(k.load(k.arguments[0], *place), flat), k.b.fmul(standing, steep))
            k.store(k.b.select(there, k.b.fmul(moved, factor), k.zero()), k.arguments[4], *place)
    return k


def _present(k: Kernel, pointer: Value) -> Value:
    return k.b.fcmp_unordered("!=", k.load(pointer), k.zero())


def _number(k: Kernel, n: Normalising, numbers: Value, row: int, channel: Index) -> Value:
    """A channel's number of a row, in every lane."""
    return k.splat(numbers, row * n.channels, channel)


def summed(k: Kernel, cells: int, start: list[Value], terms: Callable[[Index], list[Value]]) -> list[Value]:
    """Sums of some kinds of terms over the cells of a map, several of each at once; ``terms`` of an offset."""
    full, rest = divmod(cells, SUMS)
    kinds = len(start)
    sums = [*start, *[k.zero()] * ((SUMS - 1) * kinds)]
    if full:
        with k.loop(full, sums) as turn:
            found = [terms(k.offset((turn.index, SUMS * k.lanes), i * k.lanes)) for i in range(SUMS)]
            turn.next = [k.b.fadd(a, b) for a, b in zip(turn.values, chain(*found), strict=True)]
        sums = turn.out
    for i in range(rest):
        for j, value in enumerate(terms((full * SUMS + i) * k.lanes)):
            sums[i * kinds + j] = k.b.fadd(sums[i * kinds + j], value)
    rows = [sums[i * kinds : (i + 1) * kinds] for i in range(SUMS)]
    return [k.b.fadd(k.b.fadd(a, b), k.b.fadd(c, d)) for a, b, c, d in zip(*rows, strict=True)]
