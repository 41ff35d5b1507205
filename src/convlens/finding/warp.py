"""Crops out of a canvas: as they lie, or turned, scaled and shifted, interpolated linearly; beyond it lies its mirror
image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convlens import engine

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]


def matrices(angle: NDArray[np.floating], scale: NDArray[np.floating]) -> Floats:
    """(N, 2, 2): from a crop's offsets (x, y) to those of the canvas, for angles in radians and magnifications."""
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    found = np.empty((len(angle), 2, 2), np.float32)
    found[:, 0, 0] = found[:, 1, 1] = cos
    found[:, 0, 1], found[:, 1, 0] = -sin, sin
    return found


@cache
def offsets(side: int) -> Floats:
    """Where the pixels of a square crop lie from its centre: (2, side * side), x and y, row by row."""
    ramp = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    return np.stack([np.tile(ramp, side), np.repeat(ramp, side)])


def sample(sources: Sequence[Floats], side: int, centres: Floats, turns: Floats, *, covers: bool = False) -> Floats:
    """Crops, interpolated linearly.

    Args:
        sources: N pictures (C, H, W) of any sizes, one a crop.
        side: pixels a crop's side.
        centres: (N, 2), where the crops' centres lie.
        turns: (N, 2, 2), from a crop's offsets to the canvas'.
        covers: whether the last channel tells what the others cover, and beyond the picture is 0.

    Returns:
        (N, C, side * side).
    """
    return engine.interpolate(sources, offsets(side), turns, centres, covers=covers)


def mirrored(at: Whole, size: int) -> Whole:
    """Indices beyond a border as those of its mirror image; beyond that one, the last there is.

    >>> mirrored(np.arange(-2, 6), 4).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    inside = np.abs(at)
    found: Whole = np.minimum(inside, np.maximum(2 * (size - 1) - inside, 0))
    return found


def window(pixels: Floats, rows: Whole, columns: Whole) -> Floats:
    """The pixels (C, rows, columns) at indices of rows and columns; a view where these are consecutive."""
    (top, bottom), (left, right) = ((at.min(), at.max() + 1) for at in (rows, columns))
    # what lies around is left out first: taken rows are copied as long as they are
    pixels = pixels[:, top:bottom, left:right]
    for axis, at in ((1, rows - top), (2, columns - left)):
        if not np.array_equal(at, np.arange(pixels.shape[axis])):
            pixels = pixels.take(at, axis)
    return pixels
