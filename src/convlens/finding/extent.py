"""How large things are: marked objects by their outlines in every direction, a find by the marks that it is most like.

Where an object is in a picture is not asked here. An outline is what of a mark's box is unlike its surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .likeness import STEP, Likeness
from .scene import Patch, outline

Floats = NDArray[np.float32]

DIRECTIONS = round(180 / STEP)
"""Directions in which an outline is measured: those that a template is turned to; half a turn measures the same."""
TAIL = 0.005
"""Of an outline's pixels, at either end of a direction: they are not measured, for they may be grains."""
KEEN = 0.05
"""Difference of two correlations that makes one mark count 2.7 times the other for a find's size."""


def breadths(things: Sequence[Patch], *, drawn: bool) -> Floats:
    """The widths of marked objects along directions that are a template's step apart, from x towards y.

    A box that was drawn is believed: its width and height are the breadths along x and y, and the outline says how
    they pass into each other.

    Args:
        things: M objects as they were cut out.
        drawn: whether their boxes were; else the outline alone is measured.

    Returns:
        (M, DIRECTIONS), in the patches' pixels.
    """
    angle = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    towards = np.stack([np.cos(angle), np.sin(angle)])
    found = np.empty((len(things), DIRECTIONS), np.float32)
    for row, thing in zip(found, things, strict=True):
        y, x = np.nonzero(outline(thing))
        ends = np.quantile(np.stack([x, y], 1) @ towards, [TAIL, 1 - TAIL], axis=0)
        measured = np.maximum(ends[1] - ends[0], 1.0)
        believed = np.array(thing.size) / measured[[0, DIRECTIONS // 2]] if drawn else np.ones(2)
        row[:] = measured * np.hypot(*(towards * believed[:, None]))
    return found


def sizes(likeness: Likeness, breadth: Floats, alike: Floats, variants: NDArray[np.intp]) -> NDArray[np.float64]:
    """Width and height of places, from how they match marked objects.

    Each mark's outline is turned and scaled as it matches best; the mean over the marks, of logarithms, is weighted by
    likeness, so that marks that say little say it alike.

    Args:
        likeness: to the M marked objects.
        breadth: theirs, as ``breadths`` gives them, in any unit.
        alike: (N, M) correlations.
        variants: (N, M) as ``matched`` gives them.

    Returns:
        (N, 2), in the unit of the breadths.
    """
    steps = np.rint(np.degrees(likeness.angles) / STEP).astype(int)[variants]
    marks = np.arange(likeness.objects)
    weight = np.exp((alike - alike.max(axis=1, keepdims=True)) / KEEN)
    weight /= weight.sum(axis=1, keepdims=True)
    scale = np.log(likeness.scales)[variants]
    # what a template turned by an angle shows along x lies along that angle in the mark
    sides = (np.log(breadth[marks, (steps + quarter) % DIRECTIONS]) + scale for quarter in (0, DIRECTIONS // 2))
    found: NDArray[np.float64] = np.exp(np.stack([(weight * side).sum(axis=1) for side in sides], 1)).astype(np.float64)
    return found


def turns(likeness: Likeness, variants: NDArray[np.intp]) -> NDArray[np.float64]:
    """By which angles (N,), in radians clockwise on the screen, places are turned against the first marked object.

    One mark is compared with all places, or the angles would have no common beginning.

    Args:
        likeness: to the M marked objects.
        variants: (N, M) as ``matched`` gives them.
    """
    found: NDArray[np.float64] = -likeness.angles[variants[:, 0]].astype(np.float64)
    return found
