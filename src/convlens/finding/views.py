"""How a finder sees pictures: at one working scale, or at several where what is marked differs in size.

Which scales marks ask for, and which of them suits a thing, is told here; pixels are in ``canvas.py``, and which of the
candidates of several scales stay is decided in ``rivals.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark, Source

from .canvas import ENLARGED, View, step_of

Floats = NDArray[np.float64]

DIFFER = 1.6
"""How many times as long as the shorter ones the longer ones are where one scale is too few; hand-drawn boxes of the
same thing differ by 1.3, things of one size by 1.45, both together by this."""
COMMON = (0.1, 0.9)
"""Quantiles of the lengths between which many marks lie."""
REACH = 2.5
"""From the smallest to the largest that one scale finds: where marks span more even a single one asks for several."""
STEP = 1.5
"""From one scale to the next at most: crops are enlarged and shrunk by a quarter, so that nothing lies between."""
BEYOND = 1.25
"""How much farther than the marks the scales span at most: every doubling of resolution takes four times as long."""
NEAR = 1.6
"""Up to how many times as large or small as what suits a scale a thing looks like what is sought there."""


@dataclass(frozen=True)
class Views:
    """How pictures are seen.

    Args:
        typical: as it suits a typical object.
        length: the longer side of its box, in displayed pixels.
        sizes: of what each scale suits, against the typical object's; (1.0,): that scale alone.
    """

    typical: View
    length: float
    sizes: tuple[float, ...] = (1.0,)

    @cached_property
    def all(self) -> tuple[View, ...]:
        """A view for each of the sizes."""
        if len(self.sizes) == 1:
            return (self.typical,)
        return tuple(replace(self.typical, scale=self._scale(size)) for size in self.sizes)

    def _scale(self, size: float) -> float:
        return 1 / step_of(max(size / self.typical.scale, 1 / ENLARGED))

    def side(self, box: tuple[float, float]) -> float:
        """Working pixels of the side of an object with this box, in displayed pixels, at the typical scale."""
        return math.sqrt(box[0] * box[1]) * self.typical.scale

    def suited(self, source: Source) -> Views:
        """How a picture is seen whose numbers may be of another kind, as ``View.suited`` says."""
        return replace(self, typical=self.typical.suited(source))

    def suiting(self, marks: Sequence[Mark]) -> Views:
        """The scales that marks ask for: more than one where what is marked differs in size.

        >>> views = Views(View(0.8, 255.0, 3), 40.0)
        >>> def marked(*sides: float) -> Views:
        ...     return views.suiting([Mark("a.png", "object", 0, 0, side, side) for side in sides])
        >>> marked(35, 40, 46, 38, 70).sizes
        (1.0,)
        >>> marked(20, 30, 45, 60, 80).sizes
        (0.4, 0.577, 0.833, 1.2, 1.73, 2.5)
        """
        long = lengths(marks)
        long = long[long > 0] / self.length
        if not _differ(long):
            return replace(self, sizes=(1.0,))
        # few marks hardly show the smallest and the largest: of n drawn from a stretch the ends lie a gap farther
        span = math.log(float(long.max() / long.min()))
        beyond = min(math.exp(span / (len(long) - 1)), BEYOND)
        low, high = float(long.min()) / beyond, float(long.max()) * beyond
        count = 1 + math.ceil(math.log(high / low) / math.log(STEP))
        sizes = [float(f"{size:.3g}") for size in np.geomspace(low, high, count)]
        # the smallest may all be enlarged as much as can be: they share a scale
        apart = {self._scale(size): size for size in sizes}
        return replace(self, sizes=tuple(apart.values()))

    def against(self, long: Floats) -> Floats:
        """How large things are against what each scale suits: (N, scales).

        Args:
            long: (N,) the longer sides of their boxes, in displayed pixels; 0: not known, as that of a typical one.
        """
        found: Floats = np.where(long > 0, long, self.length)[:, None] / (self.length * np.array(self.sizes))
        return found

    def home(self, long: Floats) -> NDArray[np.intp]:
        """Which scale suits things best (N,); ``long`` as in ``against``."""
        found: NDArray[np.intp] = np.abs(np.log(self.against(long))).argmin(axis=1)
        return found


def lengths(marks: Sequence[Mark]) -> Floats:
    """The longer sides of the boxes of marked objects, 0 for a point.

    Of a long thing that is turned, a box's longer side changes less than its area.
    """
    return np.array([longer(mark) for mark in marks if mark.kind == "object"], np.float64)


def longer(mark: Mark) -> float:
    """The longer side of a mark's box, 0 for a point."""
    return max(mark.w or 0.0, mark.h or 0.0)


def _differ(long: Floats) -> bool:
    """Whether things are too different in size for one scale."""
    if not len(long):
        return False
    log = np.sort(np.log(long))
    # without the one that is most unlike the others, which may be a slip of the hand; of many also without some more
    spread = min(log[-1] - log[min(1, len(log) - 1)], log[max(0, len(log) - 2)] - log[0])
    spread = min(spread, float(np.diff(np.quantile(log, COMMON))[0]))
    return bool(spread > math.log(DIFFER) or log[-1] - log[0] > math.log(REACH))
