"""From marks to what scores mean: what is believed of a picture's scores before it is seen.

No truth is known but the marks. What objects score is estimated from the marked ones as they might look elsewhere
(turned, scaled, on other ground; compared with the other marks alone) and as they look where they are; what the rest
scores from the other places of the pictures that were learned from. What follows for a picture is in ``mixture.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .densities import ALIKES, PARTS
from .mixture import Belief, Posterior, learn
from .scores import cut

Floats = NDArray[np.float32]

TRIALS = 1.25
"""Standard deviation of the trials in units."""
LEAST = 0.4
"""Logits: a unit is no less."""
PLACED = 15
"""So many marks count as much where they are as their trials do: the network was taught by them, few score too high."""
TRIED, AGAIN = 0.7, 1.0
"""Standard deviations, in units: of the typical object as the marks tell it, and of a picture's from that."""
ENOUGH = 5
"""Marks that tell the typical object so well. Of fewer each says less: how objects differ is hardly seen in them."""
FEWER = 0.75
"""Power of how many times fewer there are: were each known as well as those, the mean's error would grow by 0.5."""
KEPT = 0.8
"""How much the ground that was learned from says of another picture's: an exponent of its likelihood."""
ALIKE = 0.9
"""How much of the belief in the spread comes from the pictures that were learned from, the rest being open."""
TOGETHER = 2
"""Of how many pictures all together say as much about shapes: any number of them would leave nothing open."""
LITTLE = 0.05
"""How much more precise a picture must make the typical object for it to count."""
RECOGNISED = 4
"""So many places as like the marks as these are to each other tell what objects score."""
HEART = 1.2
"""Standard deviation, in units: of what a network that was taught by few marks says of these more than of others."""
TOLD, LEFT = 0.3, 0.4
"""Standard deviations, in units: of the typical object as such places tell it, and the least that stays open."""
ABOVE = 1.0
"""Units above the cut that a typical object scores at the least: where all is as like the marks, it tells nothing."""
UNHEARD = (0.0, *(-99.0 for _ in ALIKES[1:]))
"""Logarithms of how likely each of ALIKES is before anything was rejected: none, where the network was taught."""
FEW = tuple(0.0 if part == 0 else -2.0 if part <= min(PARTS) else -99.0 for _, part in ALIKES)
"""The same in other pictures: seldom a few, which it was not taught to tell. Many show in what is rejected."""

PART = 0.7
"""Of the way from the typical peak to the typical object: where the valley is looked for."""
REACH, WIDTH, PULL = 1.5, 0.4, 1.2
"""How far around that place, how finely, and how strongly the place draws."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The scores of a picture, or of a block of one, that was learned from.

    Args:
        unknown: of places that bear no mark.
        marked: of the marked objects where they are, each compared with the others alone.
        taken: of what was taken for objects, and taught as such.
        rest: of places that are known to be none.
        area: how many times as large as an object it is, if anything is marked in it; else 0.
        each: of how many unknown places each is one: of very many not all are looked at.
        like: what of the unknown scores likeness and a closer look tell, ``liked`` of those that were taught.
    """

    unknown: Floats
    marked: Floats
    rest: Floats
    area: float = 0.0
    each: int = 1
    like: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    liked: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    taken: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def taught(self) -> Floats:
        """Of all that was taught as an object, where it is."""
        return np.concatenate([self.marked, self.taken])


def believe(trials: Floats, seen: Sequence[Seen], marks: int = ENOUGH, alike: float | None = None) -> Belief:
    """What is believed of scores, from the pictures that were learned from.

    Args:
        trials: scores of marked objects as they might look elsewhere.
        seen: what those pictures score.
        marks: how many objects are marked.
        alike: what of a typical one's score likeness and a closer look tell, if nothing was rejected; None: that is not
            to be asked.
    """
    tried = TRIED * max(1.0, ENOUGH / max(marks, 1)) ** FEWER
    before = _before(trials, seen, tried)
    if alike is not None:
        before = replace(before, alikes=UNHEARD, alike=alike)
    # a single mark where it is has nothing but itself to be compared with
    alone = sum(len(one.marked) for one in seen) < 2
    after = []
    for one in seen:
        unknown, rest, taught = (scores.astype(np.float64) for scores in (one.unknown, one.rest, one.taught))
        after.append(learn(before, unknown, rest, taught[:0] if alone else taught))
    typical, doubt = _typical(before, after, tried)
    weight = min(1.0, TOGETHER / max(1, len(after)))
    spreads = weight * sum((np.log(one.spread + 1e-9) for one in after), np.zeros(len(before.spreads)))
    grounds = weight * sum((np.log(one.ground + 1e-12) for one in after), np.zeros(len(before.grounds)))
    spread = ALIKE * _shares(spreads) + (1 - ALIKE) / len(spreads)
    return replace(
        before,
        typical=typical,
        doubt=doubt,
        wrong=_wrong(seen, after),
        many=_many(seen, after),
        lookalikes=_lookalikes(before, seen, after) if alike is None else None,
        spreads=tuple(np.log(spread).tolist()),
        grounds=tuple((KEPT * (grounds - grounds.max(initial=-np.inf))).tolist()),
        alikes=_alikes(before, after if marks > 1 else [], weight) if alike is None else FEW,
        half=None if alike is None else _half(before, seen, after),
    )


def recognised(belief: Belief, scores: NDArray[np.float64], logits: NDArray[np.float64]) -> Belief:
    """The belief about one picture, in which what is like the marks tells what the network says of objects.

    The network may know its few marks by heart and say less of all others of their kind, or more of those than of the
    marks when these are turned and laid on other ground. Likeness is not learned: an object is as like the marks as
    these are to each other, so half of a picture's objects are at least so, and with them little else.

    Args:
        belief: from before.
        scores: (N,) of the picture's places.
        logits: (N,) what the network says of them.
    """
    if belief.alike is None:
        return belief
    told = logits[(scores >= belief.cut) & (scores - logits >= belief.alike)]
    if len(told) < RECOGNISED:
        return belief
    before = 1 / (HEART * belief.unit) ** 2
    # the median's variance, were they normal: half as much again as the mean's
    after = 1 / ((TOLD * belief.unit) ** 2 + np.pi / 2 * float(told.var()) / len(told))
    typical = (before * belief.typical + after * (float(np.median(told)) + belief.alike)) / (before + after)
    typical = max(typical, min(belief.typical, belief.cut + ABOVE * belief.unit))
    return replace(belief, typical=typical, doubt=max(float(1 / np.sqrt(before + after)), LEFT * belief.unit))


def kindred(belief: Belief, scores: NDArray[np.float64], logits: NDArray[np.float64]) -> int | None:
    """How many of a picture's places are as like the marks as half of the objects are; None: that is not to be asked.

    What the network says differs from picture to picture, and a crowd of look-alikes may score as objects do in bad
    light. Likeness and a closer look, which nobody taught, hardly differ, and so few of a crowd are so like the marks.

    Args:
        belief, scores, logits: as for ``recognised``.
    """
    if belief.half is None:
        return None
    return int(((scores >= belief.cut) & (scores - logits >= belief.half)).sum())


def _before(trials: Floats, seen: Sequence[Seen], tried: float) -> Belief:
    """What marks and the typical place say, before the unmarked places are looked at."""
    # nine tenths less one tenth are 2.56 standard deviations of a normal distribution
    unit = max(float(np.diff(np.quantile(trials, [0.1, 0.9]))[0]) / 2.56 / TRIALS, LEAST)
    typical = float(np.median(trials))
    taught = np.concatenate([one.taught for one in seen] or [trials[:0]])
    if len(taught) > 1:
        typical += len(taught) / (len(taught) + PLACED) * (float(np.median(taught)) - typical)
    others = np.concatenate([scores for one in seen for scores in (one.unknown, one.rest)] or [trials[:0]])
    others = others if len(others) else np.full(1, typical - 4.0 * unit, np.float32)
    return Belief(cut(typical, others), typical, float(np.hypot(tried, AGAIN)) * unit, unit)


def _typical(before: Belief, after: Sequence[Posterior], tried: float) -> tuple[float, float]:
    """What a typical object of another picture scores, and the standard deviation of that.

    Each picture's own is off from that of all by a normal error, so what it says of all is the less precise by that.
    """
    again = (AGAIN * before.unit) ** 2
    sure = 1 / (tried * before.unit) ** 2
    total = sure * before.typical
    for one in after:
        middle, deviation = one.typical
        told = 1 / deviation**2 - 1 / before.doubt**2
        if told > LITTLE / before.doubt**2:
            value = (middle / deviation**2 - before.typical / before.doubt**2) / told
            precise = 1 / (1 / told + again)
            sure, total = sure + precise, total + precise * value
    return float(total / sure), float(np.sqrt(1 / sure + again))


def _alikes(before: Belief, after: Sequence[Posterior], weight: float) -> tuple[float, ...]:
    """Logarithms of how likely each of ALIKES is in another picture, when something was rejected.

    Of one mark it is not known how far below it others of its kind score, let alone their likes: ``after`` is empty
    then.
    """
    told = weight * sum((np.log(one.alike + 1e-9) - before.alikes for one in after), np.zeros(len(before.alikes)))
    return tuple(np.log(_shares(told + before.alikes) + 1e-300).tolist())


def _many(seen: Sequence[Seen], after: Sequence[Posterior]) -> float:
    """How many objects an area of an object's size holds in the pictures with marks; 0 where there are none."""
    told = [
        np.log(max(one.each * found.expected + len(one.taught), 0.5) / one.area)
        for one, found in zip(seen, after, strict=True)
        if one.area > 0
    ]
    return float(np.exp(np.mean(told))) if told else 0.0


def _lookalikes(before: Belief, seen: Sequence[Seen], after: Sequence[Posterior]) -> float | None:
    """How many things that look like objects an area of an object's size holds in the pictures with marks.

    What is known to be none and scores like something is one. None where no picture bears marks.
    """
    told = [
        (one.each * found.lookalikes + int((one.rest >= before.cut).sum())) / one.area
        for one, found in zip(seen, after, strict=True)
        if one.area > 0
    ]
    return float(np.mean(told)) if told else None


def _half(before: Belief, seen: Sequence[Seen], after: Sequence[Posterior]) -> float | None:
    """What likeness and a closer look tell of a middling object, by the likely ones of what was learned from."""
    told = [one.liked for one in seen]
    for one, found in zip(seen, after, strict=True):
        if len(one.like):
            likely = found.probabilities(one.unknown.astype(np.float64)) > 0.5
            told.append(one.like[likely & (one.unknown >= before.cut)])
    every = np.concatenate([*told, np.zeros(0)])
    return float(np.median(every)) if len(every) else None


def _wrong(seen: Sequence[Seen], after: Sequence[Posterior]) -> float:
    """Which part of the marked places that score like finds was rejected."""
    best = [found.best() for found in after]
    found, false = (
        sum(int((scores >= least).sum()) for scores, least in zip(kind, best, strict=True))
        for kind in ([one.marked for one in seen], [one.rest for one in seen])
    )
    return false / max(found + false, 1)


def _shares(logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.exp(logarithms - logarithms.max())
    found: NDArray[np.float64] = above / above.sum()
    return found


def valley(objects: Floats, peaks: Floats) -> float:
    """The emptiest place between the rest and the objects, near where it is expected: what parts them while learning.

    Args:
        objects: scores of marked objects as they might look elsewhere.
        peaks: scores of all peaks of the pictures that are learned from, marked and unmarked.
    """
    typical = float(np.median(objects)) if len(objects) else 0.0
    rest = float(np.median(peaks)) if len(peaks) else typical - 4.0
    expected = rest + PART * (typical - rest)
    grid = np.linspace(expected - REACH, expected + REACH, 61)
    near = peaks[np.abs(peaks - expected) < REACH + 4 * WIDTH]
    crowd = np.exp(-0.5 * ((grid[:, None] - near[None, :]) / WIDTH) ** 2).sum(axis=1) / (WIDTH * np.sqrt(2 * np.pi))
    cost = np.log(crowd + 0.5) + PULL * (grid - expected) ** 2
    return float(grid[int(np.argmin(cost))])
