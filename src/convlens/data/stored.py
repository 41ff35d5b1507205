"""Arrays that stay on the disk and are read a box at a time: what they have in common, and those that lie in one row.

A box is a slice an axis, with a step of 1. Whatever has a shape, a type and boxes will do: memory maps, Zarr arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.data.pictures import opened, reasons
from convlens.data.tiff import is_tiff
from convlens.data.tiff_windows import TiffWindows

Box = tuple[slice, ...]


class Stored(Protocol):
    """An array that is read by ``stored[box]``, by one thread at a time."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, box: Box, /) -> Any: ...


@dataclass(frozen=True)
class Flat:
    """Numbers that lie in one row in a file.

    Args:
        path: the file.
        offset: bytes before the first number.
        shape: of the array.
        dtype: of its numbers, with their byte order.
        columns_first: whether the first axis is the one whose neighbours lie side by side.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    columns_first: bool = False

    def __getitem__(self, box: Box) -> NDArray[Any]:
        # mapped anew for each box: what is unmapped no longer counts as memory in use
        order: Any = "F" if self.columns_first else "C"
        return np.array(np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)[box])


class StoredPicture:
    """A picture as (H, W), or (H, W, C), of a source that reads (C, h, w)."""

    def __init__(self, source: TiffWindows) -> None:
        self._source = source
        channels, height, width = source.shape
        self.shape: tuple[int, ...] = (height, width) if channels == 1 else (height, width, channels)
        self.dtype: np.dtype[Any] = source.dtype

    def __getitem__(self, box: Box) -> NDArray[Any]:
        cells = self._source[box[0], box[1]]
        return cells[0] if len(self.shape) == 2 else np.moveaxis(cells, 0, -1)[..., box[2]]


def open_stored_picture(path: Path, kept: int) -> TiffWindows | None:
    """The first picture of a TIFF file that can be read in pieces; None where it cannot.

    Raises:
        PictureError: it is missing or damaged.
    """
    with reasons(path):
        with opened(path) as file:
            if not is_tiff(file):
                return None
        return TiffWindows.of(path, kept)
