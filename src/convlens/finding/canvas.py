"""Pictures at the working scale: the size at which every object is about as large as the network expects.

Resampling, units and the cutting of large pictures into blocks live here; nothing here knows of marks or networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data import Source

Floats = NDArray[np.float32]

SIZE = 32.0
"""Pixels that the side of a typical object has at the working scale; 28 to 36 found more than 22."""
ENLARGED = 2.0
"""A picture is enlarged at most this often: beyond, there is nothing more to see."""
BLOCK = 2048
"""Working pixels of a block's side: what is worked on at once, whatever the picture's size."""
MARGIN = 64
"""Working pixels around a block that are seen with it: more than the network or a template reaches."""

BAND, BANDS = 2**24, 256
"""Numbers that are read at once where a whole picture is looked through, and its rows: a multiple of usual tiles'."""


@dataclass(frozen=True)
class Block:
    """A part of a picture, in working pixels: rows y0 to y1, columns x0 to x1."""

    y0: int
    x0: int
    y1: int
    x1: int


@dataclass(frozen=True, eq=False)
class Canvas:
    """A block of a picture at the working scale, with its margin.

    Args:
        pixels: (C, H, W), black at -2 and white at 2.
        block: what it shows but for the margin.
        origin: x, y of its first pixel, in working pixels of the picture.
        scale: working pixels a displayed pixel, along x and along y.
    """

    pixels: Floats
    block: Block
    origin: tuple[int, int]
    scale: tuple[float, float]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in working pixels, margin included."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def inward(self, displayed: NDArray[np.floating[Any]]) -> Floats:
        """Places (N, 2) x, y in displayed pixels as indices of this canvas' pixels; the edge of a picture is 0."""
        found: Floats = (displayed * np.array(self.scale) - 0.5 - np.array(self.origin)).astype(np.float32)
        return found

    def outward(self, places: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The converse of ``inward``."""
        found: NDArray[np.float64] = (places.astype(np.float64) + 0.5 + np.array(self.origin)) / np.array(self.scale)
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

    def size(self, source: Source) -> tuple[int, int]:
        """Height and width of a picture in working pixels, at least 1."""
        _, height, width = source.shape
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def blocks(self, source: Source) -> Iterator[Block]:
        """The blocks of a picture, row by row."""
        height, width = self.size(source)
        for y in range(0, height, BLOCK):
            for x in range(0, width, BLOCK):
                yield Block(y, x, min(height, y + BLOCK), min(width, x + BLOCK))

    def canvas(self, source: Source, block: Block) -> Canvas:
        """Read a block and resample it: means of areas where it shrinks, linear where it grows."""
        _, height, width = source.shape
        high, wide = self.size(source)
        y0, x0 = max(0, block.y0 - MARGIN), max(0, block.x0 - MARGIN)
        y1, x1 = min(high, block.y1 + MARGIN), min(wide, block.x1 + MARGIN)
        rows, top, bottom = _span(y0, y1, height / high, height)
        columns, left, right = _span(x0, x1, width / wide, width)
        planes = conformed(source[rows, columns], self.channels)
        box = (left, top, right, bottom)
        resized = _resized(planes, (y1 - y0, x1 - x0), box)
        pixels = (resized - np.float32(self.white / 2)) * np.float32(4 / self.white)
        return Canvas(np.ascontiguousarray(pixels, np.float32), block, (x0, y0), (wide / width, high / height))


def working_scale(side: float) -> float:
    """Working pixels a displayed pixel, for objects whose sides are typically ``side`` displayed pixels.

    >>> working_scale(64.0), working_scale(8.0)
    (0.5, 2.0)
    """
    return min(SIZE / max(side, 1.0), ENLARGED)


def full_range(source: Source) -> float:
    """What counts as white: 255 in bytes, else the largest number, for cameras rarely fill 16 bits.

    It is read in bands, bytes not at all.

    >>> from convlens.data.pictures import Picture
    >>> from convlens.data.source import Whole
    >>> full_range(Whole(Picture(np.full((1, 2, 2), 4095, np.uint16))))
    4095.0
    """
    if source.dtype == np.uint8:
        return 255.0
    channels, height, width = source.shape
    rows = max(BANDS, BAND // (channels * width) // BANDS * BANDS)
    white = 1e-6
    for top in range(0, height, rows):
        band = source[top : top + rows, 0:width]
        white = max(white, float(band.max()), -float(band.min()))
    return white


def conformed(planes: NDArray[Any], channels: int) -> NDArray[Any]:
    """Planes (C, H, W) with as many channels as wanted: grey is repeated, colours give their mean.

    Raises:
        ValueError: neither helps.
    """
    if len(planes) == channels:
        return planes
    if len(planes) == 1:
        return np.repeat(planes, channels, axis=0)
    if channels == 1:
        grey: NDArray[Any] = planes.mean(axis=0, keepdims=True).astype(planes.dtype)
        return grey
    raise ValueError(f"it has {len(planes)} channels, and the finder learned from pictures of {channels}")


def _span(first: int, stop: int, ratio: float, size: int) -> tuple[slice, float, float]:
    """The displayed pixels under working pixels, with two beside for the filter, and where they begin and end there."""
    low, high = first * ratio, min(stop * ratio, size)
    start, end = max(0, int(low) - 2), min(size, int(np.ceil(high)) + 2)
    return slice(start, end), low - start, high - start


def _resized(planes: NDArray[Any], size: tuple[int, int], box: tuple[float, float, float, float]) -> Floats:
    height, width = size
    shrinks = height < box[3] - box[1] or width < box[2] - box[0]
    way = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    if planes.dtype == np.uint8 and len(planes) == 3:
        image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
        return np.asarray(image.resize((width, height), way, box)).transpose(2, 0, 1).astype(np.float32)
    found = np.empty((len(planes), height, width), np.float32)
    for plane, to in zip(planes, found, strict=True):
        to[:] = np.asarray(Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize((width, height), way, box))
    return found
