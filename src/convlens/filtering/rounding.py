"""Sums as cells: the one place where numbers become those of another type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rounded(sums: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Sums as cells: whole numbers are the nearest, halves the even one, and end where the type ends.

    >>> rounded(np.array([-3.0, 0.5, 1.5, 300.0]), np.dtype("u1"))
    array([  0,   0,   2, 255], dtype=uint8)
    """
    if dtype.kind == "f":
        same: NDArray[Any] = sums.astype(dtype, copy=False)
        return same
    facts = np.iinfo(dtype)
    # the largest float64 below the end of a 64-bit type: the end itself cannot be written as one
    high = float(facts.max) if facts.bits < 64 else np.nextafter(float(facts.max), 0)
    whole: NDArray[Any] = np.rint(sums).clip(facts.min, high).astype(dtype)
    return whole
