"""Things of different sizes in one finder: marks ask for the scales, and all are found as large as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data import Mark
from convlens.finding import Finder
from convlens.finding import finder as module
from convlens.finding.canvas import View
from convlens.finding.known import middles
from convlens.finding.learning import Course
from convlens.finding.mixture import Belief
from convlens.finding.rivals import stay
from convlens.finding.scores import Closely
from convlens.finding.views import Views

from .scenes import COLOURS, mark, scene
from .test_exact import found, same

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
SIDES = (20, 26, 34, 46, 60)


def crowd(seed: int, sides: tuple[int, ...] = SIDES + SIDES[::2]) -> tuple[Pixels, Floats]:
    """A picture of red crosses of these sides among as many blue ones and discs, and the boxes of the red ones."""
    rng = np.random.default_rng(seed)
    width, cell = 6, 68
    picture = rng.normal(150, 6, (-(-3 * len(sides) // width) * cell, width * cell, 3))
    cells = rng.permutation(3 * len(sides))
    boxes = []
    for k, place in enumerate(cells):
        kind, side = list(COLOURS)[k % 3], sides[k // 3]
        y, x = (cell * int(n) + int(rng.integers(0, cell - side)) for n in divmod(place, width))
        across = np.abs(np.arange(side) - (side - 1) / 2)
        if kind == "disc":
            inside = np.hypot(across[:, None], across[None, :]) < side / 2
        else:
            inside = (across[:, None] < 0.15 * side) | (across[None, :] < 0.15 * side)
        picture[y : y + side, x : x + side][inside] = COLOURS[kind]
        if kind == "cross":
            boxes.append((x, y, side, side))
    return picture.clip(0, 255).astype(np.uint8), np.array(boxes, np.float64)


def marked(boxes: Floats) -> list[Mark]:
    return [Mark("a", "object", *box) for box in boxes.tolist()]


def sized(finder: Finder, picture: Pixels, boxes: Floats) -> tuple[int, int]:
    """How many of some boxes have a find about as large in their middle, and how many finds there are."""
    finds = finder.find(picture)
    away = np.hypot(*(middles(finds.boxes)[:, None] - middles(boxes)).transpose(2, 0, 1))
    ratio = finds.boxes[:, None, 2:] / boxes[:, 2:]
    right = (away < boxes[:, 2] / 4) & (np.abs(np.log(ratio)).max(axis=2) < np.log(1.3))
    return int(right.any(axis=0).sum()), finds.count


@pytest.fixture(autouse=True, scope="module")
def short() -> object:
    """Crosses are easy: a third of the steps is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST", Course(steps=40, rate=3e-3, looks=(0.5,)))
        patch.setattr(module, "AGAIN", Course(steps=15, rate=2e-3, looks=(0.0,)))
        yield


@pytest.fixture(scope="module")
def learned() -> Finder:
    """Five of eight crosses marked, one of each size."""
    picture, boxes = crowd(0)
    return Finder.fit({"a": picture}, marked(boxes[:5]), seed=1)


# ---- which scales ----


def asked(*sides: float) -> tuple[float, ...]:
    marks = [Mark("a", "object", 0, 0, side, 0.5 * side) for side in sides]
    return Views(View(0.8, 255.0, 3), 40.0).suiting(marks).sizes


@pytest.mark.parametrize(
    "sides",
    [
        (40,),
        (20, 40),
        (40, 40, 40, 40, 88),
        (18, 40, 42, 38, 40),
        (33, 35, 38, 41, 45, 50, 52),
        tuple(40 * 1.3 ** np.random.default_rng(0).uniform(-0.5, 0.5, 30)),
        tuple(40 * 1.9 ** np.random.default_rng(0).triangular(-0.5, 0, 0.5, 30)),
    ],
    ids=["one", "two", "a large slip", "a small slip", "a little different", "drawn sloppily", "both"],
)
def test_marks_of_about_one_size_ask_for_one_scale(sides: tuple[float, ...]) -> None:
    assert asked(*sides) == (1.0,)


def test_marks_of_different_sizes_ask_for_scales_from_the_smallest_to_the_largest() -> None:
    for sides in ((20, 80), (20, 40, 80), (40, 40, 40, 160), (20, 24, 30, 38, 44)):
        sizes = np.array(asked(*sides))
        assert len(sizes) > 1
        assert (sizes[1:] / sizes[:-1] < 1.52).all(), "nothing lies between"
        assert sizes[0] <= min(sides) / 40
        assert sizes[-1] >= max(sides) / 40
    assert len({view.scale for view in Views(View(2.0, 255.0, 3), 8.0, (0.5, 1.0, 2.0)).all}) == 2
    tiny = [Mark("a", "object", 0, 0, side, side) for side in (2, 4, 8, 32)]
    assert Views(View(2.0, 255.0, 3), 8.0).suiting(tiny).sizes[0] > 0.9, "nothing is enlarged more than twice"


def test_points_ask_for_nothing() -> None:
    views = Views(View(0.8, 255.0, 3), 40.0)
    assert views.suiting([Mark("a", "object", 3, 4)]) == views
    assert views.all == (views.typical,)


def test_a_thing_has_the_scale_that_suits_it() -> None:
    views = Views(View(0.8, 255.0, 3), 40.0, (0.5, 0.7, 1.0, 1.4, 2.0))
    assert views.home(np.array([3.0, 20, 25, 50, 90, 900, 0])).tolist() == [0, 0, 1, 3, 4, 4, 2]


# ---- which candidates stay ----


def test_of_rivals_the_surest_stay_and_everybody_who_goes_has_one() -> None:
    rng = np.random.default_rng(0)
    places, sides = rng.uniform(0, 400, (600, 2)).round(), rng.choice([15.0, 22.0, 33.0, 50.0], 600)
    scores = rng.integers(0, 9, 600).astype(np.float64)
    kept = stay(places, sides, scores)
    apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    small, large = np.minimum(sides[:, None], sides), np.maximum(sides[:, None], sides)
    rivals = (apart < np.maximum(small, large - small) / 2) & ~np.eye(600, dtype=bool)
    assert not (rivals & kept[:, None] & kept).any()
    surer = scores[:, None] <= scores
    assert (rivals & surer & kept).any(axis=1)[~kept].all()
    assert 100 < kept.sum() < 500
    order = rng.permutation(600)
    np.testing.assert_array_equal(stay(places[order], sides[order], scores[order]), kept[order])


def test_a_large_one_swallows_small_ones_in_it_only_if_it_is_surer() -> None:
    places, sides = np.array([[50.0, 50], [62, 50], [38, 50], [85, 50]]), np.array([60.0, 15, 15, 15])
    for sure, wanted in ((9.0, [True, False, False, True]), (0.0, [False, True, True, True])):
        assert stay(places, sides, np.array([sure, 5, 5, 5])).tolist() == wanted


# ---- finding ----


def test_large_and_small_ones_are_all_found_as_large_as_they_are(learned: Finder) -> None:
    assert len(learned.views.sizes) > 3
    picture, boxes = crowd(1)
    assert sized(learned, picture, boxes) == (len(boxes), len(boxes))


def test_finds_of_any_cut_and_any_threads_are_the_same(learned: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, _ = crowd(3)
    monkeypatch.setattr(learned, "calibration", Belief(-8.0, 2.0, 1.0))
    monkeypatch.setattr(learned, "closely", Closely(-8.0))
    whole = found(learned, picture, 1 << 20)
    assert len(whole.near) + whole.count > 40
    same(found(learned, picture, 200), whole)
    for where in ("engine.program", "engine.scan", "finding.likeness"):
        monkeypatch.setattr(f"convlens.{where}.cores", lambda: 3)
    same(found(learned, picture, 333), whole)


def test_what_is_saved_finds_the_same(learned: Finder, tmp_path: Path) -> None:
    learned.save(tmp_path / "crosses.safetensors")
    loaded = Finder.load(tmp_path / "crosses.safetensors")
    assert loaded.views == learned.views
    picture, _ = crowd(1)
    same(loaded.find(picture, angles=True), learned.find(picture, angles=True))


def test_why_looks_at_the_scale_of_what_was_found(learned: Finder) -> None:
    picture, boxes = crowd(0)
    for why in learned.why(picture, boxes[:5]):
        assert why.alike > 0.75


def test_a_rejected_large_place_rejects_no_small_one_in_its_middle(learned: Finder) -> None:
    picture, boxes = crowd(1)
    x, y, side, _ = boxes[0].tolist()
    around = Mark("a", "not", x - 1.5 * side, y - 1.5 * side, 4 * side, 4 * side)
    assert learned.find(picture, marks=[around]).count == learned.find(picture).count
    own = Mark("a", "not", x, y, side, side)
    assert learned.find(picture, marks=[own]).count == learned.find(picture).count - 1


def test_a_mark_of_a_new_size_teaches_it() -> None:
    picture, centres = scene(0)
    large = crowd(0, (60, 60, 60, 60))
    both = {"a": picture, "b": large[0]}
    marks = [mark("a", c) for c in centres[:3]]
    finder = Finder.fit(both, marks, seed=1)
    assert finder.views.sizes == (1.0,)
    finder.correct([*marks, Mark("b", "object", *large[1][0].tolist())])
    assert len(finder.views.sizes) > 1
    picture, boxes = crowd(1, (20, 60, 20, 60, 20, 60))
    right, count = sized(finder, picture, boxes)
    assert right >= 5
    assert count <= 7
