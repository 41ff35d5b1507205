"""Candidates: the places of a picture that could be objects, of all its blocks and working scales together.

What they score is told elsewhere (``scores.py``), and what is claimed of them in ``mixture.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .known import middles
from .rivals import stay


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places that could be objects.

    Args:
        boxes: (N, 4) x, y of the top left corner, width and height, in displayed pixels.
        scores: (N,).
        turned: (N,) radians, clockwise, by which each is turned against the first marked object.
        sides: (N,) what suits the scale that each was seen at, in displayed pixels.
        logits: (N,) what the network says of each: its score without likeness and a closer look.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    turned: NDArray[np.float64]
    sides: NDArray[np.float64]
    logits: NDArray[np.float32]

    @classmethod
    def none(cls) -> Self:
        """No candidates."""
        return cls(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0), np.zeros(0), np.zeros(0, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Those of several blocks and scales, but for those that give way to a surer one."""
        whole = cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))
        return whole.chosen(stay(middles(whole.boxes), whole.sides, whole.scores))

    def chosen(self, which: NDArray[Any]) -> Self:
        """Some of them, by a mask or by their numbers."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))

    def ordered(self) -> Self:
        """The highest score first; of equal ones the upper, then the left one, in whichever order they were found."""
        return self.chosen(np.lexsort((self.boxes[:, 0], self.boxes[:, 1], -self.scores)))
