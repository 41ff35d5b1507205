"""From a map of logits to places: maxima that keep their distance, each moved to the centre of its bump."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network import STRIDE
from .objective import sigmoid

Floats = NDArray[np.float32]

FAINTEST = -6.0
"""Logits below are no peaks: a chance of one in four hundred at the least."""


def peaks(logits: Floats, distance: float, floor: float = FAINTEST, most: int = 200_000) -> tuple[Floats, Floats]:
    """Find the maxima of a map.

    Args:
        logits: (H, W), a cell of STRIDE working pixels each.
        distance: least distance between two peaks, working pixels; the higher one stays.
        floor: logits below are not looked at.
        most: peaks at most.

    Returns:
        Places (N, 2) x, y in working pixels, and logits (N,), the highest first.
    """
    height, width = logits.shape
    wide = np.pad(logits, 1, constant_values=-np.inf)
    highest = logits
    for dy in range(3):
        for dx in range(3):
            highest = np.maximum(highest, wide[dy : dy + height, dx : dx + width])
    rows, columns = np.nonzero((logits >= highest) & (logits > floor))
    scores = logits[rows, columns]
    order = np.argsort(-scores, kind="stable")[:most]
    rows, columns, scores = rows[order], columns[order], scores[order]
    places = _centroids(np.pad(sigmoid(logits), 1), rows, columns)
    kept = apart(places, distance)
    return places[kept], scores[kept]


def _centroids(p: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """Means of the 3x3 cells about each maximum, weighted by probability; ``p`` has a border of one cell."""
    total = np.full(len(rows), 1e-12, np.float32)
    x, y = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            share = p[rows + 1 + dy, columns + 1 + dx]
            total += share
            x += dx * share
            y += dy * share
    # a cell's centre lies between its middle pixels
    middle = (STRIDE - 1) / 2
    return np.stack([(columns + x / total) * STRIDE + middle, (rows + y / total) * STRIDE + middle], 1).astype(
        np.float32
    )


def apart(places: NDArray[np.floating[Any]], distance: float) -> NDArray[np.intp]:
    """Which places (N, 2), the highest first, are at least so far from every higher one that stays."""
    cell = max(distance, 1.0)
    grid: dict[tuple[int, int], list[int]] = {}
    kept = []
    for i, (x, y) in enumerate(places.tolist()):
        column, row = int(x // cell), int(y // cell)
        near = (j for a in (-1, 0, 1) for b in (-1, 0, 1) for j in grid.get((column + a, row + b), ()))
        if all((places[j, 0] - x) ** 2 + (places[j, 1] - y) ** 2 >= distance * distance for j in near):
            grid.setdefault((column, row), []).append(i)
            kept.append(i)
    return np.array(kept, np.intp)
