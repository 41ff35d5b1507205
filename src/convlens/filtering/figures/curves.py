"""The film of a long signal: the kernel moves along under it, the products are a surface, their sums the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .look import INK, INPUT, KERNEL, MARGIN, MUTED, OUTPUT, PAPER, PRODUCT, WIDTH, spelled
from .plot import SCALES, Panel
from .scene import Scene
from .shapes import Film, Path, Rect, Reel
from .words import formulas, head, headline, plain

NAME = 22.0
"""The size of the panels' names."""
HIGH = {"input": 150.0, "kernel": 90.0, "products": 100.0, "output": 150.0}
GAP = 44.0
HELD = 15.0
"""Steps for which the whole output is seen at the end."""


def curves(scene: Scene, indices: Sequence[int], seconds: float) -> Film:
    """Show a signal of one channel as stairs.

    Args:
        scene: what happens.
        indices: which places of the window are shown, in order.
        seconds: how long each is.
    """
    reel = Reel(0, len(indices) + HELD)
    top = head(reel, headline(scene), formulas(scene)) + 36
    along, taps, sums = scene.axes[1], scene.taps[0, 0], scene.outputs[0, 0]
    panels = _panels(scene, indices, top)
    hues = {"input": INPUT, "kernel": KERNEL, "products": PRODUCT, "output": OUTPUT}
    steps = [scene.step(index) for index in indices]
    stops = [*map(float, range(1, len(steps))), reel.stop]
    for n, (step, stop) in enumerate(zip(steps, stops, strict=True)):
        band = panels["input"].x(step.columns[0]), panels["input"].top
        size = along.extent * panels["input"].cell, panels["products"].bottom - band[1]
        reel.add(Rect(*band, *size, KERNEL.pale), n, stop)
    reel.add(Path(panels["input"].stairs(scene.padded[0, 0], 0), fill=INPUT.strong))
    # each result stands under the middle of its window
    centre = (along.extent - 1) / 2
    lower = panels["output"]
    reel.add(Path(lower.stairs(sums, centre, along.stride), fill=OUTPUT.strong))
    for n, (step, stop) in enumerate(zip(steps, stops, strict=True)):
        first, value = step.columns[0], float(step.parts[0])
        reel.add(Path(panels["kernel"].stairs(taps, first, along.dilation), fill=KERNEL.strong), n, stop)
        surface = panels["products"].stairs(step.products[0, 0], first, along.dilation)
        reel.add(Path(surface, fill=MUTED), n, stop)
        at = min(lower.x(first + along.extent) + 14, WIDTH - MARGIN - 150)
        words = (("sum ", INK), (spelled(value), OUTPUT.dark))
        reel.text(at, panels["products"].top + 12, words, NAME, n, stop, anchor="start")
        last = centre + step.index * along.stride
        reel.add(lower.rest(last + 1, PAPER), n, stop)
        reel.add(Path(lower.stairs([value], last), OUTPUT.dark, 2.5, OUTPUT.dark), n, stop)
    for name, panel in panels.items():
        panel.ground(reel)
        reel.text(panel.left, panel.top - 16, name, NAME, colour=hues[name].dark, anchor="start")
    return Film(WIDTH, lower.bottom + 36, tuple(reel.plays), 0, reel.stop, seconds, plain(scene), len(indices) + 1.0)


def _panels(scene: Scene, indices: Sequence[int], top: float) -> dict[str, Panel]:
    """One below the other, on one axis."""
    values = {
        "input": scene.padded[0, 0],
        "kernel": scene.taps[0, 0],
        "products": np.concatenate([scene.step(index).products[0, 0] for index in indices]),
        "output": scene.outputs[0, 0],
    }
    found = {}
    left, width, cells = MARGIN + SCALES, WIDTH - 2 * MARGIN - SCALES, scene.padded.shape[2]
    for name, numbers in values.items():
        found[name] = Panel.around(numbers, left, top, width, HIGH[name], 0, cells)
        top += HIGH[name] + GAP
    return found
