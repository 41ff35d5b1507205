"""The rules: what is marked, what a hit is, what is corrected, and the figures that follow. Pure functions, no finder.

A finder sees the first two photos of a family (the first, where there are only two) and marks; the others are
untouched: it learns nothing from them, and they alone make the headline. Nothing here chooses a threshold for anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark

from .truth import Boxes, Photo, Pixels

MARKS = 5
"""Objects that are marked at first; a photo with fewer has all of them marked."""
CORRECTIONS = 5
"""Corrections a round, at most."""
ROUNDS = 3
REACH = 0.5
"""Of an object's smaller side: how far from its centre a hit may lie."""


@dataclass(frozen=True)
class Finds:
    """What a finder says of a picture.

    Args:
        boxes: (N, 4) left, top, width, height in pixels.
        scores: (N,), higher is surer.
        threshold: finds from this score on are claimed; those below are candidates, of use to rank and to no F1.
        count: how many instances it says there are; None: as many as it claims.
        interval: between which numbers the count lies, 90 % sure; None where it does not say.
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    threshold: float = float("-inf")
    count: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """(N,): which finds it stands by."""
        return np.asarray(self.scores) >= self.threshold

    @property
    def counted(self) -> float:
        """How many instances it says there are."""
        return float(self.claimed.sum()) if self.count is None else float(self.count)


class Finder(Protocol):
    """What is judged."""

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        """Learn from marks on some of the pictures."""

    def correct(self, marks: Sequence[Mark]) -> None:
        """Learn from new marks besides."""

    def find(self, picture: Pixels) -> Finds:
        """Find every instance in a picture (H, W, 3) uint8, one of those or another."""


@dataclass(frozen=True)
class Matching:
    """Which find is which object: ``object_of`` (N,) has the object's index or -1, ``found`` (M,) says which were."""

    object_of: NDArray[np.intp]
    found: NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """Hits, false finds and misses; they add up over photos.

    >>> (Score(3, 1, 0) + Score(1, 0, 1)).f1
    0.8
    """

    hits: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.hits + other.hits, self.false + other.false, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """2 hits / (finds + objects); 1 where there is nothing and nothing was found."""
        wrong = self.false + self.missed
        return 2 * self.hits / (2 * self.hits + wrong) if self.hits + wrong else 1.0


def centres(boxes: Boxes) -> NDArray[np.float64]:
    """(N, 2) x, y."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return boxes[:, :2] + boxes[:, 2:] / 2


def choose_marks(photo: Photo, seed: int, count: int = MARKS) -> list[Mark]:
    """Mark so many objects of a photo at random, or all if there are fewer."""
    chosen = np.random.default_rng(seed).permutation(len(photo.boxes))[:count]
    return [mark(photo.name, "object", photo.boxes[i]) for i in chosen]


def mark(image: str, kind: Literal["object", "not"], box: NDArray[np.float64]) -> Mark:
    """Mark a box."""
    x, y, w, h = (float(v) for v in box)
    return Mark(image, kind, x, y, w, h)


def match(truth: Boxes, boxes: Boxes, scores: NDArray[np.float64]) -> Matching:
    """Give each find an object, the surest first: the nearest within reach that is still free; one find an object."""
    where, sought = centres(boxes), centres(truth)
    object_of = np.full(len(where), -1, np.intp)
    found = np.zeros(len(sought), bool)
    if len(sought):
        reach = REACH * np.asarray(truth, np.float64)[:, 2:].min(1)
        for i in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
            distance = np.hypot(*(sought - where[i]).T)
            distance[found | (distance > reach)] = np.inf
            nearest = int(distance.argmin())
            if np.isfinite(distance[nearest]):
                object_of[i], found[nearest] = nearest, True
    return Matching(object_of, found)


def score(truth: Boxes, finds: Finds) -> Score:
    """Hits, false finds and misses of what a finder claims."""
    chosen = finds.claimed
    matching = match(truth, np.asarray(finds.boxes)[chosen], np.asarray(finds.scores)[chosen])
    hits = int(matching.found.sum())
    return Score(hits, int(chosen.sum()) - hits, len(truth) - hits)


def ranked_first(truth: Boxes, finds: Finds) -> bool:
    """Whether the surest find or candidate is an object; ties do not count."""
    scores = np.asarray(finds.scores, np.float64)
    if not len(scores):
        return False
    best = int(scores.argmax())
    alone = int((scores == scores[best]).sum()) == 1
    return alone and bool(match(truth, np.asarray(finds.boxes)[[best]], scores[[best]]).found.any())


def oracle(truths: Sequence[Boxes], finds: Sequence[Finds]) -> float:
    """The best F1 that one threshold for all photos could reach, if truth chose it; no result."""
    hits: list[bool] = []
    scores: list[float] = []
    for truth, one in zip(truths, finds, strict=True):
        order = np.argsort(-np.asarray(one.scores), kind="stable")
        matching = match(truth, np.asarray(one.boxes)[order], np.asarray(one.scores)[order])
        hits += (matching.object_of >= 0).tolist()
        scores += np.asarray(one.scores, float)[order].tolist()
    order = np.argsort(-np.array(scores), kind="stable")
    ranked = np.array(scores)[order]
    objects = sum(map(len, truths))
    if not len(ranked):
        return 1.0 if not objects else 0.0
    good = np.cumsum(np.array(hits)[order])
    last = np.append(ranked[1:] != ranked[:-1], True)  # a threshold cannot part equal scores
    return float((2 * good / (np.arange(1, len(good) + 1) + objects))[last].max())


@dataclass
class Person:
    """Somebody who knows what is sought, corrects the worst mistakes first, and never contradicts herself.

    Args:
        photos: what she looks at, in this order.
        marks: what she has marked.
    """

    photos: Sequence[Photo]
    marks: list[Mark] = field(default_factory=list)

    def correct(self, finds: Mapping[str, Finds], most: int = CORRECTIONS) -> list[Mark]:
        """Mark mistakes: all of the first photo's before any of the second's; ``finds`` by the photos' names."""
        new: list[Mark] = []
        for photo in self.photos:
            new += mistakes(photo, finds[photo.name], self.marks)[: most - len(new)]
        self.marks += new
        return new


def mistakes(photo: Photo, finds: Finds, marks: Sequence[Mark]) -> list[Mark]:
    """Marks that would mend a photo's mistakes, the most confident first: a false find and a missed object in turn.

    A false find is the surer the higher it scores. An object is missed the surer the lower its candidate scores, and
    surest if it has none. Scores of different finders have nothing in common, so the two kinds take turns. What is
    marked is not marked again, and nobody says "not" to a box whose middle lies on an object: it is bad, not wrong.
    """
    order = np.argsort(-np.asarray(finds.scores, np.float64), kind="stable")
    boxes, scores = (
        np.asarray(finds.boxes, np.float64).reshape(-1, 4)[order],
        np.asarray(finds.scores, np.float64)[order],
    )
    claimed = finds.claimed[order]
    matching = match(photo.boxes, boxes[claimed], scores[claimed])
    here = [m for m in marks if m.image == photo.name]
    nots, objects = (
        np.array([(m.x, m.y, m.w, m.h) for m in here if m.kind == kind], np.float64).reshape(-1, 4)
        for kind in ("not", "object")
    )
    false: list[Mark] = []
    for box in boxes[claimed][matching.object_of < 0]:
        if not _on(photo.boxes, box) and not _on(nots, box):
            false.append(mark(photo.name, "not", box))
            nots = np.vstack([nots, box])
    candidates = match(photo.boxes, boxes, scores).object_of
    sureness = np.full(len(photo.boxes), -np.inf)
    sureness[candidates[candidates >= 0]] = scores[candidates >= 0]
    missed = [
        mark(photo.name, "object", photo.boxes[i])
        for i in np.argsort(sureness, kind="stable")
        if not matching.found[i] and not (objects == photo.boxes[i]).all(1).any()
    ]
    both = max(len(false), len(missed))
    return [kind[i] for i in range(both) for kind in (false, missed) if i < len(kind)]


def _on(boxes: Boxes, box: NDArray[np.float64]) -> bool:
    """Whether the middle of a box lies in one of the boxes."""
    middle = box[:2] + box[2:] / 2
    return bool(((boxes[:, :2] <= middle) & (middle <= boxes[:, :2] + boxes[:, 2:])).all(1).any())
