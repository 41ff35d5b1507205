"""A finder that needs no learning: bright squares are what is sought. No network is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from convlens.data import Mark
from convlens.data.pictures import read_picture
from convlens.finding.finds import Finds
from convlens.finding.places import Box
from convlens.finding.why import Why

SQUARE = 10


def picture(path: Path, places: Sequence[tuple[int, int, int]], size: tuple[int, int] = (120, 160)) -> Path:
    """A dark picture with squares at (x, y) of this brightness."""
    cells = np.full(size, 20, np.uint8)
    for x, y, bright in places:
        cells[y : y + SQUARE, x : x + SQUARE] = bright
    Image.fromarray(cells).save(path)
    return path


class Fake:
    """A square is found if it is brighter than the learned bar; its score is its brightness / 255."""

    def __init__(self, bar: int) -> None:
        self.bar = bar
        self.asked: dict[str, list[str]] = {}
        self.taken: tuple[Mark, ...] = ()

    def find(
        self,
        picture: Path,
        progress: Callable[[float], None] | None = None,
        marks: Sequence[Mark] = (),
        *,
        angles: bool = False,
    ) -> Finds:
        self.asked[picture.name] = [mark.kind for mark in marks]
        cells = read_picture(picture).pixels
        assert progress is not None
        progress(0.5)
        grid = cells[0, ::SQUARE, ::SQUARE]
        rows, columns = np.nonzero(grid > 30)
        boxes = np.stack([columns, rows, np.ones_like(rows), np.ones_like(rows)], axis=1) * SQUARE
        finds = Finds.split(
            "",
            boxes,
            grid[rows, columns] / 255,
            self.bar / 255,
            angles=np.full(len(rows), np.pi / 4) if angles else None,
            size=cells.shape[1:],
            interval=(0, len(rows)),
        )
        # the brightest are marked, as far as marks say that some of this picture's are
        return replace(finds, marked=min(len(finds), sum(mark.kind == "object" for mark in marks)))

    def why(self, picture: Path, boxes: list[Box]) -> list[Why]:
        cells = read_picture(picture).pixels[:, :64, :64].astype(np.float32) / 64 - 2
        heat = np.zeros(cells.shape[1:], np.float32)
        return [Why(0, 0.5, 0.75, np.pi / 2, -1.25, heat, cells, cells) for _ in boxes]

    def correct(
        self, marks: Sequence[Mark], pictures: object = None, progress: Callable[[float], None] | None = None
    ) -> None:
        self.bar += 60 * sum(mark.kind == "not" for mark in marks)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.bar))


class School:
    """Counts what it is asked, so that a test can see what was done anew."""

    def __init__(self) -> None:
        self.fitted: list[tuple[Sequence[Path], Sequence[Mark], int]] = []
        self.loaded = 0
        self.last: Fake | None = None

    def fit(
        self,
        pictures: Sequence[Path],
        marks: Sequence[Mark],
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Fake:
        self.fitted.append((pictures, marks, seed))
        return Fake(100)

    def load(self, path: Path) -> Fake:
        self.loaded += 1
        self.last = Fake(json.loads(path.read_text()))
        return self.last
