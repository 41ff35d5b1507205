"""Files of examples whose every cell has a label: the example as it is, its labels, and labels as files.

An example keeps its size; its channels and cell type become those of the network.  Labels are never resampled, and a
palette is not a colour: its numbers are the classes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convlens.data.arrays import read_npy
from convlens.data.cell_arrays import as_labels
from convlens.data.cell_set import Labels
from convlens.data.cells import to_cells
from convlens.data.conform import convert_cells, convert_channels
from convlens.data.dataset import Raw
from convlens.data.errors import DataError
from convlens.data.nifti import image_of, is_nifti, read_nifti
from convlens.data.nifti_stored import packed
from convlens.data.pictures import Picture, formats, opened, read_picture, reasons
from convlens.data.preprocessing import Kind
from convlens.data.tiff import is_tiff
from convlens.data.volume_files import holds_volume, read_volume_file
from convlens.data.volumes import packed_volume, read_volume

SUFFIXES = {"picture": ".png", "volume": ".nii.gz", "signal": ".npy"}
"""How labels are saved where nothing else is said."""


def stem(path: Path) -> str:
    """A file's name without what says its format.

    >>> stem(Path("a/brain.1.nii.gz")), stem(Path("b.png"))
    ('brain.1', 'b')
    """
    return Path(path.stem).stem if path.name.lower().endswith(".nii.gz") else path.stem


def read_whole(path: Path, kind: Kind | None = None) -> Picture:
    """Read an example of any size, (C, *spatial).

    Args:
        path: a picture, a volume, or an .npy with a signal (C, W) or (W,).
        kind: what it should be; None: what its name and content say.

    Raises:
        PictureError, DataError: it cannot be read, or is of another kind.
    """
    if kind == "volume" or (kind is None and holds_volume(path)):
        return read_volume_file(path)
    if path.suffix.lower() != ".npy":
        if kind == "signal":
            raise DataError(f"{path} would be read as a picture, and the network sees signals; give an .npy")
        return read_picture(path)
    cells = to_cells(read_npy(path), str(path))[0]
    axes = {"signal": 2, "picture": 3}.get(kind or "signal", 2)
    if cells.ndim == axes - 1:
        cells = cells[None]
    if cells.ndim != axes or 0 in cells.shape:
        raise DataError(
            f"{path} holds an array of shape {cells.shape}, and a {kind or 'signal'} (C, *spatial) is wanted"
        )
    return Picture(cells)


def converted(cells: Raw, kind: Kind, channels: int, dtype: str) -> Raw:
    """An example with other channels and cells, of the size that it has.

    Raises:
        DataError: they cannot become those; outside pictures a cell may change its type, not its value.
    """
    if kind != "signal":
        cells = convert_channels(cells, channels)
    if len(cells) != channels:
        raise DataError(f"it has {len(cells)} channels and {channels} are wanted")
    if kind == "picture":
        return convert_cells(cells, dtype)
    if cells.dtype.name != dtype and dtype != "float32":
        raise DataError(f"its cells are {cells.dtype} and {dtype} is wanted; convert them")
    return cells.astype(dtype, copy=False)


def read_labels(path: Path) -> Labels:
    """Read the class of every cell: a picture or volume of whole numbers, or of a palette's numbers; uint8 (*spatial).

    Raises:
        PictureError: it cannot be read, has colours, or numbers that are no labels.
    """
    with reasons(path, noun="file of labels"):
        return as_labels(_numbers(path), "it")


def _numbers(path: Path) -> NDArray[Any]:
    if is_nifti(path):
        return read_nifti(path)
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    with opened(path) as file:
        if is_tiff(file):
            pages = read_volume(path)
            found: NDArray[Any] = tifffile.imread(path, _multifile=False) if pages is None else pages
            if found.ndim == (3 if pages is not None else 2):
                return found
            raise DataError("it has colours or several samples a pixel; save one class number a pixel")
        image: Image.Image = Image.open(file, formats=formats())
        image.load()
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode in ("P", "L", "I", "F") or image.mode.startswith("I;16"):
        return np.asarray(image)
    planes = np.asarray(image.convert("RGB"))
    if not (planes == planes[..., :1]).all():
        raise DataError("it has colours; save class numbers as grey levels, or as a palette")
    return planes[..., 0]


def palette(classes: int) -> NDArray[np.uint8]:
    """A colour for every class, (classes, 3), 0 black: the bits of its number, spread over red, green and blue.

    Source: the colour map of the PASCAL VOC development kit (Everingham et al., 2010).

    >>> palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    number = np.arange(classes)
    colours = np.zeros((classes, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((number >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def packed_labels(path: Path, labels: Labels, like: Path) -> bytes:
    """Labels (*spatial) as the bytes of a file: PNG with a palette, TIFF, NIfTI or .npy, as its name says.

    Args:
        path: what the file will be called.
        labels: of every cell.
        like: the example; where both are NIfTI the labels lie in the scanner where it lies.

    Raises:
        DataError: the format is unknown, or does not hold so many axes.
    """
    name = path.name.lower()
    if name.endswith(".png") and labels.ndim == 2:
        image = Image.fromarray(labels)
        image.putpalette(palette(256).tobytes())
        return _saved(image)
    if name.endswith((".tif", ".tiff")) and labels.ndim in (2, 3):
        if labels.ndim == 3:
            return packed_volume(labels)
        file = io.BytesIO()
        tifffile.imwrite(file, labels, photometric="minisblack")
        return file.getvalue()
    if is_nifti(path) and labels.ndim == 3:
        with reasons(like, noun="volume"):
            header = image_of(like).header if is_nifti(like) else None
        return packed(header, labels, zipped=name.endswith(".gz"))
    if name.endswith(".npy"):
        file = io.BytesIO()
        np.save(file, labels)
        return file.getvalue()
    raise DataError(
        f"{path}: labels along {labels.ndim} axes are written as "
        f"{ {1: '.npy', 2: '.png, .tif or .npy', 3: '.nii.gz, .nii, .tif or .npy'}[labels.ndim] }"
    )


def _saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
