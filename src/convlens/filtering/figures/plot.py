"""Numbers along an axis as stairs: a panel with its scale, a step a cell. Knows no kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .look import FAINT, MUTED, spelled
from .scene import Floats
from .shapes import Path, Point, Rect, Reel

SCALE, SCALES = 15.0, 76.0
"""The size of the letters on a scale, and the room that they take at the left."""
ROOM = 0.06
"""Of a panel's height, what is free above and below its numbers."""


@dataclass(frozen=True)
class Panel:
    """A place for numbers: a cell of the axis is ``cell`` units wide, the first of them is number ``first``."""

    left: float
    top: float
    height: float
    cell: float
    first: int
    cells: int
    low: float
    high: float

    @staticmethod
    def around(values: Floats, left: float, top: float, width: float, height: float, first: int, cells: int) -> Panel:
        """A panel in which some values, and zero, have room."""
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        if low == high:
            low, high = -1.0, 1.0
        room = ROOM * (high - low)
        return Panel(left, top, height, width / cells, first, cells, low - room, high + room)

    @property
    def right(self) -> float:
        return self.left + self.cell * self.cells

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, cell: float) -> float:
        """Where a cell begins."""
        return round(self.left + (cell - self.first) * self.cell, 2)

    def y(self, value: float) -> float:
        """How high a number stands."""
        return round(self.top + self.height * (self.high - value) / (self.high - self.low), 2)

    def stairs(self, values: Sequence[float] | Floats, first: float, apart: int = 1) -> tuple[Point, ...]:
        """The surface between numbers and zero, the first of them over a cell; with gaps where they stand apart."""
        points: list[Point] = []
        for n, value in enumerate(values):
            begin = first + n * apart
            if not n or apart > 1:
                points.append((self.x(begin), self.y(0)))
            points += [(self.x(begin), self.y(value)), (self.x(begin + 1), self.y(value))]
            if n + 1 == len(values) or apart > 1:
                points.append((self.x(begin + 1), self.y(0)))
        return tuple(points)

    def rest(self, cell: float, colour: str) -> Rect:
        """What covers all from a cell on, and a little before, where smooth edges would shine through."""
        begin = self.x(cell) - 1
        return Rect(begin, self.top - 2, self.right - begin + 2, self.height + 4, colour)

    def line(self, reel: Reel) -> None:
        """The line of zero."""
        reel.add(Rect(self.left, self.y(0) - 0.75, self.right - self.left, 1.5, MUTED))

    def ground(self, reel: Reel) -> None:
        """The line of zero, and the scale: the least and the greatest number that are not zero."""
        self.line(reel)
        room = ROOM / (1 + 2 * ROOM) * (self.high - self.low)
        for value in (self.low + room, self.high - room):
            if abs(value) > 1e-9 * (self.high - self.low):
                reel.add(Path(((self.left - 6, self.y(value)), (self.left, self.y(value))), FAINT, 1.5))
                words = spelled(float(np.format_float_positional(value, 3, fractional=False)))
                reel.text(self.left - 10, self.y(value), words, SCALE, colour=MUTED, anchor="end")
        reel.text(self.left - 10, self.y(0), "0", SCALE, colour=MUTED, anchor="end")
