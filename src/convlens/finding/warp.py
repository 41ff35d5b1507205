"""Crops out of a canvas: as they lie, or turned, scaled and shifted, interpolated linearly; beyond it lies its mirror
image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]


def matrices(angle: NDArray[np.floating], scale: NDArray[np.floating]) -> Floats:
    """(N, 2, 2): from a crop's offsets (x, y) to those of the canvas, for angles in radians and magnifications."""
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2).astype(np.float32)


def positions(side: int, centres: Floats, turns: Floats) -> Floats:
    """Where the pixels of square crops lie: (2, N, side * side), x and y, row by row.

    Args:
        side: pixels a crop's side.
        centres: (N, 2), where the crops' centres lie.
        turns: (N, 2, 2), from a crop's offsets to the canvas'.
    """
    ramp = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    x, y = np.tile(ramp, side), np.repeat(ramp, side)
    found = np.empty((2, len(centres), side * side), np.float32)
    for axis in (0, 1):
        np.multiply(turns[:, axis, :1], x, out=found[axis])
        found[axis] += turns[:, axis, 1:] * y
        found[axis] += centres[:, axis, None]
    return found


def sample(sources: Sequence[Floats], at: Floats) -> Floats:
    """Linear interpolation.

    Args:
        sources: N pictures (C, H, W) of any sizes.
        at: (2, N, P) positions x and y in pixels, pixel 0's centre at 0.

    Returns:
        (N, C, P).
    """
    channels = sources[0].shape[0]
    low, share = [], []
    for axis in (0, 1):
        last = np.array([s.shape[2 - axis] - 1 for s in sources], np.float32)[:, None]
        inside = np.abs(at[axis])
        # mirrored at the border, and clipped where a crop reaches beyond a mirror image
        np.minimum(inside, np.maximum(2 * last - inside, 0), out=inside)
        whole = inside.astype(np.int32)
        np.minimum(whole, np.maximum(last.astype(np.int32) - 1, 0), out=whole)
        inside -= whole
        low.append(whole)
        share.append(inside)
    found = np.empty((len(sources), channels, at.shape[2]), np.float32)
    # one crop at a time: what all of them need on the way would not stay in a cache
    taps = np.empty((4, channels, at.shape[2]), np.float32)
    for n, source in enumerate(sources):
        _, height, width = source.shape
        cells = source.reshape(channels, -1)
        right, down = int(width > 1), width * int(height > 1)
        first = low[1][n] * width + low[0][n]
        for k, step in enumerate((0, right, down, right + down)):
            np.take(cells, first + step, axis=1, out=taps[k], mode="clip")
        for k in (0, 2):
            taps[k + 1] -= taps[k]
            taps[k + 1] *= share[0][n]
            taps[k] += taps[k + 1]
        taps[2] -= taps[0]
        taps[2] *= share[1][n]
        np.add(taps[0], taps[2], out=found[n])
    return found


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
    for axis, at in ((1, rows), (2, columns)):
        straight = at[-1] - at[0] == len(at) - 1 and (np.diff(at) == 1).all()
        pixels = pixels[(slice(None),) * axis + (slice(at[0], at[-1] + 1),)] if straight else pixels.take(at, axis)
    return pixels
