"""The spot check's intervals hold the truth as often as they say, over many simulated searches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from convlens.finding.errors import FindingError
from convlens.finding.finds import Finds
from convlens.finding.spotcheck import LEAST_NEAR, judge, plan

TRIALS = 150


def searched(rng: np.random.Generator, hits: int, near: int) -> tuple[Finds, float]:
    """Finds of one picture whose scores say, up to a shift that nobody knows, how likely each is an object."""
    boxes = np.zeros((hits + near, 4))
    boxes[:, 0] = np.arange(hits + near)
    scores = np.concatenate([rng.uniform(0.5, 1.0, hits), rng.uniform(0.0, 0.5, near)])
    return Finds.split("a.png", boxes, scores, 0.5), rng.uniform(-0.3, 0.3)


@pytest.mark.parametrize(("hits", "near", "samples"), [(60, 60, 20), (400, 900, 40), (30, 200, 60)])
def test_the_intervals_cover_the_truth(hits: int, near: int, samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.finding.spotcheck.DRAWS", 3000)  # quantiles of fewer draws waver by a hundredth
    rng = np.random.default_rng(hits)
    covered = {"precision": 0, "recall": 0, "count": 0}
    for trial in range(TRIALS):
        finds, shift = searched(rng, hits, near)
        every = np.concatenate([finds.scores, finds.near.scores])
        boxes = np.concatenate([finds.boxes, finds.near.boxes])
        chance = np.clip((every - 0.2 + shift) * 1.4, 0.0, 1.0)
        chance[len(finds) + max(LEAST_NEAR, len(finds)) :] = 0
        truth = {float(box[0]): bool(rng.random() < p) for box, p in zip(boxes, chance, strict=True)}
        strata = plan([finds], samples, seed=trial)
        verdict = judge(strata, [[truth[one.box[0]] for one in stratum.samples] for stratum in strata])
        right = sum(truth[float(box[0])] for box in finds.boxes)
        whole = sum(truth.values())
        wanted = {"precision": right / len(finds), "recall": right / whole, "count": whole}
        for name, value in wanted.items():
            estimate = getattr(verdict, name)
            covered[name] += estimate.low <= value <= estimate.high
    # 90 % are promised; 150 trials of 90 % stay above 84 % in 99 runs of 100
    assert min(covered.values()) >= 0.84 * TRIALS, covered


def test_the_estimate_is_right_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.finding.spotcheck.DRAWS", 100)  # the bounds are not looked at
    rng = np.random.default_rng(5)
    finds, _ = searched(rng, 100, 100)
    truth = {float(box[0]): bool(rng.random() < 0.8) for box in finds.boxes}
    truth |= {float(box[0]): bool(rng.random() < 0.1) for box in finds.near.boxes}
    counts = []
    for seed in range(300):
        strata = plan([finds], 40, seed)
        counts.append(judge(strata, [[truth[c.box[0]] for c in s.samples] for s in strata]).count.value)
    error = np.std(counts) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - sum(truth.values())) < 4 * error


def test_the_plan() -> None:
    finds, _ = searched(np.random.default_rng(0), 500, 2000)
    strata = plan([finds, finds], 60)
    thirds = [(333, 10), (334, 10), (333, 10)]
    assert [(s.found, s.size, len(s.samples)) for s in strata] == [(kind, *t) for kind in (True, False) for t in thirds]
    assert plan([finds, finds], 60) == strata
    assert plan([finds, finds], 60, seed=1) != strata
    tops = [min(c.score for c in s.samples) for s in strata]
    assert tops == sorted(tops, reverse=True)
    assert {c.picture for s in strata for c in s.samples} == {0, 1}


@pytest.mark.parametrize(("hits", "near", "wanted"), [(3, 100, [3, 17]), (100, 3, [17, 3]), (0, 9, [9]), (4, 0, [4])])
def test_few_candidates_leave_their_samples_to_the_others(hits: int, near: int, wanted: list[int]) -> None:
    strata = plan([searched(np.random.default_rng(0), hits, near)[0]], 20)
    sampled = {kind: sum(len(s.samples) for s in strata if s.found == kind) for kind in (True, False)}
    assert [n for n in sampled.values() if n] == wanted


def test_unanswered_samples_are_left_out() -> None:
    strata = plan([searched(np.random.default_rng(0), 50, 50)[0]], 20)
    verdict = judge(strata, [[True] * 5 + [None] * 5, [False] * 10])
    assert verdict.looked_at == 15
    assert verdict.precision.value == 1.0
    assert verdict.recall.value == 1.0
    assert verdict.precision.low < 0.9
    assert verdict.count.low <= 50 <= verdict.count.high
    with pytest.raises(FindingError, match="none of the 10 near misses that were asked about has an answer"):
        judge(strata, [[True] * 10, [None] * 10])


def test_nobody_is_asked_about_what_he_marked() -> None:
    finds, _ = searched(np.random.default_rng(0), 40, 50)
    marked = dataclasses.replace(finds, scores=np.append(np.ones(15), finds.scores[15:]), marked=15)
    strata = plan([marked], 20)
    assert [(s.found, s.size, len(s.samples)) for s in strata] == [(True, 15, 0), (True, 25, 10), (False, 50, 10)]
    assert all(sample.score < 1 for stratum in strata for sample in stratum.samples)
    verdict = judge(strata, [[], [False] * 10, [False] * 10])
    assert verdict.precision.value == 15 / 40
    assert (verdict.count.value, verdict.count.low, verdict.looked_at) == (15, 15, 20)
    all_marked = dataclasses.replace(Finds.split("a", np.zeros((3, 4)), [1.0] * 3, 0.5), marked=3)
    with pytest.raises(FindingError, match="nothing was found but what was marked"):
        plan([all_marked])
    with pytest.raises(ValueError, match="of 3 finds 4 cannot be marked"):
        dataclasses.replace(all_marked, marked=4)


def test_when_nothing_was_an_object() -> None:
    strata = plan([Finds.split("a", np.zeros((3, 4)), [0.1] * 3, 0.5)])
    verdict = judge(strata, [[False] * 3])
    assert (verdict.count.value, verdict.count.high, verdict.recall.value) == (0, 0, 1)


def test_what_cannot_be_checked() -> None:
    with pytest.raises(FindingError, match="nothing to look at"):
        plan([Finds.split("a", [], [], 0.5)])
    with pytest.raises(FindingError, match="a seed is a whole number from 0 on, not -3"):
        plan([], seed=-3)
    with pytest.raises(FindingError, match="at least 2 samples"):
        plan([Finds.split("a", np.zeros((3, 4)), [0.1] * 3, 0.5)], 1)
