"""The film of a picture: the window sweeps over it, what lies under it is seen enlarged, the output fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..errors import FilterError
from ..showing import signed
from .look import (
    INK,
    INPUT,
    KERNEL,
    MARGIN,
    MUTED,
    OUTPUT,
    PAPER,
    PRODUCT,
    WIDTH,
    Grid,
    channel_names,
    factor,
    fitting,
    hues,
    spelled,
    tap,
)
from .scene import Floats, Scene, Step
from .shapes import Film, Image, Path, Rect, Reel, Run
from .words import formulas, head, headline, plain

Bytes = NDArray[np.uint8]
SIDE = 160
"""Pixels of the longer side to which a photo is reduced: few enough that the window is seen."""
HIGH, BETWEEN = 400.0, 60.0
"""A picture's height at most, and what lies between two."""
NAME, SMALL = 22.0, 17.0
INSET, LARGEST = 190.0, 58.0
"""Height of the enlarged window, and of one of its cells, at most."""
READ = 10.0
"""The size of letters from which on a cell's number is written."""
HELD = 15.0
"""Steps for which the whole output is seen at the end."""
SIGN, SUM = 38.0, 66.0
"""Room for a sign of arithmetic, and the side of the cell with the sum."""
LEAST = 9.0
"""Units at least that the window's frame is wide."""


@dataclass(frozen=True)
class Sweep:
    """The window in the middle of a band of rows, of which the columns up to there are known now.

    Args:
        row, column: of the output.
        first, last: rows of the band.
    """

    row: int
    column: int
    first: int
    last: int


def sweeps(rows: int, columns: int, steps: int) -> list[Sweep]:
    """Bands of rows that are swept from left to right, together in about so many steps, evenly.

    >>> [(one.row, one.column, one.first, one.last) for one in sweeps(6, 4, 5)]
    [(1, 1, 0, 2), (1, 3, 0, 2), (4, 1, 3, 5), (4, 3, 3, 5)]
    """
    bands = max(1, min(rows, steps, round((steps * rows / columns / 2) ** 0.5)))
    stops = max(1, min(columns, steps // bands))
    ends = [round(rows * n / bands) for n in range(bands + 1)]
    return [
        Sweep((first + last - 1) // 2, round(columns * (n + 1) / stops) - 1, first, last - 1)
        for first, last in pairwise(ends)
        for n in range(stops)
    ]


def reduced(planes: NDArray[Any], side: int = SIDE) -> Floats:
    """Planes whose longer side is as long at most, pixels means of those that they stand for; whole stay whole."""
    high, wide = planes.shape[1:]
    part = side / max(high, wide)
    if part >= 1:
        return planes.astype(np.float64)
    size = max(1, round(wide * part)), max(1, round(high * part))
    small = [Pillow.fromarray(plane.astype(np.float32)).resize(size, Pillow.Resampling.BOX) for plane in planes]
    found = np.stack([np.asarray(plane, np.float64) for plane in small])
    whole = planes.dtype.kind in "iu" or np.array_equal(planes, planes.round())
    return found.round() if whole else found


# ---- pixels ----


@dataclass(frozen=True)
class Greys:
    """Which number is black, and which white."""

    black: float
    white: float

    def of(self, values: Floats) -> Bytes:
        """Numbers as bytes."""
        found: Bytes = ((values - self.black) * (255 / (self.white - self.black))).round().clip(0, 255).astype(np.uint8)
        return found


def greys_of(cells: Floats) -> Greys:
    """Bytes as they are; any other numbers from the least to the greatest."""
    low, high = float(cells.min()), float(cells.max())
    return Greys(0.0, 255.0) if low >= 0 and 1 < high <= 255 else Greys(low, high if high > low else low + 1.0)


def greys_out(scene: Scene) -> tuple[Greys, str]:
    """Those of the output, and how they are to be understood: as the input's, or with zero in the middle."""
    source, sums = greys_of(scene.cells), scene.outputs
    if signed(scene.given.sum(0)):
        most = max(float(np.abs(sums).max()), (source.white - source.black) / 2)
        return Greys(-most * 128 / 127, most), "0 is mid-grey"
    weight = float(scene.given.sum()) if scene.summed else 1.0
    if weight > 1.5:  # sums of several channels
        return Greys(source.black * weight, source.white * weight), f"white is {spelled(source.white * weight)}"
    return source, ""


def _pixels(planes: Bytes) -> Bytes:
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1) if len(planes) == 3 else planes[0])


def _grey(level: int) -> str:
    return f"#{level:02x}{level:02x}{level:02x}"


def _letters(level: int) -> str:
    """The colour of letters that are read on a grey."""
    return INK if level > 118 else PAPER


# ---- where all stands ----


@dataclass(frozen=True)
class Places:
    """The pictures, and for each channel the enlarged window, the kernel and the sum."""

    source: Grid
    target: Grid
    patches: tuple[Grid, ...]
    kernels: tuple[Grid, ...]
    sums: tuple[Grid, ...]
    bottom: float


def _placed(scene: Scene, top: float) -> Places:
    (high, wide), (rows, columns) = scene.cells.shape[1:], scene.outputs.shape[1:]
    (h, w), channels = scene.taps.shape[1:], len(scene.cells)
    room = WIDTH - 2 * MARGIN
    scale = min((room - BETWEEN) / (wide + columns), HIGH / max(high, rows))
    left = (WIDTH - (wide + columns) * scale - BETWEEN) / 2
    source = Grid(left, top, scale, high, wide)
    target = Grid(source.right + BETWEEN, top + (source.bottom - top - rows * scale) / 2, scale, rows, columns)
    begin = max(source.bottom, target.bottom) + 78
    signs, side = 2 * SIGN, SUM
    cell = min(LARGEST, INSET / h, (0.95 * room / channels - signs - side) / (2 * w))
    broad = 2 * w * cell + signs + side
    across = [MARGIN + room / channels * (n + 0.5) - broad / 2 for n in range(channels)]
    down = begin + max(0.0, side - h * cell) / 2
    patches = tuple(Grid(left, down, cell, h, w) for left in across)
    kernels = tuple(Grid(grid.right + SIGN, down, cell, h, w) for grid in patches)
    sums = tuple(Grid(grid.right + SIGN, (grid.top + grid.bottom - side) / 2, side, 1, 1) for grid in kernels)
    bottom = max(patches[0].bottom, sums[0].bottom) + (66 if channels > 1 and scene.summed else 30)
    return Places(source, target, patches, kernels, sums, bottom)


# ---- the film ----


def photo(scene: Scene, route: Sequence[Sweep], seconds: float) -> Film:
    """Show a picture, the window on it, the window enlarged, and the output that fills.

    Args:
        scene: what happens; of one channel or three.
        route: where the window is, in order.
        seconds: how long each is.

    Raises:
        FilterError: it has another number of channels.
    """
    if len(scene.cells) not in (1, 3):
        count = len(scene.cells)
        raise FilterError(f"a picture that is too large for its numbers has one channel or three, not {count}")
    reel = Reel(0, len(route) + HELD)
    places = _placed(scene, head(reel, headline(scene), formulas(scene)) + 44)
    greys, remark = greys_out(scene)
    _ground(reel, scene, places, greys, remark)
    steps = [scene.step(sweep.row * scene.outputs.shape[2] + sweep.column) for sweep in route]
    size = fitting([spelled(value) for step in steps for value in step.window.ravel()], 0.9, 0.42, 0.1)
    for n, (sweep, step) in enumerate(zip(route, steps, strict=True)):
        when = float(n), float(n + 1) if n + 1 < len(route) else reel.stop
        _fill(reel, places, sweep, when)
        _frames(reel, scene, places, step, when)
        _patches(reel, scene, places, step, size * places.patches[0].cell, when)
        _sums(reel, scene, places, step, greys, when)
    return Film(WIDTH, places.bottom, tuple(reel.plays), 0, reel.stop, seconds, plain(scene), len(route) + 1.0)


def _ground(reel: Reel, scene: Scene, places: Places, greys: Greys, remark: str) -> None:
    """The pictures, the whole output among them, and the kernels."""
    source, target = places.source, places.target
    middle = (target.left + target.right) / 2
    reel.text((source.left + source.right) / 2, source.top - 20, "input", NAME, colour=INPUT.dark)
    reel.text(middle, target.top - 20, "output", NAME, colour=OUTPUT.dark)
    reel.text(middle, target.bottom + 18, remark, SMALL, colour=MUTED)
    box = source.box(0, 0, source.rows, source.columns)
    reel.add(Image(*box, _pixels(greys_of(scene.cells).of(scene.cells))))
    box = target.box(0, 0, target.rows, target.columns)
    reel.add(Image(*box, _pixels(greys.of(scene.outputs))))
    reel.add(Rect(*box, "", OUTPUT.strong, 2.0))
    names = channel_names(3) if len(scene.cells) == 3 else ("window",)
    most = float(np.abs(scene.taps).max()) or 1.0
    for n, (name, hue) in enumerate(zip(names, hues(len(names)), strict=True)):
        patch, grid, value = places.patches[n], places.kernels[n], places.sums[n]
        said = "kernel, turned" if scene.flip else "kernel"
        for place, word, colour in ((patch, name, hue.dark), (grid, said, KERNEL.dark), (value, "sum", OUTPUT.dark)):
            reel.text((place.left + place.right) / 2, patch.top - 18, word, SMALL, colour=colour)
        middle = (grid.top + grid.bottom) / 2
        reel.text((patch.right + grid.left) / 2, middle, "×", NAME, colour=MUTED)
        reel.text((grid.right + value.left) / 2, middle, "=", NAME, colour=MUTED)
        reel.add(Rect(*value.box(0, 0), OUTPUT.pale, OUTPUT.strong, 3.0))
        size = fitting([tap(weight) for weight in scene.taps[n].ravel()], 0.9 * grid.cell, 0.42 * grid.cell, 1.0)
        for (row, column), weight in np.ndenumerate(scene.taps[n]):
            fill = KERNEL.strong if size >= READ else _mixed(weight / most)
            reel.add(Rect(*grid.box(row, column), fill, PAPER, 1.0 if size >= READ else 0.0))
            if size >= READ:
                reel.text(*grid.middle(row, column), tap(weight), size)


def _mixed(part: float) -> str:
    """Where taps are too many for their numbers: amber the darker the larger a tap is, grey if it is negative."""
    dark = KERNEL.dark if part > 0 else INK
    pale, strong = (np.array([int(hue[n : n + 2], 16) for n in (1, 3, 5)]) for hue in (PRODUCT.pale, dark))
    return "#" + "".join(f"{round(float(level)):02x}" for level in pale + (strong - pale) * abs(part))


def _fill(reel: Reel, places: Places, sweep: Sweep, when: tuple[float, float]) -> None:
    """What is not known yet is covered: the rest of the band, and the rows below."""
    target = places.target
    if sweep.column + 1 < target.columns:
        right = target.columns - sweep.column - 1
        box = target.box(sweep.first, sweep.column + 1, sweep.last - sweep.first + 1, right)
        reel.add(Rect(*box, PRODUCT.pale), *when)
    if sweep.last + 1 < target.rows:
        reel.add(
            Rect(*target.box(sweep.last + 1, 0, target.rows - sweep.last - 1, target.columns), PRODUCT.pale), *when
        )


def _frames(reel: Reel, scene: Scene, places: Places, step: Step, when: tuple[float, float]) -> None:
    """The window on the input, the lines to its enlargement, and the cell of the output."""
    (down, along), source = scene.axes, places.source
    row, column = down.first(step.place[0]), along.first(step.place[1])
    window = _at_least(source.box(row, column, down.extent, along.extent))
    left, right, bottom = window[0], window[0] + window[2], window[1] + window[3]
    if len(places.patches) == 1:
        (patch,) = places.patches
        lines = [((left, bottom), (patch.left, patch.top)), ((right, bottom), (patch.right, patch.top))]
    else:
        lines = [(((left + right) / 2, bottom), ((one.left + one.right) / 2, one.top - 30)) for one in places.patches]
    for line in lines:
        reel.add(Path(line, KERNEL.strong, 2.0), *when)
    cell = _at_least(places.target.box(*step.place))
    for box, hue in ((window, KERNEL), (cell, OUTPUT)):
        reel.add(Rect(*box, "", INK, 5.0), *when)
        reel.add(Rect(*box, "", hue.strong, 2.5), *when)


def _at_least(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A rectangle that is large enough to be seen, around the same middle."""
    left, top, width, height = box
    more = max(0.0, LEAST - width), max(0.0, LEAST - height)
    return left - more[0] / 2, top - more[1] / 2, width + more[0], height + more[1]


def _patches(reel: Reel, scene: Scene, places: Places, step: Step, size: float, when: tuple[float, float]) -> None:
    """The cells under the window, enlarged."""
    levels = greys_of(scene.cells).of(step.window)
    for window, level, grid, hue in zip(step.window, levels, places.patches, hues(len(levels)), strict=True):
        box = grid.box(0, 0, grid.rows, grid.columns)
        reel.add(Image(*box, level), *when)
        for (row, column), value in np.ndenumerate(window if size >= READ else window[:0]):
            letters = _letters(int(level[row, column]))
            reel.text(*grid.middle(row, column), spelled(value), size, *when, colour=letters)
        reel.add(Rect(*box, "", hue.strong, 3.0), *when)


def _sums(reel: Reel, scene: Scene, places: Places, step: Step, greys: Greys, when: tuple[float, float]) -> None:
    """What each channel comes to, and the grey that it becomes; of several that are added, all in a line."""
    added = scene.summed and len(step.parts) > 1
    for value, grid in zip(step.parts, places.sums, strict=True):
        words = spelled(float(value))
        size, (x, y) = fitting([words], 0.9 * grid.cell, 22.0, bold=True), grid.middle(0, 0)
        if not added:
            y -= 0.15 * grid.cell
            reel.add(Rect(*grid.box(0.7, 0, 0.3, 1), _grey(int(greys.of(np.array(value))))), *when)
        reel.text(x, y, words, size, *when, bold=True)
    if added:
        runs: list[Run] = []
        for n, value in enumerate(step.parts):
            runs += [(" + " if n else "", MUTED), (factor(spelled(float(value))), OUTPUT.dark)]
        runs += [(" = ", MUTED), (spelled(float(step.parts.sum())), OUTPUT.dark)]
        reel.text(WIDTH / 2, places.bottom - 30, tuple(runs), NAME + 3, *when, bold=True)
