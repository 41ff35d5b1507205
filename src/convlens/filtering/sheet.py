"""A contact sheet: a photo through every kernel that has a name, each with its name below."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from convlens.data.source import open_picture, reduced

from .errors import FilterError
from .gallery import GALLERY
from .media import PICTURES, Medium, write
from .notation import kernel
from .rounding import rounded
from .showing import Tally, centred, signed
from .sliding import filter

SIDE = 256
"""Pixels of the longer side of a photo on the sheet."""
COLUMNS, GAP, LABEL = 5, 12, 22


def contact_sheet(photo: Path, out: Path) -> None:
    """Write a sheet with a photo through each kernel of the gallery.

    Args:
        photo: any picture that is read.
        out: the sheet's file: a .png or another picture.

    Raises:
        PictureError: the photo cannot be read.
        FilterError: the sheet cannot be written.
    """
    if out.suffix.lower() not in PICTURES:
        raise FilterError(f"a sheet is a picture, which {out} cannot hold; name it sheet.png")
    with open_picture(photo) as source:
        small = np.moveaxis(reduced(source, SIDE), 0, -1)
    cells = _bytes(small)
    names = [name for name, entry in GALLERY.items() if 2 in entry.axes]
    pictures = [_through(cells, name) for name in names]
    high, wide = cells.shape[0] + LABEL + GAP, cells.shape[1] + GAP
    rows = math.ceil(len(names) / COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * wide + GAP, rows * high + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for n, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        top, left = GAP + n // COLUMNS * high, GAP + n % COLUMNS * wide
        sheet.paste(Image.fromarray(picture).convert("RGB"), (left, top))
        size = GALLERY[name].size
        draw.text((left, top + cells.shape[0] + 3), f"{name} {size}" if size else name, "black", font)
    write(Medium("picture", np.asarray(sheet)), out)


def _bytes(cells: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of any type as bytes, in as many colours as can be shown."""
    shown = cells[..., :3] if cells.shape[-1] >= 3 else cells[..., 0]
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = float(shown.min()), float(shown.max())
    if shown.dtype == np.uint16:
        low, high = 0.0, 65535.0
    found: NDArray[np.uint8] = np.rint((shown.astype(np.float64) - low) * (255 / max(high - low, 1e-12))).astype("u1")
    return found


def _through(cells: NDArray[np.uint8], name: str) -> NDArray[Any]:
    taps = kernel(name)
    sums = filter(cells.astype(np.float32), taps)
    if not signed(taps):
        return rounded(sums, cells.dtype)
    return centred(sums, cells.dtype, Tally.of(sums, cells.dtype))
