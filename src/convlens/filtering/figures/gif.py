"""Frames as an animated .gif: one palette for all, and of each frame only what differs from the one before.

Pillow compresses the pixels; the container is written here, for Pillow would give every frame colours of its own.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from .raster import Frame

COLOURS = 255
"""Of the 256 that a .gif may have one is transparent: what is as it was."""
BITS = 6
"""Of red, green and blue by which a colour's nearest in the palette is looked up."""
UNKNOWN = -1
SHORTEST = 2
"""Hundredths of a second below which browsers make a frame last ten."""
Colour = tuple[int, int, int]
Bytes = NDArray[np.uint8]


class Palette:
    """The colours of a .gif, the first of those that are given exact in any case; and which is taken for any other."""

    def __init__(self, colours: Sequence[Colour]) -> None:
        self.colours = tuple(dict.fromkeys(colours))[:COLOURS]
        self._nearest = np.full(1 << 3 * BITS, UNKNOWN, np.int16)
        for n in range(len(self.colours) - 1, -1, -1):
            self._nearest[_key(np.array(self.colours[n], np.uint8))] = n

    def indices(self, picture: Pillow.Image) -> Bytes:
        """(H, W) which of the colours each pixel gets."""
        pixels = np.asarray(picture)
        keys = _key(pixels)
        found = self._nearest[keys]
        if (found == UNKNOWN).any():
            missing = np.unique(keys[found == UNKNOWN])
            shifts = np.array([2 * BITS, BITS, 0])
            middles = ((missing[:, None] >> shifts & (1 << BITS) - 1) + 0.5) * (1 << 8 - BITS)
            far = ((middles[:, None] - np.array(self.colours)) ** 2).sum(2)
            self._nearest[missing] = far.argmin(1)
            found = self._nearest[keys]
        return np.asarray(found, np.uint8)

    @property
    def table(self) -> list[int]:
        """All 256 colours as numbers, the last of them unused."""
        numbers = [part for colour in self.colours for part in colour]
        return numbers + [0] * (3 * (COLOURS + 1) - len(numbers))


def _key(pixels: Bytes) -> Any:
    high = pixels.astype(np.int32) >> (8 - BITS)
    return (high[..., 0] << 2 * BITS) + (high[..., 1] << BITS) + high[..., 2]


def gif(frames: Iterable[Frame], palette: Palette) -> bytes:
    """The bytes of a .gif that plays for ever; frames that differ in nothing are one.

    Raises:
        ValueError: there are no frames.
    """
    blocks: list[tuple[float, bytes]] = []  # when each begins
    clock, seen = 0.0, None
    for frame in frames:
        if seen is None:
            seen = palette.indices(frame.picture)
            blocks.append((clock, _block(seen, 0, 0, palette)))
        elif (block := _update(seen, frame, palette)) is not None:
            blocks.append((clock, block))
        clock += frame.seconds
    if seen is None:
        raise ValueError("there are no frames")
    begins = [round(100 * begin) for begin, _ in blocks] + [round(100 * clock)]
    file = io.BytesIO()
    file.write(b"GIF89a" + struct.pack("<HHBBB", seen.shape[1], seen.shape[0], 0xF7, 0, 0) + bytes(palette.table))
    file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
    for (begin, stop), (_, block) in zip(pairwise(begins), blocks, strict=True):
        lasts = min(max(stop - begin, SHORTEST), 0xFFFF)
        # what was there stays, and the last colour is transparent
        file.write(b"!\xf9\x04" + struct.pack("<BHB", 1 << 2 | 1, lasts, COLOURS) + b"\x00" + block)
    file.write(b";")
    return file.getvalue()


def _update(seen: Bytes, frame: Frame, palette: Palette) -> bytes | None:
    """What a frame changes of what is seen, which is changed with it; None where that is nothing."""
    left, top, right, bottom = frame.box
    if left >= right:
        return None
    now, old = palette.indices(frame.picture.crop(frame.box)), seen[top:bottom, left:right]
    differs = now != old
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return None
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    block = _block(np.where(differs, now, np.uint8(COLOURS))[part], left + int(columns[0]), top + int(rows[0]), palette)
    old[...] = now
    return block


def _block(pixels: Bytes, left: int, top: int, palette: Palette) -> bytes:
    """A frame's descriptor and its compressed pixels."""
    picture, file = Pillow.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    picture.putpalette(palette.table)
    picture.save(file, "GIF", optimize=False, interlace=False)
    whole = file.getvalue()
    # a header of 13 bytes, the colours, then the descriptor of 10, which is written anew: it says where the frame lies
    start = whole.index(b",", 13 + (3 << ((whole[10] & 7) + 1)))
    return b"," + struct.pack("<HHHHB", left, top, picture.width, picture.height, 0) + whole[start + 10 : -1]
