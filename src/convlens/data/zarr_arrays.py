"""Arrays in Zarr's form, version 2 or 3: a folder with a piece of the array in each file. Knows the package zarr."""

from __future__ import annotations

import itertools
import json
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError
from convlens.data.stored import Box
from convlens.data.tiff_pages import KEPT

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files of which a folder has one if it is Zarr's."""
LISTED = 8


def is_zarr(path: Path) -> bool:
    """Whether a folder is an array or a group of Zarr's."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def package() -> Any:
    """The package zarr; DataError where it is not installed."""
    try:
        return import_module("zarr")
    except ImportError as error:
        raise DataError("Zarr needs the zarr package; pip install zarr") from error


class ZarrArray:
    """An array, by boxes; the pieces used last are kept."""

    def __init__(self, path: Path, kept: int = KEPT) -> None:
        self._path, self._most = path, kept
        self._array: Any = _opened(path)
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self.shape: tuple[int, ...] = tuple(self._array.shape)
        self.dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        self.chunks: tuple[int, ...] = tuple(self._array.chunks)
        self.version: int = self._array.metadata.zarr_format
        self.attributes: dict[str, Any] = dict(self._array.attrs)

    def __getitem__(self, box: Box) -> NDArray[Any]:
        spans = [one.indices(size)[:2] for one, size in zip(box, self.shape, strict=True)]
        found = np.empty([stop - start for start, stop in spans], self.dtype)
        touched = (range(a // c, -(-b // c)) for (a, b), c in zip(spans, self.chunks, strict=True))
        for at in itertools.product(*touched):
            begin = [n * c for n, c in zip(at, self.chunks, strict=True)]
            piece = self._piece(at, begin)
            ends = [start + n for start, n in zip(begin, piece.shape, strict=True)]
            parts = [(max(start, a), min(end, b)) for (a, b), start, end in zip(spans, begin, ends, strict=True)]
            to = tuple(slice(a - span[0], b - span[0]) for (a, b), span in zip(parts, spans, strict=True))
            found[to] = piece[tuple(slice(a - start, b - start) for (a, b), start in zip(parts, begin, strict=True))]
        return found

    def _piece(self, at: tuple[int, ...], begin: list[int]) -> NDArray[Any]:
        if at in self._kept:
            self._kept.move_to_end(at)
            return self._kept[at]
        try:
            piece = np.asarray(self._array[tuple(slice(b, b + c) for b, c in zip(begin, self.chunks, strict=True))])
        except Exception as error:  # what a damaged piece raises is its codec's
            raise DataError(f"the Zarr array {self._path} cannot be read: it is damaged ({error})") from error
        self._kept[at] = piece
        self._bytes += piece.nbytes
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return piece


def _opened(path: Path) -> Any:
    zarr = package()
    try:
        found = zarr.open(str(path), mode="r")
    except Exception as error:
        raise DataError(f"the Zarr array {path} cannot be read: it is damaged ({error})") from error
    if isinstance(found, zarr.Array):
        return found
    inside = sorted(name for name, one in found.members(max_depth=None) if isinstance(one, zarr.Array))
    if not inside:
        raise DataError(f"{path} is a Zarr group without an array")
    more = f" and {len(inside) - LISTED:,} more" if len(inside) > LISTED else ""
    listed = ", ".join(inside[:LISTED])
    raise DataError(f"{path} is a Zarr group of {listed}{more}; name an array in it, such as {path / inside[0]}")


def written_by(path: Path) -> str:
    """What tells one state of an array on the disk from another: its files with their sizes and times."""
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return json.dumps([[str(one.relative_to(path)), one.stat().st_size, one.stat().st_mtime_ns] for one in files])


def create(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, ...],
    version: int = 3,
    attributes: dict[str, Any] | None = None,
) -> Any:
    """A new array of zeros in a folder that is not there yet."""
    zarr = package()
    return zarr.create_array(
        str(path), shape=shape, dtype=dtype, chunks=chunks, zarr_format=version, attributes=attributes or {}
    )


def writable(path: Path) -> Any:
    """An array that is there, to be written."""
    return package().open_array(str(path), mode="r+")
