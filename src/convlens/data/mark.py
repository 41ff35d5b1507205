"""One mark: what a person said of one place in one picture.

An ``object`` is one of those that are sought, a ``not`` a place that is none, and a ``complete`` region one in which
every object is marked; elsewhere unmarked means unknown, not absent. A mark that exists is well formed; whether it
lies in its picture is asked in ``marks_check.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from convlens.data.errors import DataError

Kind = Literal["object", "not", "complete"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TOLD = 10  # sentences that an error holds; the rest is counted


class MarksError(DataError):
    """Marks that cannot be used: ``sentences`` has one for each thing to mend, with file, line and value."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        told = list(self.sentences[:TOLD])
        if len(self.sentences) > TOLD:
            told.append(f"and {len(self.sentences) - TOLD:,} more like these")
        super().__init__("\n".join(told))


@dataclass(frozen=True)
class Mark:
    """A box or a point in a picture.

    Args:
        image: the picture's name, as a path or the end of one.
        kind: ``"object"``, ``"not"`` or ``"complete"``.
        x, y: top left corner in pixels of the upright picture, as it is displayed; of a point, the place itself.
        w, h: size in pixels; None for a point.
        where: the file and line that it was read from, for errors; no part of its value.

    Raises:
        MarksError: it is not well formed.

    >>> Mark("coins.png", "object", 10, 20, 30, 40).centre
    (25.0, 40.0)
    >>> Mark("coins.png", "complete", 10, 20)
    Traceback (most recent call last):
        ...
    convlens.data.mark.MarksError: the mark at 10, 20 of coins.png is a complete region without a size; give its w and h
    """

    image: str
    kind: Kind
    x: float
    y: float
    w: float | None = None
    h: float | None = None
    where: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        wrong = self._wrong()
        if wrong:
            raise MarksError([f"{self.place} {wrong}"])

    def _wrong(self) -> str:
        if not self.image:
            return "names no picture"
        if self.kind not in KINDS:
            return f"is of kind {self.kind!r}; there are {', '.join(KINDS)}"
        for name, value in (("x", self.x), ("y", self.y), ("w", self.w), ("h", self.h)):
            if value is not None and not math.isfinite(value):
                return f"has {name} = {value}, which is no number to measure with"
        if (self.w is None) != (self.h is None):
            return f"has {'h but no w' if self.w is None else 'w but no h'}; give both for a box, none for a point"
        if self.w is None or self.h is None:
            return "is a complete region without a size; give its w and h" if self.kind == "complete" else ""
        if self.w <= 0 or self.h <= 0:
            return f"has the size {self.w:g} x {self.h:g}; a box needs more than 0 x 0 pixels, a point none"
        return ""

    @property
    def place(self) -> str:
        """How an error names this mark."""
        return f"{self.where}: the mark" if self.where else f"the mark at {self.x:g}, {self.y:g} of {self.image}"

    @property
    def cells(self) -> tuple[str, Kind, float, float, float | None, float | None]:
        """Its value as a row: image, kind, x, y, w, h."""
        return self.image, self.kind, self.x, self.y, self.w, self.h

    @property
    def is_point(self) -> bool:
        return self.w is None

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of its middle."""
        return self.x + (self.w or 0) / 2, self.y + (self.h or 0) / 2


def number(text: str) -> str:
    """Shorten a number's text as Python wrote it: a whole one needs no point.

    >>> number("12.0"), number("12.5")
    ('12', '12.5')
    """
    return text.removesuffix(".0")
