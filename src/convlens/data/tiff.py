"""TIFF files as science writes them: 16 bits, floats, many channels.  Those that Pillow reads as well are left to it.

What is taken from a file, by the axes that it declares: Y and X; the samples of a pixel (S) or the channels (C) as
channels; and of every other axis (pages, T, Z) the first, with a remark.  Pages without a declared meaning are pages,
not channels: save with ``metadata={"axes": "CYX"}`` or as samples to say otherwise.
"""

from __future__ import annotations

import math
from typing import IO, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from convlens.data.dataset import Raw
from convlens.data.errors import DataError

Decoded = tuple[Raw, tuple[tuple[str, str], ...]]

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MINISWHITE, MINISBLACK, RGB = 0, 1, 2
ASSOCIATED, UNASSOCIATED = 1, 2
ORIENTATION = 274

# For each orientation of the TIFF and EXIF standards: swap rows and columns first, then flip these axes of (H, W).
TURNS: dict[int, tuple[bool, tuple[int, ...]]] = {
    1: (False, ()),
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}
SIDEWAYS = tuple(turn for turn, (swap, _) in TURNS.items() if swap)


def read_tiff(file: IO[bytes], limit: int) -> Decoded | None:
    """Read the first picture of a TIFF file.

    Args:
        file: open at its beginning.
        limit: pixels, counted over all channels, above which it is refused before it is decoded.

    Returns:
        (C, H, W) and remarks; None where Pillow knows better (palettes, CMYK, JPEG inside, single bits).

    Raises:
        DataError: it is too large or holds something else than real numbers.
    """
    # _multifile=False: a file may not name other files that are then opened
    with tifffile.TiffFile(file, _multifile=False) as tif:
        page: Any = tif.pages[0]
        if not readable(page):
            return None
        series: Any = tif.series[0]
        axes, shape, source = page.axes, page.shape, page
        if "C" in series.axes and "C" not in axes:
            axes, shape, source = series.axes, series.shape, series
        if math.prod(shape) > limit or math.prod(page.shape) > limit:
            raise DataError(f"it has {' x '.join(map(str, shape))} pixels, more than {limit:,}; make it smaller")
        pages = len(tif.pages)
        array = source.asarray()
        turn = page.tags.valueof(ORIENTATION, default=1)
        photometric, extra = int(page.photometric), [int(e) for e in page.extrasamples]
    planes, dropped = _planes(array, axes)
    if dropped == 1 and source is page:
        dropped = pages
    remarks = [("frames", f"the first of {dropped} pages")] if dropped > 1 else []
    cells = cells_of(planes, photometric)
    if len(cells) in (2, 4) and extra and extra[-1] in (ASSOCIATED, UNASSOCIATED):
        cells, transparent = over_white(cells, extra[-1] == ASSOCIATED)
        remarks += [("transparent", "laid over white")] if transparent else []
    swap, flips = TURNS.get(turn, TURNS[1])
    turned = np.flip(cells.swapaxes(1, 2) if swap else cells, tuple(axis + 1 for axis in flips))
    return np.ascontiguousarray(turned), tuple(remarks)


def is_tiff(file: IO[bytes]) -> bool:
    """Whether a file, open at its beginning, starts as a TIFF does."""
    head = file.read(4)
    file.seek(0)
    return head in MAGIC


def readable(page: Any) -> bool:
    """Whether a page of tifffile's holds plain numbers, unpacked or deflated; the others are Pillow's."""
    if page.dtype is None or page.bitspersample not in (8, 16, 32, 64):
        return False
    if int(page.predictor) not in (1, 2):  # none, differences; the third is of floats
        return False
    return int(page.photometric) in (MINISWHITE, MINISBLACK, RGB) and int(page.compression) in (1, 8, 32946)


def tiff_size(file: IO[bytes]) -> tuple[int, int] | None:
    """(height, width) of the first picture of a TIFF file as it is displayed; None where there is none."""
    with tifffile.TiffFile(file, _multifile=False) as tif:
        page: Any = tif.pages[0]
        height, width = int(page.imagelength), int(page.imagewidth)
        turned = page.tags.valueof(ORIENTATION, default=1) in SIDEWAYS
    return ((width, height) if turned else (height, width)) if height and width else None


def _planes(array: NDArray[Any], axes: str) -> tuple[NDArray[Any], int]:
    """Bring an array with named axes to (C, Y, X) and count what was left behind, as pages in all."""
    if "Y" not in axes or "X" not in axes or len(axes) != array.ndim:
        raise DataError(f"its axes are {axes}, among which there is no picture; save it as YX or CYX")
    pages = 1
    while others := [axis for axis in axes if axis not in "SCYX"]:
        where = axes.index(others[0])
        pages *= array.shape[where]
        array, axes = array.take(0, axis=where), axes.replace(others[0], "", 1)
    depth = [axes.index(axis) for axis in "CS" if axis in axes]
    array = array.transpose(*depth, axes.index("Y"), axes.index("X"))
    return array.reshape(-1, *array.shape[-2:]), pages


def cells_of(planes: NDArray[Any], photometric: int) -> Raw:
    if not planes.size:
        raise DataError("it has no pixels")
    if planes.dtype.kind == "b":
        planes = planes.astype(np.uint8) * 255
    if planes.dtype.kind not in "uif":
        raise DataError(f"its pixels are {planes.dtype}; save them as whole numbers or floats")
    if planes.dtype.name in ("uint8", "uint16"):  # the name leaves out the byte order
        same: Raw = planes.astype(planes.dtype.newbyteorder("="))
        return ~same if photometric == MINISWHITE else same
    with np.errstate(over="ignore"):
        return planes.astype(np.float32)


def over_white(cells: Raw, premultiplied: bool) -> tuple[Raw, bool]:
    """Lay colours with an opacity behind them over white."""
    white = 1.0 if cells.dtype.kind == "f" else float(np.iinfo(cells.dtype).max)
    opacity = cells[-1] / white
    shown = cells[:-1] * (1.0 if premultiplied else opacity) + white * (1.0 - opacity)
    if cells.dtype.kind != "f":
        shown = np.rint(shown).clip(0, white)
    over: Raw = shown.astype(cells.dtype)
    return over, bool((opacity < 1).any())
