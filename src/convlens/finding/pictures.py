"""Pictures as a finder is given them, paths or arrays, as named sources that are read by windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data import Source, open_picture
from convlens.data.marks_check import picture_names
from convlens.data.pictures import Picture
from convlens.data.source import Whole

Given = str | Path | NDArray[Any] | Image.Image
"""A file, an array (H, W) or (H, W, C), or a Pillow image."""
Pictures = Mapping[str, Given] | Sequence[Given]


def named(pictures: Pictures) -> dict[str, Given]:
    """Pictures by the names that marks may use: their keys, or their paths without the folder that they share.

    Arrays in a list are called by their place in it.

    >>> list(named(["a/x.png", "a/y.png"])), list(named([np.zeros((2, 2))]))
    (['x.png', 'y.png'], ['0'])
    """
    if isinstance(pictures, Mapping):
        return dict(pictures)
    paths = [p for p in pictures if isinstance(p, (str, Path))]
    names = iter(picture_names(paths))
    return {(next(names) if isinstance(p, (str, Path)) else str(i)): p for i, p in enumerate(pictures)}


def source_of(picture: Given) -> Source:
    """Open a picture; close what is returned.

    Raises:
        PictureError: the file cannot be read.
        ValueError: the array is no picture.
    """
    if isinstance(picture, (str, Path)):
        return open_picture(picture)
    cells = np.asarray(picture)
    if cells.ndim not in (2, 3) or not cells.size or cells.dtype.kind not in "buif":
        raise ValueError(f"a picture is an array (H, W) or (H, W, C) of numbers, not {cells.dtype} of {cells.shape}")
    planes = cells[None] if cells.ndim == 2 else cells.transpose(2, 0, 1)
    if planes.dtype not in (np.uint8, np.uint16):
        planes = planes.astype(np.float32)
        planes[~np.isfinite(planes)] = 0
    return Whole(Picture(planes))
