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
from convlens.engine import cores, share_out
from convlens.network import Network

from .appearance import (
    TILE,
    WIDE,
    Whole,
    cut,
    described,
    described_among,
    middles,
    piece,
    pixels_a_sample,
    sampled,
    samples,
)
from .warp import sample

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
CHUNK = 128
"""Windows that are described together: more would leave a second-level cache."""
ROWS = 4096
"""Descriptions that are compared together: fewer leave the engine little to do at once."""


def example(pixels: Floats, place: Floats, side: float) -> Floats:
    """Cut an object with its surroundings out of a canvas (C, H, W): (C, S, S), S a multiple of 4, 2 1/2 sides or more.

    It is cut where places are seen (``samples``), so that the marked object itself is a copy.
    """
    reach, step = 4 * int(np.ceil(0.625 * side)), pixels_a_sample(side)
    straight = np.eye(2, dtype=np.float32)[None]
    middle = middles(samples(place[None], step), step)
    found: Floats = sample([pixels], reach, middle, straight)[0].reshape(-1, reach, reach)
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
        self._step = pixels_a_sample(side)
        self._turn = turn
        steps = int(np.degrees(turn) // STEP)
        angles = np.radians(STEP) * np.arange(-steps, steps + 1 if turn < np.pi else steps)
        angle, scale = (a.ravel().astype(np.float32) for a in np.meshgrid(angles, SCALES))
        self.angles, self.scales = angle, scale
        self.objects, self._variants = len(examples), len(angle)
        middle = np.full((len(angle), 2), (examples.shape[-1] / self._step - 1) / 2, np.float32)
        looks = [described(cut(sampled(one, self._step), middle, angle, scale))[:, 0] for one in examples]
        self._looks = np.concatenate(looks)
        self._floor = np.float32(FLAT * np.median(_lengths(self._looks)))
        self._see(axes)

    def _see(self, axes: Floats | None) -> None:
        self.axes = axes
        seen: Floats = self._looks if axes is None else (self._looks @ axes)
        templates: Floats = (seen / np.maximum(_lengths(seen), 1e-6)[:, None]).astype(np.float32)
        # on the engine a place has the same bits among whichever others it is asked for
        self._project = None if axes is None else products(np.ascontiguousarray(axes.T))
        self._compare = products(templates)

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
            some = at[np.arange(count) * len(at) // max(1, count)] - (self._step - 1) / 2
            moved = (some + rng.uniform(-JITTER, JITTER, some.shape)) / self._step
            angle = rng.uniform(-self._turn, self._turn, count)
            scale = np.exp(rng.uniform(np.log(SCALES[0]), np.log(SCALES[-1]), count))
            looks.append(self._evenly(sampled(pixels, self._step), moved, angle, scale))
        self._see(axes(np.concatenate(looks)) if total else None)

    def _evenly(self, seen: Floats, *how: NDArray[np.floating]) -> Floats:
        """Descriptions (N, D) of windows cut as ``how`` says, of length 1 but for what has little contrast."""
        found = np.empty((len(how[0]), self._looks.shape[1]), np.float32)

        def run(chunk: int) -> None:
            some = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
            look = described(cut(seen, *(told[some] for told in how)))[:, 0]
            found[some] = look / np.maximum(_lengths(look), self._floor)[:, None]

        share_out(run, -(-len(found) // CHUNK), cores())
        return found

    def __call__(self, pixels: Floats, places: Floats) -> Floats:
        """Compare places with every marked object.

        Args:
            pixels: (C, H, W) of a canvas.
            places: (N, 2) working pixels.

        Returns:
            (N, M): the largest cosine over turns, scales and shifts by a template's sample.
        """
        return self.matched(pixels, places)[0]

    def matched(self, pixels: Floats, places: Floats, shifts: int = 1) -> tuple[Floats, Whole]:
        """The cosines (N, M) of ``__call__``, and which variants of the objects they are with (N, M).

        ``shifts`` 0 leaves templates where they are: a ninth of the comparisons, and up to NUDGE less.
        """
        at = samples(places, self._step)
        found = np.empty((len(places), self.objects), np.float32)
        variants = np.empty(found.shape, np.intp)
        for groups in _batches(_together(at), ROWS // (1 + 2 * shifts) ** 2):
            looks: list[Floats] = [found] * len(groups)

            def run(group: int, groups: list[Whole] = groups, looks: list[Floats] = looks) -> None:
                looks[group] = described_among(pixels, at[groups[group]], self._step, shifts)

            share_out(run, len(groups), cores())
            some = np.concatenate(groups)
            found[some], variants[some] = self._alike(np.concatenate(looks))
        return found, variants

    def each(self, crops: Floats, spots: Floats) -> Floats:
        """The cosines (N, M) of one place in each of some crops.

        Args:
            crops: (N, C, H, W).
            spots: (N, 2) working pixels.
        """
        corners = samples(spots, self._step) + 1 - WIDE // 2
        windows = [piece(crop, corner, (WIDE, WIDE), self._step) for crop, corner in zip(crops, corners, strict=True)]
        chunks = [np.stack(windows[first : first + CHUNK]) for first in range(0, len(windows), CHUNK)]
        return np.concatenate([self._alike(described(chunk, 1))[0] for chunk in chunks])

    def _alike(self, looks: Floats) -> tuple[Floats, Whole]:
        """The largest cosines (N, M) of descriptions (N, K, D) of each place, and of which variants they are."""
        n, each, _ = looks.shape
        looks = looks.reshape(n * each, -1)
        contrast = np.minimum(_lengths(looks) / self._floor, 1)
        seen = looks if self._project is None else self._project(looks[:, :, None, None])
        alike = self._compare(seen[:, :, None, None])
        alike *= (contrast / np.maximum(_lengths(seen), 1e-6))[:, None]
        best = alike.reshape(n, each, -1).max(axis=1).reshape(n, self.objects, self._variants)
        return best.max(axis=2), best.argmax(axis=2)


def _together(at: Whole) -> list[Whole]:
    """Places (N, 2) in groups that lie in one tile each: their numbers."""
    x, y = (at // TILE).T
    order = np.lexsort((x, y))
    ends = np.flatnonzero(np.diff(x[order]) | np.diff(y[order])) + 1
    return np.split(order, ends) if len(at) else []


def _batches(groups: list[Whole], most: int) -> list[list[Whole]]:
    """Groups in order, together as few places as reach ``most``."""
    found: list[list[Whole]] = []
    room = 0
    for group in groups:
        if room <= 0:
            found.append([])
            room = most
        found[-1].append(group)
        room -= len(group)
    return found


def products(rows: Floats) -> engine.Program:
    """Vectors (N, D) times each of the rows (K, D)."""
    outputs, inputs = rows.shape
    return engine.compile(Network.parse(f"{inputs}x1x1: flatten, linear {outputs} nobias"), {"1.weight": rows})


def _lengths(vectors: Floats) -> Floats:
    found: Floats = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    return found
