"""Pictures at the working scale: the size at which every object is about as large as the network expects.

Resampling, units and the cutting of large pictures into blocks live here; nothing here knows of marks or networks.

However a picture is cut, a place has the same pixels to the last bit: a working pixel is a whole number of 64ths of a
displayed one wide, so that where it lies is exact in any block, and blocks begin at multiples of GRID.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data import Source
from convlens.engine import cores, share_out

Floats = NDArray[np.float32]

SIZE = 32.0
"""Pixels that the side of a typical object has at the working scale; 28 to 36 found more than 22."""
USUAL = (28.0, 36.0)
"""What it may be as well, so that a working pixel is a whole number of displayed ones wide: exact, and sooner made."""
ENLARGED = 2.0
"""A picture is enlarged at most this often: beyond, there is nothing more to see."""
PARTS = 64
"""A working pixel's width is a multiple of this part of a displayed pixel's; of many displayed ones, a whole number."""
BLOCK = 3072
"""Working pixels of a block's side at most: what is worked on at once where a picture is larger than two of them."""
GRID = 8
"""Of blocks: a multiple of the network's stride and of the squares that templates see."""
MARGIN = 128
"""Working pixels around a block that are seen with it: more than what decides over a place reaches.

The network sees 24, templates 32 at most; which of some near peaks stay is asked up to 80 from each (``peaks.py``), of
which the network sees its 24 again.
"""

BYTES = 255.0
"""What is white in bytes."""
BAND, BANDS = 2**24, 256
"""Numbers that are read at once where a whole picture is looked through, and its rows: a multiple of usual tiles'."""
ROWS = 128
"""Working pixels of a column that a core resamples at once, about: what is made on the way stays in a cache."""


@dataclass(frozen=True)
class Block:
    """A part of a picture, in working pixels: rows y0 to y1, columns x0 to x1."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def area(self) -> int:
        """Of the part, in working pixels."""
        return (self.y1 - self.y0) * (self.x1 - self.x0)


@dataclass(frozen=True, eq=False)
class Canvas:
    """A block of a picture at the working scale, with its margin.

    Args:
        pixels: (C, H, W), black at -2 and white at 2.
        block: what it shows but for the margin.
        origin: x, y of its first pixel, in working pixels of the picture.
        step: displayed pixels a working pixel.
    """

    pixels: Floats
    block: Block
    origin: tuple[int, int]
    step: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in working pixels, margin included."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def inward(self, displayed: NDArray[np.floating[Any]]) -> Floats:
        """Places (N, 2) x, y in displayed pixels as indices of this canvas' pixels; the edge of a picture is 0."""
        found: Floats = (displayed / self.step - 0.5 - np.array(self.origin)).astype(np.float32)
        return found

    def outward(self, places: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The converse of ``inward``."""
        found: NDArray[np.float64] = (places.astype(np.float64) + (0.5 + np.array(self.origin))) * self.step
        return found

    def owns(self, places: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Which places (N, 2), in this canvas' pixels, lie in its block, not in the margin."""
        x, y = (places + np.array(self.origin)).T
        b = self.block
        found: NDArray[np.bool_] = (x >= b.x0 - 0.5) & (x < b.x1 - 0.5) & (y >= b.y0 - 0.5) & (y < b.y1 - 0.5)
        return found


@dataclass(frozen=True)
class View:
    """How pictures are seen.

    Args:
        scale: working pixels a displayed pixel.
        white: the number that is white.
        channels: of the network.
    """

    scale: float
    white: float
    channels: int

    @property
    def step(self) -> float:
        """Displayed pixels a working pixel."""
        return step_of(1 / self.scale)

    def suited(self, source: Source) -> View:
        """How a picture is seen whose numbers may be of another kind: bytes among sixteen bits have their own white."""
        if (self.white == BYTES) == (source.dtype == np.uint8):
            return self
        return replace(self, white=full_range(source))

    def size(self, source: Source) -> tuple[int, int]:
        """Height and width of a picture in working pixels; the last ones may reach beyond it."""
        _, height, width = source.shape
        return math.ceil(height / self.step), math.ceil(width / self.step)

    def blocks(self, source: Source) -> Iterator[Block]:
        """The blocks of a picture, row by row: about as large as each other."""
        rows, columns = (_cut(size) for size in self.size(source))
        for y0, y1 in rows:
            for x0, x1 in columns:
                yield Block(y0, x0, y1, x1)

    def searched(self, source: Source) -> list[Block]:
        """The blocks in which a picture is searched: one where it is no larger than two, for margins are seen twice."""
        high, wide = self.size(source)
        return [Block(0, 0, high, wide)] if high * wide <= 2 * BLOCK**2 else list(self.blocks(source))

    def canvas(self, source: Source, block: Block) -> Canvas:
        """Read a block and resample it: means of areas where it shrinks, linear where it grows."""
        high, wide = self.size(source)
        y0, x0 = max(0, block.y0 - MARGIN), max(0, block.x0 - MARGIN)
        y1, x1 = min(high, block.y1 + MARGIN), min(wide, block.x1 + MARGIN)
        pixels = np.empty((self.channels, y1 - y0, x1 - x0), np.float32)
        # a band at a time: where pictures shrink, what is read is many times as large as what is made of it
        many = int(BAND / (source.shape[0] * (x1 - x0) * self.step**2))
        for top, stop in _evenly(y0, y1, max(many, GRID)):
            band = _Band.read(source, Block(top, x0, stop, x1), self)
            parts = _evenly(top, stop, ROWS)

            def run(n: int, band: _Band = band, parts: list[tuple[int, int]] = parts) -> None:
                first, end = parts[n]
                cells = pixels[:, first - y0 : end - y0]
                band.resample(first, end, cells)
                cells -= np.float32(self.white / 2)
                cells *= np.float32(4 / self.white)

            share_out(run, len(parts), cores())
        return Canvas(pixels, block, (x0, y0), self.step)

    def canvases(self, source: Source) -> Iterator[Canvas]:
        """The canvases of a picture that is searched, the next one prepared while one is looked at."""
        with ThreadPoolExecutor(1) as beside:
            coming: Future[Canvas] | None = None
            for block in self.searched(source):
                now, coming = coming, beside.submit(self.canvas, source, block)
                if now is not None:
                    yield now.result()
            if coming is not None:
                yield coming.result()


def _cut(size: int) -> list[tuple[int, int]]:
    """Where as few pieces as BLOCK allows begin and end.

    >>> _cut(4000)
    [(0, 2000), (2000, 4000)]
    """
    each = -(-size // (-(-size // BLOCK) * GRID)) * GRID
    return [(start, min(size, start + each)) for start in range(0, size, each)]


def _evenly(first: int, end: int, size: int) -> list[tuple[int, int]]:
    """Where pieces of a size, or somewhat more, begin and end.

    >>> _evenly(10, 110, 40), _evenly(0, 30, 40)
    ([(10, 60), (60, 110)], [(0, 30)])
    """
    parts = max(1, (end - first) // size)
    ends = [first + n * (end - first) // parts for n in range(parts + 1)]
    return list(pairwise(ends))


def step_of(wanted: float) -> float:
    """Displayed pixels a working pixel, about as many as wanted: a number whose multiples are exact.

    >>> step_of(2.0), step_of(1.52), step_of(333.3)
    (2.0, 1.515625, 333.0)
    """
    return round(wanted * PARTS) / PARTS if wanted < PARTS else float(round(wanted))


def working_scale(side: float) -> float:
    """Working pixels a displayed pixel, for objects whose sides are typically ``side`` displayed pixels.

    >>> working_scale(64.0), working_scale(35.0), working_scale(40.0), working_scale(8.0)
    (0.5, 1.0, 0.8, 2.0)
    """
    whole = max(1, round(side / SIZE))
    if USUAL[0] <= side / whole <= USUAL[1]:
        return 1 / whole
    return 1 / step_of(max(side / SIZE, 1 / ENLARGED))


def full_range(source: Source) -> float:
    """What counts as white: 255 in bytes, else the largest number, for cameras rarely fill 16 bits.

    It is read in bands, bytes not at all.

    >>> from convlens.data.pictures import Picture
    >>> from convlens.data.source import Whole
    >>> full_range(Whole(Picture(np.full((1, 2, 2), 4095, np.uint16))))
    4095.0
    """
    if source.dtype == np.uint8:
        return BYTES
    channels, height, width = source.shape
    rows = max(BANDS, BAND // (channels * width) // BANDS * BANDS)
    white = 1e-6
    for top in range(0, height, rows):
        band = source[top : top + rows, 0:width]
        white = max(white, float(band.max()), -float(band.min()))
    return white


def conformed(planes: NDArray[Any], channels: int) -> NDArray[Any]:
    """Planes (C, H, W) with as many channels as wanted: grey is repeated, red, green and blue give their mean.

    Raises:
        ValueError: neither is the case; what other channels show is not known here.
    """
    if len(planes) == channels:
        return planes
    if len(planes) == 1:
        return np.repeat(planes, channels, axis=0)
    if channels == 1 and len(planes) == 3:
        grey: NDArray[Any] = planes.mean(axis=0, keepdims=True).astype(planes.dtype)
        return grey
    few = f"{len(planes)} channel{'' if len(planes) == 1 else 's'}"
    raise ValueError(f"it has {few}, and the finder learned from pictures of {channels}; mark some in one like it")


def _span(first: int, stop: int, step: float, size: int) -> tuple[slice, float, float]:
    """The displayed pixels under working pixels, with two beside for the filter, and where they begin and end there."""
    low, high = first * step, stop * step
    start, end = max(0, int(low) - 2), min(size, math.ceil(high) + 2)
    return slice(start, end), low - start, high - start


def _resized(planes: NDArray[Any], box: tuple[float, float, float, float], into: Floats) -> None:
    """Planes resampled from a box (left, top, right, bottom), in their own numbers, written into (C, h, w)."""
    left, top, right, bottom = box
    size = into.shape[1:]
    if bottom - top == size[0]:
        into[:] = planes[:, int(top) : int(bottom), int(left) : int(right)]
        return
    shrinks = bottom - top > size[0]
    way = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR

    def resized(image: Image.Image) -> NDArray[Any]:
        # along the rows first, and bytes are rounded in between: in one go Pillow takes the order that suits the size
        rows = image.resize((size[1], image.height), way, (left, 0, right, image.height))
        return np.asarray(rows.resize((size[1], size[0]), way, (0, top, size[1], bottom)))

    if planes.dtype == np.uint8 and len(planes) == 3:
        into[:] = resized(Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))).transpose(2, 0, 1)
        return
    for plane, to in zip(planes, into, strict=True):
        to[:] = resized(Image.fromarray(np.ascontiguousarray(plane, np.float32)))


@dataclass(frozen=True, eq=False)
class _Band:
    """Rows of a picture that are read at once and resampled a few at a time.

    Args:
        planes: (C, h, w) displayed pixels, with what the filter sees beside.
        first: the picture's row that is their first one.
        height: of the picture.
        columns: where the working pixels begin and end in a row of ``planes``.
        stop: the working row past the last one.
        step: displayed pixels a working pixel.
    """

    planes: NDArray[Any]
    first: int
    height: int
    columns: tuple[float, float]
    stop: int
    step: float

    @classmethod
    def read(cls, source: Source, window: Block, view: View) -> _Band:
        """Those under working pixels."""
        _, height, width = source.shape
        rows, _, _ = _span(window.y0, window.y1, view.step, height)
        columns, left, right = _span(window.x0, window.x1, view.step, width)
        planes = conformed(source[rows, columns], view.channels)
        if (beside := math.ceil(right) - planes.shape[2]) > 0:
            planes = np.pad(planes, ((0, 0), (0, 0), (0, beside)), mode="edge")
        return cls(planes, rows.start, height, (left, right), window.y1, view.step)

    def resample(self, start: int, stop: int, into: Floats) -> None:
        """Write the working rows from ``start`` to ``stop`` into (C, h, w), in the picture's own numbers."""
        rows, top, bottom = _span(start, stop, self.step, self.height)
        planes = self.planes[:, rows.start - self.first : rows.stop - self.first]
        if (below := math.ceil(bottom) - planes.shape[1]) > 0:
            planes = np.pad(planes, ((0, 0), (0, below), (0, 0)), mode="edge")
        left, right = self.columns
        _resized(planes, (left, top, right, bottom), into)
