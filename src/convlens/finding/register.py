"""Where exactly a marked object would lie at a place, and how closely it fits there: the sure places looked at again.

How like the marked objects a place is (``likeness.py``) is asked of thousands of places, coarsely: at turns that lie 15
degrees apart, on half the pixels, wherever the network's peak is. Here a marked object is laid on a place as it matched
there, and moved, turned and scaled a little until it fits best: in two stages, the second one finer. Only what covers
the object counts, not its ground. So copies are told from what is merely like them, and where a find lies is told more
exactly than by the network's cells. What this is worth beside the rest is told in ``scores.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.engine import cores, share_out

from .appearance import piece
from .likeness import SCALES, products
from .scene import REACH
from .warp import matrices, offsets, sample

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]

SIDE = 24
"""Samples a side of what is compared; they lie as far apart as it takes to see all of a marked object's box."""
AROUND = 1.1
"""Sides of that box that are seen."""
WIDEST = 2.5
"""Working pixels between samples at most: of longer things only the middle is seen, so that a margin holds it."""
COLOUR = 0.4
"""What a difference of colour counts beside the same rise of brightness from one sample to the next but one."""
QUIET = 0.02
"""Product of two contrasts below which things are like nothing: noise in a plain."""
PULL = 0.5
"""How much better an object must fit a side farther away: among touching ones the nearest is meant."""
NEAREST = 3
"""Marked objects, those a place is most like, that are laid on it: more take time and tell little."""
ALIKE = 0.1
"""Difference of two fits that makes one mark count 2.7 times the other, for the fit and for the place."""
PARTS = 64
"""A place is told in these parts of a working pixel, as peaks are."""
TOGETHER = 128
"""Places that are looked at together, by one of the threads."""


class Nudges(NamedTuple):
    """By which angles (K,) in radians, scales (K,) and shifts (K, 2) in samples an object is moved where it lies."""

    angle: Floats
    scale: Floats
    shift: Floats

    @classmethod
    def all(cls, degrees: Sequence[float], scales: Sequence[float], steps: Sequence[float]) -> Nudges:
        """All combinations, with the same steps along x and y."""
        told = np.meshgrid(np.radians(degrees), scales, steps, steps, indexing="ij")
        angle, scale, x, y = (axis.ravel().astype(np.float32) for axis in told)
        return cls(angle, scale, np.stack([x, y], 1))


STAGES = (
    Nudges.all((-7.5, 0, 7.5), (1.0,), np.linspace(-4.5, 4.5, 7).tolist()),
    Nudges.all((-4, 0, 4), (0.93, 1.0, 1.07), (-1, 0, 1)),
)
FARTHEST = 1.6 * max(SCALES) * (SIDE / 2 + float(sum(stage.shift.max() for stage in STAGES)))
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
    """

    def __init__(self, things: Sequence[Floats]) -> None:
        self._templates = [_Template(thing) for thing in things]
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

        def run(first: int) -> None:
            part = np.arange(first * TOGETHER, min((first + 1) * TOGETHER, len(places)))
            # of each place the same numbers, wherever the canvas begins
            whole = np.floor(places[part]).astype(np.intp)
            size = 2 * self._reach + 1, 2 * self._reach + 1
            windows = [np.ascontiguousarray(piece(pixels, at - self._reach, size, 1)) for at in whole]
            middle = (places[part] - whole).astype(np.float64) + self._reach
            for m, template in enumerate(self._templates):
                own = np.flatnonzero(tried[part, m])
                some = part[own]
                if len(some):
                    how = middle[own], angle[some, m], scale[some, m]
                    found.fits[some, m], found.aside[some, m] = template.lay([windows[k] for k in own], *how)

        share_out(run, -(-len(places) // TOGETHER), cores())
        return found


class _Template:
    """A marked object, and how it looks moved a little; ``thing`` as for ``Register``."""

    def __init__(self, thing: Floats) -> None:
        side = (thing.shape[1] - 1) / 2 / REACH
        self.step = min(max(1.0, AROUND * side / SIDE), WIDEST)
        self._stages = [_Stage(thing, nudges, self.step) for nudges in STAGES]

    def lay(self, windows: list[Floats], middle: Exact, angle: Floats, scale: Floats) -> tuple[Floats, Exact]:
        """How closely it fits places, and how far from them (N, 2) it lies then.

        Args:
            windows: (C, H, W) about each place.
            middle: (N, 2) where in them the places are.
            angle, scale: (N,) how it is turned and scaled at first.
        """
        angle, scale = angle.astype(np.float64), scale.astype(np.float64)
        moved = np.zeros_like(middle)
        fits = np.zeros(len(middle), np.float32)
        for stage in self._stages:
            there = matrices(-angle, 1 / (scale * self.step))
            crops = sample(windows, SIDE, (middle + moved).astype(np.float32), there)
            fits, best = stage.fits(crops.reshape(len(crops), -1, SIDE, SIDE))
            moved += (there.astype(np.float64) * stage.middles[best][:, None, :]).sum(axis=2)
            angle, scale = angle + stage.nudges.angle[best], scale * stage.nudges.scale[best]
        return fits, moved


class _Stage:
    """A marked object moved by some nudges: ``thing`` as for ``Register``, samples so many working pixels apart."""

    def __init__(self, thing: Floats, nudges: Nudges, step: float) -> None:
        self.nudges = nudges
        turns = matrices(nudges.angle, nudges.scale / step)
        centres = (np.float32((thing.shape[1] - 1) / 2) + nudges.shift * np.float32(step)).astype(np.float32)
        seen = sample([thing] * len(turns), SIDE, centres, turns)
        at = turns @ offsets(SIDE) + centres[:, :, None]
        # beyond the patch lies its mirror image, which covers nothing
        weight = np.where(((at < 0) | (at > thing.shape[1] - 1)).any(axis=1), np.float32(0), seen[:, -1])
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
        looks = _looks(seen[:, :-1].reshape(len(turns), -1, SIDE, SIDE))
        self._contrast = np.sqrt((looks * looks * weight[:, None]).sum(axis=(1, 2)))
        self._compare = products(np.ascontiguousarray((looks * weight[:, None]).reshape(len(turns), -1)), threads=1)
        self._weigh = products(np.ascontiguousarray(weight), threads=1)
        back = matrices(-nudges.angle, 1 / nudges.scale).astype(np.float64)
        self.middles: Exact = -(back * nudges.shift[:, None, :]).sum(axis=2)
        """(K, 2): where the object's middle lies among the samples of a crop that shows it so moved."""
        self._pull = np.float32(PULL) * ((nudges.shift / SIDE) ** 2).sum(axis=1)

    def fits(self, crops: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """How closely crops (N, C, SIDE, SIDE) show the object, and moved by which of the nudges."""
        looks = _looks(crops)
        energy = (looks * looks).sum(axis=1)
        contrast = np.sqrt(np.maximum(self._weigh(energy[:, :, None, None]), 0))
        found = self._compare(looks.reshape(len(looks), -1, 1, 1)) / (contrast * self._contrast + np.float32(QUIET))
        best = (found - self._pull).argmax(axis=1)
        return found[np.arange(len(found)), best], best


def _looks(crops: Floats) -> Floats:
    """What is compared of crops (N, C, SIDE, SIDE): how each channel rises along x and y, and how far it is from the
    mean of the middle; (N, 3 C, SIDE * SIDE)."""
    n, channels = crops.shape[:2]
    found = np.zeros((n, 3, channels, SIDE, SIDE), np.float32)
    np.subtract(crops[..., 2:], crops[..., :-2], out=found[:, 0, :, :, 1:-1])
    np.subtract(crops[..., 2:, :], crops[..., :-2, :], out=found[:, 1, :, 1:-1])
    found[:, :2] *= np.float32(0.5)
    mean = (crops * MIDDLE).reshape(n, channels, -1).sum(axis=2)
    np.subtract(crops, mean[:, :, None, None], out=found[:, 2])
    found[:, 2] *= np.float32(COLOUR)
    return found.reshape(n, 3 * channels, -1)


def _middle() -> Floats:
    """A disc that an object fills, 1 in all: (SIDE, SIDE)."""
    ramp = np.arange(SIDE) - (SIDE - 1) / 2
    disc = (np.hypot(ramp[:, None], ramp[None, :]) < 0.4 * SIDE).astype(np.float32)
    found: Floats = disc / disc.sum()
    return found


MIDDLE = _middle()
