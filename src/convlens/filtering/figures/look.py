"""How figures look: colours that stay apart for every eye, sizes, and numbers as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from .shapes import Point, Rect

INK, MUTED, FAINT, PAPER = "#1f2933", "#5f6c7b", "#d5dbe1", "#ffffff"


@dataclass(frozen=True)
class Hue:
    """One meaning's colour: pale for cells, strong for those that count now, dark for letters on white."""

    pale: str
    strong: str
    dark: str


# blue, orange and bluish green of Okabe and Ito, chosen for colour-blind readers; lighter in cells
INPUT = Hue("#dcebf8", "#8fc3f0", "#0b5b98")
KERNEL = Hue("#fdebc8", "#f6c052", "#945600")
OUTPUT = Hue("#d3efe4", "#4dbd8c", "#00694d")
PRODUCT = Hue("#f2f4f6", "#e4e8ec", "#1f2933")
RED = Hue("#fbe0da", "#ef9f8f", "#a3301c")
GREEN = Hue("#e6f1d4", "#b4d67c", "#4a6a10")
CHANNELS = {3: (RED, GREEN, INPUT)}
"""Of a colour picture; the channels of anything else are all blue."""

WIDTH = 1280.0
MARGIN = 44.0
LETTER, BOLD = 0.64, 1.1
"""Width of a digit over its size, and by how much bold ones are wider."""
WIDTHS = dict.fromkeys("−×+=≈→", 0.84) | dict.fromkeys("./·() ,:", 0.36)
"""Of letters that are wider and narrower."""


def hues(channels: int) -> tuple[Hue, ...]:
    """A colour for each channel."""
    return CHANNELS.get(channels, (INPUT,) * channels)


def channel_names(channels: int) -> tuple[str, ...]:
    """What each channel is called.

    >>> channel_names(3), channel_names(2)
    (('red', 'green', 'blue'), ('channel 1', 'channel 2'))
    """
    return ("red", "green", "blue") if channels == 3 else tuple(f"channel {n + 1}" for n in range(channels))


# ---- numbers ----


def spelled(value: float) -> str:
    """A number as it is written in a cell: whole numbers whole, others with three digits, or three decimals.

    >>> [spelled(value) for value in (-12.0, 1.23456, 0.0816, 12345.678, -0.0, 0.00012, 1e-9)]
    ['−12', '1.23', '0.082', '12346', '0', '0.0001', '1e−9']
    """
    size = abs(value)
    if value == int(value) and size < 1e6:
        return f"{int(value)}".replace("-", "−")
    if 1e3 <= size < 1e6:
        text = f"{value:.0f}"
    elif size >= 1 or size < 5e-4:
        text = f"{value:.3g}" if size >= 1 else f"{value:.1g}"
    else:
        text = f"{value:.3f}".rstrip("0")
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


def tap(value: float) -> str:
    """A tap, as a fraction where it is a simple one.

    >>> tap(1 / 9), tap(-2.0), tap(0.0625), tap(0.1234)
    ('1/9', '−2', '1/16', '0.123')
    """
    near = Fraction(value).limit_denominator(64)
    if near.denominator > 1 and abs(float(near) - value) < 1e-12:
        return str(near).replace("-", "−")
    return spelled(value)


def equals(products: Iterable[Sequence[str]], total: str) -> str:
    """The sign between products, added up, and a total, all as they are written: ``=`` only where that is so.

    >>> equals([("8", "1/9"), ("1", "1/9")], "1"), equals([("1", "1/3")], "0.333"), equals([("−2",), ("5",)], "3")
    ('=', '≈', '=')
    """
    left = sum((prod(map(_fraction, factors)) for factors in products), Fraction())
    return "=" if left == _fraction(total) else "≈"


def _fraction(word: str) -> Fraction:
    return Fraction(word.replace("−", "-"))


def factor(word: str) -> str:
    """A number behind a multiplication sign: signs stand in brackets.

    >>> factor("3"), factor("−3"), factor("1/9")
    ('3', '(−3)', '1/9')
    """
    return f"({word})" if word.startswith("−") else word


def wide(words: str, size: float, bold: bool = False) -> float:
    """About how wide a text is, at most: in DejaVu Sans, the widest of the fonts that are used."""
    return size * (BOLD if bold else 1.0) * sum(WIDTHS.get(letter, LETTER) for letter in words)


def fitting(words: Iterable[str], width: float, most: float, least: float = 9.0, bold: bool = False) -> float:
    """The size at which the widest of some texts fits into a width, from the least to the most that is wanted."""
    widest = max((wide(word, 1.0, bold) for word in words), default=0.0) or 1.0
    return max(least, min(most, width / widest))


# ---- grids ----


@dataclass(frozen=True)
class Grid:
    """Square cells in rows and columns, from a corner on; columns may stand further apart than cells are wide."""

    left: float
    top: float
    cell: float
    rows: int
    columns: int
    apart: int = 1

    @property
    def right(self) -> float:
        return self.left + ((self.columns - 1) * self.apart + 1) * self.cell

    @property
    def bottom(self) -> float:
        return self.top + self.rows * self.cell

    def box(self, row: float, column: float, rows: float = 1, columns: float = 1) -> tuple[float, float, float, float]:
        """Left, top, width and height of some cells."""
        return (
            round(self.left + column * self.apart * self.cell, 2),
            round(self.top + row * self.cell, 2),
            round(columns * self.cell, 2),
            round(rows * self.cell, 2),
        )

    def middle(self, row: float, column: float) -> Point:
        """The middle of a cell."""
        return round(self.left + (column * self.apart + 0.5) * self.cell, 2), round(
            self.top + (row + 0.5) * self.cell, 2
        )

    def rect(self, row: int, column: int, fill: str) -> Rect:
        """A cell, filled."""
        return Rect(*self.box(row, column), fill, PAPER, 2.0)

    def hollow(self, row: int, column: int, edge: str) -> Rect:
        """A cell with nothing in it."""
        left, top, width, height = self.box(row, column)
        return Rect(left + 2, top + 2, width - 4, height - 4, PAPER, edge, 1.5, dashed=True)
