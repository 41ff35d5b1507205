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
from convlens.data.tiff import is_tiff

CELLS = 2**31
"""Of a volume that is read as a whole: 1290 x 1290 x 1290."""


def read_volume(path: Path) -> NDArray[Any] | None:
    """Read the pages of a TIFF file as (D, H, W) or (D, H, W, C).

    Returns:
        None where the file is no TIFF of several pages alike.

    Raises:
        PictureError: it is missing, damaged or too large.
    """
    with reasons(path, noun="volume"):
        with opened(path) as file:
            if not is_tiff(file):
                return None
        # _multifile=False: a file may not name other files that are then opened
        with tifffile.TiffFile(path, _multifile=False) as tif:
            series: Any = tif.series[0]
            page: Any = tif.pages[0]
            alike = series.ndim in (3, 4) and series.shape[1:] == page.shape and len(series.pages) > 1
            if not alike or page.axes not in ("YX", "YXS") or series.axes[0] == "C":
                return None
            if math.prod(series.shape) > CELLS:
                size = " x ".join(map(str, series.shape))
                raise DataError(f"it has {size} cells, more than {CELLS:,}; save it in parts")
            volume: NDArray[Any] = series.asarray()
    return volume.astype(volume.dtype.newbyteorder("="), copy=False)


def packed_volume(volume: NDArray[Any]) -> bytes:
    """A volume (D, H, W) or (D, H, W, C) as the bytes of a TIFF file, a page a plane."""
    file = io.BytesIO()
    colour = volume.ndim == 4
    axes = "ZYXS" if colour else "ZYX"
    kind = "rgb" if colour and volume.shape[-1] in (3, 4) and volume.dtype.kind == "u" else "minisblack"
    tifffile.imwrite(file, np.ascontiguousarray(volume), photometric=kind, metadata={"axes": axes})
    return file.getvalue()
