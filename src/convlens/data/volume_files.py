"""One file to one volume (C, D, H, W), whatever holds it: NIfTI, an .npy, TIFF pages, an animated picture, a film.

What is not done here: bringing it to a size (`volume_folder.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from convlens.data.arrays import read_npy
from convlens.data.cells import to_cells
from convlens.data.dataset import Raw
from convlens.data.errors import DataError
from convlens.data.nifti import is_nifti, read_nifti
from convlens.data.pictures import Picture, finite, reasons
from convlens.data.video import ANIMATED, FILMS, frames_of, read_animation, read_film
from convlens.data.volumes import read_volume

COLOURS = 4
"""Channels of a volume with four axes are the last where there are so few of them, and more of the first."""
PAGED = (".tif", ".tiff")


def holds_volume(path: Path) -> bool:
    """Whether a file is a volume or a film rather than a picture or a signal, as its name or its head says."""
    name = path.name.lower()
    if is_nifti(path) or name.endswith(FILMS):
        return True
    if name.endswith(".npy"):
        return _axes(path) in (3, 4)
    return name.endswith((*ANIMATED, *PAGED)) and frames_of(path) > 1


def _axes(path: Path) -> int:
    """Of the array in an .npy file; 0 where it is none."""
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            return len(read(file)[0])
    except Exception:  # what is wrong with it will be said when it is read
        return 0


def read_volume_file(path: Path) -> Picture:
    """Read one volume or film.

    Args:
        path: its name says whether it is NIfTI, an .npy or a film; the content, what kind of picture else.

    Returns:
        uint8, uint16 or float32 cells, (C, D, H, W), with remarks. NaN and infinite cells are replaced by the mean of
        their channel.

    Raises:
        PictureError: it is missing, empty, too large, damaged, or no volume.
    """
    with reasons(path, noun="volume"):
        cells = _read(path)
        if 0 in cells.shape:
            raise DataError(f"its shape is {'x'.join(map(str, cells.shape))}, so it is empty")
        if cells.dtype.kind == "f":
            return finite(Picture(cells.astype(np.float32)))
        return Picture(to_cells(cells, "it")[0])


def _read(path: Path) -> Raw:
    name = path.name.lower()
    if is_nifti(path):
        return _channels_first(read_nifti(path), first=True)
    if name.endswith(".npy"):
        cells = _array(path)
        while cells.ndim > 4 and len(cells) == 1:
            cells = cells[0]
        return _channels_first(cells, first=False)
    if name.endswith(FILMS):
        return read_film(path)
    pages = read_volume(path)
    if pages is not None:
        return _channels_first(pages, first=False)
    return read_animation(path)


def _array(path: Path) -> Raw:
    try:
        return read_npy(path)
    except DataError as error:  # which names the file, as `reasons` does too
        raise DataError(str(error).replace(f"{path} ", "it ", 1)) from error


def _channels_first(cells: Raw, *, first: bool) -> Raw:
    """(D, H, W), (D, H, W, C) or (C, D, H, W) as (C, D, H, W); ``first``: channels are the first of four."""
    if cells.ndim == 3:
        return cells[None]
    if cells.ndim != 4:
        raise DataError(f"its shape is {'x'.join(map(str, cells.shape))}; save it as (D, H, W) or (C, D, H, W)")
    last = not first and cells.shape[-1] <= COLOURS < cells.shape[0]
    return np.moveaxis(cells, -1, 0) if last else cells
