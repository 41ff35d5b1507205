"""Sums as cells that can be looked at: what is signed gets its zero in the middle, what is cut off is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gallery import Taps
from .ways import rounded

ZERO = 1e-6
"""Of the sum of a kernel's sizes, the sum of its taps up to which a uniform surface counts as giving nothing."""


def signed(kernel: Taps) -> bool:
    """Whether a kernel answers to a uniform surface with nothing, or with less: its sums are then of both signs.

    >>> signed(np.array([-1.0, 0, 1])), signed(np.array([-1.0, 3, -1]))
    (True, False)
    """
    return bool(kernel.sum() <= ZERO * np.abs(kernel).sum())


def centred(sums: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], str]:
    """Signed sums with zero at the middle of an unsigned type, reduced if they do not fit, and a line that says so.

    >>> centred(np.array([-254.0, 0, 127]), np.dtype("u1"))
    (array([  1, 128, 192], dtype=uint8), 'sums from -254 to 127 are shown with 0 as 128 and 2 a level')
    """
    middle = np.iinfo(dtype).max // 2 + 1
    most = float(np.abs(sums).max())
    step = max(1.0, most / (middle - 1))
    cells = rounded(sums / step + middle, dtype)
    low, high = float(sums.min()), float(sums.max())
    return cells, f"sums from {low:g} to {high:g} are shown with 0 as {middle} and {step:.3g} a level"


def ended(sums: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], str]:
    """Sums as cells of a whole type, and a line that says how many ended where the type ends; "" where none did.

    >>> ended(np.array([-3.0, 5, 300, 255.2]), np.dtype("u1"))
    (array([  0,   5, 255, 255], dtype=uint8), '1 of 4 sums below 0 became 0, 1 above 255 became 255')
    """
    facts = np.iinfo(dtype)
    whole = np.rint(sums)
    below, above = int((whole < facts.min).sum()), int((whole > facts.max).sum())
    parts = [f"{below:,} of {sums.size:,} sums below {facts.min:,} became {facts.min:,}"] if below else []
    of = "" if below else f" of {sums.size:,} sums"
    parts += [f"{above:,}{of} above {facts.max:,} became {facts.max:,}"] if above else []
    return rounded(sums, dtype), ", ".join(parts)
