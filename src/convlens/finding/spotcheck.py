"""How good were the finds? A few of them, and a few near misses, looked at by a person, answer with intervals.

*The design.* The candidates are all finds and, of the near misses, those of the highest scores, as many as there were
finds (at least 50). Half of the samples go to each; within each, candidates are parted into strata by score, of equal
size and with at least 10 samples each, and a stratum's samples are drawn at random without return.

*The estimate.* A stratum of N candidates, n of them looked at and k of those objects, holds ``N k / n`` (Horvitz and
Thompson 1952); sums over strata give the right finds R and the missed objects M, and precision ``R / finds``, recall
``R / (R + M)`` and the count ``R + M``.

What a person marked is known, and nobody is asked about it: it counts among the right finds.

*The interval.* Those not looked at hold Beta-binomial(N - n, k + 1/2, n - k + 1/2) objects, the posterior under
Jeffreys' prior; the quantiles of the sums, by simulation, are the bounds. What was looked at is known, so a check of
everything has no interval left. Simulated coverage is tested in ``tests/finding/test_spotcheck.py``.

*What it cannot see.* An object that left no candidate at all, or one of a still lower score, is in none of the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import FindingError, ensure_seed
from .finds import Finds

LEAST_NEAR = 50
LEAST = 10
"""Samples of a stratum: fewer say too little to be worth a border."""
LEVEL = 0.9
DRAWS = 20_000


@dataclass(frozen=True)
class Candidate:
    """A place to be looked at: which picture's, whether it was found, its box and score."""

    picture: int
    found: bool
    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class Stratum:
    """Candidates of like scores: how many there are, and those to be looked at, none where all are known objects."""

    found: bool
    size: int
    samples: tuple[Candidate, ...]


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What the answers say: shares of 1, and a count of objects; ``level`` is the intervals'."""

    precision: Estimate
    recall: Estimate
    count: Estimate
    looked_at: int
    level: float = LEVEL


def plan(finds: Sequence[Finds], samples: int = 20, seed: int = 0) -> tuple[Stratum, ...]:
    """Choose what is to be looked at.

    Args:
        finds: of all pictures.
        samples: how many candidates, at least 2; fewer are chosen where there are no more.
        seed: of the draw.

    Raises:
        FindingError: there is nothing to look at, or too few samples are wanted.
    """
    if samples < 2:
        raise FindingError(f"a check needs at least 2 samples, not {samples}")
    ensure_seed(seed)
    hits = [
        Candidate(at, True, box, score)
        for at, one in enumerate(finds)
        for box, score in _rows(one.boxes[one.marked :], one.scores[one.marked :])
    ]
    marked = sum(one.marked for one in finds)
    near = [
        Candidate(at, False, box, score)
        for at, one in enumerate(finds)
        for box, score in _rows(one.near.boxes, one.near.scores)
    ]
    near = sorted(near, key=lambda c: -c.score)[: max(LEAST_NEAR, len(hits))]
    if not hits and not near:
        raise FindingError("nothing was found but what was marked, and nothing nearly: there is nothing to look at")
    for_near = min(len(near), max(samples // 2, samples - len(hits)))
    for_hits = min(len(hits), samples - for_near)
    rng = np.random.default_rng(seed)
    ranked = sorted(hits, key=lambda c: -c.score)
    known = (Stratum(True, marked, ()),) if marked else ()
    return known + _strata(ranked, for_hits, rng) + _strata(near, for_near, rng)


def _rows(
    boxes: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[tuple[float, float, float, float], float]]:
    return [((x, y, w, h), score) for (x, y, w, h), score in zip(boxes.tolist(), scores.tolist(), strict=True)]


def _strata(ranked: Sequence[Candidate], samples: int, rng: np.random.Generator) -> tuple[Stratum, ...]:
    if not ranked:
        return ()
    parts = max(1, samples // LEAST)
    ends = np.linspace(0, len(ranked), parts + 1).round().astype(int)
    shares = np.diff(np.linspace(0, samples, parts + 1).round().astype(int))
    found = []
    for low, high, share in zip(ends[:-1], ends[1:], shares, strict=True):
        members = ranked[low:high]
        chosen = np.sort(rng.choice(len(members), min(int(share), len(members)), replace=False))
        found.append(Stratum(members[0].found, len(members), tuple(members[i] for i in chosen)))
    return tuple(found)


def judge(strata: Sequence[Stratum], answers: Sequence[Sequence[bool | None]], seed: int = 0) -> Verdict:
    """Weigh the answers.

    Args:
        strata: what was to be looked at.
        answers: for each stratum and each of its samples: an object, none, or None for unanswered.
        seed: of the simulation behind the bounds.

    Raises:
        FindingError: a stratum of candidates has not a single answer.

    >>> finds = Finds.split("a.png", [[at, 0, 9, 9] for at in range(8)], [0.9] * 6 + [0.3] * 2, 0.5)
    >>> strata = plan([finds], 8)
    >>> verdict = judge(strata, [[True] * 5 + [False], [True, False]])  # all were looked at, so nothing is uncertain
    >>> verdict.precision.value.__round__(2), verdict.recall.value.__round__(2), verdict.count
    (0.83, 0.83, Estimate(value=6.0, low=6.0, high=6.0))
    """
    rng = np.random.default_rng(seed)
    value = {True: 0.0, False: 0.0}
    drawn = {True: np.zeros(DRAWS), False: np.zeros(DRAWS)}
    looked = 0
    for stratum, said in zip(strata, answers, strict=True):
        if not stratum.samples:  # known objects
            value[True] += stratum.size
            drawn[True] += stratum.size
            continue
        given = [one for one in said if one is not None]
        n, k, rest = len(given), sum(given), stratum.size - len(given)
        if not n:
            where = "finds" if stratum.found else "near misses"
            raise FindingError(f"none of the {len(stratum.samples)} {where} that were asked about has an answer")
        looked += n
        value[stratum.found] += stratum.size * k / n
        drawn[stratum.found] += k + rng.binomial(rest, rng.beta(k + 0.5, n - k + 0.5, DRAWS))
    finds = sum(stratum.size for stratum in strata if stratum.found)
    right, missed = drawn[True], drawn[False]
    whole = value[True] + value[False]
    return Verdict(
        _estimate(value[True] / finds if finds else 1.0, right / finds if finds else np.ones(DRAWS)),
        _estimate(value[True] / whole if whole else 1.0, _share(right, right + missed)),
        _estimate(whole, right + missed),
        looked,
    )


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where there is nothing to be found, nothing is missed."""
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(value, min(float(low), value), max(float(high), value))
