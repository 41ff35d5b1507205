"""What a place scores: the network's logit at its peak, how like the marked objects it is, how closely one fits there.

The last of these takes longest and is asked of sure places alone (``register.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from .canvas import Canvas, Floats
from .network import Named
from .peaks import peaks
from .scan import logits

LIKE = 8.0
"""Logits that a likeness of 1 is worth beside the network's: 4 to 16 did better than 0."""
CLOSE = 12.0
"""Logits that a fit of 1 is worth, which is a copy to the last pixel."""
CUT, LOWER, FEW = 0.3, 0.15, 20
"""Of the way from the typical place to the typical object: what scores less is not looked at; and where so few other
places score more that what is missed weighs more than what is looked at in vain."""
USUAL = 0.25
"""Of the places that are looked at closely, which part fits no better than is usual: it gains nothing by it."""
SIDES = 0.5
"""Of an object's side: the least distance between two finds."""


def places_in(canvas: Canvas, weights: Named, side: float, most: int | None = None) -> tuple[Floats, Floats]:
    """The network's peaks in a canvas' block.

    Args:
        canvas: a block of a picture.
        weights: of the network.
        side: working pixels of the side of a typical object.
        most: peaks at most; None: all.

    Returns:
        Places (N, 2) in the canvas' pixels, and logits (N,), the highest first.
    """
    places, firm = peaks(logits(canvas, weights), SIDES * side)
    own = canvas.owns(places)
    return places[own][:most], firm[own][:most]


def scores_of(firm: Floats, alike: Floats) -> Floats:
    """Scores (N,) from logits (N,), and from how like the marked objects together places are (N,)."""
    found: Floats = firm + np.float32(LIKE) * alike
    return found


def cut(typical: float, others: Floats) -> float:
    """The score below which places are not looked at.

    Args:
        typical: what a typical object scores.
        others: (N,) scores of other places, one at least.
    """
    common = float(np.median(others))
    high, low = (common + part * (typical - common) for part in (CUT, LOWER))
    return high if (others >= high).sum() >= FEW else low


@dataclass(frozen=True)
class Closely:
    """What is looked at closely, and what that is worth.

    Args:
        least: the score without it that a place has at the least.
        usual: what it is worth at a place that is no object, as a rule; elsewhere only what is beyond counts, so that
            those that are not looked at score like these.
    """

    least: float = 0.0
    usual: float = 0.0

    @classmethod
    def of(cls, least: float, fits: Floats) -> Self:
        """From how closely marked objects fit places (N,) that score at least so much."""
        return cls(least, float(np.quantile(worth(fits), USUAL)) if len(fits) else 0.0)

    def gain(self, fits: Floats) -> Floats:
        """What places (N,) score besides, by how closely marked objects fit there."""
        found: Floats = worth(fits) - np.float32(self.usual)
        return found


def worth(fits: Floats) -> Floats:
    """What fits (N,) are worth in logits."""
    found: Floats = np.float32(CLOSE) * np.maximum(fits, 0)
    return found
