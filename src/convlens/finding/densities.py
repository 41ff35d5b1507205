"""What the three kinds of places score: objects, things that look like them, and the rest.

Densities over bins of scores, in units above the cut (``mixture.py``), for every shape that each may have. How likely
the shapes are, and how many places there are of each kind, is not known here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BIN = 0.25
"""How finely scores are told apart, in units (as all that follows): about half of the narrowest spread."""
STEEP, BENT = (-1.0, 0.0, 0.6, 1.1, 1.8, 3.0), (0.0, 0.5, 2.0)
HIGHEST = 0.8
"""How far above the cut the rest may be densest."""
GROUNDS = tuple(
    (steep, bent) for bent in BENT for steep in STEEP if steep > 0 or (bent > 0 and -steep <= HIGHEST * bent)
)
"""The shapes that the rest may have: ``exp(-steep x - bent x^2 / 2)``, x above the cut."""
LOWER = 1.2
"""How much lower objects score that are half hidden or badly lit, and how much they differ at the least."""
SPREADS = tuple((spread, poor) for poor in (0.0, 0.2) for spread in (0.45, 0.75, 1.2, 2.0))
"""What objects' scores may look like: the standard deviation, and which part of them is so poor."""
GAPS, PARTS = (1.75, 2.5), (0.15, 0.5)
ALIKES = ((0.0, 0.0), *((gap, part) for gap in GAPS for part in PARTS))
"""How far below the typical object look-alikes score, and which part of all that is no object they are; or none.

Less far below they could not be told from objects that are half hidden.
"""
WIDE = 0.7
"""Standard deviation of the scores of look-alikes."""


def bins(top: float, below: int = 0) -> Floats:
    """(K + 1,) edges that reach from so many bins below the cut beyond a score."""
    found: Floats = BIN * np.arange(-below, int(np.ceil(max(top, BIN) / BIN)) + 2, dtype=np.float64)
    return found


def rests(edges: Floats, typical: float) -> Floats:
    """(A, G, K): what part of what is no object falls into each bin, for each of ALIKES and of GROUNDS.

    It is the part of all that scores above the cut: those bins have 1 together. Below there is ground alone, as much of
    it as its shape says.
    """
    x = (edges[:-1] + edges[1:]) / 2
    above = x > 0
    steep, bent = np.array(GROUNDS).T[:, :, None]
    gap, part = np.array(ALIKES).T[:, :, None]
    height = -steep * x - 0.5 * bent * x**2
    ground = np.exp(height - height.max(axis=1, keepdims=True))
    ground /= ground[:, above].sum(axis=1, keepdims=True)
    # a bump that lies below the cut altogether falls into the first bin above it
    alike = (np.exp(-0.5 * ((x - typical + gap) / WIDE) ** 2) + 1e-9) * above
    alike /= alike.sum(axis=1, keepdims=True)
    found: Floats = (1 - part)[:, None] * ground + (part * alike)[:, None]
    return found


def objects(edges: Floats, typical: float) -> tuple[Floats, Floats]:
    """(S, K): what part of the objects falls into each bin, and (S,) into any, for each of SPREADS."""
    spread, part = np.array(SPREADS).T[:, :, None]
    # as far as objects may reach, not only as far as places do
    wide = np.arange(BIN / 2, max(edges[-1], typical + 4 * float(spread.max())), BIN)

    def bump(x: Floats) -> Floats:
        low = np.maximum(spread, LOWER)
        clear = np.exp(-0.5 * ((x - typical) / spread) ** 2) / spread
        poor = np.exp(-0.5 * ((x - typical + LOWER) / low) ** 2) / low
        found: Floats = ((1 - part) * clear + part * poor) * (BIN / np.sqrt(2 * np.pi))
        return found

    return bump((edges[:-1] + edges[1:]) / 2), np.minimum(bump(wide).sum(axis=1), 1.0)
