"""One form for all pictures of a set: channels, cell type and size, and how a picture is brought to it.

The same functions serve a whole folder and the single picture of a prediction.  Nothing here opens a file but
`Form.read`, which is what a streaming split calls for each of its paths.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.dataset import Raw
from convlens.data.errors import DataError
from convlens.data.pictures import read_picture
from convlens.data.preprocessing import DTYPES, SCALES

# Luma of ITU-R BT.601, in 1/65536: the weights that Pillow's own conversion uses
LUMA = np.array([19595, 38470, 7471], np.float64) / 65536


@dataclass(frozen=True)
class Form:
    """The shape (C, H, W) and the cell type that every picture of a set is brought to.

    >>> Form((1, 2, 2), "uint8").conform(np.full((3, 4, 4), 9, np.uint8)).tolist()
    [[[9, 9], [9, 9]]]
    """

    shape: tuple[int, ...]
    dtype: str

    def conform(self, pixels: Raw, look: Look | None = None) -> Raw:
        """Bring a picture, (C, H, W), to this form: first the channels, then the cell type, then the size.

        Raises:
            DataError: its channels cannot become those of the form, or its floats do not lie in 0 to 1 where
                whole numbers are wanted.
        """
        pixels = convert_channels(pixels, self.shape[0])
        return resize(convert_cells(pixels, self.dtype), self.shape[1:])

    def read(self, path: Path) -> Raw:
        """Read a picture and bring it to this form.

        Raises:
            DataError: see `read_picture` and `conform`.
        """
        return self.conform(read_picture(path).pixels)


def convert_channels(pixels: Raw, channels: int) -> Raw:
    """Make grey of RGB (luma, ITU-R BT.601) or RGB of grey, (C, H, W).

    Raises:
        DataError: other numbers of channels, which have no agreed meaning.
    """
    if len(pixels) == channels:
        return pixels
    if (len(pixels), channels) == (1, 3):
        return np.repeat(pixels, 3, axis=0)
    if (len(pixels), channels) == (3, 1):
        grey = np.tensordot(LUMA, pixels, axes=1)
        same: Raw = (grey + 0.5 if pixels.dtype.kind == "u" else grey).astype(pixels.dtype)[None]
        return same
    raise DataError(f"it has {len(pixels)} channels and {channels} are wanted; only grey and RGB become each other")


def convert_cells(pixels: Raw, dtype: str) -> Raw:
    """Change the cell type; black stays black and full stays full: 255, 65535 and 1.0 are the same brightness.

    Raises:
        DataError: floats outside 0 to 1 are to become whole numbers.
    """
    if pixels.dtype.name == dtype:
        return pixels
    factor = SCALES[dtype] / SCALES[pixels.dtype.name]
    if dtype == "float32":
        real: NDArray[np.float32] = (pixels * np.float64(factor)).astype(np.float32)
        return real
    if pixels.dtype.kind == "f" and (pixels.min() < 0 or pixels.max() > 1):
        raise DataError(
            f"its values go from {pixels.min():g} to {pixels.max():g} and {dtype} is wanted; bring them to 0 to 1"
        )
    whole: Raw = np.rint(pixels * np.float64(factor)).astype(dtype)
    return whole


def resize(pixels: Raw, size: tuple[int, ...]) -> Raw:
    """Resize a picture, (C, H, W), to (H, W): bilinear, averaging over all it shrinks, not keeping the proportions."""
    if pixels.shape[1:] == size:
        return pixels
    height, width = size
    byte = pixels.dtype == np.uint8
    planes = []
    for plane in pixels if byte else pixels.astype(np.float32):
        image = Image.fromarray(np.ascontiguousarray(plane))  # mode L for bytes, F for floats
        planes.append(np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)))
    stack = np.stack(planes)
    if pixels.dtype == np.uint16:
        stack = np.rint(stack).clip(0, 65535)
    same: Raw = stack.astype(pixels.dtype)
    return same


@dataclass(frozen=True)
class Look:
    """What a picture or volume is before anything is done to it: its shape (C, *spatial) and cell type."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Wanted:
    """What is prescribed of a set's form: size (*spatial), channels, cell type, rate, alphabet; None: nothing."""

    size: tuple[int, ...] | None = None
    channels: int | None = None
    dtype: str | None = None
    rate: int | None = None
    alphabet: str | None = None


def common_form(looks: Sequence[Look], wanted: Wanted) -> Form:
    """Choose the form of a set: its common shape, and the widest cell type.

    Args:
        looks: at least one picture.
        wanted: what is prescribed.

    >>> common_form([Look((1, 8, 8), "uint8"), Look((3, 9, 9), "uint16")], Wanted())
    Form(shape=(3, 8, 8), dtype='uint16')
    """
    shape, usable = common_shape(looks, wanted)
    dtype = wanted.dtype or DTYPES[max(DTYPES.index(look.dtype) for look in usable)]
    return Form(shape, dtype)


def common_shape(looks: Sequence[Look], wanted: Wanted) -> tuple[tuple[int, ...], list[Look]]:
    """Choose the shape of a set (C, *spatial), and name those that can be given it.

    Grey if all are grey, RGB if some are grey and some RGB, else the most common number of channels; the most common
    size, the smaller of equally common ones.
    """
    counts = Counter(look.shape[0] for look in looks)
    size, channels = wanted.size, wanted.channels
    if channels is None:
        channels = max(counts) if set(counts) <= {1, 3} else max(counts, key=lambda c: (counts[c], -c))
    usable = [look for look in looks if can_become(look.shape[0], channels)] or list(looks)
    if size is None:
        sizes = Counter(look.shape[1:] for look in usable)
        size = min(sizes, key=lambda s: (-sizes[s], math.prod(s), s))
    return (channels, *size), usable


def can_become(channels: int, wanted: int) -> bool:
    """Whether a picture with so many channels can be given that many."""
    return channels == wanted or {channels, wanted} == {1, 3}
