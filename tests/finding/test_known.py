"""What was marked in a picture stands above what is found there, and nothing else changes."""

from __future__ import annotations

import numpy as np

from convlens.data import Mark
from convlens.finding.candidates import Candidates
from convlens.finding.canvas import View
from convlens.finding.finder import Finder
from convlens.finding.finds import Finds
from convlens.finding.known import Known
from convlens.finding.mixture import Belief
from convlens.finding.templates import Templates
from convlens.finding.views import Views

PLACES = [(20.0, 20.0), (60.0, 20.0), (100.0, 20.0), (140.0, 20.0)]
SCORES = [9.0, 7.0, 8.0, 1.0]


def claimed(*marks: Mark, places: list[tuple[float, float]] = PLACES) -> Finds:
    """What a finder of 10 x 10 objects makes of places that it scored."""
    learned = (Mark("b", "object", 1, 1), Mark("b", "object", 50, 1))
    none = Templates.none(3)
    finder = Finder(Views(View(1.0, 255.0, 3), 10.0), (10.0, 10.0), np.pi, 0, {}, none, Belief(0.0, 8.0, 0.5), learned)
    boxes = np.array([(x - 5, y - 5, 10, 10) for x, y in places], np.float64)
    scores = np.array(SCORES[: len(boxes)], np.float32)
    known = Known.of(marks, finder.box)
    found = Candidates(boxes, scores, np.zeros(len(boxes)), np.full(len(boxes), 10.0), np.zeros(len(boxes), np.float32))
    return finder._claimed(found, known, np.zeros(len(known.objects)), area=300.0)


def test_a_rejected_place_is_no_find_and_no_near_miss() -> None:
    before, after = claimed(), claimed(Mark("a", "not", 15, 15, 10, 10), Mark("a", "not", 140, 22))
    assert (before.count, len(before.near)) == (3, 1)
    assert (after.count, len(after.near)) == (2, 0)
    np.testing.assert_array_equal(after.boxes, before.boxes[1:])
    # it may be a broken object, or one of a kind that scores as objects do: the others are a little less sure
    np.testing.assert_allclose(after.scores, before.scores[1:], atol=0.12)
    assert (after.scores < before.scores[1:]).all()
    assert before.interval is not None
    assert after.interval is not None
    assert after.interval[1] < before.interval[1]


def test_half_of_the_smaller_side_is_the_border() -> None:
    assert claimed(Mark("a", "not", 10, 15, 40, 10)).count == 3, "its middle is 10 away, its smaller side is 10"
    assert claimed(Mark("a", "not", 15, 15, 20, 10)).count == 2


def test_a_marked_object_is_a_find_for_certain_where_it_was_drawn() -> None:
    finds = claimed(Mark("a", "object", 134, 16, 14, 9), Mark("a", "object", 200, 90, 12, 12))
    assert finds.boxes[:2].tolist() == [[134, 16, 14, 9], [200, 90, 12, 12]]
    assert finds.scores[:2].tolist() == [1, 1]
    assert (finds.count, len(finds.near)) == (5, 0), "three that were found, one that was missed, one that was near"
    assert finds.interval is not None
    assert finds.interval[0] >= 2
    assert claimed(Mark("a", "object", 15, 15, 10, 10)).count == 3, "what was found is not counted twice"
    assert claimed(Mark("a", "object", 200, 90), Mark("a", "object", 203, 90)).count == 4, "nor what is marked twice"


def test_a_place_belongs_to_the_nearer_mark() -> None:
    kinds = Mark("a", "not", 10, 10, 20, 20), Mark("a", "object", 15, 29, 10, 10)
    assert claimed(*kinds, places=[(20.0, 24.0)]).count == 1, "nearer to the rejected place: the marked object alone"
    assert claimed(*kinds, places=[(20.0, 28.0)]).count == 2, "nearer to the object, and no part of it"


def test_a_complete_region_holds_its_marked_objects_alone() -> None:
    region = Mark("a", "complete", 0, 0, 110, 60)
    assert claimed(region).count == 0
    finds = claimed(region, Mark("a", "object", 55, 15, 10, 10))
    assert finds.boxes.tolist() == [[55, 15, 10, 10]]
    assert len(finds.near) == 1, "outside the region"
    everything = Mark("a", "complete", 0, 0, 400, 400)
    assert claimed(everything, Mark("a", "object", 55, 15, 10, 10)).interval == (1, 1)
