"""A film: rectangles, texts, lines and pictures, each seen from one moment to another. Knows neither kernels nor files.

Lengths are units of a canvas, right and down from its corner; moments are steps, which last ``seconds`` each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Run = tuple[str, str]
"""A piece of a text, and its colour."""


@dataclass(frozen=True)
class Rect:
    """A rectangle: corner, size, colour of the inside and of the edge ("" for none); ``dashed`` parts the edge."""

    left: float
    top: float
    width: float
    height: float
    fill: str = ""
    edge: str = ""
    thick: float = 0.0
    dashed: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """A line of text whose capitals are centred on ``y``; ``x`` is its start, middle or end."""

    x: float
    y: float
    runs: tuple[Run, ...]
    size: float
    anchor: str = "middle"
    bold: bool = False

    @property
    def words(self) -> str:
        """The text without its colours."""
        return "".join(words for words, _ in self.runs)


@dataclass(frozen=True)
class Path:
    """Lines from point to point, or the surface that they enclose."""

    points: tuple[Point, ...]
    edge: str = ""
    thick: float = 0.0
    fill: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels (H, W) or (H, W, 3) of uint8, enlarged without smoothing into a rectangle."""

    left: float
    top: float
    width: float
    height: float
    pixels: NDArray[np.uint8]


Shape = Rect | Text | Path | Image


@dataclass(frozen=True)
class Play:
    """A shape, and the moments from which and until which it is seen."""

    shape: Shape
    first: float
    stop: float


@dataclass(frozen=True)
class Film:
    """Shapes that come and go, the later above the earlier.

    Args:
        width, height: of the canvas, in units.
        plays: the shapes.
        first, stop: the moments between which it plays.
        seconds: how long a step lasts.
        title: what is seen, in words, for those who cannot see it.
        still: the moment that stands for all where nothing moves.
    """

    width: float
    height: float
    plays: tuple[Play, ...]
    first: float
    stop: float
    seconds: float
    title: str
    still: float

    @cached_property
    def moments(self) -> tuple[float, ...]:
        """The moments at which something changes, and last the end."""
        found = {self.first, self.stop}
        for play in self.plays:
            found |= {play.first, play.stop}
        return tuple(sorted(moment for moment in found if self.first <= moment <= self.stop))

    def seen(self, moment: float) -> Iterator[Shape]:
        """The shapes that are seen at a moment, from below."""
        return (play.shape for play in self.plays if play.first <= moment < play.stop)

    @property
    def colours(self) -> list[str]:
        """Every colour that is written."""
        found = dict[str, None]()
        for play in self.plays:
            shape = play.shape
            if isinstance(shape, Text):
                found |= dict.fromkeys(colour for _, colour in shape.runs)
            elif not isinstance(shape, Image):
                found |= dict.fromkeys(colour for colour in (shape.fill, shape.edge) if colour)
        return list(found)


@dataclass
class Reel:
    """A film that is being made: shapes are added, by default for the whole time."""

    first: float
    stop: float
    plays: list[Play] = field(default_factory=list)

    def add(self, shape: Shape, first: float | None = None, stop: float | None = None) -> None:
        """Show a shape from one moment to another."""
        begin = self.first if first is None else max(first, self.first)
        end = self.stop if stop is None else min(stop, self.stop)
        if begin < end:
            self.plays.append(Play(shape, round(begin, 4), round(end, 4)))

    def text(self, x: float, y: float, words: str | tuple[Run, ...], size: float, *when: float, **more: Any) -> None:
        """Show a line of text; of one colour where it is no runs: ``colour``."""
        if not words:
            return
        colour = more.pop("colour", "#1f2933")
        runs = ((words, colour),) if isinstance(words, str) else words
        self.add(Text(x, y, runs, size, **more), *when)
