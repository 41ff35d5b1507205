"""Sums as cells that can be looked at: what is signed gets its zero in the middle, what is cut off is counted.

What there is to say of all sums is put together from what there is to say of parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gallery import Taps
from .rounding import rounded

ZERO = 1e-6
"""Of the sum of a kernel's sizes, the sum of its taps up to which a uniform surface counts as giving nothing."""


def signed(kernel: Taps) -> bool:
    """Whether a kernel answers to a uniform surface with nothing, or with less: its sums are then of both signs.

    >>> signed(np.array([-1.0, 0, 1])), signed(np.array([-1.0, 3, -1]))
    (True, False)
    """
    return bool(kernel.sum() <= ZERO * np.abs(kernel).sum())


@dataclass(frozen=True)
class Tally:
    """Of sums: the lowest, the highest, how many lie below and above a type's ends, and how many there are.

    >>> Tally.of(np.array([-3.0, 5]), np.dtype("u1")) + Tally.of(np.array([300.0]), np.dtype("u1"))
    Tally(low=-3.0, high=300.0, below=1, above=1, count=3)
    """

    low: float = 0.0
    high: float = 0.0
    below: int = 0
    above: int = 0
    count: int = 0

    @classmethod
    def of(cls, sums: NDArray[Any], dtype: np.dtype[Any]) -> Tally:
        """Of sums that become a whole type."""
        facts = np.iinfo(dtype)
        low, high = float(sums.min()), float(sums.max())
        below = int((np.rint(sums) < facts.min).sum()) if low < facts.min else 0
        above = int((np.rint(sums) > facts.max).sum()) if high > facts.max else 0
        return cls(low, high, below, above, sums.size)

    def __add__(self, other: Tally) -> Tally:
        if not self.count:
            return other
        return Tally(
            min(self.low, other.low),
            max(self.high, other.high),
            self.below + other.below,
            self.above + other.above,
            self.count + other.count,
        )

    def step(self, dtype: np.dtype[Any]) -> float:
        """What a level stands for where zero is in the middle of an unsigned type."""
        return max(1.0, max(abs(self.low), abs(self.high)) / (_middle(dtype) - 1))


def _middle(dtype: np.dtype[Any]) -> int:
    return np.iinfo(dtype).max // 2 + 1


def centred(sums: NDArray[Any], dtype: np.dtype[Any], tally: Tally) -> NDArray[Any]:
    """Signed sums with zero at the middle of an unsigned type, reduced if not all that are tallied fit.

    >>> sums = np.array([-254.0, 0, 127])
    >>> centred(sums, np.dtype("u1"), Tally.of(sums, np.dtype("u1")))
    array([  1, 128, 192], dtype=uint8)
    """
    return rounded(sums / tally.step(dtype) + _middle(dtype), dtype)


def told_centred(tally: Tally, dtype: np.dtype[Any]) -> str:
    """A line that says what ``centred`` did.

    >>> told_centred(Tally(-254, 127), np.dtype("u1"))
    'sums from -254 to 127 are shown with 0 as 128 and 2 a level'
    """
    levels = f"{_middle(dtype)} and {tally.step(dtype):.3g} a level"
    return f"sums from {tally.low:g} to {tally.high:g} are shown with 0 as {levels}"


def told_ended(tally: Tally, dtype: np.dtype[Any]) -> str:
    """A line that says how many sums ended where the type ends; "" where none did.

    >>> told_ended(Tally(-3, 300, 1, 1, 4), np.dtype("u1"))
    '1 of 4 sums below 0 became 0, 1 above 255 became 255'
    """
    facts = np.iinfo(dtype)
    parts = [f"{tally.below:,} of {tally.count:,} sums below {facts.min:,} became {facts.min:,}"] if tally.below else []
    of = "" if tally.below else f" of {tally.count:,} sums"
    parts += [f"{tally.above:,}{of} above {facts.max:,} became {facts.max:,}"] if tally.above else []
    return ", ".join(parts)
