"""Where exactly a marked object would lie at a place, and how closely it fits there: the sure places looked at again.

How like the marked objects a place is (``likeness.py``) is asked of thousands of places, coarsely: at turns that lie 15
degrees apart, on half the pixels, wherever the network's peak is. Here a marked object is laid on a place as it matched
there, and moved, turned and scaled a little until it fits best: in two stages, the second one finer. Only what covers
the object counts, not its ground. So where a find lies is told more exactly than by the network's cells. How closely
the object fits there is how far the slopes of both agree, small part by small part (``engine.Agreement``): so copies
are told from what is merely like them, in another light or half hidden. What this is worth beside the rest is told in
``scores.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.engine import Agreement, Products, cores, share_out

from .appearance import piece
from .likeness import SCALES
from .scene import REACH
from .warp import matrices, sample

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
Whole = NDArray[np.intp]

SIDE = 24
"""Samples a side of what is compared; they lie as far apart as it takes to see all of a marked object's box."""
AROUND = 1.1
"""Sides of that box that are seen."""
WIDEST = 2.5
"""Working pixels between samples at most: of longer things only the middle is seen, so that a margin holds it."""
COLOUR = 0.8
"""What a difference of colour counts beside the same rise of brightness from one sample to the next but one."""
QUIET = 0.08
"""Product of two contrasts below which things are like nothing: noise in a plain."""
FINE = 48
"""Samples a side of what says how closely the object fits where it lies best."""
BORDER = 2
"""Samples around these that it takes."""
WIDE = FINE + 2 * BORDER
FAINT, NOISE = 0.15, 0.01
"""Energy of a cell's slopes below which these say little: in mean energies, and for itself."""
PULL = 0.5
"""How much better an object must fit a side farther away: among touching ones the nearest is meant."""
NEAREST = 3
"""Marked objects, those a place is most like, that are laid on it: more take time and tell little."""
ALIKE = 0.1
"""Difference of two fits that makes one mark count 2.7 times the other, for the fit and for the place."""
PARTS = 64
"""A place is told in these parts of a working pixel, as peaks are."""
TOGETHER = 64
"""Places on which an object is laid together, by one of the threads."""


class Nudges(NamedTuple):
    """By which angles (K,) in radians, scales (K,) and shifts (K, 2) in halves of a sample an object is moved where it
    lies; those in a row that differ by their shifts alone are ``shifts``."""

    angle: Floats
    scale: Floats
    shift: Whole
    shifts: int

    @classmethod
    def all(cls, degrees: Sequence[float], scales: Sequence[float], halves: Sequence[int]) -> Nudges:
        """All combinations, with the same steps along x and y."""
        angle, scale, x, y = (
            axis.ravel() for axis in np.meshgrid(np.radians(degrees), scales, halves, halves, indexing="ij")
        )
        shift = np.stack([x, y], 1).astype(np.intp)
        return cls(angle.astype(np.float32), scale.astype(np.float32), shift, len(halves) ** 2)

    @property
    def farthest(self) -> int:
        """The largest shift along x and y."""
        return int(self.shift.max())


STAGES = (
    Nudges.all((-7.5, 0, 7.5), (1.0,), range(-9, 10, 3)),
    Nudges.all((-4, 0, 4), (0.93, 1.0, 1.07), range(-1, 2)),
)
FARTHEST = 1.6 * max(SCALES) * (SIDE + sum(stage.farthest for stage in STAGES)) / 2
"""Samples from a place to the farthest that is looked at."""


class Laid(NamedTuple):
    """Marked objects on places (N, 2): how closely each fits (N, M), NaN where it was not tried, and how far from the
    place it lies then (N, M, 2)."""

    places: Floats
    fits: Floats
    aside: Exact

    def overall(self) -> Floats:
        """How closely the marked objects together fit (N,), a mean that the best lead."""
        tried = (~np.isnan(self.fits)).sum(axis=1)
        found: Floats = self._best + np.float32(ALIKE) * np.log(self._shares.sum(axis=1) / tried.astype(np.float32))
        return found

    def middles(self) -> Floats:
        """Where they lie (N, 2) in the mean, those that fit best counting most."""
        share = self._shares[:, :, None]
        aside = (np.where(share > 0, self.aside, 0) * share).sum(axis=1) / share.sum(axis=1)
        # in parts of a pixel, so that a sum is exact wherever the canvas begins
        found: Floats = self.places + np.rint(aside * PARTS).astype(np.float32) / np.float32(PARTS)
        return found

    @property
    def _best(self) -> Floats:
        found: Floats = np.nanmax(self.fits, axis=1)
        return found

    @property
    def _shares(self) -> Floats:
        """1 for what fits best, 0 for what was not tried."""
        found: Floats = np.exp((self.fits - self._best[:, None]) / np.float32(ALIKE))
        return np.nan_to_num(found)


class Register:
    """Marked objects that can be laid on places.

    Args:
        things: (C + 1, S, S) of each, as in ``Patch.pixels``: it lies in the middle, and the last plane says how much
            of it covers each pixel.
        before: what was made of others, or of some of these: the same thing is not made ready again.
    """

    def __init__(self, things: Sequence[Floats], before: Register | None = None) -> None:
        made: dict[int, _Template] = {}
        ready: dict[bytes, _Template] = {one.thing.tobytes(): one for one in (before._templates if before else ())}

        def make(k: int) -> None:
            made[k] = ready.get(things[k].tobytes()) or _Template(things[k])

        share_out(make, len(things), cores())
        self._templates: list[_Template] = [made[k] for k in range(len(things))]
        self._reach = int(np.ceil(FARTHEST * max((template.step for template in self._templates), default=1.0)))

    def lay(self, pixels: Floats, places: Floats, alike: Floats, angle: Floats, scale: Floats) -> Laid:
        """Lay on each place the marked objects that it is most like.

        Args:
            pixels: (C, H, W) of a canvas.
            places: (N, 2) working pixels.
            alike: (N, M) how like each object they are, NaN for those that are not to be tried, but for one.
            angle, scale: (N, M) how each object matches, as ``Likeness.angles`` and ``scales`` say.
        """
        found = Laid(places, np.full(alike.shape, np.nan, np.float32), np.full((*alike.shape, 2), np.nan))
        told = np.where(np.isnan(alike), -np.inf, alike)
        order = np.argsort(-told, axis=1, kind="stable")[:, :NEAREST]
        tried = np.zeros(alike.shape, np.bool_)
        np.put_along_axis(tried, order, values=True, axis=1)
        tried &= np.isfinite(told)

        # so many places at once that each object is laid on about TOGETHER
        many = TOGETHER * max(NEAREST, len(self._templates)) // NEAREST

        def run(part: int) -> None:
            # of each place the same numbers, wherever the canvas begins
            first = part * many
            own = places[first : first + many]
            whole = np.floor(own).astype(np.intp)
            windows = _windows(pixels, whole - self._reach, 2 * self._reach + 1)
            middle = (own - whole).astype(np.float64) + self._reach
            for m, template in enumerate(self._templates):
                near = np.flatnonzero(tried[first : first + many, m])
                if len(near):
                    some = first + near
                    how = middle[near], angle[some, m], scale[some, m]
                    found.fits[some, m], found.aside[some, m] = template.lay([windows[k] for k in near], *how)

        share_out(run, -(-len(places) // many), cores())
        return found


def _windows(pixels: Floats, corners: Whole, side: int) -> list[Floats]:
    """Squares (C, side, side) of a canvas from each of some corners (N, 2) x, y on: no copies where they lie within."""
    _, height, width = pixels.shape
    return [
        pixels[:, y : y + side, x : x + side]
        if 0 <= x <= width - side and 0 <= y <= height - side
        else piece(pixels, (x, y), (side, side), 1)
        for x, y in corners.tolist()
    ]


class _Template:
    """A marked object, and how it looks moved a little; ``thing`` as for ``Register``."""

    def __init__(self, thing: Floats) -> None:
        self.thing = thing
        side = (thing.shape[1] - 1) / 2 / REACH
        self.step = min(max(1.0, AROUND * side / SIDE), WIDEST)
        self._stages = [_Stage(thing, nudges, self.step) for nudges in STAGES]
        self._fine = self.step * SIDE / FINE
        self._agreement = _agreement(thing, self._fine)

    def lay(self, windows: list[Floats], middle: Exact, angle: Floats, scale: Floats) -> tuple[Floats, Exact]:
        """How closely it fits places, and how far from them (N, 2) it lies then.

        Args:
            windows: (C, H, W) about each place.
            middle: (N, 2) where in them the places are.
            angle, scale: (N,) how it is turned and scaled at first.
        """
        angle, scale = angle.astype(np.float64), scale.astype(np.float64)
        moved = np.zeros_like(middle)
        for stage in self._stages:
            there = matrices(-angle, 1 / (scale * self.step))
            crops = sample(windows, SIDE, (middle + moved).astype(np.float32), there)
            best = stage.best(crops)
            # seen so much farther on, it lies as much before
            moved -= (there.astype(np.float64) * (stage.nudges.shift[best] / 2)[:, None, :]).sum(axis=2)
            angle, scale = angle + stage.nudges.angle[best], scale * stage.nudges.scale[best]
        there = matrices(-angle, 1 / (scale * self._fine))
        crops = sample(windows, WIDE, (middle + moved).astype(np.float32), there).mean(axis=1)
        return self._agreement(crops.reshape(-1, WIDE, WIDE)), moved


class _Stage:
    """A marked object moved by some nudges: ``thing`` as for ``Register``, samples so many working pixels apart."""

    def __init__(self, thing: Floats, nudges: Nudges, step: float) -> None:
        self.nudges = nudges
        seen = _moved(thing, nudges, step)
        weight = seen[:, -1] / np.maximum(seen[:, -1].sum(axis=1, keepdims=True), 1e-6)
        own = np.ascontiguousarray(seen[:, :-1])
        parts = [slice(first, first + nudges.shifts) for first in range(0, len(own), nudges.shifts)]
        turned = np.concatenate([_turned_over(own[part], weight[part]) for part in parts])
        self._contrast = np.sqrt(np.maximum(np.einsum("ncp,ncp->n", turned, own), 0))
        self._compare = Products(turned.reshape(len(own), -1), threads=1)
        self._weigh = Products(weight, threads=1)
        self._pull = np.float32(PULL) * ((nudges.shift / (2 * SIDE)) ** 2).sum(axis=1)

    def best(self, crops: Floats) -> Whole:
        """By which of the nudges the object is moved as crops (N, C, SIDE * SIDE) show it."""
        contrast = np.sqrt(np.maximum(self._weigh(_energy(crops)), 0))
        contrast *= self._contrast
        contrast += np.float32(QUIET)
        found = self._compare(crops)
        found /= contrast
        best: Whole = (found - self._pull).argmax(axis=1)
        return best


def _agreement(thing: Floats, step: float) -> Agreement:
    """What tells how closely an object as for ``Register`` fits, in samples so many working pixels apart."""
    middle = np.full((1, 2), (thing.shape[1] - 1) / 2, np.float32)
    seen = sample([thing], WIDE, middle, matrices(np.zeros(1), np.array([1 / step])), covers=True)[0]
    cover = seen[-1].reshape(WIDE, WIDE)[BORDER:-BORDER, BORDER:-BORDER]
    return Agreement(seen[:-1].mean(axis=0).reshape(WIDE, WIDE), np.maximum(cover, 1e-6), FAINT, NOISE)


def _moved(thing: Floats, nudges: Nudges, step: float) -> Floats:
    """How an object looks by each nudge, and how much of it covers each sample: (K, C + 1, SIDE * SIDE)."""
    halves = 2 * SIDE - 1
    wide = halves + 2 * nudges.farthest
    # those that differ by their shifts alone are pieces of one
    turns = matrices(nudges.angle[:: nudges.shifts], nudges.scale[:: nudges.shifts] * 2 / step)
    middle = np.full((len(turns), 2), (thing.shape[1] - 1) / 2, np.float32)
    whole = sample([thing] * len(turns), wide, middle, turns, covers=True).reshape(len(turns), -1, wide, wide)
    pieces = np.lib.stride_tricks.sliding_window_view(whole, (halves, halves), (2, 3))[..., ::2, ::2]
    x, y = nudges.shift.T + nudges.farthest
    which = np.repeat(np.arange(len(turns)), nudges.shifts)
    found: Floats = pieces[which, :, y, x].reshape(len(which), -1, SIDE * SIDE)
    return found


def _looks(seen: Floats) -> Iterator[Floats]:
    """What of pictures (N, C, SIDE * SIDE) is compared: how every channel rises along x, then along y, from the sample
    before to the one behind, at the border not at all; and how far it is from the mean of the middle."""
    for axis, step in ((3, 1), (2, SIDE)):
        rise = np.empty_like(seen)
        np.subtract(seen[..., 2 * step :], seen[..., : -2 * step], out=rise[..., step:-step])
        border = np.moveaxis(rise.reshape(*seen.shape[:2], SIDE, SIDE), axis, 0)
        border[:: SIDE - 1] = 0
        yield rise
    tint = seen - np.einsum("ncp,p->nc", seen, MIDDLE)[..., None]
    tint *= np.float32(COLOUR)
    yield tint


def _energy(seen: Floats) -> Floats:
    """The squares of all that is compared of each sample, summed: (N, SIDE * SIDE)."""
    found = np.zeros((len(seen), SIDE * SIDE), np.float32)
    for look in _looks(seen):
        found += np.einsum("ncp,ncp->np", look, look)
    return found


def _turned_over(seen: Floats, weight: Floats) -> Floats:
    """Pictures (N, C, SIDE * SIDE): the product of one with another picture is that of what is compared of both, each
    sample counting as told (N, SIDE * SIDE).

    What is compared are sums of samples, so it can be turned over, and a third as many numbers are multiplied.
    """
    x, y, tint = _looks(seen)
    tint *= weight[:, None] * np.float32(COLOUR)
    tint -= tint.sum(axis=2, keepdims=True) * MIDDLE
    for rise, step in ((x, 1), (y, SIDE)):
        rise *= weight[:, None]
        tint[..., 2 * step :] += rise[..., step:-step]
        tint[..., : -2 * step] -= rise[..., step:-step]
    return tint


def _middle() -> Floats:
    """A disc that an object fills, 1 in all: (SIDE * SIDE,)."""
    ramp = np.arange(SIDE) - (SIDE - 1) / 2
    disc = (np.hypot(ramp[:, None], ramp[None, :]) < 0.4 * SIDE).astype(np.float32)
    found: Floats = (disc / disc.sum()).ravel()
    return found


MIDDLE = _middle()
