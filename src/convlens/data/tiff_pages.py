"""The stored pages of a TIFF file by windows: strips or tiles are decoded as needed, and the last ones used are kept.

What the numbers mean is not known here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from convlens.data.errors import DataError

KEPT = 192 * 2**20
"""Bytes of decoded strips or tiles: a band of 1,024 rows of 30,000 RGB pixels is 92 MB."""
PIECE = 256 * 2**20
"""Bytes of one decoded strip or tile, above which it is refused."""


def ensure_pieces(page: Any) -> None:
    """Raise DataError where a strip or tile is too large to be held."""
    piece = math.prod(page.chunks) * page.dtype.itemsize
    if not page.is_memmappable and piece > PIECE:
        size = f"{page.imagewidth} x {page.imagelength}"
        raise DataError(f"it has {size} pixels packed in pieces of {piece / 1e6:,.0f} MB; save it in tiles")


class OpenTiff:
    """A TIFF file that is open until it is closed, or until ``with`` is left."""

    def __init__(self, tif: tifffile.TiffFile) -> None:
        self._tif = tif

    def close(self) -> None:
        self._tif.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class TiffPages:
    """Pages of one shape; not for two threads at once."""

    def __init__(self, tif: tifffile.TiffFile, pages: Sequence[Any], kept: int = KEPT) -> None:
        self._tif, self._pages, self._path, self._most = tif, pages, tif.filehandle.path, kept
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        page = pages[0]
        self._stored = int(page.imagelength), int(page.imagewidth)
        chunks = page.chunks[:2] if page.axes != "SYX" else page.chunks[-2:]
        self.piece: tuple[int, int] = int(chunks[0]), int(chunks[1])

    def __len__(self) -> int:
        return len(self._pages)

    def window(self, at: int, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[Any]:
        """A window of one stored page as (samples, h, w)."""
        page = self._pages[at]
        if page.is_memmappable:
            # mapped anew for each window: what is unmapped no longer counts as memory in use
            dtype = page.dtype.newbyteorder(self._tif.byteorder)
            whole = np.memmap(self._path, dtype, "r", page.dataoffsets[0], page.shape)
            return np.array(_planes(whole, page.axes)[:, slice(*rows), slice(*columns)])
        samples = int(page.samplesperpixel)
        found = np.zeros((samples, rows[1] - rows[0], columns[1] - columns[0]), page.dtype)
        contiguous = page.axes != "SYX"
        tall, wide = page.chunks[:2] if contiguous else page.chunks[-2:]
        down, across = -(-self._stored[0] // tall), -(-self._stored[1] // wide)
        for plane in range(1 if contiguous else samples):
            for r in range(rows[0] // tall, -(-rows[1] // tall)):
                for c in range(columns[0] // wide, -(-columns[1] // wide)):
                    piece = self._piece(at, (plane * down + r) * across + c)
                    top, left = r * tall, c * wide
                    y0, x0 = max(rows[0], top), max(columns[0], left)
                    y1, x1 = min(rows[1], top + piece.shape[1]), min(columns[1], left + piece.shape[2])
                    to = found[:, y0 - rows[0] : y1 - rows[0], x0 - columns[0] : x1 - columns[0]]
                    to[slice(None) if contiguous else slice(plane, plane + 1)] = piece[
                        :, y0 - top : y1 - top, x0 - left : x1 - left
                    ]
        return found

    def _piece(self, at: int, index: int) -> NDArray[Any]:
        """A strip or tile, decoded, as (samples, h, w)."""
        key = at, index
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        page, file = self._pages[at], self._tif.filehandle
        file.seek(page.dataoffsets[index])
        packed = file.read(page.databytecounts[index])
        decoded, _, shape = page.decode(packed, index)
        if decoded is None:  # a sparse file leaves out what is all 0
            decoded = np.zeros(shape, page.dtype)
        piece: NDArray[Any] = np.moveaxis(decoded[0], -1, 0)
        self._kept[key] = piece
        self._bytes += piece.nbytes
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return piece


def _planes(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """(Y, X), (Y, X, S) or (S, Y, X) as (S, Y, X)."""
    return array[None] if axes == "YX" else np.moveaxis(array, -1, 0) if axes == "YXS" else array
