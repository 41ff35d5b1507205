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
    columns, rows = (
        mirrored(np.arange(first, first + count), -(-whole // step))
        for first, count, whole in zip(corner, size[::-1], pixels.shape[:0:-1], strict=True)
    )
    if step == 2:
        columns, rows = (
            np.minimum(np.stack([2 * at, 2 * at + 1], 1).ravel(), whole - 1)
            for at, whole in zip((columns, rows), pixels.shape[:0:-1], strict=True)
        )
    return sampled(window(pixels, rows, columns), step)


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
    return _of_each(maps(windows), shifts)


def _of_each(seen: Floats, shifts: int) -> Floats:
    """As ``described``, from the maps (N, BINS + C, h, w) of windows."""
    # cells begin at every second sample: apart, they are read in rows
    phases = [[np.ascontiguousarray(seen[:, :, y::CELL, x::CELL]) for x in range(CELL)] for y in range(CELL)]
    steps = range(1 - shifts, 2 + shifts)
    found = np.empty((len(seen), len(steps) ** 2, seen.shape[1], CELLS, CELLS), np.float32)
    for k, (y, x) in enumerate((y, x) for y in steps for x in steps):
        top, left = y // CELL, x // CELL
        found[:, k] = phases[y % CELL][x % CELL][:, :, top : top + CELLS, left : left + CELLS]
    return _weighed(found)


@dataclass(frozen=True, eq=False)
class Sight:
    """Places of a picture that lie near each other, looked at: they may be described more than once.

    Args:
        maps: (BINS + C, h, w) of what lies between them; or, where they are few, (N, BINS + C, h, w) of each one's
            window. The descriptions are the same numbers.
        away: (N, 2) where in the maps each one's window begins.
    """

    maps: Floats
    away: Whole

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
        if APART * len(at) * WIDE * WIDE < size.prod():
            windows = [piece(pixels, place, (WIDE, WIDE), step) for place in first]
            return cls(maps(np.stack(windows)), np.zeros_like(at))
        return cls(maps(piece(pixels, corner, size, step)[None])[0], first - corner)

    def described(self, which: Whole | slice, shifts: int = 0) -> Floats:
        """Describe some of the places, as ``described`` does their windows."""
        if self.maps.ndim == 4:
            return _of_each(self.maps[which], shifts)
        steps, cells = np.arange(1 - shifts, 2 + shifts), CELL * np.arange(CELLS)
        width, (left, top) = self.maps.shape[2], self.away[which].T
        # of each place and shift the cells, row by row
        first = (top[:, None, None] + steps[:, None]) * width + left[:, None, None] + steps
        every = first.reshape(len(left), -1, 1, 1) + cells[:, None] * width + cells
        found = self.maps.reshape(len(self.maps), -1).take(every, axis=1)
        return _weighed(np.ascontiguousarray(found.transpose(1, 2, 0, 3, 4)))


def maps(windows: Floats) -> Floats:
    """What of each cell is described, at every sample where it may begin but for three at either border.

    Args:
        windows: (N, C, H, W) samples.

    Returns:
        (N, BINS + C, H - 7, W - 7).
    """
    around = MARGINS - 1
    return np.concatenate([_evened(_rises(windows)), _pooled(windows[:, :, around:-around, around:-around])], 1)


def _weighed(cells: Floats) -> Floats:
    """Descriptions (N, K, D) from what cells show (N, K, BINS + C, CELLS, CELLS), in place."""
    cells *= SHARE
    colours = cells[:, :, BINS:]
    colours -= (colours * SHARE).sum(axis=(3, 4), keepdims=True) / WINDOW.sum() * SHARE
    return cells.reshape(*cells.shape[:2], -1)


def _rises(windows: Floats) -> Floats:
    """How strongly each sample but for the border rises in each direction: (N, BINS, H - 2, W - 2)."""
    # the channel that changes most tells
    x, y, most = _slopes(windows[:, 0])
    for channel in range(1, windows.shape[1]):
        right, down, much = _slopes(windows[:, channel])
        more = much > most
        np.copyto(x, right, where=more)
        np.copyto(y, down, where=more)
        np.maximum(most, much, out=most)
    found = np.empty((len(windows), BINS, *x.shape[1:]), np.float32)
    half = BINS // 2
    for k, angle in enumerate(np.pi * np.arange(half) / half):
        rise = x * np.float32(0.5 * np.cos(angle))
        rise += y * np.float32(0.5 * np.sin(angle))
        np.maximum(rise, 0, out=found[:, k])
        np.subtract(found[:, k], rise, out=found[:, k + half])
    return found


def _slopes(plane: Floats) -> tuple[Floats, Floats, Floats]:
    """Twice the slopes along x and y of planes (N, H, W), but for their borders, and the sum of their squares."""
    x = plane[:, 1:-1, 2:] - plane[:, 1:-1, :-2]
    y = plane[:, 2:, 1:-1] - plane[:, :-2, 1:-1]
    much = x * x
    much += y * y
    return x, y, much


def _pooled(planes: Floats) -> Floats:
    """Means over CELL x CELL samples, at every sample where they begin."""
    rows = planes[..., :-1, :] + planes[..., 1:, :]
    found: Floats = rows[..., :-1] + rows[..., 1:]
    found *= np.float32(0.25)
    return found


def _evened(rises: Floats) -> Floats:
    """Gradients of cells relative to those of the nine cells around, at every sample where these lie within."""
    cells = _pooled(rises)
    strength = cells[:, 0] * cells[:, 0]
    for k in range(1, BINS):
        strength += cells[:, k] * cells[:, k]
    np.sqrt(strength, out=strength)
    rows = strength[:, : -2 * CELL] + strength[:, CELL:-CELL] + strength[:, 2 * CELL :]
    around = rows[:, :, : -2 * CELL] + rows[:, :, CELL:-CELL] + rows[:, :, 2 * CELL :]
    around /= np.float32(9)
    around += np.float32(QUIET)
    found: Floats = cells[:, :, CELL:-CELL, CELL:-CELL] / around[:, None]
    return found
