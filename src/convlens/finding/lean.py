"""How far objects lean: in any direction, or upright, from how the marked ones match each other.

Only pairs of marks that are more alike than places of the picture are by chance tell how they are turned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .likeness import Likeness, example

Floats = NDArray[np.float32]

UPRIGHT = np.pi / 4
"""How far upright objects lean, in radians."""
FAR = 0.68
"""Between two marks that lean by up to 30 degrees lie 25 to 35, root of the mean square; between any two, 104."""
CHANCE, PLACES = 0.9, 200
"""How alike a tenth of so many places is to a mark: what pairs of marks must surpass to tell anything."""
DOUBT = 0.01
"""By how much a pair must surpass it to count more than the belief that objects are upright."""


def lean(objects: Sequence[tuple[Floats, Floats]], side: float, rng: np.random.Generator) -> float:
    """The largest angle by which objects are turned, in radians: pi, or UPRIGHT.

    Args:
        objects: of each mark the canvas (C, H, W) and the place (2,) in it.
        side: working pixels of the side of a typical object.
        rng: of the places that marks are compared with.
    """
    if len(objects) < 2:
        return UPRIGHT
    like = Likeness(np.stack([example(pixels, place, side) for pixels, place in objects]), side, np.pi)
    found = [like.matched(pixels, place[None]) for pixels, place in objects]
    pairs = ~np.eye(len(objects), dtype=np.bool_)
    values, variants = (np.concatenate(table)[pairs] for table in zip(*found, strict=True))
    pixels = objects[0][0]
    chance = like(pixels, rng.uniform((0, 0), pixels.shape[:0:-1], (PLACES, 2)).astype(np.float32))
    told = np.maximum(values - np.quantile(chance, CHANCE), 0)
    spread = (told * like.angles[variants] ** 2).sum() / (told.sum() + DOUBT * len(told))
    return np.pi if float(np.sqrt(spread)) > FAR else UPRIGHT
