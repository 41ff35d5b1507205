"""A picture of any size, read a window at a time, so that what is larger than memory can be looked at piece by piece.

TIFF files that can be read in pieces are (uncompressed, or packed with deflate in strips or tiles); everything else is
decoded once and held, up to the limit of `pictures.py`. A window's pixels are those that `read_picture` would give.
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.dataset import Raw
from convlens.data.pictures import Picture, opened, read_picture, reasons
from convlens.data.tiff import is_tiff
from convlens.data.tiff_windows import TiffWindows

Window = tuple[slice, slice]

HELD = 2**24
"""Pixels up to which a TIFF is decoded at once: reading it in pieces would be slower and save nothing."""
REMEDY = "save it as a TIFF, which is read in pieces"
BAND = 2**24
"""Pixels that are in memory at once while a picture is reduced."""


class Source(Protocol):
    """A picture that is read by ``source[y0:y1, x0:x1]``: (C, h, w), cut at its borders as slices are."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def remarks(self) -> tuple[tuple[str, str], ...]: ...

    def __getitem__(self, window: Window) -> Raw: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Whole:
    """A picture in memory."""

    def __init__(self, picture: Picture) -> None:
        self._pixels = picture.pixels
        self.remarks = picture.remarks
        self.shape: tuple[int, int, int] = self._pixels.shape[0], self._pixels.shape[1], self._pixels.shape[2]
        self.dtype: np.dtype[Any] = self._pixels.dtype

    def __getitem__(self, window: Window) -> Raw:
        return self._pixels[:, window[0], window[1]]

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_picture(path: str | Path, held: int = HELD) -> Source:
    """Open a picture for reading by windows.

    Args:
        path: a file; its content decides what it is, not its name.
        held: pixels up to which a TIFF that could be read in pieces is held in memory all the same.

    Returns:
        A source with ``shape`` (C, H, W), ``dtype`` (uint8, uint16 or float32) and ``remarks``; close it after use, or
        open it with ``with``. NaN and infinite pixels are the channel's mean in a picture that is held, and 0 in one
        that is not.

    Raises:
        PictureError: as `read_picture`; also while a window is read.

    >>> import tempfile, tifffile
    >>> name = tempfile.mkdtemp() + "/wide.tif"
    >>> tifffile.imwrite(name, np.arange(12, dtype=np.uint16).reshape(3, 4))
    >>> with open_picture(name) as source:
    ...     source.shape, source[1:3, 2:9].tolist()
    ((1, 3, 4), [[[6, 7], [10, 11]]])
    """
    path = Path(path)
    with reasons(path):
        with opened(path) as file:
            windows = TiffWindows.of(path) if is_tiff(file) else None
        if windows is not None and math.prod(windows.shape[1:]) > held:
            return windows
        if windows is not None:
            windows.close()
    return Whole(read_picture(path, remedy=REMEDY))


def reduced(source: Source, longest: int) -> Raw:
    """A picture shrunk by a whole factor so that no side is longer than ``longest``: means of squares, (C, h, w).

    The last row and column of squares may be narrower; a band of rows is in memory at a time.

    >>> cells = np.arange(0, 32, 2, dtype=np.uint8).reshape(1, 4, 4)
    >>> reduced(Whole(Picture(cells)), 2).tolist()
    [[[5, 9], [21, 25]]]
    """
    channels, height, width = source.shape
    factor = -(-max(height, width) // longest)
    if factor <= 1:
        return np.ascontiguousarray(source[0:height, 0:width])
    small: NDArray[Any] = np.empty((channels, -(-height // factor), -(-width // factor)), source.dtype)
    rows = max(1, BAND // (width * channels * factor))
    for top in range(0, small.shape[1], rows):
        band = source[top * factor : (top + rows) * factor, 0:width]
        for plane, to in zip(band, small, strict=True):
            image = Image.fromarray(np.ascontiguousarray(plane, np.uint8 if plane.dtype == np.uint8 else np.float32))
            piece = np.asarray(image.reduce(factor))
            to[top : top + len(piece)] = np.rint(piece) if source.dtype.kind == "u" else piece
    same: Raw = small
    return same
