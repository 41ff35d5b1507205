"""What lies outside of an axis: for a place beyond its ends, the cell that stands there. The words are numpy.pad's."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Border = Literal["reflect", "symmetric", "edge", "zero", "wrap", "valid"]
BORDERS: tuple[Border, ...] = get_args(Border)
AWAY = -1
"""No cell, but a zero."""


def cells(places: NDArray[np.int64], size: int, border: Border) -> NDArray[np.int64]:
    """The cell of an axis that stands at each place, or ``AWAY``.

    Args:
        places: whole numbers; 0 is the first cell, -1 the place before it.
        size: cells of the axis, at least one.
        border: ``"reflect"`` mirrors at the outermost cells, ``"symmetric"`` at their outer sides, ``"edge"`` repeats
            them, ``"wrap"`` begins anew at the other end, ``"zero"`` and ``"valid"`` have nothing there.

    >>> for border in BORDERS[:5]:
    ...     print(border, cells(np.arange(-3, 6), 3, border))
    reflect [1 2 1 0 1 2 1 0 1]
    symmetric [2 1 0 0 1 2 2 1 0]
    edge [0 0 0 0 1 2 2 2 2]
    zero [-1 -1 -1  0  1  2 -1 -1 -1]
    wrap [0 1 2 0 1 2 0 1 2]
    """
    if border == "edge":
        return places.clip(0, size - 1)
    if border == "wrap":
        return places % size
    if border == "symmetric":
        turn = places % (2 * size)
        return np.minimum(turn, 2 * size - 1 - turn)
    if border == "reflect":
        period = max(1, 2 * (size - 1))
        turn = places % period
        return np.minimum(turn, period - turn) if size > 1 else turn
    return np.where((places >= 0) & (places < size), places, AWAY)
