"""How large the things are that are marked by points alone: as far as a disc is filled with what its ring is not.

A box that was drawn is never questioned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data import Source

from .scene import unlike

Floats = NDArray[np.float32]

RADII = np.geomspace(4.0, 160.0, 28)
"""Of the discs that are looked at, in displayed pixels: an eighth apart."""
RING = (1.15, 1.6)
"""Where a disc's ring begins and ends, in its radii: beyond a soft border, before most neighbours."""
GRAIN = 20.0
"""Pixels of a radius that are looked at: of larger discs every second, third ..."""
USUAL = 32.0
"""The side where nothing stands out from its surroundings."""
SEEN = 0.5
"""Of a ring, what must lie in the picture."""
PULL = 0.6
"""Power of the radius that a disc's filling is worth: with less a nut ends at its hole, with more at its neighbours."""
FAINT = 0.1
"""What fills less than this part of its disc does not stand out."""


class Window(NamedTuple):
    """What surrounds a point: pixels (C, H, W), black at -2 and white at 2, and the point's x, y among them."""

    pixels: Floats
    centre: tuple[float, float]

    @classmethod
    def of(cls, source: Source, point: tuple[float, float], white: float) -> Window:
        """Read as much of a picture as any disc needs."""
        far = int(np.ceil(RADII[-1] * RING[1]))
        left, top = (max(0, int(n) - far) for n in point)
        right, bottom = (max(0, int(n) + far + 1) for n in point)
        cells = source[top:bottom, left:right].astype(np.float32)
        return cls((cells - np.float32(white / 2)) * np.float32(4 / white), (point[0] - left, point[1] - top))


def side(windows: Sequence[Window]) -> float:
    """The side of a typical thing.

    For each radius the pixels of the disc that are unlike its ring are counted, less those of the ring itself, so that
    neighbours count against large discs; weighted by the radius, the sum over the points is greatest where the discs
    end with the things.

    Args:
        windows: of points.

    Returns:
        In the windows' pixels; USUAL where nothing stands out.

    >>> pixels = np.full((1, 90, 90), -1, np.float32)
    >>> pixels[:, 30:60, 30:60] = 1
    >>> round(side([Window(pixels, (45, 45))]))
    31
    """
    totals = np.zeros(len(RADII))
    for pixels, centre in windows:
        filled = np.array([_filled(pixels, centre, radius) for radius in RADII])
        worth = RADII**PULL * np.where(filled > FAINT, filled, 0)
        totals += worth / max(worth.max(), 1e-6)
    best = int(np.argmax(totals))
    return 2 * float(RADII[best]) if totals[best] > 0 else USUAL


def _filled(pixels: Floats, centre: tuple[float, float], radius: float) -> float:
    """How much of a disc is unlike its ring, less how much of the ring is."""
    step = max(1, int(radius / GRAIN))
    outer = radius * RING[1]
    x0, x1 = (max(0, int(centre[0] - outer)), int(centre[0] + outer) + 1)
    y0, y1 = (max(0, int(centre[1] - outer)), int(centre[1] + outer) + 1)
    cut = pixels[:, y0:y1:step, x0:x1:step]
    y = np.arange(y0, y0 + step * cut.shape[1], step)[:, None] + 0.5 - centre[1]
    x = np.arange(x0, x0 + step * cut.shape[2], step)[None, :] + 0.5 - centre[0]
    away = np.hypot(x, y) / radius
    ring, disc = (away > RING[0]) & (away < RING[1]), away < 1
    # at the border of the picture too little of a large ring is left to say what surrounds the disc
    if ring.sum() * step * step < SEEN * np.pi * radius**2 * (RING[1] ** 2 - RING[0] ** 2) or not disc.any():
        return 0.0
    other = unlike(cut, ring)
    return float(other[disc].mean() - other[ring].mean())
