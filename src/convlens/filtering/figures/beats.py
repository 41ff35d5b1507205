"""What one step shows: the window arrives, products appear row by row with their running sum, an output cell fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .layout import Layout
from .look import (
    INK,
    INPUT,
    KERNEL,
    MARGIN,
    MUTED,
    OUTPUT,
    PRODUCT,
    WIDTH,
    Grid,
    equals,
    factor,
    fitting,
    hues,
    spelled,
    tap,
    wide,
)
from .scene import Scene, Step
from .shapes import Rect, Reel, Run

GLIDE = (0.0, 0.04, 0.08, 0.12, 0.16)
"""Of a step, when the window's frame is somewhere on its way; at the last it is there."""
SUMMED = 0.62
"""Of a step, when the sum is there; from the end of the glide until then products appear, row by row."""
READ = 9.0
"""The size of letters below which a tap in a corner is left out."""
FRAME = 4.5
"""Thickness of the window's frame."""
EQUATION, LEAST, LINED = 27.0, 22.0, 16.0
"""The size of the equation's letters, the least on one line, and the least at which it is written at all."""
LINE = 1.5
"""From line to line, in sizes of letters."""
MOST_LINES = 5


@dataclass(frozen=True)
class Beat:
    """One step on the reel: the window at a place, at the place before, and when the step begins and stops."""

    step: Step
    before: Step | None
    begin: float
    stop: float

    @property
    def arrived(self) -> float:
        """When the window is there."""
        return self.begin if self.before is None else self.begin + GLIDE[-1]

    @property
    def summed(self) -> float:
        """When the sum is known."""
        return self.begin + SUMMED

    def row(self, n: int, rows: int) -> float:
        """When the products of one of the kernel's rows are known."""
        return self.begin + GLIDE[-1] + (SUMMED - GLIDE[-1]) * n / rows


@dataclass(frozen=True)
class Letters:
    """The sizes of the numbers in the cells of each panel, alike in all steps."""

    cells: float
    taps: float
    tags: float
    products: float
    sums: float
    outputs: float

    @staticmethod
    def of(scene: Scene, layout: Layout, steps: Sequence[Step]) -> Letters:
        """Sizes at which all numbers fit that are to be written."""
        room, most = 0.9 * layout.cell, 0.42 * layout.cell
        taps = set(map(tap, scene.taps.ravel()))
        products = {spelled(value) for step in steps for value in step.products.ravel()}
        sums = {spelled(value) for step in steps for value in (*step.running.ravel(), *step.parts)}
        outputs = set(map(spelled, scene.outputs.ravel()))
        return Letters(
            fitting(set(map(spelled, scene.padded.ravel())), room, most),
            fitting(taps, room, most),
            fitting([f"×{word}" for word in taps], 0.6 * layout.cell, 0.25 * layout.cell, 0.0),
            fitting(products, room, most),
            fitting(sums, room, most, bold=True),
            fitting(outputs, room, most, bold=True),
        )


# ---- the window ----


def window(reel: Reel, scene: Scene, layout: Layout, letters: Letters, beat: Beat) -> None:
    """The frame glides to the cells; these light up, each with its tap in a corner where there is room."""
    when = beat.arrived, beat.stop
    tagged = not layout.slides and letters.tags >= READ
    for channel, (grid, hue) in enumerate(zip(layout.inputs, hues(len(layout.inputs)), strict=True)):
        for (i, j), value in np.ndenumerate(beat.step.window[channel]):
            row, column = beat.step.rows[i], beat.step.columns[j]
            x, y = grid.middle(row, column)
            reel.add(grid.rect(row, column, hue.strong), *when)
            reel.text(x, y - (0.08 * grid.cell if tagged else 0), spelled(value), letters.cells, *when)
            if tagged:
                _tag(reel, grid, (row, column), f"×{tap(scene.taps[channel, i, j])}", letters.tags, when)
    for down, along, begin, stop in _ways(beat):
        for grid in layout.inputs:
            box = grid.box(down, along, scene.axes[0].extent, scene.axes[1].extent)
            reel.add(Rect(*box, "", KERNEL.dark, FRAME), begin, stop)


def _tag(reel: Reel, grid: Grid, place: tuple[int, int], words: str, size: float, when: tuple[float, float]) -> None:
    """A tap in the corner of a cell."""
    left, top, side, _ = grid.box(*place)
    width, height = wide(words, size) + 0.4 * size, 1.3 * size
    right, bottom = left + side - 1, top + side - 1
    reel.add(Rect(right - width, bottom - height, width, height, KERNEL.strong), *when)
    reel.text(right - width / 2, bottom - height / 2, words, size, *when)


def _ways(beat: Beat) -> list[tuple[float, float, float, float]]:
    """Row and column at which the frame is, and from when until when."""
    row, column = beat.step.rows[0], beat.step.columns[0]
    found = [(float(row), float(column), beat.arrived, beat.stop)]
    if beat.before is None:
        return found
    from_row, from_column = beat.before.rows[0], beat.before.columns[0]
    for begin, stop in pairwise(GLIDE):
        part = stop / GLIDE[-1]
        part = part * part * (3 - 2 * part)  # slow, fast, slow
        at = from_row + (row - from_row) * part, from_column + (column - from_column) * part
        found.append((*at, beat.begin + begin, beat.begin + stop))
    return found


# ---- products and sums ----


def products(reel: Reel, scene: Scene, layout: Layout, letters: Letters, beat: Beat) -> None:
    """The kernel under a signal; products row by row, and beside them what they add up to so far."""
    rows = scene.taps.shape[1]
    columns: Sequence[int] = beat.step.columns if layout.slides else range(scene.taps.shape[2])
    for channel, taps in enumerate(scene.taps):
        for (row, n), value in np.ndenumerate(taps):
            if layout.slides:
                grid = layout.kernels[channel]
                reel.add(grid.rect(row, columns[n], KERNEL.strong), beat.arrived, beat.stop)
                reel.text(*grid.middle(row, columns[n]), tap(value), letters.taps, beat.arrived, beat.stop)
            when, grid = (beat.row(row, rows), beat.stop), layout.products[channel]
            reel.add(grid.rect(row, columns[n], PRODUCT.strong), *when)
            said = spelled(beat.step.products[channel, row, n])
            reel.text(*grid.middle(row, columns[n]), said, letters.products, *when)
        if layout.sums:
            grid, running = layout.sums[channel], beat.step.running[channel]
            for row, value in enumerate(running[:-1]):
                when = beat.row(row, rows), beat.stop
                reel.text(*grid.middle(row, 0), spelled(value), letters.sums, *when, colour=MUTED)
            reel.add(grid.rect(rows - 1, 0, OUTPUT.strong), beat.summed, beat.stop)
            said = spelled(beat.step.parts[channel])
            reel.text(*grid.middle(rows - 1, 0), said, letters.sums, beat.summed, beat.stop, bold=True)


def output(reel: Reel, scene: Scene, layout: Layout, letters: Letters, beat: Beat) -> None:
    """The cells of the output that are known now: this one, and those that were passed over since the one before."""
    first = 0 if beat.before is None else beat.before.index + 1
    for plane, grid in zip(scene.outputs, layout.outputs, strict=True):
        for index in range(first, beat.step.index + 1):
            place = row, column = divmod(index, plane.shape[1])
            reel.add(grid.rect(row, column, OUTPUT.pale), beat.summed)
            reel.text(*grid.middle(*place), spelled(plane[place]), letters.outputs, beat.summed)
        place = beat.step.place
        reel.add(grid.rect(*place, OUTPUT.strong), beat.summed, beat.stop)
        reel.text(*grid.middle(*place), spelled(plane[place]), letters.outputs, beat.summed, beat.stop, bold=True)
        reel.add(Rect(*grid.box(*place), "", OUTPUT.dark, FRAME), beat.summed, beat.stop)


# ---- the sum, written out ----


def equations(reel: Reel, scene: Scene, beats: Sequence[Beat], top: float) -> float:
    """Every product with its factors, below the panels; where there are too many to be read, none. Returns the end."""
    if len(scene.cells) > 1 and not scene.summed:
        return top
    written = [_lines(scene, beat.step) for beat in beats]
    joined = [[tuple(run for line in lines for run in line)] for lines in written]
    ways = (joined, LEAST), (written, LINED)
    chosen = next((lines for lines, least in ways if _letters(lines) >= least), None)
    if chosen is None or len(chosen[0]) > MOST_LINES:
        return top
    size = _letters(chosen)
    longest = max(wide(_plain(line), size) for lines in chosen for line in lines)
    left = max(MARGIN, (WIDTH - 0.9 * longest) / 2)
    for beat, lines in zip(beats, chosen, strict=True):
        for n, line in enumerate(lines):
            y, last = top + 46 + LINE * size * n, n + 1 == len(lines)
            begin = beat.summed if last else beat.row(n, len(lines))
            if len(lines) == 1:
                reel.text(WIDTH / 2, y, line, size, begin, beat.stop)
            else:
                reel.text(left, y, line, size, begin, beat.stop, anchor="start")
    return top + 46 + LINE * size * (len(chosen[0]) - 1) + size / 2


def _letters(equations: Sequence[Sequence[tuple[Run, ...]]]) -> float:
    """The size at which all fit; one line may be a little smaller than several."""
    return fitting([_plain(line) for lines in equations for line in lines], WIDTH - 2 * MARGIN, EQUATION, 1.0)


def _plain(line: tuple[Run, ...]) -> str:
    return "".join(words for words, _ in line)


def _lines(scene: Scene, step: Step) -> list[tuple[Run, ...]]:
    """A line a row of the kernel; of several channels one line: their sums, added."""
    if len(step.parts) > 1:
        return [_added(step)]
    found: list[tuple[Run, ...]] = []
    for row, taps in enumerate(scene.taps[0]):
        runs: list[Run] = []
        for n, weight in enumerate(taps):
            runs.append(("+ " if row and not n else " + " if n else "", MUTED))
            runs.append((factor(spelled(step.window[0, row, n])), INPUT.dark))
            runs += [("·", INK), (factor(tap(weight)), KERNEL.dark)]
        found.append((*runs, (" ", INK)))
    said = spelled(float(step.parts[0]))
    pairs = zip(map(spelled, step.window.ravel()), map(tap, scene.taps.ravel()), strict=True)
    sign = equals(pairs, said)
    found[-1] = (*found[-1], (f"{sign} ", INK), (said, OUTPUT.dark))
    return found


def _added(step: Step) -> tuple[Run, ...]:
    total = spelled(float(step.parts.sum()))
    said = [spelled(part) for part in step.parts]
    runs: list[Run] = []
    for n, word in enumerate(said):
        runs += [(" + " if n else "", MUTED), (factor(word), OUTPUT.dark)]
    return (*runs, (f" {equals([(word,) for word in said], total)} ", INK), (total, OUTPUT.dark))
