"""convlens' finder behind the protocol, as a user would call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convlens.data import Mark
from convlens.finding import Finder

from .protocol import Finds
from .truth import Family, Pixels


class Ours:
    """``Finder.fit``, ``correct`` and ``find``; near misses are the candidates. Of the family nothing is used."""

    def __init__(self, family: Family) -> None:
        self._marks: list[Mark] = []

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        self._marks = list(marks)
        self._finder = Finder.fit(dict(pictures), self._marks, seed)

    def correct(self, marks: Sequence[Mark]) -> None:
        self._marks += marks
        self._finder.correct(self._marks)

    def find(self, picture: Pixels) -> Finds:
        found = self._finder.find(picture)
        boxes = np.concatenate([found.boxes, found.near.boxes])
        scores = np.concatenate([found.scores, found.near.scores])
        interval = None if found.interval is None else (float(found.interval[0]), float(found.interval[1]))
        return Finds(boxes, scores, found.threshold, float(found.count), interval)
