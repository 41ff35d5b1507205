"""A TIFF file read by windows: its strips or tiles are decoded as they are needed, and the last ones used are kept.

Which files this can do, and what their cells mean, follows `tiff.py`; a file that it cannot do is read whole.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from convlens.data.dataset import Raw
from convlens.data.errors import DataError
from convlens.data.pictures import reasons
from convlens.data.tiff import ASSOCIATED, ORIENTATION, TURNS, UNASSOCIATED, cells_of, over_white, readable

KEPT = 192 * 2**20
"""Bytes of decoded strips or tiles: a band of 1,024 rows of 30,000 RGB pixels is 92 MB."""
PIECE = 256 * 2**20
"""Bytes of one decoded strip or tile, above which it is refused."""
DEPTHS = ("uint8", "uint16", "float32")


class TiffWindows:
    """The first picture of a TIFF file, by windows; ``shape`` (C, H, W) is that of the upright picture."""

    def __init__(self, tif: tifffile.TiffFile, pages: list[Any]) -> None:
        self._tif, self._pages, self._path = tif, pages, tif.filehandle.path
        page = pages[0]
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._photometric = int(page.photometric)
        extra = [int(one) for one in page.extrasamples]
        samples = int(page.samplesperpixel) * len(pages)
        covered = samples in (2, 4) and bool(extra) and extra[-1] in (ASSOCIATED, UNASSOCIATED)
        self._opacity = extra[-1] if covered else None
        self._swap, self._flips = TURNS.get(page.tags.valueof(ORIENTATION, default=1), TURNS[1])
        height, width = int(page.imagelength), int(page.imagewidth)
        self._stored = height, width
        upright = (width, height) if self._swap else (height, width)
        self.shape: tuple[int, int, int] = samples - (1 if covered else 0), *upright
        name = page.dtype.name
        self.dtype: np.dtype[Any] = np.dtype(name if name in DEPTHS else "float32")
        count = len(tif.pages)
        frames = (("frames", f"the first of {count} pages"),) if count > 1 == len(pages) else ()
        self.remarks: tuple[tuple[str, str], ...] = (
            *frames,
            *((("transparent", "laid over white"),) if covered else ()),
        )

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Open a file; None where it cannot be read by windows.

        Raises:
            DataError: a strip or tile is too large to be held.
        """
        # _multifile=False: a file may not name other files that are then opened
        tif = tifffile.TiffFile(path, _multifile=False)
        try:
            page: Any = tif.pages[0]
            series: Any = tif.series[0]
            pages = [page]
            if "C" in series.axes and "C" not in page.axes:
                pages = [one and one.aspage() for one in series.pages] if series.axes == "CYX" else []
            plain = pages and all(one is not None and one.axes in ("YX", "YXS", "SYX") for one in pages)
            if not plain or not readable(page) or page.dtype.kind not in "uif" or 0 in page.shape:
                tif.close()
                return None
            piece = math.prod(page.chunks) * page.dtype.itemsize
            if not page.is_memmappable and piece > PIECE:
                size = f"{page.imagewidth} x {page.imagelength}"
                raise DataError(f"it has {size} pixels packed in pieces of {piece / 1e6:,.0f} MB; save it in tiles")
            return cls(tif, pages)
        except BaseException:
            tif.close()
            raise

    def __getitem__(self, window: tuple[slice, slice]) -> Raw:
        """The pixels (C, h, w) of a window, cut at the borders as slices are."""
        spans = [one.indices(size)[:2] for one, size in zip(window, self.shape[1:], strict=True)]
        upright = [(low, max(low, high)) for low, high in spans]
        mirrored = [
            (size - high, size - low) if axis in self._flips else (low, high)
            for axis, ((low, high), size) in enumerate(zip(upright, self.shape[1:], strict=True))
        ]
        rows, columns = mirrored[::-1] if self._swap else mirrored
        with reasons(Path(self._path)):
            cells = self._cells(np.concatenate([self._page(at, rows, columns) for at in range(len(self._pages))]))
        turned = np.flip(cells.swapaxes(1, 2) if self._swap else cells, tuple(axis + 1 for axis in self._flips))
        return np.ascontiguousarray(turned)

    def _cells(self, planes: NDArray[Any]) -> Raw:
        if not planes.size:
            return np.zeros((self.shape[0], *planes.shape[1:]), self.dtype)
        cells = cells_of(planes, self._photometric)
        if self._opacity is not None:
            cells, _ = over_white(cells, self._opacity == ASSOCIATED)
        if cells.dtype.kind == "f" and not np.isfinite(cells).all():
            return np.nan_to_num(cells, nan=0.0, posinf=0.0, neginf=0.0)
        return cells

    def _page(self, at: int, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[Any]:
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
        while self._bytes > KEPT and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return piece

    def close(self) -> None:
        self._tif.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _planes(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """(Y, X), (Y, X, S) or (S, Y, X) as (S, Y, X)."""
    return array[None] if axes == "YX" else np.moveaxis(array, -1, 0) if axes == "YXS" else array
