"""A film as frames: pixels of each moment, drawn by Pillow twice as large and reduced, so that edges are smooth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from .shapes import Film, Image, Path, Rect, Shape, Text
from .svg import CAPITAL

FINER = 2
"""Pixels that are drawn for one that is kept, along each axis."""
REGULAR = ("DejaVuSans.ttf", "Verdana.ttf", "segoeui.ttf", "Arial.ttf", "LiberationSans-Regular.ttf")
BOLD = ("DejaVuSans-Bold.ttf", "Verdana_Bold.ttf", "segoeuib.ttf", "Arial_Bold.ttf", "LiberationSans-Bold.ttf")
PLAINER = {
    "−": "-",
    "×": "x",
    "→": "->",
    "⌊": "floor(",
    "⌋": ")",
    "≈": "~",
    "·": "*",
    "⋆": "*",
    "∗": "*",
    "…": "...",
    "–": "-",
}
"""What is written instead where a font has no such letter."""
NONE = "\U0010ffff"
"""A letter that no font has."""

DASHES = (5.0, 4.0)
"""Lengths of a dash and of the gap behind it, in units."""

Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Frame:
    """Pixels of a moment, which of them may differ from the frame before (left, top, right, bottom), and how long."""

    picture: Pillow.Image
    box: Box
    seconds: float


def frames(film: Film, width: int) -> Iterator[Frame]:
    """The frames of a film, so many pixels wide: one for each time between changes."""
    canvas = _Canvas(film, width)
    for begin, stop in pairwise(film.moments):
        box = canvas.go(begin)
        yield Frame(canvas.picture, box, (stop - begin) * film.seconds)


def still(film: Film, width: int, moment: float | None = None) -> Pillow.Image:
    """What is seen at a moment, by default the film's still."""
    canvas = _Canvas(film, width)
    canvas.go(film.still if moment is None else moment)
    return canvas.picture


class _Canvas:
    """A picture of which only that is drawn anew what has changed since the moment before."""

    def __init__(self, film: Film, width: int) -> None:
        # whole pixels, and an even number of them, as videos want
        self.size = width - width % 2, max(2, 2 * round(width * film.height / film.width / 2))
        self.picture = Pillow.new("RGB", self.size, "white")
        self._scale = FINER * self.size[0] / film.width
        self._shapes = [play.shape for play in film.plays]
        self._boxes = np.array([_box(shape, self._scale) for shape in self._shapes], np.int64)
        self._firsts, self._stops = (
            np.array([getattr(play, name) for play in film.plays]) for name in ("first", "stop")
        )
        self._seen = np.zeros(len(self._shapes), bool)

    def go(self, moment: float) -> Box:
        """Go to a moment; returns what of the picture may have changed."""
        seen = (self._firsts <= moment) & (moment < self._stops)
        changed, self._seen = self._boxes[seen != self._seen], seen
        if not len(changed):
            return 0, 0, 0, 0
        left, top = (max(0, int(changed[:, n].min()) // FINER) for n in (0, 1))
        right, bottom = (min(-(-int(changed[:, n + 2].max()) // FINER), self.size[n]) for n in (0, 1))
        if left >= right or top >= bottom:
            return 0, 0, 0, 0
        self._renew((left, top, right, bottom))
        return left, top, right, bottom

    def _renew(self, box: Box) -> None:
        """Draw a part of the picture, given in its own pixels."""
        left, top, right, bottom = (FINER * edge for edge in box)
        pen = _Pen(Pillow.new("RGB", (right - left, bottom - top), "white"), self._scale, left, top)
        lefts, tops, rights, bottoms = self._boxes.T
        there = self._seen & (lefts < right) & (tops < bottom) & (rights > left) & (bottoms > top)
        for n in np.flatnonzero(there):
            pen.draw(self._shapes[n])
        self.picture = self.picture.copy()
        self.picture.paste(pen.picture.reduce(FINER), box[:2])


def _box(shape: Shape, scale: float) -> Box:
    """Left, top, right and bottom of all that a shape may touch, in pixels that are drawn."""
    if isinstance(shape, Text):
        size = shape.size * scale
        length = sum(_stamp(words, max(1, round(size)), shape.bold).advance for words in _words(shape))
        left = shape.x * scale - _before(shape, length)
        xs, ys, more = (left, left + length), (shape.y * scale, shape.y * scale), size
    elif isinstance(shape, Path):
        xs, ys = tuple(x * scale for x, _ in shape.points), tuple(y * scale for _, y in shape.points)  # type: ignore[assignment]
        more = shape.thick * scale
    else:
        xs, ys = (
            (begin * scale, (begin + size) * scale)
            for begin, size in ((shape.left, shape.width), (shape.top, shape.height))
        )
        more = (shape.thick if isinstance(shape, Rect) else 0.0) * scale
    low, high = math.floor, math.ceil
    return low(min(xs) - more) - 2, low(min(ys) - more) - 2, high(max(xs) + more) + 2, high(max(ys) + more) + 2


class _Pen:
    """Draws shapes on a part of the canvas, whose corner lies at ``left`` and ``top`` of the whole."""

    def __init__(self, picture: Pillow.Image, scale: float, left: int, top: int) -> None:
        self.picture, self.scale, self.left, self.top = picture, scale, left, top
        self._lines = ImageDraw.Draw(picture)

    def draw(self, shape: Shape) -> None:
        """Draw a shape above what is there."""
        if isinstance(shape, Rect):
            self._rect(shape)
        elif isinstance(shape, Text):
            self._text(shape)
        elif isinstance(shape, Path):
            self._path(shape)
        else:
            self._image(shape)

    def _place(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self.scale) - self.left, round(y * self.scale) - self.top

    def _rect(self, rect: Rect) -> None:
        left, top = self._place(rect.left, rect.top)
        right, bottom = self._place(rect.left + rect.width, rect.top + rect.height)
        if rect.fill and rect.opacity < 1:
            self._veil([(left, top), (right, top), (right, bottom), (left, bottom)], rect.fill, rect.opacity)
        elif rect.fill:
            # thinner than a pixel is still to be seen
            self._lines.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), rect.fill)
        if rect.edge and rect.dashed:
            stamp = _dashes(right - left, bottom - top, max(1, round(rect.thick * self.scale)), self.scale)
            self._stamped(stamp, left, top, rect.edge)
        elif rect.edge:  # half of the line lies on either side, as in SVG
            thick = max(1, round(rect.thick * self.scale))
            half = thick // 2
            box = left - half, top - half, right - 1 + half, bottom - 1 + half
            self._lines.rectangle(box, outline=rect.edge, width=thick)

    def _veil(self, points: list[tuple[float, float]], colour: str, opacity: float) -> None:
        """A surface through which one sees what lies below."""
        mask = Pillow.new("L", self.picture.size)
        ImageDraw.Draw(mask).polygon(points, round(255 * opacity))
        self.picture.paste(colour, (0, 0, *self.picture.size), mask)

    def _path(self, path: Path) -> None:
        points = [(x * self.scale - self.left, y * self.scale - self.top) for x, y in path.points]
        if path.fill and path.opacity < 1:
            self._veil(points, path.fill, path.opacity)
        elif path.fill:
            self._lines.polygon(points, path.fill)
        if path.edge:
            self._lines.line(points, path.edge, max(1, round(path.thick * self.scale)), "curve")

    def _image(self, image: Image) -> None:
        left, top = self._place(image.left, image.top)
        right, bottom = self._place(image.left + image.width, image.top + image.height)
        whole = Pillow.fromarray(image.pixels).convert("RGB")
        self.picture.paste(whole.resize((right - left, bottom - top), Pillow.Resampling.NEAREST), (left, top))

    def _text(self, text: Text) -> None:
        stamps = [_stamp(words, max(1, round(text.size * self.scale)), text.bold) for words in _words(text)]
        x = text.x * self.scale - _before(text, sum(stamp.advance for stamp in stamps)) - self.left
        y = (text.y + CAPITAL * text.size) * self.scale - self.top
        for stamp, (_, colour) in zip(stamps, text.runs, strict=True):
            self._stamped(stamp, round(x), round(y), colour)
            x += stamp.advance

    def _stamped(self, stamp: _Stamp, x: int, y: int, colour: str) -> None:
        left, top = x + stamp.left, y + stamp.top
        self.picture.paste(colour, (left, top, left + stamp.mask.width, top + stamp.mask.height), stamp.mask)


# ---- what is drawn often ----


@dataclass(frozen=True, eq=False)
class _Stamp:
    """A mask, where it lies from the point at which it is put, and for words where they end."""

    mask: Pillow.Image
    left: int
    top: int
    advance: float


@lru_cache(64)
def _dashes(width: int, height: int, thick: int, scale: float) -> _Stamp:
    """The edge of a rectangle, each side dashed from its corner on."""
    mask = Pillow.new("L", (width + thick, height + thick))
    draw = ImageDraw.Draw(mask)
    dash, every = DASHES[0] * scale, sum(DASHES) * scale
    for length, across, flat in ((width, height, True), (height, width, False)):
        for n in range(math.ceil(length / every)):
            first, last = round(n * every), round(min(length, n * every + dash))
            for at in (0, across):
                box = (first, at, last, at + thick - 1) if flat else (at, first, at + thick - 1, last)
                draw.rectangle(box, 255)
    return _Stamp(mask, -thick // 2, -thick // 2, 0.0)


@lru_cache(4096)
def _stamp(words: str, size: int, bold: bool) -> _Stamp:
    font = _font(size, bold)
    left, top, right, bottom = (math.floor(edge) for edge in font.getbbox(words, anchor="ls"))
    mask = Pillow.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(mask).text((-left, -top), words, 255, font, anchor="ls")
    return _Stamp(mask, left, top, font.getlength(words))


def _words(text: Text) -> list[str]:
    """The runs' words in letters that the font has."""
    return ["".join(_letter(letter, text.bold) for letter in words) for words, _ in text.runs]


def _before(text: Text, length: float) -> float:
    """How much of a text lies before its place."""
    return {"start": 0.0, "middle": length / 2, "end": length}[text.anchor]


@cache
def _font(size: int, bold: bool) -> Font:
    for name in BOLD if bold else REGULAR:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


@cache
def _letter(letter: str, bold: bool) -> str:
    """The letter, or what stands for it in a font that has none such."""
    if letter not in PLAINER:
        return letter
    font = _font(32, bold)
    mask, none = font.getmask(letter), font.getmask(NONE)
    return PLAINER[letter] if mask.size == none.size and bytes(mask) == bytes(none) else letter
