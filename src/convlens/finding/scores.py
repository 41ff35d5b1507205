"""What a place scores: the network's logit at its peak, and how like the marked objects it is."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Floats
from .likeness import overall
from .network import Named
from .peaks import peaks
from .scan import logits

LIKE = 8.0
"""Logits that a likeness of 1 is worth beside the network's: 4 to 16 did better than 0."""
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
    """Scores (N,) from logits (N,) and cosines (N, M) with the marked objects, NaN where there is none to be."""
    found: Floats = firm + np.float32(LIKE) * overall(alike)
    return found
