"""Convolution forward, a block of images in lanes: bias, activation and the pool that follows in the same turn.

The loops it stands for, for every group, tile of output channels, and position:

    for each output row (or the rows that one pooled row needs):
      for each tile of columns:
        total[o, r, c] = bias[o]
        for each input channel, kernel depth, kernel row, kernel column:
          total[o, r, c] += weight[o, ...] * input[...]
        store activation(total), pooled if a pool follows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout, Three, Window
from ..target import Target
from ..tiles import choose
from .activation import Activation, apply_all

PoolKind = Literal["max", "avg"]
Innermost = Callable[[list[Value], Value, Value], list[Value]]
MOST_TAPS = 16
"""The widest kernel whose columns are written out one by one; compiling 1000 of them would take seconds."""


@dataclass(frozen=True)
class Pool:
    """A pool whose windows tile its input: stride equal to window, no padding, nothing over the end."""

    kind: PoolKind
    window: Three

    @property
    def cells(self) -> int:
        """Cells of a window."""
        d, h, w = self.window
        return d * h * w


@dataclass(frozen=True)
class Convolution:
    """One convolution and what is fused behind it.

    Args:
        window: how it slides.
        channels: input channels.
        filters: output channels.
        groups: channel groups.
        bias: whether there is one.
        activation: of the sum.
        pool: over the activations, or None.
        local: whether every position has its own weights and bias.
    """

    window: Window
    channels: int
    filters: int
    groups: int
    bias: bool
    activation: Activation
    pool: Pool | None = None
    local: bool = False

    @property
    def out(self) -> Three:
        """Positions of what is stored."""
        if self.pool is None:
            return self.window.out
        d, h, w = (n // p for n, p in zip(self.window.out, self.pool.window, strict=True))
        return d, h, w

    @property
    def rows(self) -> list[tuple[int, int]]:
        """The (depth, height) of the output rows of one turn."""
        depth, height, _ = self.pool.window if self.pool else (1, 1, 1)
        return list(product(range(depth), range(height)))


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
    """Write the kernel ``(input, weight, bias, result, kept, where)``.

    Args:
        target: the processor.
        c: the convolution.
        source: the input's layout, with the borders that the window reads.
        result: the output's layout.
        kept: where activations before the pool are kept for the backward pass, or None.
        name: the function's name.
        argmax: whether the place of each maximum is kept in ``where``, in the output's layout.
    """
    k = Kernel(name, target, ("input", "weight", "bias", "result", "kept", "where"))
    depth, height, width = c.out
    unit = c.pool.window[2] if c.pool else 1
    tile = choose(target, c.filters // c.groups, len(c.rows), width * unit, unit)
    turn = Turn(k, c, source, result, kept, argmax)
    with k.each(c.groups) as g, k.each(depth) as z, k.each(height) as y:
        for columns, column in k.tiles(width * unit, tile.columns):
            for channels, first in k.tiles(c.filters // c.groups, tile.channels):
                filters = k.add(k.times(g, c.filters // c.groups), first)
                turn.run(g, filters, (z, y), column, channels, columns, unit)
    return k


@dataclass(frozen=True)
class Turn:
    """One tile of outputs: its sum in registers, then what becomes of it."""

    k: Kernel
    c: Convolution
    source: Layout
    result: Layout
    kept: Layout | None
    argmax: bool

    def run(
        self, g: Index, filters: Index, at: tuple[Index, Index], column: Index, channels: int, columns: int, unit: int
    ) -> None:
        k, c = self.k, self.c
        tile = list(product(range(channels), range(len(c.rows)), range(columns)))
        b0 = [self.offset(filters, o) if c.bias else k.zero() for o in range(channels)]
        sums = self.sum(g, filters, at, column, tile, [b0[o] for o, _, _ in tile], channels)
        done = dict(zip(tile, apply_all(k, c.activation, sums), strict=True))
        if self.kept is not None:
            for (o, r, x), v in done.items():
                dz, dy = c.rows[r]
                depth, height = c.pool.window[:2] if c.pool else (1, 1)
                k.store(
                    v,
                    k.arguments[4],
                    *self._cell(self.kept, filters, o, (at[0], at[1]), (depth, height), (dz, dy), column, x),
                )
        self._finish(done, filters, at, column, channels, columns, unit)

    def offset(self, filters: Index, o: int) -> Value:
        """The bias of output channel ``filters`` + ``o``."""
        return self.k.splat(self.k.arguments[2], filters, o)

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
        """The sums of a tile over input channels and taps."""
        k, c = self.k, self.c
        each, taps = c.channels // c.groups, c.window.taps
        origin = k.at(self.corner(at, column), (k.times(g, each), self.source.channel))
        weights = k.at(k.arguments[1], (filters, each * taps))
        written, columns = self.kernel_columns()
        reduce = [(each, self.source.channel, taps), *self.kernel_rows(1), *columns]
        sw, dilation, rows = c.window.stride[2], c.window.dilation[2], self.row_steps
        places = sorted({(r, x) for _, r, x in tile})

        def innermost(values: list[Value], inputs: Value, weight: Value) -> list[Value]:
            total = dict(zip(tile, values, strict=True))
            for tap in range(written):
                k.barrier()
                outer(
                    k,
                    {o: (weight, o * each * taps + tap) for o in range(channels)},
                    {(r, x): (inputs, rows[r] + (x * sw + tap * dilation) * self.source.strides[2]) for r, x in places},
                    {(o, (r, x)): (o, r, x) for o, r, x in tile},
                    total,
                )
            return [total[place] for place in tile]

        return reduced(k, reduce, start, origin, weights, innermost)

    def corner(self, at: tuple[Index, Index], column: Index) -> Value:
        """The address of the first cell that a tile reads in the first channel."""
        c, steps = self.c, self.source.strides
        depth, height = c.pool.window[:2] if c.pool else (1, 1)
        sd, sh, sw = c.window.stride
        return self.k.at(
            self.k.arguments[0],
            (at[0], depth * sd * steps[0]),
            (at[1], height * sh * steps[1]),
            (column, sw * steps[2]),
        )

    @property
    def row_steps(self) -> list[int]:
        """Floats from the first output row's cells to those of each row of a tile."""
        (sd, sh, _), steps = self.c.window.stride, self.source.strides
        return [dz * sd * steps[0] + dy * sh * steps[1] for dz, dy in self.c.rows]

    def kernel_rows(self, tap: int) -> list[tuple[int, int, int]]:
        """The loops over kernel depth and height, as ``reduced`` takes them; a tap of the weight has ``tap`` floats."""
        (kd, kh, kw), (dd, dh, _), steps = self.c.window.kernel, self.c.window.dilation, self.source.strides
        return [(kd, dd * steps[0], kh * kw * tap), (kh, dh * steps[1], kw * tap)]

    def kernel_columns(self) -> tuple[int, list[tuple[int, int, int]]]:
        """How many columns of the kernel are written out, and the loop over them where they are too many."""
        columns, dilation = self.c.window.kernel[2], self.c.window.dilation[2]
        if columns <= MOST_TAPS:
            return columns, []
        return 1, [(columns, dilation * self.source.strides[2], 1)]

    def _cell(
        self,
        layout: Layout,
        filters: Index,
        o: int,
        at: tuple[Index, Index],
        scale: tuple[int, int],
        within: tuple[int, int],
        column: Index,
        x: int,
    ) -> Iterator[tuple[Index, int] | Index]:
        d, h, w = layout.strides
        yield layout.origin
        yield filters, layout.channel
        yield o * layout.channel + within[0] * d + within[1] * h + x * w
        yield at[0], scale[0] * d
        yield at[1], scale[1] * h
        yield column, w

    def _finish(
        self,
        done: dict[tuple[int, int, int], Value],
        filters: Index,
        at: tuple[Index, Index],
        column: Index,
        channels: int,
        columns: int,
        unit: int,
    ) -> None:
        """Store a tile's activations, or the pooled ones."""
        k, c = self.k, self.c
        pooled = column if unit == 1 else k.b.udiv(k.index(column), k.index(unit))
        for o in range(channels):
            for x in range(columns // unit):
                window = [done[o, r, x * unit + i] for r in range(len(c.rows)) for i in range(unit)]
                place = list(self._cell(self.result, filters, o, at, (1, 1), (0, 0), pooled, x))
                if c.pool is None:
                    k.store(window[0], k.arguments[3], *place)
                elif c.pool.kind == "avg":
                    k.store(mean(k, window), k.arguments[3], *place)
                else:
                    value, where = largest(k, window, c.activation if self.argmax else None)
                    k.store(value, k.arguments[3], *place)
                    if self.argmax:
                        k.store(where, k.arguments[5], *place)


def reduced(
    k: Kernel,
    loops: list[tuple[int, int, int]],
    values: list[Value],
    inputs: Value,
    weights: Value,
    innermost: Innermost,
) -> list[Value]:
    """Nest running loops of (count, input stride, weight stride) around ``innermost(values, inputs, weights)``."""
    if not loops:
        return innermost(values, inputs, weights)
    (count, step, weight_step), rest = loops[0], loops[1:]
    if count == 1:
        return reduced(k, rest, values, inputs, weights, innermost)
    with k.loop(count, values) as turn:
        turn.next = reduced(
            k, rest, turn.values, k.at(inputs, (turn.index, step)), k.at(weights, (turn.index, weight_step)), innermost
        )
    return turn.out


def outer(
    k: Kernel,
    weights: dict[int, tuple[Value, Index]],
    cells: dict[tuple[int, int], tuple[Value, Index]],
    places: dict[tuple[int, tuple[int, int]], tuple[int, int, int]],
    total: dict[tuple[int, int, int], Value],
    read: Callable[..., Value] | None = None,
) -> None:
    """Add every product of a splatted weight and a vector of cells to its place, holding the fewer of the two.

    ``read(pointer, offset)`` gives the cells; None: an aligned load.
    """
    read = read or k.load
    if len(weights) <= len(cells):
        held = {o: k.splat(*where) for o, where in weights.items()}
        for c, where in cells.items():
            cell = read(*where)
            for o, weight in held.items():
                if (o, c) in places:
                    total[places[o, c]] = k.fma(weight, cell, total[places[o, c]])
        return
    kept = {c: read(*where) for c, where in cells.items()}
    for o, where in weights.items():
        weight = k.splat(*where)
        for c, cell in kept.items():
            if (o, c) in places:
                total[places[o, c]] = k.fma(weight, cell, total[places[o, c]])


def mean(k: Kernel, window: list[Value]) -> Value:
    """The mean of some vectors."""
    total = window[0]
    for v in window[1:]:
        total = k.b.fadd(total, v)
    return k.b.fmul(total, k.constant(1.0 / len(window)))


def largest(k: Kernel, window: list[Value], activation: Activation) -> tuple[Value, Value]:
    """The first largest of some vectors and its place, as floats; NaN wins.

    Behind relu the place of a maximum that is not above 0 is the number of cells: no cell, for nothing flows back.
    """
    best, where = window[0], k.zero()
    for i, v in enumerate(window[1:], 1):
        taken = k.b.or_(k.b.fcmp_ordered(">", v, best), k.b.fcmp_unordered("uno", v, v))
        best, where = k.b.select(taken, v, best), k.b.select(taken, k.constant(float(i)), where)
    if activation == "relu":
        off = k.b.fcmp_ordered("<=", best, k.zero())
        where = k.b.select(off, k.constant(float(len(window))), where)
    return best, where
