"""The rules by which finders are judged: hits, marks, corrections, figures, on cases small enough to check by eye."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.finding import truth
from benchmarks.finding.__main__ import empty_photos
from benchmarks.finding.empty import NoRoomError, covered
from benchmarks.finding.judge import Judge
from benchmarks.finding.protocol import (
    Finds,
    Person,
    Score,
    choose_marks,
    match,
    mistakes,
    oracle,
    ranked_first,
    score,
)
from benchmarks.finding.summary import summaries, verdict
from benchmarks.finding.truth import Photo
from hypothesis import given, settings
from hypothesis import strategies as st

from convlens.data import Mark

from .squares import Squares, family


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


def finds(*rows: tuple[float, ...], threshold: float = 0.0) -> Finds:
    """Finds as x, y, w, h, score."""
    table = np.array(rows, float).reshape(-1, 5)
    return Finds(table[:, :4], table[:, 4], threshold)


OBJECTS = boxes((0, 0, 20, 10), (100, 0, 20, 10))


def photo(objects: np.ndarray = OBJECTS, name: str = "a.png") -> Photo:
    return Photo(Path(name), objects)


# ---- what a hit is ----


@pytest.mark.parametrize(("shift", "hits"), [(0, 1), (5, 1), (5.01, 0), (-5, 1), (-6, 0)])
def test_a_hit_lies_within_half_of_the_smaller_side(shift: float, hits: int) -> None:
    assert score(OBJECTS, finds((shift, 0, 20, 10, 1))) == Score(hits, 1 - hits, 2 - hits)


def test_a_second_find_on_an_object_is_false() -> None:
    assert score(OBJECTS, finds((0, 0, 20, 10, 1), (1, 0, 20, 10, 2))) == Score(1, 1, 1)


def test_the_surer_find_takes_the_object_and_the_nearest_one() -> None:
    near = boxes((0, 0, 20, 20), (8, 0, 20, 20))
    found = match(near, boxes((5, 0, 20, 20), (9, 0, 20, 20)), np.array([2.0, 1.0]))
    assert found.object_of.tolist() == [1, 0]
    assert match(near, boxes((5, 0, 20, 20), (9, 0, 20, 20)), np.array([1.0, 2.0])).object_of.tolist() == [0, 1]


def test_a_find_of_another_size_counts_by_its_centre() -> None:
    assert score(OBJECTS, finds((-40, -45, 100, 100, 1))).hits == 1


def test_candidates_below_the_threshold_are_not_claimed() -> None:
    found = finds((0, 0, 20, 10, 0.9), (100, 0, 20, 10, 0.4), (50, 50, 20, 10, 0.1), threshold=0.5)
    assert score(OBJECTS, found) == Score(1, 0, 1)
    assert found.counted == 1
    assert replace(found, count=7).counted == 7


def test_f1_of_nothing() -> None:
    assert score(boxes(), finds()).f1 == 1
    assert score(OBJECTS, finds()).f1 == 0
    assert score(boxes(), finds((0, 0, 1, 1, 1))).f1 == 0


def test_first_is_the_surest_and_alone() -> None:
    assert ranked_first(OBJECTS, finds((0, 0, 20, 10, 3), (50, 50, 20, 10, 1), threshold=9))
    assert not ranked_first(OBJECTS, finds((0, 0, 20, 10, 1), (50, 50, 20, 10, 3)))
    assert not ranked_first(OBJECTS, finds((0, 0, 20, 10, 3), (50, 50, 20, 10, 3)))
    assert not ranked_first(OBJECTS, finds())


@st.composite
def found_in(draw: st.DrawFn) -> tuple[np.ndarray, Finds]:
    place = st.tuples(st.integers(0, 60), st.integers(0, 60))
    objects = boxes(*((x, y, 10, 10) for x, y in draw(st.lists(place, max_size=6))))
    found = draw(st.lists(st.tuples(place, st.integers(0, 4)), max_size=8))
    return objects, finds(*((x, y, 10, 10, s) for (x, y), s in found), threshold=draw(st.integers(0, 4)))


@settings(max_examples=200, deadline=None)
@given(found_in())
def test_laws_of_scoring(case: tuple[np.ndarray, Finds]) -> None:
    objects, found = case
    one = score(objects, found)
    assert one.hits + one.missed == len(objects)
    assert one.hits + one.false == found.claimed.sum()
    best = oracle([objects], [found])
    assert best >= one.f1 or not found.claimed.any()
    each = (replace(found, threshold=t) for t in np.unique(found.scores))
    thresholds = [score(objects, f).f1 for f in each]
    assert best == pytest.approx(max(thresholds, default=float(not len(objects))))


# ---- what is marked ----


def test_marks_are_objects_of_the_photo_chosen_by_the_seed() -> None:
    objects = boxes(*((20 * i, 0, 10, 10) for i in range(12)))
    chosen = choose_marks(photo(objects), 3)
    assert chosen == choose_marks(photo(objects), 3)
    assert chosen != choose_marks(photo(objects), 4)
    assert len({(m.x, m.y) for m in chosen}) == 5
    assert all(m.kind == "object" and m.x % 20 == 0 and (m.w, m.h) == (10, 10) for m in chosen)


def test_one_object_is_one_mark() -> None:
    assert choose_marks(photo(OBJECTS[:1]), 0) == [Mark("a.png", "object", 0, 0, 20, 10)]


# ---- what is corrected ----


def test_the_most_confident_mistakes_first_and_in_turn() -> None:
    objects = boxes((0, 0, 10, 10), (50, 0, 10, 10), (100, 0, 10, 10))
    found = finds(
        (0, 0, 10, 10, 0.9),
        (50, 0, 10, 10, 0.4),
        (0, 50, 10, 10, 0.6),
        (50, 50, 10, 10, 0.8),
        (100, 50, 10, 10, 0.3),
        threshold=0.5,
    )
    new = mistakes(photo(objects), found, [])
    assert [(m.kind, m.x, m.y) for m in new] == [
        ("not", 50, 50),
        ("object", 100, 0),  # has no candidate
        ("not", 0, 50),
        ("object", 50, 0),
    ]


def test_nothing_is_marked_twice_and_no_object_is_rejected() -> None:
    found = finds((50, 50, 20, 10, 1), (52, 50, 20, 10, 0.9), (7, 0, 20, 10, 0.8))
    new = mistakes(photo(), found, [])
    # the third find is off the first object by more than half its smaller side, but its middle lies on it
    assert [(m.kind, m.x) for m in new] == [("not", 50), ("object", 0), ("object", 100)]
    assert mistakes(photo(), found, new) == []


def test_the_first_photo_is_mended_before_the_second() -> None:
    many = boxes(*((20 * i, 0, 10, 10) for i in range(4)))
    person = Person([photo(many, "a.png"), photo(many, "b.png")])
    nothing = {"a.png": finds(), "b.png": finds()}
    assert [m.image for m in person.correct(nothing)] == ["a.png"] * 4 + ["b.png"]
    assert [m.image for m in person.correct(nothing)] == ["b.png"] * 3
    assert person.correct(nothing) == []


# ---- the whole of it ----


def test_nothing_untouched_is_shown_and_corrections_help(tmp_path: Path) -> None:
    squares = family(tmp_path)
    finder = Squares()
    run = Judge(squares).run("squares", finder, 0)
    assert finder.shown == ["squares_0.png", "squares_1.png"]
    assert {m.image for marks in finder.told for m in marks} <= set(finder.shown)
    assert [len(marks) for marks in finder.told] == [5, 5]
    assert [r.corrections for r in run.rounds] == [5, 5, 0, 0]
    first, last = run.rounds[0], run.rounds[-1]
    assert [look.photo for look in first.looks] == ["squares_2.png", "squares_3.png"]
    assert first.score == Score(11, 12, 0)
    assert last.score == Score(11, 0, 0)
    assert first.oracle == last.oracle == 1
    assert [look.covered for look in last.looks] == [True, True]


def test_seconds_are_the_clocks(tmp_path: Path) -> None:
    ticks = iter(range(1000))
    run = Judge(family(tmp_path), clock=lambda: float(next(ticks))).run("squares", Squares(), 0)
    assert [r.seconds for r in run.rounds] == [1, 1, 0, 0]
    assert {look.seconds for r in run.rounds for look in r.looks} == {1}


def test_two_photos_leave_one_to_learn_from_and_one_to_judge(tmp_path: Path) -> None:
    halves = family(tmp_path, (8, 7))
    assert [p.name for p in halves.shown] == ["squares_0.png"]
    assert [p.name for p in halves.untouched] == ["squares_1.png"]


def test_what_a_finder_raises_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Breaks(Squares):
        def correct(self, marks: object) -> None:
            raise ValueError("too many marks")

    run = Judge(family(tmp_path)).run("breaks", Breaks(), 0)
    assert len(run.rounds) == 1
    assert run.note == "ValueError after 1 rounds: too many marks"
    one = summaries([run], 3)[0]
    assert one.rounds == 1
    assert one.lost


def test_summary_of_seeds(tmp_path: Path) -> None:
    squares = family(tmp_path, empty=2)
    judging = Judge(squares, squares.empty)
    runs = [judging.run("squares", Squares(), seed) for seed in range(2)]
    one = summaries(runs, 3)[0]
    assert one.f1(0) == [pytest.approx(22 / 34)] * 2
    assert one.last == 1
    assert one.count_error(0) == pytest.approx((6 / 6 + 6 / 5) / 2)
    assert one.coverage(3) == (4, 4)
    assert one.first(0) == (0, 4)  # all red squares score the same
    # 6 blue squares on each 0.02 megapixels, none once they are rejected
    assert one.false_when_empty() == {0: pytest.approx(600), 3: 0}
    assert verdict(one, [one]) == ""


def test_a_finder_that_loses_is_told_so(tmp_path: Path) -> None:
    squares = family(tmp_path)
    good = Judge(squares).run("good", Squares(), 0)
    poor = Judge(squares, rounds=0).run("poor", Squares(), 0)
    poor = replace(poor, rounds=poor.rounds * 4)
    found = summaries([good, poor], 3)
    assert verdict(found[0], found) == "best"
    assert verdict(found[1], found) == "loses 0.35 to good"


# ---- scenes ----


def test_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    squares = family(tmp_path, (8, 7, 6), empty=1)
    again = truth.read(tmp_path)[0]
    assert again.name == "squares"
    assert [p.name for p in again.empty] == ["none_0.png"]
    for one, other in zip(squares.photos, again.photos, strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        for x, y, w, h in one.boxes.astype(int):
            inside = one.pixels[y : y + h, x : x + w].reshape(-1, 3)
            assert (inside == (200, 30, 30)).all()  # the box is the square to the pixel


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no truth.json"),
        ('{"a": {"target": "t", "rot": 0, "photos": [{"file": "no.png", "gt": []}]}}', "names no.png, which is not"),
    ],
)
def test_scenes_that_cannot_be_judged_say_so(tmp_path: Path, content: str | None, said: str) -> None:
    if content:
        (tmp_path / "truth.json").write_text(content)
    with pytest.raises(SystemExit, match=said):
        truth.read(tmp_path)


def test_a_family_needs_an_object_and_a_photo_to_judge_on(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="needs an instance in its first photo"):
        family(tmp_path, (0, 3))


def test_covered_photos_show_no_object_and_are_otherwise_the_same(tmp_path: Path) -> None:
    one = family(tmp_path).photos[2]
    bare = covered(one)
    assert not ((bare[:, :, 0] > 180) & (bare[:, :, 1] < 60)).any()
    far = np.ones(bare.shape[:2], bool)
    for x, y, w, h in one.boxes.astype(int):
        far[max(0, y - 5) : y + h + 5, max(0, x - 5) : x + w + 5] = False
    assert np.array_equal(bare[far], one.pixels[far])


def test_a_photo_too_full_to_be_covered_is_left_out(tmp_path: Path) -> None:
    one = family(tmp_path)
    full = replace(one.photos[2], boxes=np.array([[0.0, 0.0, 4000.0, 4000.0]]))
    full.__dict__["pixels"] = one.photos[2].pixels
    with pytest.raises(NoRoomError, match="free of objects"):
        covered(full)
    assert len(empty_photos(one)) == len(one.untouched)
    assert empty_photos(replace(one, photos=(*one.photos[:2], full))) == ()
