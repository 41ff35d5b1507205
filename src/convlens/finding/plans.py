"""What the crops of a batch show, before they are cut: which places of which scenes, and what is laid on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .scene import Patch, Scene, patch
from .warp import matrices, sample

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]

SIDE = 52
"""Pixels a side of a crop: a typical object, and around it half of what the network sees; 60 taught no more."""
TOLD = "shown", "unknown", "nots"
"""What scenes tell of places, by which cells are labelled."""
TAKEN = 0.5
"""Of the crops with objects in place, how many at most show what is taken for objects and was not marked."""


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
class Told:
    """What is told of scenes, one scene after another: x and y of places (2, K), what of ``TOLD`` each is (K,), and how
    many places of a scene there are and which is its first (S,)."""

    at: Floats
    kinds: Whole
    many: Whole
    first: Whole

    @classmethod
    def of(cls, scenes: list[Scene]) -> Told:
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
        taken: what is taken for unmarked objects, cut out.
    """

    scenes: list[Scene]
    things: list[Patch]
    others: list[Patch]
    turn: float
    side: float
    places: dict[str, Places] = field(default_factory=dict)
    taken: list[Patch] = field(default_factory=list)
    told: Told = field(init=False)
    sizes: Floats = field(init=False)

    def gather(self) -> None:
        """List the places of every kind anew; call it after the scenes have changed."""
        kinds = "objects", "taken", "nots", "hard"
        self.places = {kind: Places.of([getattr(scene, kind)[:, :2] for scene in self.scenes]) for kind in kinds}
        self.places["possible"] = Places.of([np.concatenate([s.shown[:, :2], s.unknown]) for s in self.scenes])
        self.taken = [patch(scene.canvas, box) for scene in self.scenes for box in scene.taken]
        self.told = Told.of(self.scenes)
        self.sizes = np.array([scene.canvas.size[::-1] for scene in self.scenes], np.float32)

    def anywhere(self, count: int, rng: np.random.Generator) -> Places:
        """Places that are as likely in one scene as in another."""
        scene = rng.integers(len(self.scenes), size=count)
        return Places(scene, rng.random((count, 2), np.float32) * self.sizes[scene])


@dataclass(frozen=True, eq=False)
class Laid:
    """What is laid on crops: on which (L,), where from their middles (L, 2), whether objects (L,), and L pictures, the
    last channel of which covers."""

    on: Whole
    spots: Floats
    objects: NDArray[np.bool_]
    pictures: list[Floats]


@dataclass(frozen=True, eq=False)
class Plan:
    """Crops before they are cut: places of scenes, where from the crops' middles (N, 2) these come to lie, and what is
    laid on."""

    places: Places
    aside: Floats
    laid: Laid


def planned(material: Material, mix: Mix, rng: np.random.Generator) -> Plan:
    """What each crop shows: objects in place, rejected things, ground for objects to be laid on, and the rest."""
    jitter = 0.35 * SIDE
    objects, taken, nots, hard = (material.places[kind] for kind in ("objects", "taken", "nots", "hard"))
    marked = mix.in_place if len(objects) else 0
    believed = round(marked * min(TAKEN, len(taken) / max(1, len(objects) + len(taken))))
    shown = marked + min(mix.rejected, 2 * len(nots))
    covered = shown + (mix.pasted if material.things else 0)
    places, near = material.anywhere(mix.crops, rng), near_middle(jitter, mix.crops, rng)
    aside = np.zeros_like(near)
    every = np.arange(mix.crops)
    for kind, crops, reach in (
        (taken, every[:believed], 1.0),
        (objects, every[believed:marked], 1.0),
        (nots, every[marked:shown], 0.6),
    ):
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
    pictures = masked(material.things + material.taken, covered - shown, rng) + _others(len(seams), material, rng)
    return Plan(places, aside, Laid(on, near_middle(jitter, len(on), rng), on < covered, pictures))


def _placed(places: Places, which: Whole, among: Places, rng: np.random.Generator) -> None:
    """Put some of the places at any of others."""
    if len(which):
        drawn = rng.integers(len(among), size=len(which))
        places.scene[which], places.at[which] = among.scene[drawn], among.at[drawn]


def near_middle(reach: float, count: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(-reach, reach, (count, 2)).astype(np.float32)


def masked(things: list[Patch], count: int, rng: np.random.Generator) -> list[Floats]:
    """So many of some things as they are laid: with tight masks or soft ones."""
    if not count:
        return []
    drawn, tight = rng.integers(len(things), size=count).tolist(), (rng.random(count) < 0.6).tolist()
    return [things[which].pixels if own else things[which].soft for which, own in zip(drawn, tight, strict=True)]


def _others(count: int, material: Material, rng: np.random.Generator) -> list[Floats]:
    """Things that are no objects: rejected ones, or pieces of any picture in an object's outline."""
    many = int(rng.binomial(count, 0.5)) if material.others else 0
    found = masked(material.others, many, rng)
    if many == count:
        return found
    masks = [mask[-1] for mask in masked(material.things, count - many, rng)]
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
