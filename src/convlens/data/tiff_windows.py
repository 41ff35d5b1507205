"""A TIFF picture read by windows: its strips or tiles are decoded as they are needed (`tiff_pages.py`).

Which files this can do, and what their cells mean, follows `tiff.py`; a file that it cannot do is read whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from convlens.data.dataset import Raw
from convlens.data.pictures import reasons
from convlens.data.tiff import ASSOCIATED, ORIENTATION, TURNS, UNASSOCIATED, cells_of, over_white, readable
from convlens.data.tiff_pages import KEPT, OpenTiff, TiffPages, ensure_pieces

DEPTHS = ("uint8", "uint16", "float32")


class TiffWindows(OpenTiff):
    """The first picture of a TIFF file, by windows; ``shape`` (C, H, W) is that of the upright picture."""

    def __init__(self, tif: tifffile.TiffFile, pages: list[Any], kept: int = KEPT) -> None:
        super().__init__(tif)
        self._path = tif.filehandle.path
        self._pages = TiffPages(tif, pages, kept)
        page = pages[0]
        self._photometric = int(page.photometric)
        extra = [int(one) for one in page.extrasamples]
        samples = int(page.samplesperpixel) * len(pages)
        covered = samples in (2, 4) and bool(extra) and extra[-1] in (ASSOCIATED, UNASSOCIATED)
        self._opacity = extra[-1] if covered else None
        self._swap, self._flips = TURNS.get(page.tags.valueof(ORIENTATION, default=1), TURNS[1])
        height, width = int(page.imagelength), int(page.imagewidth)
        upright = (width, height) if self._swap else (height, width)
        self.shape: tuple[int, int, int] = samples - (1 if covered else 0), *upright
        name = page.dtype.name
        self.dtype: np.dtype[Any] = np.dtype(name if name in DEPTHS else "float32")
        self.chunks: tuple[int, int] | None = None if page.is_memmappable or self._swap else self._pages.piece
        self.packed = int(page.compression) != 1
        count = len(tif.pages)
        frames = (("frames", f"the first of {count} pages"),) if count > 1 == len(pages) else ()
        self.remarks: tuple[tuple[str, str], ...] = (
            *frames,
            *((("transparent", "laid over white"),) if covered else ()),
        )

    @classmethod
    def of(cls, path: Path, kept: int = KEPT) -> Self | None:
        """Open a file, with so many bytes for decoded pieces; None where it cannot be read by windows.

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
            ensure_pieces(page)
            return cls(tif, pages, kept)
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
            cells = self._cells(
                np.concatenate([self._pages.window(at, rows, columns) for at in range(len(self._pages))])
            )
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
