"""A NIfTI volume by boxes, and a header for a volume made of it: where it lies in the scanner goes with it.

A ``.nii`` stays on the disk, a ``.nii.gz`` is unpacked. Axes are as in `nifti.py`: (D, H, W) is (k, j, i).
"""

from __future__ import annotations

import gzip
import io
import math
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError
from convlens.data.nifti import image_of
from convlens.data.pictures import opened, reasons
from convlens.data.stored import Box, Flat, Stored
from convlens.data.volumes import CELLS

KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")


@dataclass(frozen=True)
class Scaled:
    """Numbers that a file keeps as whole ones, slope times which, plus an intercept, they are: as float32."""

    raw: Stored
    slope: float
    inter: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def __getitem__(self, box: Box) -> NDArray[np.float32]:
        cells = self.raw[box] * np.float64(self.slope) + np.float64(self.inter)
        found: NDArray[np.float32] = cells.astype(np.float32)
        return found


@dataclass(frozen=True, eq=False)
class Nifti:
    """A volume: its numbers (D, H, W), by boxes, and its header, nibabel's."""

    cells: Stored
    header: Any


def open_nifti(path: Path) -> Nifti:
    """Open a file.

    Raises:
        PictureError: nibabel is not installed, the file is missing, damaged, or no volume of real numbers.
    """
    with reasons(path, noun="volume"):
        opened(path).close()
        image = image_of(path)
        return Nifti(_cells(path, image), image.header)


def _cells(path: Path, image: Any) -> Stored:
    shape, stored = tuple(int(n) for n in image.shape), image.header.get_data_dtype()
    slope, inter, offset = float(image.dataobj.slope), float(image.dataobj.inter), int(image.dataobj.offset)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        raise DataError(f"it holds {math.prod(shape[3:]):,} volumes, one after the other; save the one that is meant")
    if not shape or 0 in shape or stored.newbyteorder("=").name not in KINDS:
        raise DataError(f"it holds {stored} of shape {shape}; save a volume of real numbers")
    turned = (1,) * (3 - len(shape)) + shape[::-1]
    need = math.prod(turned) * stored.itemsize
    if path.name.lower().endswith(".gz"):
        cells: Stored = _unpacked(path, offset, turned, stored)
    elif path.stat().st_size < offset + need:
        raise DataError(f"it is cut off: it promises {offset + need:,} bytes and has {path.stat().st_size:,}")
    else:
        cells = Flat(path, offset, turned, stored)
    return cells if (slope, inter) == (1.0, 0.0) else Scaled(cells, slope, inter)


def _unpacked(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    count = math.prod(shape)
    if count > CELLS:
        size = " x ".join(map(str, shape))
        raise DataError(f"it has {size} cells, more than {CELLS:,}, and is packed; unpack it to a .nii")
    with gzip.open(path) as file:
        file.read(offset)
        content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise DataError(f"it is cut off: it promises {count * dtype.itemsize:,} bytes and has {len(content):,}")
    return np.frombuffer(content, dtype).reshape(shape)


def placed(header: Any, step: tuple[int, int, int], first: tuple[int, int, int]) -> Any:
    """A header for a volume of which every so manieth cell is left, from a first one on.

    Args:
        header: of the volume.
        step: cells from one to the next along depth, height and width.
        first: the cell that becomes the first one, likewise.
    """
    found = header.copy()
    if step == (1, 1, 1) and first == (0, 0, 0):
        return found
    place = np.eye(4)
    place[:3, :3] = np.diag(step[::-1])
    place[:3, 3] = first[::-1]
    zooms = header.get_zooms()
    spread = [zoom * gap for zoom, gap in zip(zooms[:3], step[::-1], strict=False)]
    found.set_zooms((*spread, *zooms[3:]))
    if int(header["qform_code"]):
        found.set_qform(header.get_qform() @ place, int(header["qform_code"]))
    if int(header["sform_code"]):
        found.set_sform(header.get_sform() @ place, int(header["sform_code"]))
    return found


def packed_header(header: Any | None, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> bytes:
    """The bytes before the numbers of a ``.nii`` of a shape (D, H, W).

    Args:
        header: that of another volume, whose place, units and notes are taken; None where there is none.
        shape: of the volume.
        dtype: of its numbers, which are written in this machine's byte order.
    """
    nibabel: Any = import_module("nibabel")
    try:
        found = nibabel.Nifti1Header() if header is None else nibabel.Nifti1Header.from_header(header)
        found = found.as_byteswapped("<")
        found.set_data_shape(shape[::-1])
    except Exception:  # a side beyond 32,767 does not fit into the first version's header
        found = nibabel.Nifti2Header() if header is None else nibabel.Nifti2Header.from_header(header)
        found.set_data_shape(shape[::-1])
    found.set_data_dtype(dtype)
    found.set_slope_inter(1, 0)
    found["cal_min"] = found["cal_max"] = 0
    found["vox_offset"] = 0
    file = io.BytesIO()
    found.write_to(file)
    return file.getvalue().ljust(int(found["vox_offset"]), b"\0")


def packed(header: Any | None, volume: NDArray[Any], zipped: bool) -> bytes:
    """A volume (D, H, W) as the bytes of a ``.nii``, or of a ``.nii.gz``."""
    cells = np.ascontiguousarray(volume, volume.dtype.newbyteorder("<"))
    content = packed_header(header, _three(volume.shape), volume.dtype) + cells.tobytes()
    return gzip.compress(content, 6, mtime=0) if zipped else content


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return shape[0], shape[1], shape[2]
