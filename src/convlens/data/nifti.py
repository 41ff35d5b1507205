"""NIfTI files (.nii, .nii.gz) by nibabel, which is optional: a volume, and where it lies in the scanner.

A file counts its cells with x running fastest, so they come as (Z, Y, X), which is (D, H, W) without moving one.
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError
from convlens.data.pictures import opened, reasons
from convlens.data.volumes import CELLS

SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Whether a file is called as NIfTI files are."""
    return path.name.lower().endswith(SUFFIXES)


def read_nifti(path: Path) -> NDArray[Any]:
    """Read the cells of a NIfTI file as (D, H, W); with a fourth axis (time, say) as (C, D, H, W).

    Whole numbers stay as they are where the file scales them by nothing; else they are float32 or float64.

    Raises:
        PictureError: it is missing, damaged, too large, of another number of axes, or nibabel is not there.
    """
    with reasons(path, noun="volume"):
        opened(path).close()
        image = image_of(path)
        shape = tuple(image.shape)
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        if len(shape) not in (3, 4) or 0 in shape:
            raise DataError(f"its axes are {' x '.join(map(str, shape))}, and a volume has three, perhaps with a time")
        if math.prod(shape) > CELLS:
            raise DataError(f"it has {' x '.join(map(str, shape))} cells, more than {CELLS:,}; save it in parts")
        cells: NDArray[Any] = np.asanyarray(image.dataobj).reshape(shape, order="F")
        if cells.dtype.kind not in "buif":
            raise DataError(f"its cells are {cells.dtype}; save it as numbers")
    return cells.astype(cells.dtype.newbyteorder("="), copy=False).T


def image_of(path: Path) -> Any:
    """nibabel's image of a file, whose cells are not read yet; DataError where nibabel is not there."""
    try:
        nibabel: Any = import_module("nibabel")
    except ImportError as error:
        raise DataError("NIfTI files are read by nibabel; pip install nibabel") from error
    with nibabel.imageglobals.LoggingOutputSuppressor():  # what is wrong with a header is said once, by us
        return nibabel.Nifti1Image.from_filename(path)
