"""What cells of crops are taught: bumps at objects, certainty near marks, nothing where an object may be unmarked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .network import STRIDE
from .plans import SIDE, Material, Plan

Floats = NDArray[np.float32]
Whole = NDArray[np.intp]

CELLS = SIDE // STRIDE


def labels(plan: Plan, turns: Floats, centres: Floats, material: Material) -> tuple[Floats, Floats]:
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


def _known(plan: Plan, turns: Floats, centres: Floats, material: Material) -> tuple[Whole, Floats, Whole]:
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
