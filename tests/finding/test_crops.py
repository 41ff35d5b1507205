"""What crops say of their cells: objects, what may be one, what is none, and what is laid over all of these."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.finding.canvas import Block, Canvas
from convlens.finding.crops import batch, trial
from convlens.finding.labels import CELLS, RAMP, labels
from convlens.finding.plans import SIDE, Laid, Material, Mix, Places, Plan
from convlens.finding.scene import Scene, patch
from convlens.finding.warp import matrices

OBJECT, UNKNOWN, NOT = (60.0, 60.0), (76.0, 60.0), (60.0, 80.0)
HALF = 8.0
"""Of an object's side."""


@pytest.fixture
def scene() -> Scene:
    pixels = np.random.default_rng(0).standard_normal((3, 120, 150)).astype(np.float32)
    made = Scene("a", Canvas(pixels, Block(0, 0, 120, 150), (0, 0), 1.0))
    made.objects = np.array([[*OBJECT, 2 * HALF, 2 * HALF]], np.float32)
    made.unknown, made.nots = np.array([UNKNOWN], np.float32), np.array([NOT], np.float32)
    return made


def material(scene: Scene) -> Material:
    made = Material([scene], [patch(scene.canvas, scene.objects[0])], [], np.pi, 2 * HALF)
    made.gather()
    return made


def plan(spots: list[tuple[float, float]], *, objects: bool = False) -> Plan:
    """One crop, with things laid on it; where its middle is cut from is said to ``labels``."""
    laid = np.zeros(len(spots), np.intp), np.array(spots, np.float32).reshape(-1, 2), np.full(len(spots), objects)
    return Plan(
        Places(np.zeros(1, np.intp), np.zeros((1, 2), np.float32)), np.zeros((1, 2), np.float32), Laid(*laid, [])
    )


@pytest.mark.parametrize("angle", [0.0, 1.1, -2.5])
@pytest.mark.parametrize("laid", [None, True, False])
def test_cells_say_what_lies_about_them(scene: Scene, angle: float, laid: bool | None) -> None:
    own, centre = material(scene), np.array([[64.0, 66.0]], np.float32)
    turns = matrices(np.array([angle]), np.full(1, 1.1))
    spot = np.array([-14.0, -14.0], np.float32)
    made = plan([] if laid is None else [(-14.0, -14.0)], objects=bool(laid))
    target, weight = (found[0, 0] for found in labels(made, turns, centre, own))
    grid = np.stack(np.meshgrid(RAMP, RAMP), -1).reshape(-1, 2).astype(float)
    here = grid @ turns[0].astype(float).T + centre[0]
    # in the crop's pixels
    away = {place: 1.1 * np.hypot(*(here - place).T) for place in (OBJECT, UNKNOWN, NOT)}
    new = np.full(len(grid), np.inf) if laid is None else np.hypot(*(grid - spot).T)
    # what a laid thing hides, its middle within half a side, is nothing there; none is so near here
    expected = np.full(len(grid), 0.5)
    expected[away[UNKNOWN] < 0.9 * HALF] = 0.0
    expected[away[NOT] < 0.9 * HALF] = 2.0
    expected[new < HALF] = 1.0
    expected[away[OBJECT] < HALF] = 1.0
    np.testing.assert_array_equal(weight.ravel(), expected)
    nearest = [away[OBJECT].argmin()] + ([new.argmin()] if laid else [])
    assert set(np.flatnonzero(target == 1)) == set(nearest)
    least = np.minimum(away[OBJECT], new) if laid else away[OBJECT]
    rest = np.delete(np.arange(len(grid)), nearest)
    np.testing.assert_allclose(
        target.ravel()[rest], 0.999 * np.exp(-(least[rest] ** 2) / 2 / 2.6**2), rtol=1e-4, atol=1e-9
    )


def test_a_laid_thing_hides_what_was_there(scene: Scene) -> None:
    own, turns = material(scene), matrices(np.zeros(1), np.ones(1))
    centre = np.array([OBJECT], np.float32)
    target, _ = labels(plan([(3.0, 0.0)]), turns, centre, own)
    assert not target.any()


def test_in_a_complete_region_the_rest_is_none(scene: Scene) -> None:
    scene.complete = np.array([[0, 0, 60, 120]], np.float32)
    centre = np.array([[60.0, 30.0]], np.float32)
    _, weight = labels(plan([]), matrices(np.zeros(1), np.ones(1)), centre, material(scene))
    assert (weight[0, 0, :3, RAMP < 0] == 1).all()
    assert (weight[0, 0, :3, RAMP > 0] == 0.5).all()


def test_a_batch_is_the_same_from_the_same_seed_alone(scene: Scene) -> None:
    own = material(scene)
    one, again, other = (batch(own, Mix(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.crops.shape == (32, 3, SIDE, SIDE)
    assert one.target.shape == one.weight.shape == (32, 1, CELLS, CELLS)
    assert np.isfinite(one.crops).all()
    np.testing.assert_array_equal(one.crops, again.crops)
    np.testing.assert_array_equal(one.weight, again.weight)
    assert not np.array_equal(one.crops, other.crops)
    # twelve show the object in place, eight have one laid
    assert (one.target.reshape(32, -1).max(axis=1) == 1).sum() >= 20


def test_trials_show_the_object_where_they_say(scene: Scene) -> None:
    own = material(scene)
    # so much brighter than all else that light and colours do not hide it
    own.things[0].soft[:-1], own.things[0].pixels[:-1] = 200.0, 200.0
    x, y = (int(n) for n in OBJECT)
    scene.canvas.pixels[:, y - 2 : y + 3, x - 2 : x + 3] = 200.0
    crops, spots = trial(own, 0, 8, np.random.default_rng(0))
    assert crops.shape == (8, 3, SIDE, SIDE)
    assert len(trial(own, 0, 1, np.random.default_rng(0))[0]) == 1
    middle = np.abs(crops - np.median(crops, axis=(2, 3), keepdims=True)).max(axis=1)
    for crop, (across, down) in zip(middle, spots, strict=True):
        assert crop[round(float(down)), round(float(across))] > 0.3 * crop.max() > 5
