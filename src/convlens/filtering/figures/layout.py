"""Where the panels of a figure with numbers stand: input, kernel, products, sums, output, as large as they can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .look import MARGIN, WIDTH, Grid
from .scene import Scene
from .shapes import Point

Panel = Literal["channel", "input", "kernel", "products", "sums", "output"]
PANELS: tuple[Panel, ...] = ("input", "kernel", "products", "sums", "output")
LARGEST, SMALLEST = 84.0, 33.0
"""A cell's side: larger looks empty, smaller is not read from the last row."""
TALLEST, TALLER = 600.0, 690.0
"""What the panels may take of the canvas's height; and those of several channels, below each other."""
NAME = 22.0
"""The size of the panels' names."""
NAMED, BESIDE, ASIDE = 40.0, 120.0, 100.0
"""Room for a name above its panel, and beside it; and beside a channel."""
APART = (72.0, 120.0)
"""From panel to panel at least and at most, where they stand in a row."""


@dataclass(frozen=True)
class Name:
    """Where a panel's name stands, or a channel's."""

    panel: Panel
    x: float
    y: float
    anchor: str
    channel: int = 0


@dataclass(frozen=True)
class Layout:
    """A grid a channel for each panel; the output has one alone where the channels are added.

    ``arrows`` lead from the sums to the output. ``slides`` says that kernel and products move along under the input,
    as a signal's do; then their grids are as wide as the padded input.
    """

    cell: float
    inputs: tuple[Grid, ...]
    kernels: tuple[Grid, ...]
    products: tuple[Grid, ...]
    sums: tuple[Grid, ...]
    outputs: tuple[Grid, ...]
    names: tuple[Name, ...]
    arrows: tuple[tuple[Point, ...], ...]
    bottom: float
    slides: bool


def laid_out(scene: Scene, top: float) -> Layout | None:
    """Place the panels of a scene below a height; None where cells would be smaller than can be read."""
    place: Callable[[Scene, float], Layout | None] = (
        _rows if scene.signal else _beside if len(scene.cells) == 1 else _stacked
    )
    return place(scene, top)


def _cell(columns: float, rows: float, aside: float, above: float, tallest: float = TALLEST) -> float:
    """The side of a cell of which so many stand beside and above each other, units aside and above taken away."""
    return min(LARGEST, (WIDTH - 2 * MARGIN - aside) / columns, (tallest - above) / rows)


def _beside(scene: Scene, top: float) -> Layout | None:
    """One channel: the input, kernel above products, the output."""
    (high, wide), (h, w) = scene.real.shape, scene.taps.shape[1:]
    out_high, out_wide = scene.parts.shape[1:]
    middle = w + 1.5
    columns = wide + middle + out_wide + 2.0
    cell = _cell(columns, max(high, 2 * h, out_high), 0, 2 * NAMED)
    if cell < SMALLEST:
        return None
    tall: float = max(high * cell, 2 * h * cell + 1.6 * NAMED, out_high * cell)
    left = (WIDTH - columns * cell) / 2
    across, right = left + (wide + 1.0) * cell, left + (wide + middle + 2.0) * cell
    begin = top + NAMED

    def centred(size: float) -> float:
        return begin + (tall - size) / 2

    inputs = Grid(left, centred(high * cell), cell, high, wide)
    kernels = Grid(across, centred(2 * h * cell + 1.6 * NAMED), cell, h, w)
    products = Grid(across, kernels.bottom + 1.6 * NAMED, cell, h, w)
    sums = Grid(products.right + 0.4 * cell, products.top, cell, h, 1)
    outputs = Grid(right, centred(out_high * cell), cell, out_high, out_wide)
    grids = (inputs,), (kernels,), (products,), (sums,), (outputs,)
    return Layout(cell, *grids, _above(*grids), _arrows((sums,), (outputs,)), begin + tall, False)


def _stacked(scene: Scene, top: float) -> Layout | None:
    """Several channels: each a row of its own, the output at the end."""
    (high, wide), (h, w) = scene.real.shape, scene.taps.shape[1:]
    out_high, out_wide = scene.parts.shape[1:]
    channels, tallest = len(scene.cells), max(high, h, out_high)
    across, down = wide + 2 * w + out_wide + 1.7, channels * tallest + 0.4 * (channels - 1)
    cell = _cell(across, down, ASIDE + 3 * APART[0], NAMED, TALLER)
    if cell < SMALLEST:
        return None
    room = WIDTH - 2 * MARGIN - ASIDE
    apart = min(APART[1], (room - across * cell) / 3)
    left, pitch = MARGIN + ASIDE + (room - across * cell - 3 * apart) / 2, (tallest + 0.4) * cell
    begin = top + NAMED
    bottom = begin + channels * pitch - 0.4 * cell

    def column(x: float, rows: int, columns: int) -> tuple[Grid, ...]:
        tops = [begin + n * pitch + (tallest - rows) * cell / 2 for n in range(channels)]
        return tuple(Grid(x, top, cell, rows, columns) for top in tops)

    inputs = column(left, high, wide)
    kernels = column(inputs[0].right + apart, h, w)
    products = column(kernels[0].right + apart, h, w)
    sums = column(products[0].right + 0.7 * cell, h, 1)
    outputs = column(sums[0].right + apart, out_high, out_wide)
    if scene.summed:
        outputs = (Grid(outputs[0].left, (begin + bottom - out_high * cell) / 2, cell, out_high, out_wide),)
    grids = inputs, kernels, products, sums, outputs
    names = (
        *_above(*grids),
        *(Name("channel", one.left - 14, (one.top + one.bottom) / 2, "end", n) for n, one in enumerate(inputs)),
    )
    return Layout(cell, *grids, names, _arrows(sums, outputs), bottom, False)


def _rows(scene: Scene, top: float) -> Layout | None:
    """A signal: kernel and products move along under it, each result stands under the middle of its window."""
    wide, along, channels = scene.real.shape[1], scene.axes[1], len(scene.cells)
    # one channel's sum is the output's cell
    columns, results = wide + (1.6 if channels > 1 else 0), len(scene.outputs)
    cell = _cell(columns, 3.6 * channels + 1.2 * results, BESIDE, 0)
    if cell < SMALLEST:
        return None
    left = BESIDE + (WIDTH - BESIDE - columns * cell) / 2
    begins = [top + 0.3 * cell + n * 3.6 * cell for n in range(channels)]
    inputs, kernels, products = (
        tuple(Grid(left, begin + 1.1 * n * cell, cell, 1, wide) for begin in begins) for n in range(3)
    )
    sums = tuple(Grid(left + (wide + 0.6) * cell, grid.top, cell, 1, 1) for grid in products if channels > 1)
    begin = products[-1].bottom + 0.5 * cell
    first = left + (along.extent - 1) / 2 * cell
    outputs = tuple(Grid(first, begin + 1.1 * n * cell, cell, 1, along.out, along.stride) for n in range(results))
    panels: dict[Panel, tuple[Grid, ...]] = {"input": inputs, "kernel": kernels, "products": products}
    panels["output"] = outputs
    names = tuple(
        Name(panel, left - 0.35 * cell, grid.middle(0, 0)[1], "end")
        for panel, grids in panels.items()
        for grid in grids
    )
    return Layout(cell, inputs, kernels, products, sums, outputs, names, (), outputs[-1].bottom, True)


def _above(*panels: tuple[Grid, ...]) -> tuple[Name, ...]:
    """A name above the first grid of each panel."""
    return tuple(
        Name(panel, (grids[0].left + grids[0].right) / 2, grids[0].top - 0.45 * NAMED, "middle")
        for panel, grids in zip(PANELS, panels, strict=True)
    )


def _arrows(sums: tuple[Grid, ...], outputs: tuple[Grid, ...]) -> tuple[tuple[Point, ...], ...]:
    """From the last of each sum's cells to the middle of its output, around a corner where that lies elsewhere."""
    found = []
    for n, grid in enumerate(sums):
        target = outputs[min(n, len(outputs) - 1)]
        y = grid.middle(grid.rows - 1, 0)[1]
        end = target.left - 8, (target.top + target.bottom) / 2
        corner = (grid.right + target.left) / 2
        found.append(((grid.right + 8, y), (corner, y), (corner, end[1]), end))
    return tuple(found)
