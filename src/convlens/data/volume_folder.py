"""Class folders of volumes and short videos: the one form that all are brought to, and what is said about it.

A cell of a volume is a measurement: it may change its type, never its value.  Sizes are made equal by resampling,
linear along each axis, averaging over all it shrinks; the frames of a video are resampled like the slices of a volume.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.class_folder import Common, Found, Medium, told
from convlens.data.conform import Look, Wanted, common_shape, convert_channels, resize
from convlens.data.dataset import Note, Raw
from convlens.data.errors import DataError
from convlens.data.folder import Entry
from convlens.data.picture_folder import channel_notes, channels_fit
from convlens.data.volume_files import holds_volume, read_volume_file

SAMPLE = 16
"""Files of a folder that are looked at to tell what it holds."""


@dataclass(frozen=True)
class VolumeForm:
    """The shape (C, D, H, W) and the cell type that every volume of a set is brought to.

    >>> VolumeForm((1, 2, 1, 1), "uint8").conform(np.array([[[[0]], [[2]], [[4]], [[6]]]], np.uint8)).ravel().tolist()
    [1, 5]
    """

    shape: tuple[int, ...]
    dtype: str

    def conform(self, cells: Raw, look: Look | None = None) -> Raw:
        """Bring a volume, (C, D, H, W), to this form: first the channels, then the cell type, then the size.

        Raises:
            DataError: its channels cannot become those of the form, or its cells not of the form's type.
        """
        cells = convert_channels(cells, self.shape[0])
        if cells.dtype.name != self.dtype:
            if self.dtype != "float32":
                raise DataError(f"its cells are {cells.dtype} and the network sees {self.dtype}; convert them")
            cells = cells.astype(np.float32)
        return resample(cells, self.shape[1:])

    def read(self, path: Path) -> Raw:
        """Read a volume and bring it to this form.

        Raises:
            DataError: see `read_volume_file` and `conform`.
        """
        return self.conform(read_volume_file(path).pixels)


def resample(cells: Raw, size: tuple[int, ...]) -> Raw:
    """Bring a volume, (C, D, H, W), to (D, H, W): linear, averaging over all it shrinks, not keeping proportions."""
    if cells.shape[1:] == size:
        return cells
    channels, depth, height, width = cells.shape
    planes = resize(cells.reshape(-1, height, width), size[1:])
    columns = resize(planes.reshape(channels, depth, -1), (size[0], size[1] * size[2]))
    return columns.reshape(channels, *size)


def volume_form(looks: Sequence[Look], wanted: Wanted) -> VolumeForm:
    """Choose the form of a set: its commonest size, channels as for pictures, and a cell type that changes no value."""
    shape, usable = common_shape(looks, wanted)
    types = {look.dtype for look in usable}
    return VolumeForm(shape, wanted.dtype or (types.pop() if len(types) == 1 else "float32"))


def volume_notes(found: Sequence[Found], usable: Sequence[Found], form: Common) -> list[Note]:
    """Say what had to be changed to give all volumes one form, and which could not be."""
    sizes = Counter(f.look.shape[1:] for f in usable)
    size = "x".join(map(str, form.shape[1:]))
    resized = f"were resampled to {size} (of {len(sizes)} sizes; proportions are not kept)"
    cells = f"became {form.dtype}, their values unchanged"
    return [
        *channel_notes(found, usable, form, "volumes"),
        *told("mixed types", cells, usable, lambda f: f.look.dtype != form.dtype, "volumes"),
        *told("resized", resized, usable, lambda f: f.look.shape[1:] != form.shape[1:], "volumes"),
    ]


VOLUMES = Medium(
    "volume",
    read_volume_file,
    volume_form,
    channels_fit,
    volume_notes,
    {"nan": "hold NaN or infinite cells, which are replaced by the mean"},
)
"""All slices or frames of every file, brought to the most common size."""


def hold_volumes(entries: Sequence[Entry]) -> bool:
    """Whether class folders hold volumes or videos: of some files, evenly taken, more than half do."""
    some = (
        [entries[i] for i in np.unique(np.linspace(0, len(entries) - 1, SAMPLE).round().astype(int))] if entries else []
    )
    return 2 * sum(holds_volume(entry.path) for entry in some) > len(some)
