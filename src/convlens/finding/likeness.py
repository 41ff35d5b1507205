"""How like the marked objects a place is: the largest normalised correlation with a mark, turned and scaled.

Correlation is what the network is made of; normalised and with the marks themselves as kernels it needs no training,
and hardly mistakes exact copies. It is computed at the network's peaks alone, on every second working pixel, by the
engine: so a place has the same bits among whichever others it is asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens import engine
from convlens.network import Network

from .warp import matrices, positions, sample

Floats = NDArray[np.float32]

SIDE = 16
"""Samples a side of a template."""
SCALES = (0.85, 1.0, 1.18)
STEP = 15.0
"""Degrees between two turns: half of what a template of 16 samples tells apart."""
FLAT = 0.25
"""Of the templates' contrast: what has less counts as having this much, so that noise in a plain is like nothing."""
CHUNK = 512
SHIFTS = 3
"""By which samples a template is shifted, along either axis: one back, none, one on."""


def _window() -> Floats:
    """A disc with a soft border, so that turning a template changes nothing at its corners."""
    ramp = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    radius = np.hypot(ramp[:, None], ramp[None, :]) / (SIDE / 2)
    found: Floats = np.clip((1.1 - radius) / 0.25, 0, 1).astype(np.float32).ravel()
    return found


WINDOW = _window()


def _halved(pixels: Floats) -> Floats:
    """Means of 2x2 pixels; an odd last row or column counts twice."""
    _, height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rows = pixels[:, ::2] + pixels[:, 1::2]
    halves = rows[:, :, ::2] + rows[:, :, 1::2]
    halves *= np.float32(0.25)
    return halves


def _centred(samples: Floats) -> tuple[Floats, Floats]:
    """Samples (..., C, SIDE * SIDE) without each channel's mean, weighted by the window, and their lengths."""
    mean = (samples @ WINDOW) / WINDOW.sum()
    found = (samples - mean[..., None]) * np.sqrt(WINDOW)
    found = found.reshape(*samples.shape[:-2], -1)
    return found, np.sqrt(np.einsum("...d,...d->...", found, found))


def example(pixels: Floats, place: Floats, side: float) -> Floats:
    """Cut an object with its surroundings out of a canvas (C, H, W): (C, S, S), S even and 2 1/2 sides or more."""
    reach = 2 * int(np.ceil(1.25 * side))
    straight = np.eye(2, dtype=np.float32)[None]
    found: Floats = sample([pixels], positions(reach, place[None].astype(np.float32), straight))[0].reshape(
        -1, reach, reach
    )
    return found


class Likeness:
    """The marked objects as templates.

    Args:
        examples: (M, C, S, S) the objects in the middle of their surroundings, as ``example`` cuts them.
        side: working pixels of the side of a typical object.
        turn: the largest angle by which objects are turned, in radians.

    ``angles`` (in radians, against the clock on the screen) and ``scales`` say how the variants of a mark, of which
    ``matched`` tells the numbers, differ from it.
    """

    def __init__(self, examples: Floats, side: float, turn: float) -> None:
        # a template spans the side of the object, on the halved canvas
        # in 64ths of a pixel: then a place is sampled alike wherever a canvas begins
        self._spread = np.float32(max(1, round(64 * side / 2 / SIDE)) / 64)
        steps = int(np.degrees(turn) // STEP)
        angles = np.radians(STEP) * np.arange(-steps, steps + 1 if turn < np.pi else steps)
        angle, scale = (a.ravel() for a in np.meshgrid(angles, SCALES))
        turns = matrices(angle, scale) * self._spread
        middle = (examples.shape[-1] / 2 - 1) / 2
        centres = np.full((len(angle), 2), middle, np.float32)
        templates, lengths = [], []
        for example in examples:
            cut = sample([_halved(example)] * len(angle), positions(SIDE, centres, turns))
            template, length = _centred(cut)
            templates.append(template / np.maximum(length, 1e-6)[:, None])
            lengths.append(length)
        channels, wide = examples.shape[1], SIDE + SHIFTS - 1
        kernels = (np.concatenate(templates).reshape(-1, channels, SIDE * SIDE) * np.sqrt(WINDOW)).astype(np.float32)
        self._correlate = _convolution(kernels.reshape(-1, channels, SIDE, SIDE), wide)
        self._weigh = _convolution(WINDOW.reshape(1, 1, SIDE, SIDE), wide)
        self._floor = np.float32(FLAT * np.median(np.concatenate(lengths)))
        self.angles, self.scales = angle.astype(np.float32), scale.astype(np.float32)
        self.objects, self._variants = len(examples), len(angle)

    def __call__(self, pixels: Floats, places: Floats) -> Floats:
        """Compare places with every marked object.

        Args:
            pixels: (C, H, W) of a canvas.
            places: (N, 2) working pixels.

        Returns:
            (N, M): the largest normalised correlation over turns, scales and shifts by a template's sample.
        """
        return self.matched(pixels, places)[0]

    def matched(self, pixels: Floats, places: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """The correlations (N, M) of ``__call__``, and which variants of the objects they are with (N, M)."""
        half = _halved(pixels) if len(places) else pixels
        found = np.empty((len(places), self.objects), np.float32)
        variants = np.empty(found.shape, np.intp)
        for first in range(0, len(places), CHUNK):
            some = places[first : first + CHUNK]
            best = self._best(self._cuts(half, ((some - np.float32(0.5)) / 2).astype(np.float32)))
            best = best.reshape(len(some), self.objects, self._variants)
            found[first : first + CHUNK] = best.max(axis=2)
            variants[first : first + CHUNK] = best.argmax(axis=2)
        return found, variants

    def _best(self, cuts: Floats) -> Floats:
        """The largest correlation of every template (N, T) over the shifts within cuts (N, C, wide, wide)."""
        n, channels, wide, _ = cuts.shape
        # about the middle's mean: a template has none, and squares of what is left are small
        level = cuts - cuts.reshape(n, channels, -1).mean(axis=2)[..., None, None]
        planes = level.reshape(-1, 1, wide, wide)
        sums, squares = (self._weigh(p).reshape(n, channels, SHIFTS, SHIFTS) for p in (planes, planes * planes))
        lengths = np.sqrt(np.maximum(squares - sums * sums / WINDOW.sum(), 0).sum(axis=1))
        products = self._correlate(level)
        scale = 1 / np.maximum(lengths, self._floor)
        best = np.full(products.shape[:2], -np.inf, np.float32)
        for y in range(SHIFTS):
            for x in range(SHIFTS):
                np.maximum(best, products[:, :, y, x] * scale[:, y, x, None], out=best)
        return best

    def _cuts(self, half: Floats, centres: Floats) -> Floats:
        """The samples about each centre that a template meets, shifted or not: (N, C, wide, wide)."""
        wide = SIDE + SHIFTS - 1
        straight = np.repeat(np.eye(2, dtype=np.float32)[None] * self._spread, len(centres), axis=0)
        at = positions(wide, centres, straight)
        cut = sample([half], at.reshape(2, 1, -1))[0].reshape(len(half), len(centres), wide, wide)
        return np.ascontiguousarray(cut.transpose(1, 0, 2, 3))


def _convolution(kernels: Floats, wide: int) -> engine.Program:
    """Kernels (T, C, S, S) over squares (N, C, wide, wide)."""
    many, channels, size, _ = kernels.shape
    network = Network.parse(f"{channels}x{wide}x{wide}: conv {many} {size} nobias")
    return engine.compile(network, {"0.weight": kernels})
