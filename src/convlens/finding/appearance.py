"""How a place looks, as numbers: how strongly brightness rises in each of eight directions, and coarse colours.

Gradients outlast another light and another ground better than pixels do, and colours tell what gradients do not. What
of this is common, and what marks an object, is asked in ``likeness.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .warp import matrices, positions, sample

Floats = NDArray[np.float32]
Reals = NDArray[np.floating[Any]]

SIDE = 16
"""Samples a side of what is described; a sample is two working pixels of a typical object."""
CELL = 2
"""Samples a side of a cell, in which gradients and colours are averaged."""
CELLS = SIDE // CELL
BINS = 8
"""Directions in which brightness may rise."""
QUIET = 0.15
"""What is added to the gradients around a cell before they are divided by it, so that noise in a plain stays small."""
MARGINS = 2 + CELL
"""Samples around a window that are cut with it: one for gradients, one for shifts, and a cell to compare with."""


def _window() -> Floats:
    """A disc with a soft border, so that turning a place changes nothing at its corners: (SIDE, SIDE)."""
    ramp = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    radius = np.hypot(ramp[:, None], ramp[None, :]) / (SIDE / 2)
    found: Floats = np.clip((1.1 - radius) / 0.25, 0, 1).astype(np.float32)
    return found


WINDOW: Floats = _window().reshape(CELLS, CELL, CELLS, CELL).mean(axis=(1, 3))
"""What each cell counts."""
SHARE: Floats = np.sqrt(WINDOW)


def halved(pixels: Floats) -> Floats:
    """Means of 2x2 pixels (C, H, W); an odd last row or column counts twice."""
    _, height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rows = pixels[:, ::2] + pixels[:, 1::2]
    halves = rows[:, :, ::2] + rows[:, :, 1::2]
    halves *= np.float32(0.25)
    return halves


def length(channels: int) -> int:
    """Numbers of a description."""
    return CELLS * CELLS * (BINS + channels)


def cut(half: Floats, places: Reals, angle: Reals, scale: Reals, spread: np.float32) -> Floats:
    """Windows with their margins out of a halved canvas.

    Args:
        half: (C, H, W).
        places: (N, 2) x, y in its pixels.
        angle, scale: (N,) how each window is turned, in radians, and magnified.
        spread: pixels between two samples.

    Returns:
        (N, C, S, S), S = SIDE + 2 MARGINS.
    """
    wide = SIDE + 2 * MARGINS
    at = positions(wide, places.astype(np.float32), matrices(angle, scale) * spread)
    flat = sample([half], at.reshape(2, 1, -1))[0]
    found: Floats = flat.reshape(len(half), len(places), wide, wide).transpose(1, 0, 2, 3)
    return found


def described(windows: Floats, shifts: int = 0) -> Floats:
    """Describe windows.

    Args:
        windows: (N, C, S, S) as ``cut`` gives them.
        shifts: 1: each window nine times, shifted by up to one sample along x and y; 0: as it is.

    Returns:
        (N, 1 or 9, D): BINS gradients and C colours of each cell, the colours less their mean over the window.
    """
    around = MARGINS - 1
    maps = np.concatenate([_evened(_rises(windows)), _pooled(windows[:, :, around:-around, around:-around])], 1)
    # cells begin at every second sample: apart, they are read in rows
    phases = [[np.ascontiguousarray(maps[:, :, y::CELL, x::CELL]) for x in range(CELL)] for y in range(CELL)]
    steps = range(1 - shifts, 2 + shifts)
    found = np.empty((len(windows), len(steps) ** 2, maps.shape[1], CELLS, CELLS), np.float32)
    for k, (y, x) in enumerate((y, x) for y in steps for x in steps):
        top, left = y // CELL, x // CELL
        cells = phases[y % CELL][x % CELL][:, :, top : top + CELLS, left : left + CELLS]
        np.multiply(cells, SHARE, out=found[:, k])
    colours = found[:, :, BINS:]
    colours -= (colours * SHARE).sum(axis=(3, 4), keepdims=True) / WINDOW.sum() * SHARE
    return found.reshape(len(windows), len(steps) ** 2, -1)


def _rises(windows: Floats) -> Floats:
    """How strongly each sample but for the border rises in each direction: (N, BINS, S - 2, S - 2)."""
    x = windows[:, :, 1:-1, 2:] - windows[:, :, 1:-1, :-2]
    y = windows[:, :, 2:, 1:-1] - windows[:, :, :-2, 1:-1]
    # the channel that changes most tells
    steepest = (x * x + y * y).argmax(axis=1)[:, None]
    x, y = (np.take_along_axis(a, steepest, 1)[:, 0] for a in (x, y))
    found = np.empty((len(windows), BINS, *x.shape[1:]), np.float32)
    half = BINS // 2
    for k, angle in enumerate(np.pi * np.arange(half) / half):
        rise = x * np.float32(0.5 * np.cos(angle)) + y * np.float32(0.5 * np.sin(angle))
        np.maximum(rise, 0, out=found[:, k])
        np.maximum(-rise, 0, out=found[:, k + half])
    return found


def _pooled(maps: Floats) -> Floats:
    """Means over CELL x CELL samples, at every sample where they begin."""
    rows = maps[..., :-1, :] + maps[..., 1:, :]
    return np.float32(0.25) * (rows[..., :-1] + rows[..., 1:])


def _evened(rises: Floats) -> Floats:
    """Gradients of cells relative to those of the nine cells around, at every sample where these lie within."""
    cells = _pooled(rises)
    strength = np.sqrt((cells * cells).sum(axis=1))
    rows = strength[:, : -2 * CELL] + strength[:, CELL:-CELL] + strength[:, 2 * CELL :]
    around = rows[:, :, : -2 * CELL] + rows[:, :, CELL:-CELL] + rows[:, :, 2 * CELL :]
    around /= np.float32(9)
    around += np.float32(QUIET)
    found: Floats = cells[:, :, CELL:-CELL, CELL:-CELL] / around[:, None]
    return found
