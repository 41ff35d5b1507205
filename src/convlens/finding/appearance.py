"""How a place looks, as numbers: how strongly brightness rises in each of eight directions, and coarse colours.

Gradients outlast another light and another ground better than pixels do, and colours tell what gradients do not. What
of this is common, and what marks an object, is asked in ``likeness.py``.

A place is seen where it lies in samples that all places of a picture share, one or two working pixels each: so what
lies among many others is described once for all of them. Marked objects are turned, and interpolated between samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens import engine

from .warp import matrices, mirrored, sample, window

Floats = NDArray[np.float32]
Reals = NDArray[np.floating[Any]]
Whole = NDArray[np.intp]

SIDE = 16
"""Samples a side of what is described; about a side of a typical object."""
FINE = 17.0
"""Working pixels of a typical object's side below which a sample is one working pixel, not the mean of two by two.

SIDE samples then hold all of it but a rim; one that is larger would be seen without its outline.
"""
CELL = 2
"""Samples a side of a cell, in which gradients and colours are averaged."""
CELLS = SIDE // CELL
BINS = 8
"""Directions in which brightness may rise."""
QUIET = 0.15
"""What is added to the gradients around a cell before they are divided by it, so that noise in a plain stays small."""
MARGINS = 2 + CELL
"""Samples around a window that are cut with it: one for gradients, one for shifts, and a cell to compare with."""
WIDE = SIDE + 2 * MARGINS
APART = 2
"""How much longer a window takes than its samples among others: to cut it out takes as long as to describe it."""
TILE = 224
"""Samples a side of what is described at once: of smaller ones margins cost more than a second-level cache saves."""


def _window() -> Floats:
    """A disc with a soft border, so that turning a place changes nothing at its corners: (SIDE, SIDE)."""
    ramp = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    radius = np.hypot(ramp[:, None], ramp[None, :]) / (SIDE / 2)
    found: Floats = np.clip((1.1 - radius) / 0.25, 0, 1).astype(np.float32)
    return found


WINDOW: Floats = _window().reshape(CELLS, CELL, CELLS, CELL).mean(axis=(1, 3))
"""What each cell counts."""
SHARE: Floats = np.sqrt(WINDOW)


def pixels_a_sample(side: float) -> int:
    """Working pixels along a sample, 1 or 2, for objects whose side is typically so many."""
    return 2 if side >= FINE else 1


def samples(places: Floats, step: int) -> Whole:
    """The samples (N, 2), x and y, that are the first ones behind the middle of places (N, 2) in working pixels."""
    found: Whole = np.floor((places - (step - 1) / 2) / step).astype(np.intp)
    return found


def middles(at: Whole, step: int) -> Floats:
    """The places in working pixels, nearest to those that were given to ``samples``, at which windows are seen."""
    return ((at + 0.5) * step + (step - 1) / 2).astype(np.float32)


def halved(pixels: Floats) -> Floats:
    """Means of 2x2 pixels (C, H, W); an odd last row or column counts twice."""
    _, height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rows = pixels[:, ::2] + pixels[:, 1::2]
    halves = rows[:, :, ::2] + rows[:, :, 1::2]
    halves *= np.float32(0.25)
    return halves


def sampled(pixels: Floats, step: int) -> Floats:
    """Samples (C, h, w) of so many working pixels (C, H, W)."""
    return halved(pixels) if step == 2 else pixels


def piece(pixels: Floats, corner: Sequence[int], size: Sequence[int], step: int) -> Floats:
    """Samples (C, *size) from a corner x, y on; beyond the picture lies its mirror image."""
    return sampled(_pixels(pixels, corner, size, step), step)


def _pixels(pixels: Floats, corner: Sequence[int], size: Sequence[int], step: int) -> Floats:
    """The working pixels of a ``piece``; a view where it lies in the picture."""
    columns, rows = (
        mirrored(np.arange(first, first + count), -(-whole // step))
        for first, count, whole in zip(corner, size[::-1], pixels.shape[:0:-1], strict=True)
    )
    if step == 2:
        columns, rows = (
            np.minimum(np.stack([2 * at, 2 * at + 1], 1).ravel(), whole - 1)
            for at, whole in zip((columns, rows), pixels.shape[:0:-1], strict=True)
        )
    return window(pixels, rows, columns)


def length(channels: int) -> int:
    """Numbers of a description."""
    return CELLS * CELLS * (BINS + channels)


def cut(seen: Floats, places: Reals, angle: Reals, scale: Reals) -> Floats:
    """Windows with their margins, interpolated.

    Args:
        seen: (C, H, W) samples.
        places: (N, 2) x, y among them.
        angle, scale: (N,) how each window is turned, in radians, and magnified.

    Returns:
        (N, C, WIDE, WIDE).
    """
    flat = sample([seen] * len(places), WIDE, places.astype(np.float32), matrices(angle, scale))
    return flat.reshape(len(places), -1, WIDE, WIDE)


def described(windows: Floats, shifts: int = 0) -> Floats:
    """Describe windows.

    Args:
        windows: (N, C, WIDE, WIDE).
        shifts: 1: each window nine times, shifted by up to one sample along x and y; 0: as it is.

    Returns:
        (N, 1 or 9, D): BINS gradients and C colours of each cell, the colours less their mean over the window.
    """
    each = np.arange(len(windows))
    return _of_cells(maps(windows), np.stack([each, 0 * each, 0 * each], 1), shifts)


def _of_cells(seen: Floats, begin: Whole, shifts: int) -> Floats:
    """As ``described``, from maps (M, BINS + C, h, w), and of each window in which it lies, and at which row and column
    it begins (N, 3)."""
    around = np.arange(1 - shifts, 2 + shifts)
    moves = np.stack([a.ravel() for a in np.meshgrid(0, around, around, indexing="ij")], 1)
    corners = (begin[:, None] + moves).reshape(-1, 3)
    found = engine.patches(seen, corners, SHARE, step=CELL, evened=seen.shape[1] - BINS)
    return found.reshape(len(begin), len(moves), -1)


@dataclass(frozen=True, eq=False)
class Sight:
    """Places of a picture that lie near each other, looked at: they may be described more than once.

    Args:
        maps: (1, BINS + C, h, w) of what lies between them; or, where they are few, (N, BINS + C, h, w) of each one's
            window. The descriptions are the same numbers.
        begin: (N, 3) in which of the maps each one's window lies, and at which row and column it begins.
    """

    maps: Floats
    begin: Whole

    @classmethod
    def of(cls, pixels: Floats, at: Whole, step: int) -> Sight:
        """Look at places.

        Args:
            pixels: (C, H, W) of the canvas.
            at: (N, 2) as ``samples`` gives them.
            step: working pixels a sample.
        """
        first = at + 1 - WIDE // 2
        corner, size = first.min(axis=0), np.ptp(at, axis=0)[::-1] + WIDE
        begin = np.zeros((len(at), 3), np.intp)
        if APART * len(at) * WIDE * WIDE < size.prod():
            begin[:, 0] = np.arange(len(at))
            return cls(maps(np.stack([_pixels(pixels, place, (WIDE, WIDE), step) for place in first]), step), begin)
        begin[:, 1:] = (first - corner)[:, ::-1]
        return cls(maps(_pixels(pixels, corner, size, step)[None], step), begin)

    def described(self, which: Whole | slice, shifts: int = 0) -> Floats:
        """Describe some of the places, as ``described`` does their windows."""
        return _of_cells(self.maps, self.begin[which], shifts)


def maps(windows: Floats, step: int = 1) -> Floats:
    """What of each cell is described, at every sample where it may begin but for three at either border.

    Args:
        windows: (N, C, step * H, step * W) working pixels.
        step: of these along a sample.

    Returns:
        (N, BINS + C, H - 7, W - 7).
    """
    return engine.orientations(windows, QUIET, step=step)
