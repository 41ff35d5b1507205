"""Which candidates stay, of one working scale or of several: of two that cannot both be objects, the surer one.

Two are rivals where the middle of the smaller one lies within half its side of the other's middle, or where it lies
wholly within the other: so a large one is no rival of small ones beside its middle unless they lie in it, and gives
way to those that are surer. Which stay does not depend on how a picture was cut, or in which order it was searched.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from .peaks import staying

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


def stay(places: Floats, sides: Floats, scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which candidates (N,) stay.

    Args:
        places: (N, 2) their middles x, y.
        sides: (N,) what their scales suit, in the places' unit: a few different numbers.
        scores: (N,) how sure they are; of equals the upper, then the left one is surer.

    >>> places = np.array([[50.0, 50.0], [52.0, 50.0], [90.0, 50.0], [75.0, 50.0]])
    >>> stay(places, np.array([40.0, 30.0, 20.0, 10.0]), np.array([3.0, 5.0, 1.0, 1.0])).tolist()
    [False, True, True, True]
    """
    rank = np.empty(len(places), np.intp)
    rank[np.lexsort((sides, places[:, 0], places[:, 1], -scores))] = np.arange(len(places))
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for small, large in combinations_with_replacement(np.unique(sides), 2):
        ones, others = np.flatnonzero(sides == large), np.flatnonzero(sides == small)
        one, other = _within(places[ones], places[others], max(small, large - small) / 2)
        apart = (small != large) | (one < other)  # of one scale each pair is told twice, and each place with itself
        first.append(ones[one[apart]])
        second.append(others[other[apart]])
    return staying(np.concatenate(first), np.concatenate(second), rank, None)


def _within(ones: Floats, others: Floats, reach: float) -> tuple[Whole, Whole]:
    """All pairs of one of some places (N, 2) and one of others (M, 2) that are nearer to each other than ``reach``."""
    if not len(ones) or not len(others):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    low = np.minimum(ones.min(axis=0), others.min(axis=0)) - reach
    here, there = (np.floor((some - low) / reach).astype(np.intp) for some in (ones, others))
    wide = 2 + max(int(here[:, 0].max()), int(there[:, 0].max()))
    # cells of a row follow each other, so that three of them are one stretch of what is sorted by cells
    key = there[:, 1] * wide + there[:, 0]
    order = np.argsort(key, kind="stable")
    first, second = [], []
    for row in (-1, 0, 1):
        cell = (here[:, 1] + row) * wide + here[:, 0]
        start, stop = np.searchsorted(key[order], cell - 1), np.searchsorted(key[order], cell + 2)
        many = stop - start
        one = np.repeat(np.arange(len(ones)), many)
        within = np.arange(len(one)) - np.repeat(np.cumsum(many) - many, many)
        other = order[np.repeat(start, many) + within]
        close = ((ones[one] - others[other]) ** 2).sum(axis=1) < reach * reach
        first.append(one[close])
        second.append(other[close])
    return np.concatenate(first), np.concatenate(second)
