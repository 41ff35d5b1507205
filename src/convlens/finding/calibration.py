"""From marks to what scores mean: what is believed of a picture's scores before it is seen.

No truth is known but the marks. What objects score is estimated from the marked ones as they might look elsewhere
(turned, scaled, on other ground; compared with the other marks alone) and as they look where they are; what the rest
scores from the other places of the pictures that were learned from. What follows for a picture is in ``mixture.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .mixture import Belief, learn

Floats = NDArray[np.float32]

TRIALS = 1.25
"""Standard deviation of the trials in units."""
LEAST = 0.4
"""Logits: a unit is no less."""
PLACED = 0.25
"""What the marks where they are count beside the trials: the network was taught by them, and they score too high."""
TRIED, AGAIN = 0.5, 0.5
"""Standard deviations, in units: of the typical object as the marks tell it, and of a picture's from that."""
CUT = 0.3
"""Of the way from the typical place to the typical object: what scores less is not looked at."""
KEPT = 0.2
"""How much the ground that was learned from says of another picture's: an exponent of its likelihood."""
ALIKE = 0.7
"""How much of the belief in the spread comes from the pictures that were learned from, the rest being open."""

PART = 0.7
"""Of the way from the typical peak to the typical object: where the valley is looked for."""
REACH, WIDTH, PULL = 1.5, 0.4, 1.2
"""How far around that place, how finely, and how strongly the place draws."""


def believe(trials: Floats, unknown: Floats, marked: Floats, rest: Floats) -> Belief:
    """What is believed of scores, from the pictures that were learned from.

    Args:
        trials: scores of marked objects as they might look elsewhere.
        unknown: of all places that bear no mark.
        marked: of the marked objects where they are, each compared with the others alone.
        rest: of places that are known to be none.
    """
    # nine tenths less one tenth are 2.56 standard deviations of a normal distribution
    unit = max(float(np.diff(np.quantile(trials, [0.1, 0.9]))[0]) / 2.56 / TRIALS, LEAST)
    typical = float(np.median(trials))
    if len(marked):
        typical += PLACED * (float(np.median(marked)) - typical)
    others = np.concatenate([unknown, rest])
    common = float(np.median(others)) if len(others) else typical - 4.0 * unit
    before = Belief(common + CUT * (typical - common), typical, TRIED * unit, unit)
    after = learn(before, unknown.astype(np.float64), rest.astype(np.float64))
    middle = float(after.weight @ after.typical)
    doubt = float(np.sqrt(after.weight @ (after.typical - middle) ** 2 + (AGAIN * unit) ** 2))
    spread = ALIKE * after.spread + (1 - ALIKE) / len(after.spread)
    ground = KEPT * np.log(after.ground + 1e-12)
    found, false = ((scores >= after.best()).sum() for scores in (marked, rest))
    return replace(
        before,
        wrong=float(false / max(found + false, 1)),
        typical=middle,
        doubt=doubt,
        spreads=tuple(np.log(spread).tolist()),
        grounds=tuple((ground - ground.max()).tolist()),
    )


def valley(objects: Floats, peaks: Floats) -> float:
    """The emptiest place between the rest and the objects, near where it is expected: what parts them while learning.

    Args:
        objects: scores of marked objects as they might look elsewhere.
        peaks: scores of all peaks of the pictures that are learned from, marked and unmarked.
    """
    typical = float(np.median(objects)) if len(objects) else 0.0
    rest = float(np.median(peaks)) if len(peaks) else typical - 4.0
    expected = rest + PART * (typical - rest)
    grid = np.linspace(expected - REACH, expected + REACH, 61)
    near = peaks[np.abs(peaks - expected) < REACH + 4 * WIDTH]
    crowd = np.exp(-0.5 * ((grid[:, None] - near[None, :]) / WIDTH) ** 2).sum(axis=1) / (WIDTH * np.sqrt(2 * np.pi))
    cost = np.log(crowd + 0.5) + PULL * (grid - expected) ** 2
    return float(grid[int(np.argmin(cost))])
