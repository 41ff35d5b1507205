"""What is taken for an object though nobody marked it, so that a network learns from more than a few marks.

How like the marked objects a place is, and how closely they fit there, nobody taught: it sees places with other eyes
than the network, and as well. What both are sure of is an object nearly always, and is shown to the network as one
(co-training: Blum and Mitchell, 1998). Where that is not so, what is taken for objects is at least most like them.

Numbers in, numbers out: nothing here knows pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Caution(NamedTuple):
    """When a place is taken for an object.

    Args:
        alike: as like the marked objects as this part of them, the least alike ones, are at most to the others.
        high: how far on the way from what parts objects and the rest to a typical object it must score.
        most: how many are taken for each marked object at most, those that score highest.
    """

    alike: float
    high: float
    most: int


FRESH, REJECTED = Caution(0.25, 0.5, 8), Caution(0.5, 1.0, 2)
"""Before anything was rejected, and after: then things that are no objects are known to be as like them."""
NEARLY = 0.03
"""Of that likeness, what may be missing: copies differ by hardly more than where the network's peaks lie."""


def surely(
    scores: Floats, alike: Floats, own: Floats, threshold: float, typical: float, caution: Caution
) -> NDArray[np.bool_]:
    """Which places are taken for objects.

    Args:
        scores: (N,) of places.
        alike: (N,) what of that likeness and a closer look tell; -inf for what is not to be taken.
        own: (M,) the same of the marked objects where they are, each compared with the others alone.
        threshold: the score that parts objects and the rest.
        typical: what objects score.
        caution: how sure it must be.

    Returns:
        (N,) of bool; none where a single mark has no other to be compared with.

    >>> scores, alike = np.array([9.0, 8.0, 7.0, 7.5], np.float32), np.array([5.0, 5.0, 1.0, 4.0], np.float32)
    >>> surely(scores, alike, np.array([3.0, 4.0, 5.0], np.float32), 4.0, 8.0, FRESH).tolist()
    [True, True, False, True]
    >>> surely(scores, alike, np.array([3.0, 4.0, 5.0], np.float32), 4.0, 8.0, REJECTED).tolist()
    [True, True, False, False]
    """
    found = np.zeros(len(scores), np.bool_)
    if len(own) > 1:
        least = threshold + caution.high * (typical - threshold)
        like = float(np.quantile(own, caution.alike))
        some = np.flatnonzero((alike >= like - NEARLY * abs(like)) & (scores >= least))
        found[some[np.argsort(-scores[some], kind="stable")][: caution.most * len(own)]] = True
    return found
