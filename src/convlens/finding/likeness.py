"""How like the marked objects a place is, without any training: their cosine, where what is common counts little.

Marks, turned and scaled, are compared with the places where the network has peaks. How they look is told by
``appearance.py``; there what places of a picture have in common, all the yellow discs of a crowd, would drown what
tells an object. So both are seen along axes on which the places of the pictures differ by chance equally (whitening,
as in exemplar LDA: Hariharan, Malik and Ramanan, 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from convlens.engine import Products, cores, share_out

from .appearance import (
    TILE,
    WIDE,
    Sight,
    Whole,
    cut,
    described,
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
LOOKS = 252
"""Descriptions that are made and compared together, 28 places and their shifts: memory of their size is used again."""
PLACES = 1536
"""Places that are looked at together, roughly: fewer leave the engine little to do at once, more take memory."""


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
        self._project = None if axes is None else Products(axes.T, threads=1)
        self._compare = Products(templates, threads=1)

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

    def matched(self, pixels: Floats, places: Floats) -> tuple[Floats, Whole]:
        """The cosines (N, M) of ``__call__``, and which variants of the objects they are with (N, M)."""
        _, alike, variants = self.promising(pixels, places, None)
        return alike, variants

    def promising(
        self, pixels: Floats, places: Floats, hopeful: Callable[[Whole, Floats], NDArray[np.bool_]] | None
    ) -> tuple[Whole, Floats, Whole]:
        """Look at places roughly, and closely at those that are worth it.

        A rough look leaves templates where they are: a ninth of the comparisons, and up to NUDGE less.

        Args:
            pixels, places: as for ``__call__``.
            hopeful: from the numbers of some places, and their rough cosines (K, M), which of them are worth a close
                look; None: all are, without a rough one.

        Returns:
            The numbers (K,) of those that were looked at closely, in order, and of these what ``matched`` gives.
        """
        at = samples(places, self._step)
        chosen, found = np.zeros(len(places), np.bool_), np.empty((len(places), self.objects), np.float32)
        variants = np.empty(found.shape, np.intp)
        for groups in _batches(_together(at), PLACES if hopeful else PLACES // 4):
            sights: list[Sight] = [Sight.of(pixels, at[:1], self._step)] * len(groups)

            def run(group: int, groups: list[Whole] = groups, sights: list[Sight] = sights) -> None:
                sights[group] = Sight.of(pixels, at[groups[group]], self._step)

            share_out(run, len(groups), cores())
            every = [np.ones(len(group), np.bool_) for group in groups]
            if hopeful:
                some = np.concatenate(groups)
                worth = hopeful(some, self._compared(sights, every, 0)[0])
                every = np.split(worth, np.cumsum([len(group) for group in groups])[:-1])
            some = np.concatenate([group[worth] for group, worth in zip(groups, every, strict=True)])
            if len(some):
                chosen[some] = True
                found[some], variants[some] = self._compared(sights, every, 1)
        return np.flatnonzero(chosen), found[chosen], variants[chosen]

    def _compared(self, sights: list[Sight], which: list[NDArray[np.bool_]], shifts: int) -> tuple[Floats, Whole]:
        """The largest cosines of some places of each sight, one sight after another, and of which variants they are."""
        together = LOOKS // (1 + 2 * shifts) ** 2
        parts = [
            (sight, some[first : first + together])
            for sight, some in zip(sights, map(np.flatnonzero, which), strict=True)
            for first in range(0, len(some), together)
        ]
        return self._each_alike(len(parts), lambda n: parts[n][0].described(parts[n][1], shifts))

    def each(self, crops: Floats, spots: Floats) -> Floats:
        """The cosines (N, M) of one place in each of some crops.

        Args:
            crops: (N, C, H, W).
            spots: (N, 2) working pixels.
        """
        corners = samples(spots, self._step) + 1 - WIDE // 2
        windows = [piece(crop, corner, (WIDE, WIDE), self._step) for crop, corner in zip(crops, corners, strict=True)]
        together = LOOKS // 9
        chunks = [windows[first : first + together] for first in range(0, len(windows), together)]
        return self._each_alike(len(chunks), lambda n: described(np.stack(chunks[n]), 1))[0]

    def _each_alike(self, count: int, look: Callable[[int], Floats]) -> tuple[Floats, Whole]:
        """As ``_alike``, of so many parts that are described one by one, on all cores."""
        found = [(np.empty((0, self.objects), np.float32), np.empty((0, self.objects), np.intp))] * count

        def run(n: int) -> None:
            found[n] = self._alike(look(n))

        share_out(run, count, cores())
        alike, variants = zip(*found, strict=True)
        return np.concatenate(alike), np.concatenate(variants)

    def _alike(self, looks: Floats) -> tuple[Floats, Whole]:
        """The largest cosines (N, M) of descriptions (N, K, D) of each place, and of which variants they are."""
        n, each, _ = looks.shape
        looks = looks.reshape(n * each, -1)
        contrast = np.minimum(_lengths(looks) / self._floor, 1)
        seen = looks if self._project is None else self._project(looks)
        alike = self._compare(seen)
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


def _lengths(vectors: Floats) -> Floats:
    found: Floats = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    return found
