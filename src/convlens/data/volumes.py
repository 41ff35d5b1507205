"""A volume from a TIFF file of several pages, and back into one: pages are its depth."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from convlens.data.errors import DataError
from convlens.data.pictures import opened, reasons
from convlens.data.stored import Box
from convlens.data.tiff import is_tiff, readable
from convlens.data.tiff_pages import KEPT, OpenTiff, TiffPages, ensure_pieces

CELLS = 2**31
"""Of a volume that is read as a whole: 1290 x 1290 x 1290."""


def read_volume(path: Path) -> NDArray[Any] | None:
    """Read the pages of a TIFF file as (D, H, W) or (D, H, W, C).

    Returns:
        None where the file is no TIFF of several pages alike.

    Raises:
        PictureError: it is missing, damaged or too large.
    """
    windows = open_volume(path)
    if windows is None:
        return None
    with reasons(path, noun="volume"), windows:
        if math.prod(windows.shape) > CELLS:
            size = " x ".join(map(str, windows.shape))
            raise DataError(f"it has {size} cells, more than {CELLS:,}; filter it in pieces or save it in parts")
        return windows.whole()


def open_volume(path: Path, kept: int = KEPT) -> VolumeWindows | None:
    """A TIFF file of several pages alike, to be read a box at a time; None where it is none.

    Raises:
        PictureError: it is missing or damaged.
    """
    with reasons(path, noun="volume"):
        with opened(path) as file:
            if not is_tiff(file):
                return None
        # _multifile=False: a file may not name other files that are then opened
        tif = tifffile.TiffFile(path, _multifile=False)
        try:
            series: Any = tif.series[0]
            page: Any = tif.pages[0]
            alike = series.ndim in (3, 4) and series.shape[1:] == page.shape and len(series.pages) > 1
            if not alike or page.axes not in ("YX", "YXS") or series.axes[0] == "C":
                tif.close()
                return None
            return VolumeWindows(tif, series, kept)
        except BaseException:
            tif.close()
            raise


class VolumeWindows(OpenTiff):
    """The pages of a TIFF file as (D, H, W) or (D, H, W, C), by boxes."""

    def __init__(self, tif: tifffile.TiffFile, series: Any, kept: int) -> None:
        super().__init__(tif)
        self._series, self._kept = series, kept
        page = tif.pages[0]
        self.shape: tuple[int, ...] = tuple(int(n) for n in series.shape)
        self.dtype: np.dtype[Any] = series.dtype.newbyteorder("=")
        self.packed = int(page.compression) != 1
        self.in_pieces = readable(page)
        self._path, self._pages = Path(tif.filehandle.path), None if not self.in_pieces else self._opened()

    def _opened(self) -> TiffPages:
        pages = [page.aspage() for page in self._series.pages]
        ensure_pieces(pages[0])
        return TiffPages(self._tif, pages, self._kept)

    def __getitem__(self, box: Box) -> NDArray[Any]:
        assert self._pages is not None
        depth, rows, columns = (one.indices(size)[:2] for one, size in zip(box, self.shape[:3], strict=False))
        with reasons(self._path, noun="volume"):
            planes = [np.moveaxis(self._pages.window(at, rows, columns), 0, -1) for at in range(*depth)]
        cells = np.stack(planes).astype(self.dtype, copy=False)
        return cells[..., 0] if len(self.shape) == 3 else cells[..., box[3]]

    def whole(self) -> NDArray[Any]:
        """All of it."""
        volume: NDArray[Any] = self._series.asarray()
        return volume.astype(self.dtype, copy=False)


def packed_volume(volume: NDArray[Any]) -> bytes:
    """A volume (D, H, W) or (D, H, W, C) as the bytes of a TIFF file, a page a plane."""
    file = io.BytesIO()
    colour = volume.ndim == 4
    axes = "ZYXS" if colour else "ZYX"
    kind = "rgb" if colour and volume.shape[-1] in (3, 4) and volume.dtype.kind == "u" else "minisblack"
    tifffile.imwrite(file, np.ascontiguousarray(volume), photometric=kind, metadata={"axes": axes})
    return file.getvalue()
