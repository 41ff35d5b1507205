"""Batches of crops to learn from: marked things in place and laid elsewhere, rejected things, and the rest.

A batch is a function of its number and of the seed, whoever prepares it and when.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .network import STRIDE
from .scene import Patch, Scene
from .warp import matrices, sample

Floats = NDArray[np.float32]

SIDE = 52
"""Pixels a side of a crop: a typical object, and around it half of what the network sees; 60 taught no more."""
CELLS = SIDE // STRIDE
STRAY = 0.25
"""Which part of the crops is turned by any angle."""


@dataclass(frozen=True)
class Mix:
    """How many crops of a batch show what."""

    crops: int = 32
    in_place: int = 12
    pasted: int = 8
    rejected: int = 6


@dataclass(eq=False)
class Material:
    """What crops are cut from.

    Args:
        scenes: the pictures.
        things: the marked objects, cut out.
        others: the rejected ones, cut out.
        turn: the largest angle by which objects are turned, in radians.
        sides: working pixels of the side of a typical object.
    """

    scenes: list[Scene]
    things: list[Patch]
    others: list[Patch]
    turn: float
    side: float
    places: dict[str, list[tuple[int, Floats]]] = field(default_factory=dict)

    def gather(self) -> None:
        """List the places of every kind anew; call it after the scenes have changed."""
        kinds = ("objects", "nots", "hard")
        self.places = {
            kind: [(i, place[:2]) for i, scene in enumerate(self.scenes) for place in getattr(scene, kind)]
            for kind in kinds
        }


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops (N, C, SIDE, SIDE), and for each cell (N, 1, CELLS, CELLS) its target and what it counts."""

    crops: Floats
    target: Floats
    weight: Floats


@dataclass
class _Plan:
    """A crop before it is cut: what of the scene lies where, and what is laid on it.

    ``aside`` is where ``centre`` comes to lie, from the crop's middle; ``laid`` is a patch, its place from the crop's
    middle, and whether it is an object.
    """

    scene: int
    centre: Floats
    laid: tuple[Patch, Floats, bool] | None = None
    aside: Floats = field(default_factory=lambda: np.zeros(2, np.float32))


def batch(material: Material, mix: Mix, rng: np.random.Generator) -> Batch:
    """Prepare one batch."""
    return _cut(_plans(material, mix, rng), material, rng)


def trial(material: Material, thing: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Crops of one marked object as it might look elsewhere: half of them in place, half laid on other ground.

    Returns:
        Crops (N, C, SIDE, SIDE), and where in them the object's centre lies (N, 2) in pixels.
    """
    plans = []
    for k in range(count):
        spot = _near_middle(6.0, rng)
        if k % 2:
            i, at = material.places["objects"][thing]
            plans.append(_Plan(i, at.copy(), aside=spot))
        else:
            plans.append(_Plan(*_anywhere(material, rng), laid=(material.things[thing], spot, True)))
    made = _cut(plans, material, rng)
    spots = np.stack([p.aside if p.laid is None else p.laid[1] for p in plans])
    return made.crops, spots + np.float32((SIDE - 1) / 2)


def _cut(plans: list[_Plan], material: Material, rng: np.random.Generator) -> Batch:
    n = len(plans)
    angle = rng.uniform(-material.turn, material.turn, n)
    scale = np.exp(rng.uniform(np.log(0.8), np.log(1.25), n))
    # even what stands upright may lie once
    angle = np.where(rng.random(n) < STRAY, rng.uniform(-np.pi, np.pi, n), angle)
    turns = matrices(angle, scale)
    aside = np.stack([plan.aside for plan in plans])
    centres = np.stack([plan.centre for plan in plans]) - (turns @ aside[:, :, None])[:, :, 0]
    centres = centres.astype(np.float32)
    crops = sample([material.scenes[p.scene].canvas.pixels for p in plans], SIDE, centres, turns)
    laid = [i for i, plan in enumerate(plans) if plan.laid is not None]
    added: list[tuple[int, Floats, bool]] = []
    if laid:
        _recolour([crops[i] for i in laid], rng, 0.5)
        added = _lay(crops, plans, laid, material, rng)
    _light(crops, rng)
    target, weight = _labels(plans, turns, centres, added, material)
    return Batch(crops.reshape(n, -1, SIDE, SIDE), target, weight)


def _plans(material: Material, mix: Mix, rng: np.random.Generator) -> list[_Plan]:
    """What each crop shows."""
    plans: list[_Plan] = []
    jitter = 0.35 * SIDE
    objects, nots, hard = (material.places[kind] for kind in ("objects", "nots", "hard"))
    for _ in range(mix.in_place if objects else 0):
        i, at = objects[rng.integers(len(objects))]
        plans.append(_Plan(i, at, aside=_near_middle(jitter, rng)))
    for _ in range(min(mix.rejected, 2 * len(nots))):
        i, at = nots[rng.integers(len(nots))]
        plans.append(_Plan(i, at, aside=_near_middle(0.6 * jitter, rng)))
    for _ in range(mix.pasted if material.things else 0):
        i, at = _anywhere(material, rng)
        spot = _near_middle(jitter, rng)
        plans.append(_Plan(i, at, (material.things[rng.integers(len(material.things))], spot, True)))
    while len(plans) < mix.crops:
        if hard and rng.random() < 0.6:
            i, at = hard[rng.integers(len(hard))]
            at = at + _near_middle(jitter, rng)
        else:
            i, at = _anywhere(material, rng)
        plan = _Plan(i, at)
        if rng.random() < 0.5:
            # a seam alone must not tell an object: other things are laid on, too
            spot = _near_middle(jitter, rng)
            plan.laid = (_other(material, rng), spot, False)
        plans.append(plan)
    return plans


def _near_middle(reach: float, rng: np.random.Generator) -> Floats:
    return rng.uniform(-reach, reach, 2).astype(np.float32)


def _anywhere(material: Material, rng: np.random.Generator) -> tuple[int, Floats]:
    i = int(rng.integers(len(material.scenes)))
    height, width = material.scenes[i].canvas.size
    return i, np.array([rng.uniform(0, width), rng.uniform(0, height)], np.float32)


def _other(material: Material, rng: np.random.Generator) -> Patch:
    """Something that is no object: a rejected thing, or a piece of any picture in an object's outline."""
    if material.others and rng.random() < 0.5:
        return material.others[rng.integers(len(material.others))]
    like = material.things[rng.integers(len(material.things))]
    for _ in range(8):
        i, at = _anywhere(material, rng)
        scene = material.scenes[i]
        close = np.concatenate([scene.objects[:, :2], scene.unknown])
        if not len(close) or np.abs(close - at).max(axis=1).min() > 0.7 * material.side:
            break
    side = like.pixels.shape[1]
    still = matrices(rng.uniform(-np.pi, np.pi, 1).astype(np.float32), np.ones(1, np.float32))
    pixels = sample([scene.canvas.pixels], side, at[None], still)[0].reshape(-1, side, side)
    return Patch(np.concatenate([pixels, like.pixels[-1:]]), np.concatenate([pixels, like.soft[-1:]]), like.size)


def _lay(
    crops: Floats, plans: list[_Plan], laid: list[int], material: Material, rng: np.random.Generator
) -> list[tuple[int, Floats, bool]]:
    """Lay things on crops, in place; which crops got what: (crop, centre, whether it is an object)."""
    n = len(laid)
    angle = rng.uniform(-material.turn, material.turn, n).astype(np.float32)
    scale = np.exp(rng.uniform(np.log(0.8), np.log(1.25), n)).astype(np.float32)
    turns = matrices(angle, scale)
    sources, centres, added = [], np.empty((n, 2), np.float32), []
    for k, i in enumerate(laid):
        thing, spot, is_object = plans[i].laid  # type: ignore[misc]
        source = thing.pixels if rng.random() < 0.6 else thing.soft
        sources.append(source)
        middle = (source.shape[1] - 1) / 2
        centres[k] = middle - turns[k] @ spot
        added.append((i, spot, is_object))
    pieces = sample(sources, SIDE, centres, turns, covers=True)
    _recolour([piece[:-1] for piece in pieces], rng, 0.15)
    for i, piece in zip(laid, pieces, strict=True):
        thing, cover = piece[:-1], piece[-1]
        thing -= crops[i]
        thing *= cover
        crops[i] += thing
    return added


def _recolour(crops: list[Floats], rng: np.random.Generator, strength: float) -> None:
    """Other colours: channels (C, SIDE * SIDE) mixed and shifted about each crop's mean, in place, for half of them."""
    channels = len(crops[0])
    some = np.flatnonzero(rng.random(len(crops)) < 0.5)
    blend = (np.eye(channels) + rng.normal(0, strength, (len(some), channels, channels))).astype(np.float32)
    shift = rng.normal(0, 1.5 * strength, (len(some), channels, 1)).astype(np.float32)
    # one by one, here and below: all of them together would not stay in a cache from one operation to the next
    for i, own, more in zip(some, blend, shift, strict=True):
        crop = crops[i]
        mean = crop.mean(axis=1, keepdims=True)
        crop -= mean
        np.add(own @ crop, mean + more, out=crop)


def _light(crops: Floats, rng: np.random.Generator) -> None:
    """Light, colour, noise and blur of whole crops (N, C, SIDE * SIDE), in place."""
    n, channels, _ = crops.shape
    gain = np.exp(rng.normal(0, 0.15, (n, 1, 1)) + rng.normal(0, 0.05, (n, channels, 1))).astype(np.float32)
    offset = (rng.normal(0, 0.24, (n, 1, 1)) + rng.normal(0, 0.08, (n, channels, 1))).astype(np.float32)
    for crop, own, more in zip(crops, gain, offset, strict=True):
        crop *= own
        crop += more
    for i in np.flatnonzero(rng.random(n) < 0.2):
        crops[i] = _blurred(crops[i].reshape(channels, SIDE, SIDE)).reshape(channels, -1)
    # one stretch of noise, read from different places: drawing it anew would cost more than the crop
    noise = rng.standard_normal(2 * crops[0].size, np.float32)
    for i in np.flatnonzero(rng.random(n) < 0.5):
        start = int(rng.integers(crops[0].size))
        crops[i] += noise[start : start + crops[0].size].reshape(channels, -1) * np.float32(rng.uniform(0, 0.16))
    for i in np.flatnonzero(rng.random(n) < 0.15):
        x, y, w, h = rng.integers(0, SIDE - 14), rng.integers(0, SIDE - 14), *rng.integers(6, 14, 2)
        crops[i].reshape(channels, SIDE, SIDE)[:, y : y + h, x : x + w] = crops[i].mean(axis=1)[:, None, None]


def _blurred(crop: Floats) -> Floats:
    """A crop (C, SIDE, SIDE) less sharp along both axes; its borders meet."""
    for axis in (1, 2):
        wide = np.concatenate([crop.take([-1], axis), crop, crop.take([0], axis)], axis)
        before, after = (wide[:, s : s + SIDE] if axis == 1 else wide[:, :, s : s + SIDE] for s in (0, 2))
        crop = np.float32(0.5) * crop + np.float32(0.25) * (before + after)
    return crop


def _labels(
    plans: list[_Plan], turns: Floats, centres: Floats, added: list[tuple[int, Floats, bool]], material: Material
) -> tuple[Floats, Floats]:
    """Targets and weights: bumps at objects, certainty near marks, nothing where an object may be unmarked."""
    shape, side = (len(plans), CELLS, CELLS), material.side
    target, weight = np.zeros(shape, np.float32), np.full(shape, 0.5, np.float32)
    for i, plan in enumerate(plans):
        if len(complete := material.scenes[plan.scene].complete):
            weight[i] = _inside(complete, centres[i], turns[i])
    crop, points, kinds = _known(plans, turns, centres, added, material)
    laid = np.array([i for i, _, _ in added], np.intp)
    spots = np.array([spot for _, spot, _ in added], np.float32).reshape(-1, 2)
    news = np.array([is_object for _, _, is_object in added], np.bool_)
    # what comes later stands above what came before
    for value, reach, own, at in (
        (0.0, 0.45, crop[kinds == 1], points[kinds == 1]),
        (2.0, 0.45, crop[kinds == 2], points[kinds == 2]),
        (1.0, 0.5, laid, spots),
    ):
        weight[_about(shape, own, _squares(at) < (reach * side) ** 2)] = value
    objects = np.concatenate([crop[kinds == 0], laid[news]])
    squares = _squares(np.concatenate([points[kinds == 0], spots[news]]))
    weight[_about(shape, objects, squares < (0.5 * side) ** 2)] = 1.0
    sigma = max(0.14 * side, 2.6)
    np.maximum.at(target, objects, np.exp(-squares / (2 * sigma * sigma)) * 0.999)
    flat = squares.reshape(len(squares), CELLS * CELLS)
    nearest = flat.argmin(axis=1)
    met = flat[np.arange(len(flat)), nearest] < STRIDE * STRIDE
    target.reshape(len(plans), -1)[objects[met], nearest[met]] = 1.0
    return target[:, None], weight[:, None]


RAMP: Floats = np.arange(CELLS, dtype=np.float32) * STRIDE + np.float32((STRIDE - 1) / 2 - (SIDE - 1) / 2)
"""Where the cells lie along a crop, from its middle."""


def _squares(points: Floats) -> Floats:
    """Squared distances of the cells from points (K, 2): (K, CELLS, CELLS)."""
    found: Floats = (RAMP[None, None, :] - points[:, :1, None]) ** 2 + (RAMP[None, :, None] - points[:, 1:, None]) ** 2
    return found


def _about(shape: tuple[int, int, int], crops: NDArray[np.intp], cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cells of each crop any of some points is near, from those of each point (K, CELLS, CELLS)."""
    found = np.zeros(shape, np.bool_)
    np.logical_or.at(found, crops, cells)
    return found


def _known(
    plans: list[_Plan], turns: Floats, centres: Floats, added: list[tuple[int, Floats, bool]], material: Material
) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """What scenes show in crops: the crop's number, the place from its middle, and 0 an object, 1 unknown, 2 none."""
    back = np.linalg.inv(turns).astype(np.float32).transpose(0, 2, 1)
    laid = np.full((len(plans), 2), np.inf, np.float32)
    for i, spot, _ in added:
        laid[i] = spot
    shown, found = np.array([plan.scene for plan in plans]), []
    for number in np.unique(shown):
        scene, own = material.scenes[number], np.flatnonzero(shown == number)
        told = scene.objects[:, :2], scene.unknown, scene.nots
        local = (np.concatenate(told) - centres[own, None]) @ back[own]
        seen = (np.abs(local) < SIDE / 2 + 8).all(axis=2)
        # what is laid on hides what was there
        seen &= ((local - laid[own, None]) ** 2).sum(axis=2) > (0.5 * material.side) ** 2
        crop, which = np.nonzero(seen)
        found.append((own[crop], local[crop, which], np.repeat(np.arange(3), [len(some) for some in told])[which]))
    crops, points, kinds = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return crops, points, kinds


def _inside(regions: Floats, centre: Floats, turn: Floats) -> Floats:
    """1 for the cells inside regions that are fully marked, 0.5 elsewhere."""
    grid = np.stack(np.broadcast_arrays(RAMP[None, :], RAMP[:, None]), -1) @ turn.T + centre
    found = np.full(grid.shape[:2], 0.5, np.float32)
    for x0, y0, x1, y1 in regions:
        found[(grid[..., 0] >= x0) & (grid[..., 0] < x1) & (grid[..., 1] >= y0) & (grid[..., 1] < y1)] = 1.0
    return found
