"""What crops say of their cells: objects, what may be one, what is none, and what is laid over all of these."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.finding.canvas import Block, Canvas
from convlens.finding.crops import CELLS, RAMP, SIDE, Material, Mix, _labels, _Plan, batch
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


@pytest.mark.parametrize("angle", [0.0, 1.1, -2.5])
@pytest.mark.parametrize("laid", [None, True, False])
def test_cells_say_what_lies_about_them(scene: Scene, angle: float, laid: bool | None) -> None:
    own, centre = material(scene), np.array([[64.0, 66.0]], np.float32)
    turns = matrices(np.array([angle]), np.ones(1))
    spot = np.array([-14.0, -14.0], np.float32)
    added = [] if laid is None else [(0, spot, laid)]
    target, weight = (found[0, 0] for found in _labels([_Plan(0, centre[0])], turns, centre, added, own))
    grid = np.stack(np.meshgrid(RAMP, RAMP), -1).reshape(-1, 2).astype(float)
    here = grid @ turns[0].astype(float).T + centre[0]
    away = {place: np.hypot(*(here - place).T) for place in (OBJECT, UNKNOWN, NOT)}
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
    hidden = [(0, np.array([3.0, 0.0], np.float32), False)]
    target, _ = _labels([_Plan(0, centre[0])], turns, centre, hidden, own)
    assert not target.any()


def test_in_a_complete_region_the_rest_is_none(scene: Scene) -> None:
    scene.complete = np.array([[0, 0, 60, 120]], np.float32)
    centre = np.array([[60.0, 30.0]], np.float32)
    _, weight = _labels([_Plan(0, centre[0])], matrices(np.zeros(1), np.ones(1)), centre, [], material(scene))
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
