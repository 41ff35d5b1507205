"""From a map of logits to places: maxima that keep their distance, each moved to the centre of its bump.

Whether a place is found is decided by what lies within a few sides of it, and where it lies is exact, so that pieces of
a map give the same places as the whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .network import STRIDE
from .objective import sigmoid

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]

FAINTEST = -6.0
"""Logits below are no peaks: a chance of one in four hundred at the least."""
TURNS = 3
"""Rounds in which near peaks give way to each other: a chain of six falling peaks, each near the next, is undecided."""
PARTS = 256
"""A centre lies at a whole number of these parts of a cell: its coordinates are exact wherever the map begins."""


def peaks(logits: Floats, distance: float, floor: float = FAINTEST, most: int | None = None) -> tuple[Floats, Floats]:
    """Find the maxima of a map.

    Args:
        logits: (H, W), a cell of STRIDE working pixels each.
        distance: least distance between two peaks, working pixels; the higher one stays, as seen from ``TURNS`` peaks
            away.
        floor: logits below are not looked at.
        most: peaks at most; None: all.

    Returns:
        Places (N, 2) x, y in working pixels, and logits (N,), the highest first; of equal ones the upper, then the
        left one.
    """
    height, width = logits.shape
    wide = np.pad(logits, 1, constant_values=-np.inf)
    highest = np.maximum(np.maximum(wide[:, :-2], wide[:, 2:]), wide[:, 1:-1])
    highest = np.maximum(np.maximum(highest[:-2], highest[2:]), highest[1:-1])
    rows, columns = np.nonzero((logits >= highest) & (logits > floor))
    scores = logits[rows, columns]
    places = _centroids(wide, rows, columns)
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    near = _near((height, width), rows, columns, places, distance)
    kept = order[staying(*near, rank, TURNS)[order]][:most]
    return places[kept], scores[kept]


def _centroids(wide: Floats, rows: Whole, columns: Whole) -> Floats:
    """Means of the 3x3 cells about each maximum, weighted by probability; ``wide`` has a border of one cell."""
    total = np.full(len(rows), 1e-12, np.float32)
    x, y = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            share = sigmoid(wide[rows + 1 + dy, columns + 1 + dx])
            total += share
            x += dx * share
            y += dy * share
    # a cell's centre lies between its middle pixels
    aside = np.rint(np.stack([x, y], 1) / total[:, None] * PARTS) / np.float32(PARTS)
    found: Floats = (np.stack([columns, rows], 1) + aside) * STRIDE + (STRIDE - 1) / 2
    return found.astype(np.float32)


def _near(size: tuple[int, int], rows: Whole, columns: Whole, places: Floats, distance: float) -> tuple[Whole, Whole]:
    """All pairs of maxima that are nearer to each other than a distance, each pair once."""
    # a centre is less than a cell away from its maximum
    reach = int(distance / STRIDE) + 2
    which = np.full((size[0] + reach, size[1] + 2 * reach), -1, np.intp)
    which[rows, columns + reach] = np.arange(len(rows))
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for dy in range(reach + 1):
        for dx in range(-reach if dy else 1, reach + 1):
            others = which[rows + dy, columns + reach + dx]
            some = np.flatnonzero(others >= 0)
            others = others[some]
            close = ((places[some] - places[others]) ** 2).sum(axis=1) < distance * distance
            first.append(some[close])
            second.append(others[close])
    return np.concatenate(first), np.concatenate(second)


def staying(first: Whole, second: Whole, rank: Whole, turns: int | None) -> NDArray[np.bool_]:
    """Which of some places stay where rivals, pair by pair, give way to the higher one that stays.

    Args:
        first, second: (P,) the rivals of each pair.
        rank: (N,) of the places, 0 the highest.
        turns: rounds after which those that are undecided go; None: until none are.
    """
    swap = rank[first] > rank[second]
    higher, lower = np.where(swap, second, first), np.where(swap, first, second)
    stay, gone = np.zeros(len(rank), np.bool_), np.zeros(len(rank), np.bool_)
    for _ in range(len(rank) if turns is None else turns):
        open_ = ~gone[higher]
        waiting = np.zeros(len(rank), np.bool_)
        waiting[lower[open_]] = True
        stay |= ~gone & ~waiting
        gone[lower[stay[higher]]] = True
        if (stay | gone).all():
            break
    return stay
