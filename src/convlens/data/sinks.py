"""Arrays that are written a box at a time, in any order, under a name that is not yet the final one.

Whoever writes keeps a note for each box: with it, after a kill, it is known which boxes stand there whole. Writing is
for several threads at once. When an array is complete and what it is called is the caller's.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.data import zarr_arrays

Spans = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""From the first to before the last cell along depth, height and width."""
Four = tuple[int, int, int, int]
Note = list[int]


class Sink(Protocol):
    """An array (D, H, W, C) that grows."""

    def write(self, spans: Spans, cells: NDArray[Any]) -> Note:
        """Write a box (d, h, w, C), and say what it is recognised by; OSError where the disk does not take it."""

    def holds(self, spans: Spans, note: Note) -> bool:
        """Whether a box stands there as it was written."""

    def finish(self, notes: list[Note]) -> None:
        """Complete the array, of whose boxes these are the notes, on the disk."""

    def close(self) -> None:
        """Let go of what is open."""


class FlatSink:
    """Numbers in one row behind a header: ``.npy``, ``.nii``."""

    def __init__(self, path: Path, header: bytes, shape: Four, dtype: np.dtype[Any]) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._header, self._shape, self._dtype = header, shape, dtype

    def _rows(self, spans: Spans) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
        """Where what lies in one row begins, how many bytes it has, and where it stands in the box."""
        (d0, d1), (h0, h1), (w0, w1) = spans
        _, high, wide, channels = self._shape
        cell = channels * self._dtype.itemsize
        whole_rows = (w0, w1) == (0, wide)
        for d in range(d0, d1):
            for h in [h0] if whole_rows else range(h0, h1):
                count = (h1 - h0 if whole_rows else 1) * (w1 - w0)
                place: tuple[Any, ...] = (d - d0,) if whole_rows else (d - d0, h - h0)
                yield len(self._header) + ((d * high + h) * wide + w0) * cell, count * cell, place

    def write(self, spans: Spans, cells: NDArray[Any]) -> Note:
        cells = np.ascontiguousarray(cells, self._dtype)
        for offset, _, place in self._rows(spans):
            put(self._file, cells[place], offset)
        return [zlib.crc32(cells.data.cast("B"))]

    def holds(self, spans: Spans, note: Note) -> bool:
        found = 0
        for offset, count, _ in self._rows(spans):
            found = zlib.crc32(os.pread(self._file, count, offset), found)
        return [found] == note

    def finish(self, notes: list[Note]) -> None:
        put(self._file, np.frombuffer(self._header, np.uint8), 0)
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def put(file: int, cells: NDArray[Any], offset: int) -> None:
    """Write all of the bytes of an array that lies in one row: a full disk takes some of them first."""
    left = cells.data.cast("B")
    while left:
        done = os.pwrite(file, left, offset)
        left, offset = left[done:], offset + done


class ZarrSink:
    """A Zarr array; boxes end where its pieces do.

    Args:
        path: the folder; an array that is there is gone on with.
        shape: as many of depth, height and width as ``axes``, the last ones, and perhaps channels.
        dtype: of the numbers.
        chunks: of a piece, as ``shape``.
        axes: how many of the shape are not channels.
        more: what ``zarr_arrays.create`` takes besides.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], chunks: tuple[int, ...], axes: int, **more: Any
    ) -> None:
        there = zarr_arrays.is_zarr(path)
        self._array = zarr_arrays.writable(path) if there else zarr_arrays.create(path, shape, dtype, chunks, **more)
        self._path, self._axes = path, axes

    def _box(self, spans: Spans) -> tuple[slice, ...]:
        return tuple(slice(*span) for span in spans[3 - self._axes :])

    def write(self, spans: Spans, cells: NDArray[Any]) -> Note:
        cells = np.ascontiguousarray(cells)
        own = cells.reshape(cells.shape[3 - self._axes : len(self._array.shape) + 3 - self._axes])
        self._array[self._box(spans)] = own
        return [zlib.crc32(own.data.cast("B"))]

    def holds(self, spans: Spans, note: Note) -> bool:
        cells = np.ascontiguousarray(self._array[self._box(spans)])
        return [zlib.crc32(cells.data.cast("B"))] == note

    def finish(self, notes: list[Note]) -> None:
        """Every piece is a file that is complete already."""

    def close(self) -> None:
        """Nothing is open."""
