"""What the classical finders share: a picture at a working scale, peaks of a map, boxes from peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from convlens.data import Mark

from ..protocol import Finds
from ..truth import Pixels
from .thresholds import RULES

Floats = NDArray[np.float32]
Places = NDArray[np.float64]


def resized(picture: Pixels, scale: float) -> Floats:
    """(H, W, 3) float32 in 0 .. 1: means of areas where it shrinks, bicubic where it grows."""
    size = tuple(max(8, round(side * scale)) for side in picture.shape[1::-1])
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize(size, how), np.float32) / np.float32(255)


def peaks(response: Floats, distance: float, most: int = 5000) -> tuple[Places, NDArray[np.float64]]:
    """Maxima that are the highest within a distance: (N, 2) x, y and (N,) scores, the highest first."""
    radius = max(1, int(distance))
    ramp = np.arange(-radius, radius + 1)
    disc = ramp[:, None] ** 2 + ramp[None] ** 2 <= distance**2
    top = ndimage.maximum_filter(response, footprint=disc, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((response >= top) & (response > response.min()))
    scores = response[rows, columns].astype(np.float64)
    order = np.argsort(-scores, kind="stable")[:most]
    kept: list[int] = []
    for i in order:  # plateaus: equal neighbours are one peak
        if not any(abs(rows[i] - rows[j]) <= radius and abs(columns[i] - columns[j]) <= radius for j in kept[-50:]):
            kept.append(int(i))
    return np.stack([columns[kept], rows[kept]], 1).astype(np.float64), scores[kept]


def extent(mark: Mark) -> tuple[float, float, float, float]:
    """Centre x, y, width and height of a mark; ValueError for a point, which a template cannot be cut from."""
    if mark.w is None or mark.h is None:
        raise ValueError(f"{mark.place} is a point; this finder needs boxes")
    return mark.x + mark.w / 2, mark.y + mark.h / 2, mark.w, mark.h


@dataclass
class Labels:
    """What was marked so far, and the pictures that it was marked on."""

    pictures: Mapping[str, Pixels]
    marks: list[Mark] = field(default_factory=list)

    def of(self, kind: str) -> list[Mark]:
        """The marks of a kind."""
        return [mark for mark in self.marks if mark.kind == kind]

    @property
    def size(self) -> tuple[float, float]:
        """Median width and height of the marked objects."""
        width, height = np.median([extent(mark)[2:] for mark in self.of("object")], 0)
        return float(width), float(height)

    @property
    def side(self) -> float:
        """Typical sqrt(w h) of the marked objects, pixels."""
        return float(np.median([np.sqrt(np.prod(extent(mark)[2:])) for mark in self.of("object")]))


def finds(
    places: Places,
    scores: NDArray[np.float64],
    sizes: Sequence[tuple[float, float]] | NDArray[np.float64],
    rule: str,
    objects: NDArray[np.float64],
    nots: NDArray[np.float64],
) -> Finds:
    """Boxes of so many pixels about places (N, 2) in pixels, with the threshold of a rule."""
    wide = np.asarray(sizes, np.float64).reshape(-1, 2)
    boxes = np.hstack([places - wide / 2, wide])
    return Finds(boxes, scores, RULES[rule](scores, objects, nots))
