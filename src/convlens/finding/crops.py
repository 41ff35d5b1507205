"""Batches of crops to learn from: marked things in place and laid elsewhere, rejected things, and the rest.

A batch is a function of its number and of the seed, whoever prepares it and when.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convlens import engine

from .network import STRIDE
from .scene import Patch, Scene
from .warp import matrices, sample

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]

SIDE = 52
"""Pixels a side of a crop: a typical object, and around it half of what the network sees; 60 taught no more."""
CELLS = SIDE // STRIDE
TOLD = "objects", "unknown", "nots"
"""What scenes tell of places, by which cells are labelled."""
STRETCH = 1 << 16
"""Numbers of noise: eight crops' worth."""
SPREAD = 29
"""Of so many pixels one tells a mean: the rows' length has no such factor."""
HOLES = np.array([0, 0, 6, 6]), np.array([SIDE - 14, SIDE - 14, 8, 8])
"""Left and upper edge, width and height of a hole: the least of each, and how many numbers it may be."""
STRAY = 0.25
"""Which part of the crops is turned by any angle."""


@dataclass(frozen=True)
class Mix:
    """How many crops of a batch show what."""

    crops: int = 32
    in_place: int = 12
    pasted: int = 8
    rejected: int = 6


@dataclass(frozen=True, eq=False)
class Places:
    """Places in scenes: the scene's number (K,), and x, y there (K, 2)."""

    scene: Whole
    at: Floats

    @classmethod
    def of(cls, listed: list[Floats]) -> Places:
        """Those of each scene, one scene after another."""
        return cls(np.repeat(np.arange(len(listed)), [len(some) for some in listed]), np.concatenate(listed))

    def __len__(self) -> int:
        return len(self.scene)


@dataclass(frozen=True, eq=False)
class _Told:
    """What is told of scenes, one scene after another: x and y of places (2, K), what of ``TOLD`` each is (K,), and how
    many places of a scene there are and which is its first (S,)."""

    at: Floats
    kinds: Whole
    many: Whole
    first: Whole

    @classmethod
    def of(cls, scenes: list[Scene]) -> _Told:
        listed = [getattr(scene, kind)[:, :2] for scene in scenes for kind in TOLD]
        counts = np.array([len(some) for some in listed], np.intp)
        many = counts.reshape(len(scenes), len(TOLD)).sum(axis=1)
        kinds = np.repeat(np.tile(np.arange(len(TOLD)), len(scenes)), counts)
        return cls(np.concatenate(listed).T.copy(), kinds, many, np.cumsum(many) - many)


@dataclass(eq=False)
class Material:
    """What crops are cut from.

    Args:
        scenes: the pictures.
        things: the marked objects, cut out.
        others: the rejected ones, cut out.
        turn: the largest angle by which objects are turned, in radians.
        side: working pixels of the side of a typical object.
    """

    scenes: list[Scene]
    things: list[Patch]
    others: list[Patch]
    turn: float
    side: float
    places: dict[str, Places] = field(default_factory=dict)
    told: _Told = field(init=False)
    sizes: Floats = field(init=False)

    def gather(self) -> None:
        """List the places of every kind anew; call it after the scenes have changed."""
        kinds = "objects", "nots", "hard"
        self.places = {kind: Places.of([getattr(scene, kind)[:, :2] for scene in self.scenes]) for kind in kinds}
        self.places["possible"] = Places.of([np.concatenate([s.objects[:, :2], s.unknown]) for s in self.scenes])
        self.told = _Told.of(self.scenes)
        self.sizes = np.array([scene.canvas.size[::-1] for scene in self.scenes], np.float32)

    def anywhere(self, count: int, rng: np.random.Generator) -> Places:
        """Places that are as likely in one scene as in another."""
        scene = rng.integers(len(self.scenes), size=count)
        return Places(scene, rng.random((count, 2), np.float32) * self.sizes[scene])


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops (N, C, SIDE, SIDE), and for each cell (N, 1, CELLS, CELLS) its target and what it counts."""

    crops: Floats
    target: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class _Laid:
    """What is laid on crops: on which (L,), where from their middles (L, 2), whether objects (L,), and L pictures, the
    last channel of which covers."""

    on: Whole
    spots: Floats
    objects: NDArray[np.bool_]
    pictures: list[Floats]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Crops before they are cut: places of scenes, where from the crops' middles (N, 2) these come to lie, and what is
    laid on."""

    places: Places
    aside: Floats
    laid: _Laid


def batch(material: Material, mix: Mix, rng: np.random.Generator) -> Batch:
    """Prepare one batch."""
    return _cut(_planned(material, mix, rng), material, rng)


def trial(material: Material, thing: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Crops of one marked object as it might look elsewhere: half of them in place, half laid on other ground.

    Returns:
        Crops (N, C, SIDE, SIDE), and where in them the object's centre lies (N, 2) in pixels.
    """
    spots, places, there = _near_middle(6.0, count, rng), material.anywhere(count, rng), material.places["objects"]
    aside = np.zeros_like(spots)
    places.scene[::2], places.at[::2], aside[::2] = there.scene[thing], there.at[thing], spots[::2]
    on = np.arange(1, count, 2)
    own = _masked(material.things[thing : thing + 1], len(on), rng)
    made = _cut(_Plan(places, aside, _Laid(on, spots[on], np.ones(len(on), np.bool_), own)), material, rng)
    return made.crops, spots + np.float32((SIDE - 1) / 2)


def _planned(material: Material, mix: Mix, rng: np.random.Generator) -> _Plan:
    """What each crop shows: objects in place, rejected things, ground for objects to be laid on, and the rest."""
    jitter = 0.35 * SIDE
    objects, nots, hard = (material.places[kind] for kind in ("objects", "nots", "hard"))
    marked = mix.in_place if len(objects) else 0
    shown = marked + min(mix.rejected, 2 * len(nots))
    covered = shown + (mix.pasted if material.things else 0)
    places, near = material.anywhere(mix.crops, rng), _near_middle(jitter, mix.crops, rng)
    aside = np.zeros_like(near)
    every = np.arange(mix.crops)
    for kind, crops, reach in ((objects, every[:marked], 1.0), (nots, every[marked:shown], 0.6)):
        aside[crops] = near[crops] * np.float32(reach)
        _placed(places, crops, kind, rng)
    rest = every[covered:]
    if len(hard):
        rest_hard = rest[rng.random(len(rest)) < 0.6]
        _placed(places, rest_hard, hard, rng)
        places.at[rest_hard] += near[rest_hard]
    # a seam alone must not tell an object: other things are laid on, too
    seams = rest[rng.random(len(rest)) < 0.5]
    on = np.concatenate([every[shown:covered], seams])
    pictures = _masked(material.things, covered - shown, rng) + _others(len(seams), material, rng)
    return _Plan(places, aside, _Laid(on, _near_middle(jitter, len(on), rng), on < covered, pictures))


def _placed(places: Places, which: Whole, among: Places, rng: np.random.Generator) -> None:
    """Put some of the places at any of others."""
    if len(which):
        drawn = rng.integers(len(among), size=len(which))
        places.scene[which], places.at[which] = among.scene[drawn], among.at[drawn]


def _near_middle(reach: float, count: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(-reach, reach, (count, 2)).astype(np.float32)


def _masked(things: list[Patch], count: int, rng: np.random.Generator) -> list[Floats]:
    """So many of some things as they are laid: with tight masks or soft ones."""
    if not count:
        return []
    drawn, tight = rng.integers(len(things), size=count).tolist(), (rng.random(count) < 0.6).tolist()
    return [things[which].pixels if own else things[which].soft for which, own in zip(drawn, tight, strict=True)]


def _others(count: int, material: Material, rng: np.random.Generator) -> list[Floats]:
    """Things that are no objects: rejected ones, or pieces of any picture in an object's outline."""
    many = int(rng.binomial(count, 0.5)) if material.others else 0
    found = _masked(material.others, many, rng)
    if many == count:
        return found
    masks = [mask[-1] for mask in _masked(material.things, count - many, rng)]
    places, side = _elsewhere(count - many, material, rng), max(len(mask) for mask in masks)
    still = matrices(rng.uniform(-np.pi, np.pi, len(masks)), np.ones(len(masks)))
    pieces = sample([material.scenes[i].canvas.pixels for i in places.scene], side, places.at, still)
    cut = np.zeros((len(masks), pieces.shape[1] + 1, side, side), np.float32)
    cut[:, :-1] = pieces.reshape(len(masks), -1, side, side)
    for piece, mask in zip(cut, masks, strict=True):
        # all sides are odd: smaller masks lie in the middle as well
        rim = (side - len(mask)) // 2
        piece[-1, rim : side - rim, rim : side - rim] = mask
    return [*found, *cut]


def _elsewhere(count: int, material: Material, rng: np.random.Generator) -> Places:
    """Places that are away from what are or may be objects, if such are found in eight draws."""
    places = material.anywhere(count, rng)
    possible = material.places["possible"]
    for _ in range(7):
        near = places.scene[:, None] == possible.scene
        for own, other in zip(places.at.T, possible.at.T, strict=True):
            near &= np.abs(own[:, None] - other) <= 0.7 * material.side
        close = np.flatnonzero(near.any(axis=1))
        if not len(close):
            break
        fresh = material.anywhere(len(close), rng)
        places.scene[close], places.at[close] = fresh.scene, fresh.at
    return places


def _cut(plan: _Plan, material: Material, rng: np.random.Generator) -> Batch:
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
    target, weight = _labels(plan, turns, centres, material)
    return Batch(crops, target, weight)


def _turned(count: int, turn: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles and magnifications."""
    return rng.uniform(-turn, turn, count), np.exp(rng.uniform(np.log(0.8), np.log(1.25), count))


def _lain(laid: _Laid, material: Material, rng: np.random.Generator) -> Floats:
    """What is laid on crops, as it lies there: (L, C + 1, SIDE * SIDE)."""
    turns = matrices(*_turned(len(laid.on), material.turn, rng))
    middles = np.array([(picture.shape[1] - 1) / 2 for picture in laid.pictures], np.float32)
    centres = middles[:, None] - (turns @ laid.spots[:, :, None])[:, :, 0]
    return sample(laid.pictures, SIDE, centres, turns, covers=True)


def _lit(grounds: Floats, laid: _Laid, things: Floats, rng: np.random.Generator) -> Floats:
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


def _labels(plan: _Plan, turns: Floats, centres: Floats, material: Material) -> tuple[Floats, Floats]:
    """Targets and weights: bumps at objects, certainty near marks, nothing where an object may be unmarked."""
    n, side, laid = len(centres), material.side, plan.laid
    target, weight = np.zeros((n, CELLS * CELLS), np.float32), np.full((n, CELLS * CELLS), 0.5, np.float32)
    for number, scene in enumerate(material.scenes):
        if len(scene.complete):
            own = plan.places.scene == number
            weight[own] = _inside(scene.complete, centres[own], turns[own])
    crop, points, kinds = _known(plan, turns, centres, material)
    squares, over = _squares(points), _squares(laid.spots)
    # what comes later stands above what came before
    for value, reach, own, away in (
        (0.0, 0.45, crop[kinds == 1], squares[kinds == 1]),
        (2.0, 0.45, crop[kinds == 2], squares[kinds == 2]),
        (1.0, 0.5, laid.on, over),
        (1.0, 0.5, crop[kinds == 0], squares[kinds == 0]),
    ):
        point, cell = np.nonzero(away < (reach * side) ** 2)
        weight[own[point], cell] = value
    objects = np.concatenate([crop[kinds == 0], laid.on[laid.objects]])
    squares = np.concatenate([squares[kinds == 0], over[laid.objects]])
    if len(objects):
        order = np.argsort(objects, kind="stable")
        own = objects[order]
        first = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
        sigma = max(0.14 * side, 2.6)
        least = np.minimum.reduceat(squares[order], first, axis=0)
        target[own[first]] = np.exp(least / np.float32(-2 * sigma * sigma)) * np.float32(0.999)
        nearest = squares.argmin(axis=1)
        met = squares[np.arange(len(squares)), nearest] < STRIDE * STRIDE
        target[objects[met], nearest[met]] = 1.0
    shape = n, 1, CELLS, CELLS
    return target.reshape(shape), weight.reshape(shape)


RAMP: Floats = np.arange(CELLS, dtype=np.float32) * STRIDE + np.float32((STRIDE - 1) / 2 - (SIDE - 1) / 2)
"""Where the cells lie along a crop, from its middle."""


def _squares(points: Floats) -> Floats:
    """Squared distances of the cells from points (K, 2): (K, CELLS * CELLS)."""
    across, along = ((RAMP - points[:, axis, None]) ** 2 for axis in (0, 1))
    return (across[:, None, :] + along[:, :, None]).reshape(len(points), CELLS * CELLS)


def _known(plan: _Plan, turns: Floats, centres: Floats, material: Material) -> tuple[Whole, Floats, Whole]:
    """What scenes show in crops: the crop's number, the place from its middle, and its kind as a number of ``TOLD``."""
    told, scene = material.told, plan.places.scene
    many = told.many[scene]
    crop = np.repeat(np.arange(len(scene)), many)
    which = np.arange(len(crop)) + np.repeat(told.first[scene] - (np.cumsum(many) - many), many)
    # columns one by one: what goes along an axis of two is slow
    x, y = told.at[:, which] - centres.T[:, crop]
    # back through a turn and a scale: its transpose by the square of the scale
    back = turns / (turns[:, :1, :1] ** 2 + turns[:, 1:, :1] ** 2)
    (a, b), (c, d) = back.transpose(1, 2, 0)[:, :, crop]
    x, y = a * x + c * y, b * x + d * y
    # what is laid on hides what was there
    spots = np.full((2, len(centres)), np.inf, np.float32)
    spots[:, plan.laid.on] = plan.laid.spots.T
    left, above = spots[:, crop]
    hidden = (x - left) ** 2 + (y - above) ** 2 <= (0.5 * material.side) ** 2
    seen = np.flatnonzero((np.maximum(np.abs(x), np.abs(y)) < SIDE / 2 + 8) & ~hidden)
    return crop[seen], np.stack([x[seen], y[seen]], 1), told.kinds[which[seen]]


def _inside(regions: Floats, centres: Floats, turns: Floats) -> Floats:
    """1 for the cells of crops (N, CELLS * CELLS) inside regions that are fully marked, 0.5 elsewhere."""
    grid = np.stack([np.tile(RAMP, CELLS), np.repeat(RAMP, CELLS)])
    x, y = (turns @ grid + centres[:, :, None]).transpose(1, 0, 2)
    found = np.full(x.shape, 0.5, np.float32)
    for x0, y0, x1, y1 in regions:
        found[(x >= x0) & (x < x1) & (y >= y0) & (y < y1)] = 1.0
    return found
