"""How like the marked objects a place is, without any training: their cosine, where what is common counts little.

Marks, turned and scaled, are compared with the places where the network has peaks. How they look is told by
``appearance.py``; there what places of a picture have in common, all the yellow discs of a crowd, would drown what
tells an object. So both are seen along axes on which the places of the pictures differ by chance equally (whitening,
as in exemplar LDA: Hariharan, Malik and Ramanan, 2012).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convlens import engine
from convlens.network import Network

from .appearance import SIDE, cut, described, halved
from .warp import positions, sample

Floats = NDArray[np.float32]

SCALES = (0.85, 1.0, 1.18)
STEP = 15.0
"""Degrees between two turns: half of what a template of 16 samples tells apart."""
FLAT = 0.25
"""Of the templates' contrast: what has less counts as having this much, so that noise in a plain is like nothing."""
AXES = 192
"""Axes along which places are compared, those of the largest variance; beyond lies noise."""
SHRINKAGE = 0.5
"""Of the mean variance, what is added to each axis': few places know it badly."""
JITTER = 3.0
"""Working pixels by which places are shifted where it is learned what is common."""
ALIKE = 0.1
"""The cosine of one mark counts 2.7 times that of another which is less by this, where the marks' are averaged."""
NUDGE = 0.3
"""By how much a shift makes a place more like a mark at most: among 4,000 peaks by 0.26, and by 0.16 but for 4."""
CHUNK = 512


def example(pixels: Floats, place: Floats, side: float) -> Floats:
    """Cut an object with its surroundings out of a canvas (C, H, W): (C, S, S), S even and 2 1/2 sides or more."""
    reach = 2 * int(np.ceil(1.25 * side))
    straight = np.eye(2, dtype=np.float32)[None]
    found: Floats = sample([pixels], positions(reach, place[None].astype(np.float32), straight))[0].reshape(
        -1, reach, reach
    )
    return found


def overall(alike: Floats) -> Floats:
    """How like the marked objects together places are (N,), a mean that the best lead.

    Args:
        alike: (N, M) the cosines with each, NaN for those that do not count.

    >>> print(overall(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)).round(2))
    [0.5  0.83]
    """
    best = np.nanmax(alike, axis=1, keepdims=True)
    mean = np.nanmean(np.exp((alike - best) / np.float32(ALIKE)), axis=1)
    found: Floats = best[:, 0] + np.float32(ALIKE) * np.log(mean)
    return found


def axes(looks: Floats) -> Floats:
    """The axes of what is common.

    Args:
        looks: (N, D) descriptions of places, of length 1 at most.

    Returns:
        (D, AXES or less): a description times these has the same variance on each axis, but for SHRINKAGE.
    """
    common = looks.T @ looks / np.float32(max(1, len(looks)))
    variance, directions = np.linalg.eigh(common)
    kept = slice(max(0, len(variance) - AXES), None)
    least = SHRINKAGE * max(float(np.trace(common)) / len(common), 1e-9)
    found: Floats = (directions[:, kept] / np.sqrt(np.maximum(variance[kept], 0) + least)).astype(np.float32)
    return found


class Likeness:
    """The marked objects as templates.

    Args:
        examples: (M, C, S, S) the objects in the middle of their surroundings, as ``example`` cuts them.
        side: working pixels of the side of a typical object.
        turn: the largest angle by which objects are turned, in radians.
        axes: along which places are compared, from ``common``; None: as they are.

    ``angles`` (in radians, against the clock on the screen) and ``scales`` say how the variants of a mark, of which
    ``matched`` tells the numbers, differ from it.
    """

    def __init__(self, examples: Floats, side: float, turn: float, axes: Floats | None = None) -> None:
        # a template spans the side of the object, on the halved canvas
        # in 64ths of a pixel: then a place is sampled alike wherever a canvas begins
        self._spread = np.float32(max(1, round(64 * side / 2 / SIDE)) / 64)
        self._turn = turn
        steps = int(np.degrees(turn) // STEP)
        angles = np.radians(STEP) * np.arange(-steps, steps + 1 if turn < np.pi else steps)
        angle, scale = (a.ravel().astype(np.float32) for a in np.meshgrid(angles, SCALES))
        self.angles, self.scales = angle, scale
        self.objects, self._variants = len(examples), len(angle)
        middle = np.full((len(angle), 2), (examples.shape[-1] / 2 - 1) / 2, np.float32)
        looks = [described(cut(halved(one), middle, angle, scale, self._spread))[:, 0] for one in examples]
        self._looks = np.concatenate(looks)
        self._floor = np.float32(FLAT * np.median(_lengths(self._looks)))
        self._see(axes)

    def _see(self, axes: Floats | None) -> None:
        self.axes = axes
        seen: Floats = self._looks if axes is None else (self._looks @ axes)
        templates: Floats = (seen / np.maximum(_lengths(seen), 1e-6)[:, None]).astype(np.float32)
        # on the engine a place has the same bits among whichever others it is asked for
        self._project = None if axes is None else _linear(np.ascontiguousarray(axes.T))
        self._compare = _linear(templates)

    def learn(self, places: Sequence[tuple[Floats, Floats]], most: int, rng: np.random.Generator) -> None:
        """Learn what is common.

        Args:
            places: canvases (C, H, W), and places (N, 2) on each that look most like objects.
            most: how many are looked at, turned and scaled at random; where there are fewer, some several times.
            rng: of the turns and scales.
        """
        looks = []
        total = sum(len(at) for _, at in places)
        for pixels, at in places:
            count = round(most * len(at) / max(1, total))
            some = (at[np.arange(count) * len(at) // max(1, count)] - 0.5) / 2
            moved = some + rng.uniform(-JITTER / 2, JITTER / 2, some.shape)
            angle = rng.uniform(-self._turn, self._turn, count)
            scale = np.exp(rng.uniform(np.log(SCALES[0]), np.log(SCALES[-1]), count))
            look = described(cut(halved(pixels), moved, angle, scale, self._spread))[:, 0]
            looks.append(look / np.maximum(_lengths(look), self._floor)[:, None])
        self._see(axes(np.concatenate(looks)) if total else None)

    def __call__(self, pixels: Floats, places: Floats) -> Floats:
        """Compare places with every marked object.

        Args:
            pixels: (C, H, W) of a canvas.
            places: (N, 2) working pixels.

        Returns:
            (N, M): the largest cosine over turns, scales and shifts by a template's sample.
        """
        return self.matched(pixels, places)[0]

    def matched(self, pixels: Floats, places: Floats, shifts: int = 1) -> tuple[Floats, NDArray[np.intp]]:
        """The cosines (N, M) of ``__call__``, and which variants of the objects they are with (N, M).

        ``shifts`` 0 leaves templates where they are: a ninth of the work, and up to NUDGE less.
        """
        half = halved(pixels) if len(places) else pixels
        found = np.empty((len(places), self.objects), np.float32)
        variants = np.empty(found.shape, np.intp)
        still = np.zeros(CHUNK, np.float32)
        for first in range(0, len(places), CHUNK):
            some = places[first : first + CHUNK]
            n = len(some)
            windows = cut(half, (some - 0.5) / 2, still[:n], still[:n] + 1, self._spread)
            looks = described(windows, shifts)
            each, looks = looks.shape[1], looks.reshape(n * looks.shape[1], -1)
            contrast = np.minimum(_lengths(looks) / self._floor, 1)
            seen = looks if self._project is None else self._project(looks[:, :, None, None])
            alike = self._compare(seen[:, :, None, None])
            alike *= (contrast / np.maximum(_lengths(seen), 1e-6))[:, None]
            best = alike.reshape(n, each, -1).max(axis=1).reshape(n, self.objects, self._variants)
            found[first : first + CHUNK] = best.max(axis=2)
            variants[first : first + CHUNK] = best.argmax(axis=2)
        return found, variants


def _linear(rows: Floats) -> engine.Program:
    """Vectors (N, D) times each of the rows (K, D)."""
    outputs, inputs = rows.shape
    return engine.compile(Network.parse(f"{inputs}x1x1: flatten, linear {outputs} nobias"), {"1.weight": rows})


def _lengths(vectors: Floats) -> Floats:
    found: Floats = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    return found
