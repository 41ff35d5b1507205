"""What is taken for an object unmarked: sure by both eyes, never against a mark, and shown beside the marks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.data import Mark
from convlens.finding import Finder
from convlens.finding.canvas import Block, Canvas
from convlens.finding.labels import labels
from convlens.finding.plans import TAKEN, Material, Mix, Plan, planned
from convlens.finding.scene import Scene, patch
from convlens.finding.taken import FRESH, REJECTED, Caution, surely
from convlens.finding.warp import matrices

from .scenes import SIDE, mark, scene

OWN = np.array([3.0, 4.0, 5.0, 6.0], np.float32)
SURE = Caution(alike=0.5, high=0.5, most=1)
pytestmark = pytest.mark.usefixtures("short")


def learn(marks: list[Mark], seed: int = 0) -> tuple[Finder, Scene]:
    """A finder of red crosses, and what it knows of the picture."""
    finder = Finder.fit({"a": scene(0)[0]}, marks, seed=seed)
    lessons = finder._lessons
    assert lessons is not None
    return finder, lessons.scenes[0]


def shown(own: Scene) -> np.ndarray:
    """The places in displayed pixels."""
    return own.canvas.outward(own.taken[:, :2])


def away(places: np.ndarray, centres: list[tuple[float, float]]) -> np.ndarray:
    """How far each place is from the nearest centre."""
    return np.hypot(*(places[:, None] - np.array(centres)[None]).transpose(2, 0, 1)).min(axis=1)


@pytest.mark.parametrize(
    ("scores", "alike", "taken"),
    [
        ([9.0, 9.0, 9.0], [4.6, 4.4, 4.3], [True, True, False]),  # as like the marks as half of these are
        ([6.1, 5.9], [9.0, 9.0], [True, False]),  # half the way from 4 to 8
        ([6.0, 9.0, 7.0, 8.0, 6.5, 6.2], [9.0] * 6, [False, True, True, True, True, False]),  # one for each mark
        ([9.0], [-np.inf], [False]),
        ([], [], []),
    ],
)
def test_both_must_be_sure(scores: list[float], alike: list[float], taken: list[bool]) -> None:
    told = np.array(scores, np.float32), np.array(alike, np.float32)
    assert surely(*told, OWN, 4.0, 8.0, SURE).tolist() == taken


def test_a_single_mark_has_nothing_to_be_compared_with() -> None:
    high = np.full(3, 50.0, np.float32)
    assert not surely(high, high, OWN[:1], 4.0, 8.0, SURE).any()


def test_after_a_rejection_less_is_taken() -> None:
    rng = np.random.default_rng(0)
    scores, alike = rng.normal(7, 2, 400).astype(np.float32), rng.normal(4, 2, 400).astype(np.float32)
    first, later = (surely(scores, alike, OWN, 4.0, 8.0, how) for how in (FRESH, REJECTED))
    assert 0 < later.sum() < first.sum()


def test_unmarked_crosses_are_taken_and_nothing_else() -> None:
    centres = scene(0)[1]
    _, own = learn([mark("a", c) for c in centres[:3]])
    assert len(own.taken) >= 2
    assert (away(shown(own), centres[3:]) < SIDE / 4).all()


def test_nothing_is_taken_where_all_are_marked_or_what_was_rejected() -> None:
    centres = scene(0)[1]
    marks = [mark("a", c) for c in centres[:3]]
    _, whole = learn([*marks, Mark("a", "complete", 0, 0, 240, 200)])
    assert not len(whole.taken)
    finder, own = learn(marks)
    wrong = [tuple(place) for place in shown(own)[:2].tolist()]
    finder.correct([*marks, *(mark("a", place, "not") for place in wrong)])
    assert not len(own.taken) or (away(shown(own), wrong) > SIDE / 2).all()


def test_a_loaded_finder_takes_the_same(tmp_path: Path) -> None:
    centres = scene(0)[1]
    marks = [mark("a", c) for c in centres[:4]]
    finder, own = learn(marks[:3])
    finder.save(tmp_path / "finder.safetensors")
    again = Finder.load(tmp_path / "finder.safetensors")
    again.correct(marks, {"a": scene(0)[0]})
    finder.correct(marks)
    assert again._lessons is not None
    assert len(own.taken)
    np.testing.assert_array_equal(again._lessons.scenes[0].taken, own.taken)
    assert again.taken == finder.taken


def test_it_is_told_in_displayed_pixels_and_kept(tmp_path: Path) -> None:
    picture, centres = scene(0)
    Image.fromarray(picture).resize((480, 400), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    twice = [Mark("large.png", "object", 2 * x - SIDE, 2 * y - SIDE, 2 * SIDE, 2 * SIDE) for x, y in centres]
    finder = Finder.fit([tmp_path / "large.png"], twice[:3], seed=0)
    assert finder.taken
    for one in finder.taken:
        assert (one.image, one.kind, one.w, one.h) == (str(tmp_path / "large.png"), "object", 2 * SIDE, 2 * SIDE)
    middles = np.array([one.centre for one in finder.taken])
    assert (away(middles, [one.centre for one in twice[3:]]) < SIDE / 2).all()
    finder.save(tmp_path / "finder.safetensors")
    assert Finder.load(tmp_path / "finder.safetensors").taken == finder.taken


@pytest.fixture
def material() -> Material:
    pixels = np.random.default_rng(0).standard_normal((3, 160, 200)).astype(np.float32)
    made = Scene("a", Canvas(pixels, Block(0, 0, 160, 200), (0, 0), 1.0))
    made.objects = np.array([[40, 40, 16, 16]], np.float32)
    made.taken = np.array([[150, 40, 16, 16], [40, 120, 16, 16], [150, 120, 16, 16]], np.float32)
    found = Material([made], [patch(made.canvas, made.objects[0])], [], np.pi, 16.0)
    found.gather()
    return found


def test_half_of_the_crops_in_place_show_what_is_taken(material: Material) -> None:
    mix = Mix()
    plan = planned(material, mix, np.random.default_rng(1))
    middles = plan.places.at[: mix.in_place]
    few = round(mix.in_place * TAKEN)
    own = material.scenes[0]
    assert (away(middles[:few], own.taken[:, :2].tolist()) == 0).all()
    assert (away(middles[few:], own.objects[:, :2].tolist()) == 0).all()


def test_all_four_are_laid_on_other_ground(material: Material) -> None:
    laid = [planned(material, Mix(), np.random.default_rng(n)).laid for n in range(6)]
    pictures = [one.pictures[k].tobytes() for one in laid for k in np.flatnonzero(one.objects)]
    every = [*material.things, *material.taken]
    assert len(every) == 4
    assert {one.pixels.tobytes() for one in every} <= set(pictures)


def test_cells_at_what_is_taken_are_taught_as_objects(material: Material) -> None:
    plan = planned(material, Mix(), np.random.default_rng(1))
    plan = Plan(plan.places, np.zeros_like(plan.aside), plan.laid)
    turns = matrices(np.zeros(32), np.ones(32))
    target, weight = labels(plan, turns, plan.places.at.astype(np.float32), material)
    assert (target[: round(12 * TAKEN)].max(axis=(1, 2, 3)) == 1).all()
    assert (weight[: round(12 * TAKEN)].max(axis=(1, 2, 3)) == 1).all()
