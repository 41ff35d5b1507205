"""What a picture's scores say is held against simulated pictures, of which it is known what every place is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.finding.mixture import GROUNDS, LEVEL, Belief, Posterior, learn

Floats = NDArray[np.float64]
BELIEF = Belief(0.0, 5.0, 0.6)
GROUND: dict[str, Callable[[np.random.Generator], Floats]] = {
    "exponential": lambda rng: rng.exponential(0.6, 200),
    "normal": lambda rng: np.abs(rng.normal(0, 1.1, 250)),
}
PICTURES = 24


def picture(seed: int, ground: str, objects: int) -> tuple[Floats, Floats]:
    """Scores of objects, and of what is none; what is typical, and how many are half hidden, differs by the picture."""
    rng = np.random.default_rng((seed, objects))
    found = rng.normal(5 + 0.5 * rng.standard_normal(), 0.8, objects)
    hidden = rng.random(objects) < rng.choice([0, 0.1, 0.25])
    return found - hidden * (1.2 + 0.8 * rng.standard_normal(objects)), GROUND[ground](rng)


def claimed(seen: Posterior, scores: Floats) -> int:
    return int((scores >= seen.best()).sum())


@pytest.mark.parametrize("ground", GROUND)
@pytest.mark.parametrize("objects", [3, 60])
def test_the_interval_holds_the_count_as_often_as_it_says(ground: str, objects: int) -> None:
    held, wide = [], []
    for seed in range(PICTURES):
        low, high = learn(BELIEF, np.concatenate(picture(seed, ground, objects))).interval()
        held.append(low <= objects <= high)
        wide.append(high - low)
    # three standard deviations of what chance does to so few pictures
    assert np.mean(held) > LEVEL - 3 * np.sqrt(LEVEL * (1 - LEVEL) / PICTURES)
    assert np.mean(wide) < 6 + 0.3 * objects


@pytest.mark.parametrize("ground", GROUND)
def test_what_is_claimed_is_nearly_as_good_as_the_truth_could_choose(ground: str) -> None:
    lost = []
    for seed in range(PICTURES // 2):
        objects, rest = picture(seed, ground, 25)
        scores = np.concatenate([objects, rest])

        def f1(score: float, objects: Floats = objects, rest: Floats = rest) -> float:
            right, wrong = (objects >= score).sum(), (rest >= score).sum()
            return float(2 * right / (right + wrong + len(objects)))

        lost.append(max(f1(score) for score in scores) - f1(learn(BELIEF, scores).best()))
    assert np.mean(lost) < 0.12


@pytest.mark.parametrize("ground", GROUND)
def test_nothing_is_claimed_where_there_is_nothing(ground: str) -> None:
    wrong = [claimed(learn(BELIEF, rest), rest) for rest in (picture(seed, ground, 0)[1] for seed in range(PICTURES))]
    assert np.count_nonzero(wrong) <= 0.2 * PICTURES
    assert sum(wrong) <= 0.3 * PICTURES


def test_a_single_one_is_claimed() -> None:
    for seed in range(10):
        scores = np.append(np.minimum(GROUND["normal"](np.random.default_rng(seed)), 3.0), 5.5)
        seen = learn(BELIEF, scores)
        assert claimed(seen, scores) == 1
        assert seen.interval()[1] <= 2


def test_pictures_without_places_hold_nothing() -> None:
    for scores in (np.zeros(0), np.array([-3.0])):
        seen = learn(BELIEF, scores)
        assert seen.best() == np.inf
        assert seen.interval()[0] == 0
        assert seen.probabilities(scores).shape == scores.shape


def test_surer_is_what_scores_more() -> None:
    seen = learn(BELIEF, np.concatenate(picture(0, "normal", 20)))
    p = seen.probabilities(np.linspace(-2, 9, 400))
    assert (np.diff(p) > 0).all()
    assert 0 < p[0] < 0.01 < 0.99 < p[-1] < 1


def test_what_was_rejected_makes_the_like_of_it_less_likely() -> None:
    scores = np.concatenate(picture(0, "exponential", 20))
    before = learn(BELIEF, scores).probabilities(np.array([4.0]))
    after = learn(BELIEF, scores, rest=np.full(6, 4.0)).probabilities(np.array([4.0]))
    assert after < 0.8 * before


def test_a_belief_fits_the_grid() -> None:
    with pytest.raises(ValueError, match="grounds"):
        Belief(0.0, 5.0, 0.6, grounds=(0.0,) * (len(GROUNDS) - 1))
