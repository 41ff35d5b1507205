"""The film of a small input: every number is seen. Here is what stands still; what a step shows is in ``beats``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .beats import Beat, Letters, equations, output, products, window
from .layout import NAME, Layout, laid_out
from .look import FAINT, INK, INPUT, KERNEL, MUTED, OUTPUT, PRODUCT, WIDTH, Hue, channel_names, hues, spelled, tap
from .scene import Floats, Scene
from .shapes import Film, Path, Reel
from .words import formulas, head, headline, plain

HELD = 1.0
"""Steps for which the whole output is seen at the end."""
HEAD, FOOT = 130.0, 30.0
"""What the headline with one formula takes of the height, and what is left below."""
ARROW = 11.0
"""The length of an arrow's head."""


def numbers(scene: Scene, indices: Sequence[int], seconds: float) -> Film | None:
    """Show a scene with all its numbers.

    Args:
        scene: what happens.
        indices: which places of the window are shown, in order.
        seconds: how long each is.

    Returns:
        The film; None where the numbers would be too small to be read.
    """
    below = formulas(scene)
    layout = laid_out(scene, HEAD + 34 * (len(below) - 1))
    if layout is None:
        return None
    turns = _turns(scene)
    reel = Reel(-float(len(turns)), len(indices) + HELD)
    head(reel, headline(scene), below)
    beats = _beats(scene, indices, reel.stop)
    letters = Letters.of(scene, layout, [beat.step for beat in beats])
    _ground(reel, scene, layout, letters)
    _named(reel, scene, layout, turns)
    _kernel(reel, scene, layout, letters, turns)
    for beat in beats:
        window(reel, scene, layout, letters, beat)
        products(reel, scene, layout, letters, beat)
        output(reel, scene, layout, letters, beat)
    height = equations(reel, scene, beats, layout.bottom) + FOOT
    return Film(WIDTH, height, tuple(reel.plays), reel.first, reel.stop, seconds, plain(scene), len(beats) + HELD / 2)


def _beats(scene: Scene, indices: Sequence[int], end: float) -> list[Beat]:
    steps = [scene.step(index) for index in indices]
    stops = [*map(float, range(1, len(steps))), end]
    together = zip(steps, [None, *steps[:-1]], stops, strict=True)
    return [Beat(step, before, n, stop) for n, (step, before, stop) in enumerate(together)]


def _ground(reel: Reel, scene: Scene, layout: Layout, letters: Letters) -> None:
    """The input with its padding, and the output and products before they are known."""
    reached = scene.reached()
    for plane, grid, hue in zip(scene.padded, layout.inputs, hues(len(scene.padded)), strict=True):
        for row, column in np.ndindex(plane.shape):
            counts = bool(scene.real[row, column] and reached[row, column])
            if scene.real[row, column]:
                reel.add(grid.rect(row, column, hue.pale if counts else PRODUCT.pale))
            else:
                reel.add(grid.hollow(row, column, FAINT))
            words = spelled(plane[row, column])
            reel.text(*grid.middle(row, column), words, letters.cells, colour=INK if counts else MUTED)
    for arrow in layout.arrows:
        (x, y), size = arrow[-1], ARROW
        reel.add(Path((*arrow[:-1], (x - size, y)), OUTPUT.strong, 3.0))
        reel.add(Path(((x - size, y - size * 0.7), (x, y), (x - size, y + size * 0.7)), fill=OUTPUT.strong))
    hollow = [(grid, OUTPUT.strong) for grid in layout.outputs]
    if not layout.slides:
        hollow += [(grid, FAINT) for grid in layout.products]
    for grid, colour in hollow:
        for row, column in np.ndindex(grid.rows, grid.columns):
            reel.add(grid.hollow(row, column, colour))


# ---- names, and how a kernel is turned ----


def _turns(scene: Scene) -> list[tuple[str, Floats]]:
    """What the kernel is before it slides, if it is turned: as it is written, and turned along one axis more each."""
    if not scene.flip:
        return []
    across = scene.given[:, :, ::-1]
    if scene.signal:
        return [("as written", scene.given), ("turned around", across)]
    return [("as written", scene.given), ("turned left–right", across), ("and top–bottom", scene.taps)]


def _named(reel: Reel, scene: Scene, layout: Layout, turns: list[tuple[str, Floats]]) -> None:
    said: dict[str, tuple[str, Hue]] = {
        "input": (_sized("input", scene.cells, scene.signal), INPUT),
        "kernel": (_sized("kernel", scene.given, scene.signal), KERNEL),
        "products": ("products", PRODUCT),
        "sums": ("sum", OUTPUT),
        "output": (_sized("output", scene.outputs, scene.signal), OUTPUT),
    }
    channels = len(scene.cells)
    for name in layout.names:
        if name.panel == "channel":
            words, hue = channel_names(channels)[name.channel], hues(channels)[name.channel]
            reel.text(name.x, name.y, words, NAME, colour=hue.dark, anchor=name.anchor)
            continue
        words, hue = said[name.panel]
        begin = reel.first
        if name.panel == "kernel":
            for n, (turned, _) in enumerate(turns):
                when = reel.first + n, reel.first + n + 1
                reel.text(name.x, name.y, turned, NAME, *when, colour=hue.dark, anchor=name.anchor, bold=True)
            begin = 0.0 if turns else begin
            words = f"{words}, turned" if turns and not layout.slides else words
        reel.text(name.x, name.y, words, NAME, begin, reel.stop, colour=hue.dark, anchor=name.anchor)


def _sized(panel: str, planes: Floats, signal: bool) -> str:
    """A panel's name with its size; a signal's stands in the formula."""
    return panel if signal else f"{panel} {planes.shape[1]}×{planes.shape[2]}"


def _kernel(reel: Reel, scene: Scene, layout: Layout, letters: Letters, turns: list[tuple[str, Floats]]) -> None:
    """The kernel while it is turned, and from then on where it does not move along."""
    shown = [(taps, reel.first + n, reel.first + n + 1) for n, (_, taps) in enumerate(turns)]
    if not layout.slides:
        shown.append((scene.taps, 0.0 if turns else reel.first, reel.stop))
    columns = scene.step(0).columns if layout.slides else range(scene.taps.shape[2])
    for taps, begin, stop in shown:
        for plane, grid in zip(taps, layout.kernels, strict=True):
            for (row, n), value in np.ndenumerate(plane):
                reel.add(grid.rect(row, columns[n], KERNEL.strong), begin, stop)
                reel.text(*grid.middle(row, columns[n]), tap(value), letters.taps, begin, stop)
