"""What a picture's scores say is held against simulated pictures, of which it is known what every place is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import betabinom, poisson

from convlens.finding.calibration import Seen, believe
from convlens.finding.densities import ALIKES, GROUNDS
from convlens.finding.mixture import KINDRED, LEVEL, STRANGE, Belief, Posterior, _kindred, learn

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


AREA = 900.0


def among_likes(seed: int, objects: int, alike: int) -> tuple[Floats, Floats]:
    """Scores of objects, and of what is none, among it things that look like them; pictures are lighter and darker."""
    rng = np.random.default_rng((seed, objects, alike))
    found, likes = rng.normal(5, 0.6, objects), rng.normal(3, 0.6, alike)
    return found + (light := 0.4 * rng.standard_normal()), np.append(likes + light, GROUND["exponential"](rng))


def taught(seed: int, rejected: int) -> Belief:
    """A belief from five marks in a picture with look-alikes, of which so many were rejected, the highest first."""
    rng = np.random.default_rng(seed)
    objects, rest = among_likes(seed, 45, 45)
    rest = np.sort(rest)[::-1]
    parts = np.append(objects[5:], rest[rejected:]), objects[:5], rest[:rejected]
    return believe(rng.normal(4.5, 1.25, 40).astype(np.float32), [Seen(*(p.astype(np.float32) for p in parts), AREA)])


def f1(score: float, objects: Floats, rest: Floats) -> float:
    right, wrong = (objects >= score).sum(), (rest >= score).sum()
    return float(2 * right / (right + wrong + len(objects)))


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
        best = learn(BELIEF, scores).best()
        lost.append(max(f1(score, objects, rest) for score in scores) - f1(best, objects, rest))
    assert np.mean(lost) < 0.12


@pytest.mark.parametrize("ground", GROUND)
def test_nothing_is_claimed_where_there_is_nothing(ground: str) -> None:
    wrong = [claimed(learn(BELIEF, rest), rest) for rest in (picture(seed, ground, 0)[1] for seed in range(PICTURES))]
    assert np.count_nonzero(wrong) <= 0.25 * PICTURES
    assert sum(wrong) <= 0.3 * PICTURES


def test_places_below_the_cut_tell_the_ground_above_it() -> None:
    fresh, steep = replace(BELIEF, alike=0.5), np.array(GROUNDS)[:, 0]
    assert (fresh.least, BELIEF.least) == (BELIEF.cut - BELIEF.unit, BELIEF.cut)
    objects, falls = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        above = np.append(rng.normal(4, 1.2, 25), rng.exponential(0.6, 8))
        seen = [learn(fresh, np.append(above, -rng.uniform(0, BELIEF.unit, below))) for below in (0, 80)]
        objects.append([one.expected for one in seen])
        falls.append([one.ground @ steep for one in seen])
    # where hardly anything lies below the cut what lies above is rather objects; where much does, the ground falls fast
    assert np.mean(np.diff(objects)) < -1
    assert np.mean(np.diff(falls)) > 0.5
    # after a rejection what lies there says nothing
    scores = np.concatenate(picture(0, "exponential", 25))
    told = [learn(BELIEF, np.append(scores, np.full(below, -0.3))) for below in (0, 80)]
    np.testing.assert_array_equal(told[0].weight, told[1].weight)


def test_a_single_one_is_claimed() -> None:
    for seed in range(10):
        scores = np.append(np.minimum(GROUND["normal"](np.random.default_rng(seed)), 3.0), 5.5)
        seen = learn(BELIEF, scores)
        assert claimed(seen, scores) == 1
        assert seen.interval()[1] <= 3


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


def test_look_alikes_that_were_rejected_are_not_claimed_elsewhere() -> None:
    lost, false, unheard = [], [], []
    # to whom look-alikes are unheard of their bump is one of objects
    innocent = replace(BELIEF, alikes=(0.0, *[-1e3] * (len(ALIKES) - 1)))
    for seed in range(6):
        belief = taught(seed, rejected=10)
        assert belief.lookalikes is not None
        like = {"expected": belief.many * AREA, "lookalikes": belief.lookalikes * AREA}
        objects, rest = among_likes(100 + seed, 45, 45)
        scores = np.concatenate([objects, rest])
        best = learn(belief, scores, **like).best()
        lost.append(max(f1(score, objects, rest) for score in scores) - f1(best, objects, rest))
        bare = among_likes(200 + seed, 0, 45)[1]
        false.append(claimed(learn(belief, bare, **like), bare))
        unheard.append(claimed(learn(innocent, bare, **like), bare))
    assert np.mean(lost) < 0.05
    assert np.count_nonzero(false) <= 1
    assert np.count_nonzero(unheard) >= 3


def test_as_many_are_expected_as_similar_pictures_hold() -> None:
    objects, rest = picture(3, "normal", 12)
    scores = np.concatenate([objects - 1.5, rest])
    few, many = (learn(BELIEF, scores, expected=number).expected for number in (1.0, 30.0))
    assert few < 0.8 * many


def test_a_crowd_of_which_too_few_are_like_the_marks_is_of_look_alikes() -> None:
    # light has moved all, and what is seen is one crowd: of objects in bad light, or of others
    scores = np.append(
        np.random.default_rng(4).normal(3.8, 0.6, 40), GROUND["exponential"](np.random.default_rng(5))[:40]
    )
    some = replace(BELIEF, doubt=1.0)
    unknown, half, none = (learn(some, scores, like=number) for number in (None, 20, 1))
    assert half.expected > 1.5 * unknown.expected > 5 * none.expected
    assert none.empty > 0.9 > unknown.empty > half.empty
    # where there is nothing else, that none is like the marks makes less of it
    assert learn(some, scores[:40], like=0).expected < learn(some, scores[:40], like=20).expected


@pytest.mark.parametrize(("like", "places"), [(0, 0.0), (3, 10.0), (40, 60.0), (2000, 7000.0)])
def test_how_many_are_like_the_marks_is_told_by_the_formula(like: int, places: float) -> None:
    numbers = np.array([0.0, 0.5, 1.0, 7.3, 40.0, 8000.0])
    own = [betabinom(int(np.ceil(n)), KINDRED, KINDRED) for n in numbers]
    rest = [poisson(STRANGE[0] * max(places - np.ceil(n), 0) + STRANGE[1]) for n in numbers]
    k = np.arange(like + 1)
    wanted = np.array([logsumexp(a.logpmf(k) + b.logpmf(like - k)) for a, b in zip(own, rest, strict=True)])
    np.testing.assert_allclose(_kindred(numbers, like, places), wanted - wanted.max(), rtol=1e-6, atol=1e-6)


def test_a_crowd_where_few_look_alikes_are_expected_is_of_objects() -> None:
    # all that is seen scores less than objects should, as those on another ground do, or others that look alike
    lower = np.random.default_rng(7).normal(BELIEF.typical - 1.75 * BELIEF.unit, 0.5 * BELIEF.unit, 50)
    scores = np.append(lower, picture(5, "exponential", 0)[1])
    some = replace(BELIEF, doubt=0.9, alikes=tuple(0.0 for _ in BELIEF.alikes))
    few, many = (learn(some, scores, expected=40.0, lookalikes=number) for number in (2.0, 50.0))
    assert few.expected > 1.5 * many.expected
    assert few.lookalikes < many.lookalikes
    assert few.empty < many.empty


def test_a_marked_object_says_what_objects_score() -> None:
    scores = np.concatenate(picture(1, "exponential", 20))
    before, after = (learn(BELIEF, scores, marked=np.full(n, 6.5)).typical for n in (0, 20))
    assert after[0] > before[0]


def test_a_belief_fits_the_grid() -> None:
    with pytest.raises(ValueError, match="grounds"):
        Belief(0.0, 5.0, 0.6, grounds=(0.0,) * (len(GROUNDS) - 1))
