"""Batches of crops to learn from: marked things in place and laid elsewhere, rejected things, and the rest.

A batch is a function of its number and of the seed, whoever prepares it and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convlens import engine

from .labels import labels
from .plans import SIDE, Laid, Material, Mix, Plan, masked, near_middle, planned
from .warp import matrices, sample

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]

STRETCH = 1 << 16
"""Numbers of noise: eight crops' worth."""
SPREAD = 29
"""Of so many pixels one tells a mean: the rows' length has no such factor."""
HOLES = np.array([0, 0, 6, 6]), np.array([SIDE - 14, SIDE - 14, 8, 8])
"""Left and upper edge, width and height of a hole: the least of each, and how many numbers it may be."""
STRAY = 0.25
"""Which part of the crops is turned by any angle."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops (N, C, SIDE, SIDE), and for each cell (N, 1, CELLS, CELLS) its target and what it counts."""

    crops: Floats
    target: Floats
    weight: Floats


def batch(material: Material, mix: Mix, rng: np.random.Generator) -> Batch:
    """Prepare one batch."""
    return _cut(planned(material, mix, rng), material, rng)


def trial(material: Material, thing: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Crops of one marked object as it might look elsewhere: half of them in place, half laid on other ground.

    Returns:
        Crops (N, C, SIDE, SIDE), and where in them the object's centre lies (N, 2) in pixels.
    """
    spots, places, there = near_middle(6.0, count, rng), material.anywhere(count, rng), material.places["objects"]
    aside = np.zeros_like(spots)
    places.scene[::2], places.at[::2], aside[::2] = there.scene[thing], there.at[thing], spots[::2]
    on = np.arange(1, count, 2)
    own = masked(material.things[thing : thing + 1], len(on), rng)
    made = _cut(Plan(places, aside, Laid(on, spots[on], np.ones(len(on), np.bool_), own)), material, rng)
    return made.crops, spots + np.float32((SIDE - 1) / 2)


def _cut(plan: Plan, material: Material, rng: np.random.Generator) -> Batch:
    n, laid = len(plan.places), plan.laid
    angle, scale = _turned(n, material.turn, rng)
    # even what stands upright may lie once
    angle = np.where(rng.random(n) < STRAY, rng.uniform(-np.pi, np.pi, n), angle)
    turns = matrices(angle, scale)
    centres = plan.places.at - (turns @ plan.aside[:, :, None])[:, :, 0]
    grounds = sample([material.scenes[i].canvas.pixels for i in plan.places.scene], SIDE, centres, turns)
    things = (
        _lain(laid, material, rng) if len(laid.on) else np.zeros((0, grounds.shape[1] + 1, SIDE * SIDE), np.float32)
    )
    crops = _lit(grounds, laid, things, rng)
    target, weight = labels(plan, turns, centres, material)
    return Batch(crops, target, weight)


def _turned(count: int, turn: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles and magnifications."""
    return rng.uniform(-turn, turn, count), np.exp(rng.uniform(np.log(0.8), np.log(1.25), count))


def _lain(laid: Laid, material: Material, rng: np.random.Generator) -> Floats:
    """What is laid on crops, as it lies there: (L, C + 1, SIDE * SIDE)."""
    turns = matrices(*_turned(len(laid.on), material.turn, rng))
    middles = np.array([(picture.shape[1] - 1) / 2 for picture in laid.pictures], np.float32)
    centres = middles[:, None] - (turns @ laid.spots[:, :, None])[:, :, 0]
    return sample(laid.pictures, SIDE, centres, turns, covers=True)


def _lit(grounds: Floats, laid: Laid, things: Floats, rng: np.random.Generator) -> Floats:
    """Crops (N, C, SIDE, SIDE) of grounds (N, C, SIDE * SIDE) and the things (L, C + 1, SIDE * SIDE) that are laid on
    them, in other colours and another light, some of them blurred, with noise and with holes."""
    n, channels, cells = grounds.shape
    colours = np.zeros((n, channels, channels + 1), np.float32)
    colours[:] = np.eye(channels, channels + 1)
    colours[laid.on] = _recoloured(_means(grounds, laid.on), 0.5, rng)
    # light and a channel's own
    gain = np.exp(rng.normal(0, 0.15, (n, 1, 1)) + rng.normal(0, 0.05, (n, channels, 1))).astype(np.float32)
    offset = rng.normal(0, 0.24, (n, 1)) + rng.normal(0, 0.08, (n, channels))
    seen = [colours * gain, _recoloured(_means(things)[:, :-1], 0.15, rng) * gain[laid.on]]
    for own, more in zip(seen, (offset, offset[laid.on]), strict=True):
        own[:, :, -1] += more
    # one stretch of noise, read from different places: drawing it anew would cost more than the crop
    noise = engine.Noise(
        _stretch(STRETCH + channels * cells),
        rng.integers(STRETCH, size=(n,)),
        np.where(rng.random(n) < 0.5, rng.uniform(0, 0.16, n), 0).astype(np.float32),
    )
    shape = channels, SIDE, SIDE
    lain = engine.Laid(laid.on, things.reshape(len(things), channels + 1, SIDE, SIDE), seen[1])
    crops = engine.blend(grounds.reshape(n, *shape), seen[0], lain, np.less(rng.random(n), 0.2), noise)
    some = np.flatnonzero(rng.random(n) < 0.15)
    holes = (HOLES[0] + rng.random((len(some), 4)) * HOLES[1]).astype(int).tolist()
    means = _means(crops.reshape(n, channels, cells), some)[:, :, None, None]
    for i, mean, (x, y, w, h) in zip(some, means, holes, strict=True):
        crops[i, :, y : y + h, x : x + w] = mean
    return crops


@cache
def _stretch(count: int) -> Floats:
    """So many normal numbers."""
    return np.random.default_rng(0).standard_normal(count, np.float32)


def _means(pictures: Floats, which: Whole | slice = slice(None)) -> Floats:
    """The means (K, C) of some pictures (N, C, P), by pixels that lie all over them."""
    found: Floats = pictures[which, :, ::SPREAD].mean(axis=2)
    return found


def _recoloured(means: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Other colours for half of pictures whose means are (K, C): (K, C, C + 1), by which channels are mixed about
    these, and shifted."""
    many, channels = means.shape
    drawn = rng.normal(0, strength, (many, channels, channels + 1)) * (rng.random((many, 1, 1)) < 0.5)
    drawn[:, :, -1:] = 1.5 * drawn[:, :, -1:] - drawn[:, :, :-1] @ means[:, :, None]
    found: Floats = (drawn + np.eye(channels, channels + 1)).astype(np.float32)
    return found
