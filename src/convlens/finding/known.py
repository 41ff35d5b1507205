"""What a person said of a picture stands above what is found in it: marked objects are certain, rejected places none.

Only a picture's own marks are looked at here; what they teach of other pictures is in ``learning.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark

Floats = NDArray[np.float64]

TWICE = 2.0
"""How much larger or smaller than a rejected box may be what is rejected with it, where things differ in size."""


@dataclass(frozen=True, eq=False)
class Known:
    """The marks of one picture.

    Args:
        objects: (N, 4) x, y, w, h in displayed pixels: one for each marked object.
        nots: (N, 4) the places that are none.
        complete: (N, 4) the regions in which every object is marked.
        drawn: (N,) which of ``nots`` have a size of their own, and are no points.
    """

    objects: Floats
    nots: Floats
    complete: Floats
    drawn: NDArray[np.bool_]

    @classmethod
    def of(cls, marks: Sequence[Mark], box: tuple[float, float]) -> Known:
        """From marks; a point has the size ``box``, and an object that is marked twice is one.

        >>> marks = [Mark("a.png", "object", 5, 5, 10, 10), Mark("a.png", "object", 12, 10)]
        >>> known = Known.of([*marks, Mark("a.png", "not", 60, 9)], (8, 6))
        >>> known.objects.tolist(), known.nots.tolist()
        ([[5.0, 5.0, 10.0, 10.0]], [[56.0, 6.0, 8.0, 6.0]])
        """
        objects, nots = (boxes([m for m in marks if m.kind == kind], box) for kind in ("object", "not"))
        kept: list[int] = []
        for at, middle in enumerate(middles(objects)):
            if not distances(objects[kept], middle[None])[1].any():
                kept.append(at)
        drawn = np.array([not m.is_point for m in marks if m.kind == "not"], np.bool_)
        return cls(objects[kept], nots, boxes([m for m in marks if m.kind == "complete"], box), drawn)

    def about(self, side: float) -> Known:
        """What is known where things of such a side are: a place was rejected for what is about as large as its box.

        >>> known = Known.of([Mark("a.png", "not", 0, 0, 80, 80), Mark("a.png", "not", 9, 9)], (20, 20))
        >>> [len(known.about(side).nots) for side in (20.0, 60.0)]
        [1, 2]
        """
        off = np.abs(np.log(np.sqrt(self.nots[:, 2:].prod(axis=1)) / side))
        kept = (off < np.log(TWICE)) | ~self.drawn
        return replace(self, nots=self.nots[kept], drawn=self.drawn[kept])

    def free(self, places: Floats) -> NDArray[np.bool_]:
        """Which places (N, 2) the marks say nothing of: at no object, not rejected, in no region that is complete.

        A place belongs to a mark if it lies within half of its smaller side; a rejected one that is nearer to a marked
        object is not rejected.

        >>> known = Known.of([Mark("a.png", "object", 0, 0, 10, 10), Mark("a.png", "not", 20, 0, 10, 10)], (8, 6))
        >>> known.free(np.array([[6.0, 6.0], [24.0, 5.0], [40.0, 5.0]])).tolist()
        [False, False, True]
        """
        to_object, at_object = distances(self.objects, places)
        to_not, at_not = distances(self.nots, places)
        x, y = places.T
        inside = np.zeros(len(places), np.bool_)
        for left, top, width, height in self.complete:
            inside |= (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
        found: NDArray[np.bool_] = ~(at_object | (at_not & (to_not < to_object)) | inside)
        return found


def middles(around: Floats) -> Floats:
    """Centres (N, 2) of boxes (N, 4)."""
    found: Floats = around[:, :2] + around[:, 2:] / 2
    return found


def distances(around: Floats, places: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """How far places (N, 2) are from the middle of the nearest box, and which lie within half a box's smaller side.

    Args:
        around: (M, 4) boxes.
        places: (N, 2).
    """
    nearest, belongs = np.full(len(places), np.inf), np.zeros(len(places), np.bool_)
    # a box at a time: thousands of both would fill the memory
    for middle, size in zip(middles(around), around[:, 2:], strict=True):
        away = np.hypot(*(places - middle).T)
        nearest = np.minimum(nearest, away)
        belongs |= away <= size.min() / 2
    return nearest, belongs


def boxes(marks: Sequence[Mark], size: tuple[float, float]) -> Floats:
    """The boxes (N, 4) x, y, w, h of marks; a point has a size of its own, and lies in the middle."""
    found = np.zeros((len(marks), 4))
    for row, mark in zip(found, marks, strict=True):
        row[2:] = mark.w or size[0], mark.h or size[1]
        row[:2] = np.array(mark.centre) - row[2:] / 2
    return found
