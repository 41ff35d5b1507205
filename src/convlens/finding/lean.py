"""How far objects lean: in any direction, or upright, from how the marked ones match each other.

Turned freely, two things always match better than upright: there are more ways to. Places of the picture say how much
better by chance; upright objects gain less than that, for upright they match well already.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .likeness import Likeness, example

Floats = NDArray[np.float32]

UPRIGHT = np.pi / 4
"""How far upright objects lean, in radians."""
NEAR = np.pi / 3
"""How far two upright ones are turned against each other, but for few."""
PLACES = 100
"""Places of the picture that say what is gained by chance; with 200 as many families were told rightly."""
LESS, LITTLE = 0.25, 0.01
"""How much less than by chance upright marks gain at the least, in its standard deviations, or what is next to nothing:
on a plain, chance gains nothing, too."""


def lean(objects: Sequence[tuple[Floats, Floats]], side: float, rng: np.random.Generator) -> float:
    """The largest angle by which objects are turned, in radians: pi, or UPRIGHT.

    Args:
        objects: of each mark the canvas (C, H, W) and the place (2,) in it.
        side: working pixels of the side of a typical object.
        rng: of the places that marks are compared with.
    """
    if len(objects) < 2:
        return UPRIGHT
    examples = np.stack([example(pixels, place, side) for pixels, place in objects])
    free, upright = (Likeness(examples, side, turn) for turn in (np.pi, NEAR))

    def gained(pixels: Floats, places: Floats) -> Floats:
        """(N, M): how much better each mark matches places if it may be turned freely."""
        found: Floats = free.matched(pixels, places)[0] - upright.matched(pixels, places)[0]
        return found

    marks = np.concatenate([gained(pixels, place[None]) for pixels, place in objects])
    pixels = objects[0][0]
    chance = gained(pixels, rng.uniform((0, 0), pixels.shape[:0:-1], (PLACES, 2)).astype(np.float32))
    others = marks[~np.eye(len(objects), dtype=np.bool_)]
    least = max(LITTLE, float(chance.mean() - LESS * chance.std()))
    return UPRIGHT if float(others.mean()) < least else np.pi
