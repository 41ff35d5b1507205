"""SIFT (Lowe, 2004): keypoints that look like a mark's vote for the centre of an object; needs opencv-python.

Each keypoint of a photo is matched to the most similar one of each mark, if it is not as similar to the background
(Lowe's ratio); with the two keypoints' scales and angles it says where the object's centre would be. A place scores the
votes that agree on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from convlens.data import Mark

from ..protocol import Finds
from ..truth import Family, Pixels
from .working import Floats, Labels, extent, finds, peaks

SCALES = (0.6, 1.7)
"""Least and largest size of an object in sizes of the mark that it resembles."""


@dataclass(frozen=True, eq=False)
class Points:
    """Keypoints: (N, 4) x, y, size, angle in pixels and degrees, and (N, 128) descriptors of length 1."""

    where: Floats
    looks: Floats

    def only(self, chosen: NDArray[np.bool_]) -> Points:
        return Points(self.where[chosen], self.looks[chosen])


class Sift:
    """The finder.

    Args:
        family: its rotation range alone is used.
        side: pixels of a typical object at the working scale: small objects are enlarged to have keypoints at all.
        ratio: of the distance to the nearest mark's keypoint to that of the nearest of the background, at most.
        rule: of the threshold.
    """

    def __init__(self, family: Family, side: float = 64.0, ratio: float = 0.8, rule: str = "marks") -> None:
        self.rotation, self.side, self.ratio, self.rule = family.rotation, side, ratio, rule

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        self.labels = Labels(pictures, list(marks))
        self.rng = np.random.default_rng(seed)
        self._prepare()

    def correct(self, marks: Sequence[Mark]) -> None:
        self.labels.marks += marks
        self._prepare()

    def find(self, picture: Pixels) -> Finds:
        points = self._points(picture)
        height, width = picture.shape[:2]
        votes = self._votes(points, range(len(self.templates)), (height, width))
        places, scores = peaks(votes, 0.5 * self.side / self.cell)
        above = scores > 0.3
        places, scores = places[above], scores[above]
        sizes = np.tile(self.labels.size, (len(places), 1))
        return finds((places + 0.5) * self.cell / self.scale, scores, sizes, self.rule, self.own, self.own_nots)

    @property
    def cell(self) -> float:
        """Working pixels of a cell of the map of votes."""
        return self.side / 16

    def _points(self, picture: Pixels) -> Points:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(grey, None, fx=self.scale, fy=self.scale, interpolation=how)
        keys, looks = cv2.SIFT_create(contrastThreshold=0.02).detectAndCompute(small, None)
        where = np.array([(*k.pt, k.size, k.angle) for k in keys], np.float32).reshape(-1, 4)
        looks = (
            np.zeros((0, 128), np.float32) if looks is None else np.sqrt(looks / (looks.sum(1, keepdims=True) + 1e-9))
        )
        return Points(where, looks)  # the root of SIFT (Arandjelovic and Zisserman, 2012) compares better

    def _prepare(self) -> None:
        self.scale = self.side / self.labels.side
        names = dict.fromkeys(mark.image for mark in self.labels.marks)
        points = {name: self._points(self.labels.pictures[name]) for name in names}
        self.templates: list[tuple[Points, NDArray[np.float64]]] = []
        outside = {name: np.ones(len(one.where), bool) for name, one in points.items()}
        rejected: list[Floats] = []
        for mark in self.labels.marks:
            one = points[mark.image]
            placed = np.array(extent(mark)) * self.scale
            centre, half = placed[:2], placed[2:] / 2
            # of what is rejected only the middle: its edges may be a neighbour's
            reach = 1.1 if mark.kind == "object" else 0.7
            inside = np.asarray((np.abs(one.where[:, :2] - centre) <= reach * half).all(1))
            if mark.kind == "object":
                self.templates.append((one.only(inside), centre))
                outside[mark.image] &= ~inside
            else:
                rejected.append(one.looks[inside])
        self.background = self._background([points[name].looks[outside[name]] for name in names], rejected)
        self.own = np.array([self._own(i, mark, points) for i, mark in enumerate(self.labels.of("object"))])
        self.own_nots = np.array(
            [self._score(m, points[m.image], range(len(self.templates))) for m in self.labels.of("not")]
        )

    def _background(self, free: list[Floats], rejected: list[Floats]) -> Floats:
        """Descriptors that are no object's: all rejected ones, and free ones unlike the marks, which may be objects."""
        loose = np.concatenate(free)
        known = np.concatenate([t.looks for t, _ in self.templates])
        if len(loose) and len(known):
            nearest = _nearest(loose, known)[0]
            loose = loose[nearest > np.quantile(nearest, 0.3)]
        return np.concatenate([loose[self.rng.permutation(len(loose))[:3000]], *rejected])

    def _votes(self, points: Points, which: Sequence[int], shape: tuple[int, int]) -> Floats:
        """The map of votes, blurred over what their precision is."""
        rows, columns = (max(3, int(np.ceil(side * self.scale / self.cell))) for side in shape)
        votes = np.zeros((rows, columns), np.float32)
        against = _nearest(points.looks, self.background)[0] if len(points.looks) else np.zeros(0, np.float32)
        for template, centre in (self.templates[i] for i in which):
            if not len(template.looks) or not len(points.looks):
                continue
            distance, nearest = _nearest(points.looks, template.looks)
            there = template.where[nearest]
            scale = points.where[:, 2] / there[:, 2]
            turn = (points.where[:, 3] - there[:, 3] + 180) % 360 - 180
            good = (distance < self.ratio * against) & (scale > SCALES[0]) & (scale < SCALES[1])
            good &= np.abs(turn) <= self.rotation + 20
            angle = np.deg2rad(turn)
            dx, dy = (centre - there[:, :2]).T
            x = points.where[:, 0] + scale * (np.cos(angle) * dx - np.sin(angle) * dy)
            y = points.where[:, 1] + scale * (np.sin(angle) * dx + np.cos(angle) * dy)
            cells = np.floor(np.stack([y, x])[:, good] / self.cell).astype(int)
            there_in = (cells >= 0).all(0) & (cells[0] < rows) & (cells[1] < columns)
            np.add.at(votes, tuple(cells[:, there_in]), 1 / len(which))
        sigma = 1.5
        # so that one vote alone scores 1 / marks at its own place
        blurred: Floats = ndimage.gaussian_filter(votes, sigma, mode="constant") * np.float32(2 * np.pi * sigma**2)
        return blurred

    def _score(self, mark: Mark, points: Points, which: Sequence[int]) -> float:
        votes = self._votes(points, which, self.labels.pictures[mark.image].shape[:2])
        x, y = (int(v * self.scale / self.cell) for v in extent(mark)[:2])
        return float(votes[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].max(initial=0))

    def _own(self, i: int, mark: Mark, points: Mapping[str, Points]) -> float:
        """What an object would score if it were not marked; alone, half of what it scores as itself."""
        others = [j for j in range(len(self.templates)) if j != i]
        if others:
            return self._score(mark, points[mark.image], others)
        return 0.5 * self._score(mark, points[mark.image], [i])


def _nearest(looks: Floats, among: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Distance to the nearest of some descriptors of length 1, and which it is."""
    if not len(among):
        return np.full(len(looks), np.sqrt(2), np.float32), np.zeros(len(looks), np.intp)
    product = looks @ among.T
    which = product.argmax(1)
    return np.sqrt(np.maximum(0, 2 - 2 * product[np.arange(len(looks)), which])), which
