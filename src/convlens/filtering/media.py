"""What a file holds that a kernel can slide over, and what the result becomes: photos, sounds, tables, volumes.

Which reader is asked is decided here; nothing is computed. A file is replaced in one step or stays as it was.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convlens.data import atomic, nifti_stored, zarr_arrays
from convlens.data.nifti import SUFFIXES as NIFTI
from convlens.data.pictures import read_picture
from convlens.data.series import packed_series, read_series
from convlens.data.volumes import packed_volume, read_volume
from convlens.data.wav import Sound, packed_wav, read_wav

from .errors import FilterError
from .forms import Like, ending, growing
from .large import MEMORY, PART, remove
from .lying import PLAIN, Kind, open_lying
from .plan import Plan

AXES: dict[Kind, int] = {"signal": 1, "picture": 2, "volume": 3}
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".ppm": "PPM"}
TIFFS = (".tif", ".tiff")
REMEDY = "save it as a TIFF in tiles, plain or deflated, which is filtered in pieces"
ELSEWHERE = (".mgz", ".nrrd", ".dcm", ".hdr", ".img")
"""Names of volumes that are not read."""


@dataclass(frozen=True, eq=False)
class Medium:
    """A signal (N,) or (N, C), a picture (H, W) or (H, W, C), a volume (D, H, W) or (D, H, W, C).

    Args:
        kind: which of them.
        cells: its numbers.
        rate: samples a second, of a sound.
        names: of a table's columns.
        remarks: what was done to it that may surprise.
        like: what a result's form takes over.
    """

    kind: Kind
    cells: NDArray[Any]
    rate: int = 0
    names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    like: Like = PLAIN

    @property
    def axes(self) -> int:
        """Axes that a kernel slides along."""
        return AXES[self.kind]

    @property
    def shape(self) -> str:
        """As people write it."""
        return "x".join(map(str, self.cells.shape))

    def holding(self, cells: NDArray[Any], like: Like) -> Medium:
        """The same with other numbers."""
        return replace(self, cells=cells, remarks=(), like=like)


def read(path: Path) -> Medium:
    """Read whatever a file holds.

    Raises:
        FilterError: there is no such file, or it is of a kind that is not read.
        DataError: it cannot be read as what it is.
    """
    name = path.name.lower()
    ensure_file(path)
    if name.endswith(".wav"):
        sound = read_wav(path)
        return Medium("signal", sound.samples, rate=sound.rate)
    if name.endswith(".csv"):
        series = read_series(path)
        return Medium("signal", series.values, names=series.names)
    if ending(path) in (".npy", *NIFTI) or path.is_dir():
        lying = open_lying(path)
        assert lying is not None
        cells = np.asarray(lying.cells[tuple(slice(0, n) for n in lying.cells.shape)])
        return Medium(lying.kind, cells, like=lying.like)
    volume = read_volume(path)
    if volume is not None:
        return Medium("volume", volume)
    picture = read_picture(path, remedy=REMEDY)
    cells = np.moveaxis(picture.pixels, 0, -1)
    remarks = tuple(f"{kind}: {text}" for kind, text in picture.remarks)
    return Medium("picture", cells[..., 0] if cells.shape[-1] == 1 else cells, remarks=remarks)


def ensure_file(path: Path) -> None:
    """Raise FilterError where a name is none of a file that is read, or of an array in a folder."""
    if not path.exists():
        raise FilterError(f"there is no file {path}")
    if path.is_dir() and not zarr_arrays.is_zarr(path):
        raise FilterError(f"{path} is a folder; name files, or a pattern such as {path / '*.png'}")
    if path.name.lower().endswith(ELSEWHERE):
        raise FilterError(f"{path} is of a kind that is not read; save the volume as .nii, .npy or a TIFF")


# ---- writing ----


def suffix(medium: Medium, source: Path) -> str:
    """What a result's file is called by, where only a folder is named: as its source if that can be written."""
    own = ending(source)
    if own in _writers(medium):
        return source.name[len(source.name) - len(own) :]
    return ".png" if ".png" in _writers(medium) else ".tif" if ".tif" in _writers(medium) else ".npy"


def write(medium: Medium, path: Path) -> None:
    """Write a file whose name says how; the file is as it was where that fails.

    Raises:
        FilterError: the name says nothing that can hold this medium, or the disk does not take it.
    """
    writers = _writers(medium)
    pack = writers.get(ending(path))
    if pack is None:
        held = f"a {medium.kind} of {medium.shape} {medium.cells.dtype}"
        raise FilterError(f"{path} cannot hold {held}; name it {' or '.join(writers)}")
    if ending(path) == ".zarr":
        put_zarr(path, medium)
    else:
        put(path, pack())


def put_zarr(path: Path, medium: Medium) -> None:
    """Write an array of Zarr's in one step.

    Raises:
        FilterError: there is another thing of that name, or the disk does not take it.
    """
    plan = Plan.of(medium.cells.shape, medium.cells.dtype, np.ones((1,) * medium.axes))
    part = path.with_name(path.name + PART)
    remove(part)
    try:
        form = growing(path, plan, medium.cells.dtype, MEMORY, medium.like)
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = form.opened(part)
        d, h, w, channels = plan.cells
        sink.write(((0, d), (0, h), (0, w)), medium.cells.reshape(d, h, w, channels))
        form.publish(part, path)
    except OSError as error:
        raise FilterError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        remove(part)


def put(path: Path, content: bytes) -> None:
    """Replace a file in one step.

    Raises:
        FilterError: the disk does not take it.
    """
    try:
        atomic.replace(path, content)
    except OSError as error:
        raise FilterError(f"{path} cannot be written: {error.strerror or error}") from error


def _writers(medium: Medium) -> dict[str, Callable[[], bytes]]:
    """What can hold a medium, by the names of files."""
    cells, found = medium.cells, dict[str, Callable[[], bytes]]()
    if medium.kind == "signal":
        columns = cells if cells.ndim == 2 else cells[:, None]
        if medium.rate and cells.dtype.name in ("int16", "int32", "float32", "float64"):
            found[".wav"] = lambda: packed_wav(Sound(columns, medium.rate))
        found[".csv"] = lambda: packed_series(columns, medium.names)
    if medium.kind == "volume":
        found |= dict.fromkeys(TIFFS, lambda: packed_volume(cells))
        if cells.ndim == 3 and cells.dtype.name in nifti_stored.KINDS:
            for name in NIFTI:
                found[name] = partial(nifti_stored.packed, medium.like.header, cells, name.endswith(".gz"))
    if medium.kind == "picture":
        colours = cells.shape[2] if cells.ndim == 3 else 1
        if colours in (1, 3) and (cells.dtype == np.uint8 or (cells.dtype == np.uint16 and colours == 1)):
            formats = PICTURES if cells.dtype == np.uint8 else {".png": "PNG"}
            for name, form in formats.items():
                found[name] = partial(packed_picture, cells, form)
        if cells.dtype.name in ("uint8", "uint16", "int16", "float32", "float64"):
            found |= dict.fromkeys(TIFFS, lambda: _tiff(cells))
    found[".npy"] = partial(packed_npy, cells)
    found[".zarr"] = bytes  # a folder, see ``put_zarr``
    return found


def packed_picture(cells: NDArray[Any], form: str) -> bytes:
    """A picture as the bytes of a file of Pillow's name for its form."""
    file = io.BytesIO()
    more = {"quality": 95} if form in ("JPEG", "WEBP") else {}
    Image.fromarray(np.ascontiguousarray(cells)).save(file, form, **more)
    return file.getvalue()


def _tiff(cells: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    kind = "rgb" if cells.ndim == 3 and cells.shape[2] == 3 else "minisblack"
    more: dict[str, Any] = {"planarconfig": "contig"} if cells.ndim == 3 else {}
    tifffile.imwrite(file, np.ascontiguousarray(cells), photometric=kind, metadata=None, **more)
    return file.getvalue()


def packed_npy(cells: NDArray[Any]) -> bytes:
    """An array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, cells, allow_pickle=False)
    return file.getvalue()
