"""What the marks say of scores: where a typical object lies, and what is not looked at."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.finding.calibration import believe, valley
from convlens.finding.mixture import learn

NOTHING = np.zeros(0, np.float32)


def places(seed: int, objects: int, typical: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    both = rng.normal(typical, 0.6, objects), rng.normal(-1, 1.2, 600)
    return np.concatenate(both).astype(np.float32)


def test_unmarked_objects_tell_what_objects_score() -> None:
    trials = np.linspace(2.4, 5.6, 40, dtype=np.float32)
    for typical in (3.5, 5.0):
        found = believe(trials, places(0, 40, typical), np.full(5, typical, np.float32), NOTHING)
        assert found.typical == pytest.approx(typical, abs=0.5)
        assert found.cut < typical - 1.5
        assert found.doubt < 0.8


def test_what_is_rejected_and_still_scores_like_an_object_widens_the_interval() -> None:
    trials, unknown = np.linspace(2.4, 5.6, 40, dtype=np.float32), places(0, 40, 4.0)
    marked, rejected = np.full(6, 4.0, np.float32), np.array([4.0, 4.1, -1.0], np.float32)
    before, after = (believe(trials, unknown, marked, rest) for rest in (NOTHING, rejected))
    assert (before.wrong, after.wrong) == (0, 0.25)
    scores = unknown.astype(np.float64)
    assert learn(after, scores).interval()[0] < 0.8 * learn(before, scores).interval()[0]


def test_marks_alone_are_a_belief_too() -> None:
    found = believe(np.array([4.0, 5.0], np.float32), NOTHING, NOTHING, NOTHING)
    assert found.cut < 4 < found.typical < 6


def test_the_valley_lies_between_the_rest_and_the_objects() -> None:
    assert valley(np.array([5, 6, 7], np.float32), np.array([-4] * 50 + [6] * 9, np.float32)) == pytest.approx(3.0)
