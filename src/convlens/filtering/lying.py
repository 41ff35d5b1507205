"""What lies on the disk and can be read a box at a time: photos and volumes of TIFF, ``.npy``, NIfTI, Zarr."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convlens.data import nifti_stored, zarr_arrays
from convlens.data.arrays import lying_npy
from convlens.data.nifti import SUFFIXES as NIFTI
from convlens.data.stored import Stored, StoredPicture, open_stored_picture
from convlens.data.tiff_pages import KEPT
from convlens.data.volumes import open_volume

from .errors import FilterError
from .forms import Like, ending
from .plan import COLOURS

Kind = Literal["signal", "picture", "volume"]
PLAIN = Like()


@dataclass(frozen=True, eq=False)
class Lying:
    """Cells on the disk.

    Args:
        kind: what they are.
        cells: read by boxes, (N,) or (N, C), (H, W) or (H, W, C), (D, H, W) or (D, H, W, C).
        identity: what tells this state of the file from another.
        like: what a result takes over.
        remarks: what may surprise.
    """

    kind: Kind
    cells: Stored
    identity: str
    like: Like = PLAIN
    remarks: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Of all cells."""
        return math.prod(self.cells.shape) * self.cells.dtype.itemsize


def open_lying(path: Path, kept: int = KEPT) -> Lying | None:
    """Open what can be read by boxes; None where a file cannot, or is none of these.

    Args:
        path: a file, or the folder of a Zarr array.
        kept: bytes of decoded pieces that may be kept.

    Raises:
        FilterError: nothing slides over what it holds.
        DataError: it is damaged, or a package that reads it is not there.
    """
    form = ending(path)
    if path.is_dir():
        array = zarr_arrays.ZarrArray(path, kept)
        like = Like(version=array.version, attributes=array.attributes)
        return Lying(_kind(array, path), array, zarr_arrays.written_by(path), like)
    state = path.stat()
    identity = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    if form == ".npy":
        flat = lying_npy(path)
        return Lying(_kind(flat, path), flat, identity)
    if form in NIFTI:
        volume = nifti_stored.open_nifti(path)
        return Lying("volume", volume.cells, identity, Like(header=volume.header))
    pages = open_volume(path, kept)
    if pages is not None:
        return Lying("volume", pages, identity, Like(packed=pages.packed)) if pages.in_pieces else None
    picture = open_stored_picture(path, kept)
    if picture is None:
        return None
    remarks = tuple(f"{kind}: {text}" for kind, text in picture.remarks)
    return Lying("picture", StoredPicture(picture), identity, Like(packed=picture.packed), remarks)


def _kind(cells: Stored, path: Path) -> Kind:
    if cells.dtype.kind not in "iuf" or 0 in cells.shape:
        held = f"{cells.dtype} of shape {cells.shape}"
        raise FilterError(f"{path} holds {held}, over which nothing slides; save whole numbers or floats")
    axes = len(cells.shape)
    colours = axes > 2 and cells.shape[-1] <= COLOURS
    kinds: dict[int, Kind] = {1: "signal", 2: "picture", 3: "picture" if colours else "volume"}
    if colours:
        kinds[4] = "volume"
    if axes not in kinds:
        known = "a signal has one, a picture two, a volume three, and channels come last"
        raise FilterError(f"{path} holds {axes} axes; {known}")
    return kinds[axes]
