"""Convolution forward for a single image, channels in lanes: bias, activation and the pool that follows fused.

    for each output row (or the rows that one pooled row needs), tile of channel vectors, tile of columns:
      total[o, r, c] = bias[o]                                    o counts vectors of output channels
      for each input channel, kernel depth, kernel row, kernel column:
        total[o, r, c] += weight[o, ...] * input[...]             the input cell splatted
      store activation(total), pooled if a pool follows

The order of the sums is that of ``convolution``, so an image gives the same bits alone and in a block. Depthwise
convolutions multiply vector by vector instead of splatting. Groups of several channels have no kernel here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..target import Target
from ..tiles import FMAS_A_CYCLE, LATENCY, LOADS_A_CYCLE, Tile, cheapest, cycles, fits
from .convolution import Convolution, Innermost, Turn, reduced

Place = tuple[int, int, int]
"""Of a sum in its tile: vector of channels, row, column."""
Read = Callable[..., Value]


def depthwise(c: Convolution) -> bool:
    """Whether every channel has its own kernel and no other, more than one."""
    return c.groups == c.channels == c.filters > 1


def vectors(channels: int, lanes: int) -> int:
    """Vectors that hold so many channels."""
    return -(-channels // lanes)


@dataclass(frozen=True)
class Way:
    """How a convolution runs.

    Args:
        tile: vectors of channels x rows x columns.
        sweeps: whether a kernel row's weights are held while the cells of a row go by, each read once; else a tap's
            weights and cells meet, tap by tap.
        cycles: of a kernel row over all channels and columns, as far as multiply-adds, loads and latency go.
    """

    tile: Tile
    sweeps: bool
    cycles: float


def way(target: Target, c: Convolution) -> Way:
    """The cheaper way to run a convolution of a single image."""
    unit, taps, own = c.pool.window[2] if c.pool else 1, c.window.kernel[2], depthwise(c)
    # a register more to spare than in blocks, where fewer loads are on their way
    target = replace(target, spare=target.spare + 1)
    cover = (1 if own else vectors(c.filters, target.lanes), len(c.rows), c.out[2] * unit, unit)

    def swept(many: int, rows: int, columns: int) -> float:
        loads = rows * len(_meetings(c, columns)) + many * taps
        fmas = many * rows * columns * taps
        return max(fmas / FMAS_A_CYCLE, loads / LOADS_A_CYCLE, taps * LATENCY)

    def room(many: int, rows: int, columns: int) -> bool:
        # a cell, and where loads run ahead of their use another
        return many * (rows * columns + taps) + (2 if target.spare > 1 else 1) <= target.registers - target.spare

    tile, spent = cheapest(cover, lambda *t: fits(target, *t), lambda *t: taps * cycles(*t))
    other, less = cheapest(cover, room, swept)
    times = cover[0] if not own else vectors(c.filters, target.lanes)
    return Way(other, True, less * times / cover[0]) if less < spent else Way(tile, False, spent * times / cover[0])


def _meetings(c: Convolution, columns: int) -> dict[int, list[tuple[int, int]]]:
    """For each cell of a row, in order, the (column of the tile, tap) that read it."""
    stride, dilation, taps = c.window.stride[2], c.window.dilation[2], c.window.kernel[2]
    found: dict[int, list[tuple[int, int]]] = {}
    for x, tap in product(range(columns), range(taps)):
        found.setdefault(x * stride + tap * dilation, []).append((x, tap))
    return dict(sorted(found.items()))


@blueprint
def forward(target: Target, c: Convolution, source: Layout, result: Layout, name: str) -> Kernel:
    """Write the kernel ``(input, weight, bias, result)``.

    The weight lies as ``spread`` leaves it: [tile of vectors][channel][tap][vector][lane]; the bias in whole vectors.

    Args:
        target: the processor.
        c: the convolution.
        source: the input's layout, borders included: channels in lanes, or, with one lane, plane by plane.
        result: the output's layout, channels in lanes.
        name: the function's name.
    """
    k = Kernel(name, target, ("input", "weight", "bias", "result"))
    depth, height, width = c.out
    unit = c.pool.window[2] if c.pool else 1
    chosen = way(target, c)
    tile, turn = chosen.tile, _Turn(k, c, source, result, None, False, chosen.sweeps)
    with k.each(depth) as z, k.each(height) as y:
        for many, first in k.tiles(result.channels, tile.channels):
            for columns, column in k.tiles(width * unit, tile.columns):
                turn.run(0, first, (z, y), column, many, columns, unit)
    return k


@dataclass(frozen=True)
class _Turn(Turn):
    """One tile of outputs; its filters count vectors."""

    sweeps: bool

    def offset(self, filters: Index, o: int) -> Value:
        return self.k.load(self.k.arguments[2], (filters, self.k.lanes), o * self.k.lanes)

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
        k, c, source = self.k, self.c, self.source
        tap = channels * k.lanes
        each = c.window.taps * tap
        weights = k.at(k.arguments[1], (filters, (c.channels // c.groups) * c.window.taps * k.lanes))
        origin, values = self.corner(at, column), start
        if depthwise(c):
            origin, innermost = k.at(origin, (filters, source.channel)), self._row(tile, channels, k.load)
            return reduced(k, self.kernel_rows(tap), values, origin, weights, innermost)
        innermost = self._row(tile, channels, k.splat)
        for first, loops in walk(c.channels, source, each):
            place = k.at(origin, first // source.lanes * source.channel)
            nest = [*loops, *self.kernel_rows(tap)]
            values = reduced(k, nest, values, place, k.at(weights, first * each), innermost)
        return values

    def _row(self, tile: list[Place], channels: int, read: Read) -> Innermost:
        """What is done for a row of the kernel, whose weights lie as [tap][vector]."""
        add = self._sweep if self.sweeps else self._tap_by_tap

        def innermost(values: list[Value], inputs: Value, weight: Value) -> list[Value]:
            total = dict(zip(tile, values, strict=True))
            add(
                total, lambda r, cell: read(inputs, self.row_steps[r] + cell * self.source.strides[2]), weight, channels
            )
            return [total[place] for place in tile]

        return innermost

    def _tap_by_tap(self, total: dict[Place, Value], read: Read, weight: Value, channels: int) -> None:
        k, step, dilation = self.k, self.c.window.stride[2], self.c.window.dilation[2]
        places = sorted({(r, x) for _, r, x in total})
        for n in range(self.c.window.kernel[2]):
            k.barrier()
            if channels > len(places):
                cells = {(r, x): read(r, x * step + n * dilation) for r, x in places}
                for o in range(channels):
                    factor = k.load(weight, (n * channels + o) * k.lanes)
                    for (r, x), cell in cells.items():
                        total[o, r, x] = k.fma(factor, cell, total[o, r, x])
                    if len(cells) > 1:  # of one cell the factor is read by the multiply-add itself
                        k.hold(factor)
                continue
            factors = [k.load(weight, (n * channels + o) * k.lanes) for o in range(channels)]
            for r, x in places:
                cell = read(r, x * step + n * dilation)
                for o, factor in enumerate(factors):
                    total[o, r, x] = k.fma(factor, cell, total[o, r, x])
                k.hold(cell)

    def _sweep(self, total: dict[Place, Value], read: Read, weight: Value, channels: int) -> None:
        k, taps = self.k, self.c.window.kernel[2]
        rows, meetings = 1 + max(r for _, r, _ in total), _meetings(self.c, 1 + max(x for _, _, x in total))
        k.barrier()
        factors = [k.load(weight, i * k.lanes) for i in range(taps * channels)]
        for (cell, pairs), r in product(meetings.items(), range(rows)):
            k.barrier()
            value = read(r, cell)
            for (x, n), o in product(pairs, range(channels)):
                total[o, r, x] = k.fma(factors[n * channels + o], value, total[o, r, x])
            k.hold(value)


def walk(channels: int, layout: Layout, weight: int) -> list[tuple[int, list[tuple[int, int, int]]]]:
    """The loops over single channels of a layout, in order: the first channel, and nested (count, step, weight step).

    Args:
        channels: how many; the last vector may hold fewer than lanes.
        layout: where they lie: in lanes, or plane by plane with one lane.
        weight: floats of the weight a channel.

    >>> walk(19, Layout(8, 3, (1, 1, 5)), 7)
    [(0, [(2, 40, 56), (8, 1, 7)]), (16, [(3, 1, 7)])]
    """
    if layout.lanes == 1:
        return [(0, [(channels, layout.channel, weight)])]
    full, rest = divmod(channels, layout.lanes)
    found = []
    if full:
        found.append((0, [(full, layout.channel, layout.lanes * weight), (layout.lanes, 1, weight)]))
    if rest:
        found.append((full * layout.lanes, [(rest, 1, weight)]))
    return found


def spread(weight: NDArray[np.float32], lanes: int, tile: int) -> NDArray[np.float32]:
    """A weight [output channel][input channel][tap] as kernels with outputs in lanes read it.

    Args:
        weight: of shape (outputs, inputs, taps).
        lanes: of a vector; the outputs are filled up with zeros to whole vectors.
        tile: vectors of a tile; the last one may have fewer.

    Returns:
        [tile][input channel][tap][vector][lane], flat.
    """
    outputs, inputs, taps = weight.shape
    many = vectors(outputs, lanes)
    full = np.zeros((many * lanes, inputs * taps), np.float32)
    full[:outputs] = weight.reshape(outputs, -1)
    cut = many // tile * tile
    parts = [full[: cut * lanes].reshape(-1, tile * lanes, inputs * taps), full[cut * lanes :][None]]
    return np.concatenate([part.swapaxes(1, 2).ravel() for part in parts])
