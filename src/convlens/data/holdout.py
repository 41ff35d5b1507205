"""Which training examples are set aside for validation: by class, by seed, the same for ever.

Chooses places; knows nothing of what lies there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError


def hold_out(y: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.int64]:
    """Choose the places to set aside: of each class the nearest whole number to its share.

    A class of two or more gives at least one and keeps at least one; a class of one gives none.  The choice in one
    class does not depend on the others, and it comes from the raw words of a PCG64 generator, which numpy promises
    never to change.

    Args:
        y: labels, int64 (N,).
        fraction: how much of each class to set aside, from 0 (nothing) to below 1.
        seed: any whole number from 0.

    Returns:
        Places in `y`, rising, int64.

    Raises:
        DataError: the fraction or the seed is out of bounds.

    >>> hold_out(np.array([0] * 10 + [1] * 5), 0.2, seed=0).size
    3
    """
    if not 0 <= fraction < 1:
        raise DataError(f"val is the fraction of the training examples to set aside, from 0 to below 1, not {fraction}")
    if not 0 <= seed < 2**63:
        raise DataError(f"seed is a whole number from 0 to 2**63, not {seed}")
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(y) if fraction else ():
        places = np.flatnonzero(y == label)
        count = min(max(int(fraction * len(places) + 0.5), 1), len(places) - 1)
        words = np.random.PCG64([seed, int(label)]).random_raw(len(places))
        chosen.append(places[np.argsort(words, kind="stable")[:count]])
    return np.sort(np.concatenate(chosen))
