"""Scenes of red squares among blue ones on grey, and a finder of red squares that says what the protocol may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from benchmarks.finding import truth
from benchmarks.finding.protocol import Finds
from benchmarks.finding.truth import Family, Photo, Pixels
from PIL import Image

from convlens.data import Mark

SIDE = 10
RED, BLUE = (200, 30, 30), (30, 30, 200)


def photo(path: Path, red: int, blue: int, seed: int) -> Photo:
    """A photo of 200 x 100 pixels: squares on the places of a grid, chosen at random."""
    rng = np.random.default_rng(seed)
    picture = np.full((100, 200, 3), 128, np.uint8)
    places = [(20 * int(c) + 5, 20 * int(r) + 5) for c, r in (divmod(int(i), 5) for i in rng.permutation(50))]
    for i, (x, y) in enumerate(places[: red + blue]):
        picture[y : y + SIDE, x : x + SIDE] = RED if i < red else BLUE
    Image.fromarray(picture).save(path)
    return Photo(path, np.array([(x, y, SIDE, SIDE) for x, y in places[:red]], float).reshape(-1, 4))


def family(folder: Path, reds: Sequence[int] = (8, 7, 6, 5), empty: int = 0) -> Family:
    """Write scenes and their truth into a folder; the family as it is read back."""
    photos = tuple(photo(folder / f"squares_{i}.png", red, 6, i) for i, red in enumerate(reds))
    empties = tuple(photo(folder / f"none_{i}.png", 0, 6, 100 + i) for i in range(empty))
    truth.write(folder, [Family("squares", "red square", 0, photos, empties)])
    return truth.read(folder)[0]


class Squares:
    """Finds squares of any colour until it is corrected; then those whose colours it has not been told to leave.

    It remembers the sizes of what it was shown, so that a test can see that nothing untouched was.
    """

    def __init__(self, _: Family | None = None) -> None:
        self.shown: list[str] = []
        self.told: list[list[Mark]] = []
        self._pictures: dict[str, Pixels] = {}
        self._no: set[tuple[int, ...]] = set()

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        self._pictures = dict(pictures)
        self.shown = list(pictures)
        self.told = [list(marks)]

    def correct(self, marks: Sequence[Mark]) -> None:
        self.told.append(list(marks))
        for one in marks:
            if one.kind == "not":
                at = self._pictures[one.image][int(one.y) + SIDE // 2, int(one.x) + SIDE // 2]
                self._no.add(tuple(at.tolist()))

    def find(self, picture: Pixels) -> Finds:
        corners = [
            (x, y)
            for y in range(5, picture.shape[0] - SIDE, 20)
            for x in range(5, picture.shape[1] - SIDE, 20)
            if tuple(picture[y, x].tolist()) not in {(128, 128, 128), *self._no}
        ]
        boxes = np.array([(x, y, SIDE, SIDE) for x, y in corners], float).reshape(-1, 4)
        scores = np.array([float(picture[y, x, 0]) for x, y in corners])
        return Finds(boxes, scores, count=float(len(boxes)), interval=(0.0, float(len(boxes))))
