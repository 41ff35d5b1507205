"""Small pictures of places: each box in the middle of a square twice its size, as bytes of one common size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data import PictureError, open_picture
from convlens.data.source import Source

from .overlay import rgb

SIDE = 96
"""Pixels of a crop's side."""
AROUND = 2.0
"""Sides of the box that a crop shows, so that its surroundings are seen."""


Box = tuple[float, float, float, float]
"""x, y of the top left corner, width and height, in displayed pixels."""


class Place(NamedTuple):
    """A box in a picture's file."""

    path: Path
    box: Box


def crops(places: Sequence[Place]) -> NDArray[np.uint8]:
    """Cut the places out of their pictures, each of which is opened once: (N, SIDE, SIDE, 3).

    What cannot be read any more, or lies outside, is grey.
    """
    cut = np.full((len(places), SIDE, SIDE, 3), 128, np.uint8)
    for path in dict.fromkeys(place.path for place in places):
        try:
            with open_picture(path) as source:
                for at in (at for at, place in enumerate(places) if place.path == path):
                    cut[at] = _crop(source, places[at].box)
        except PictureError:
            continue
    return cut


def _crop(source: Source, box: Iterable[float]) -> NDArray[np.uint8]:
    x, y, w, h = box
    side = max(2, round(AROUND * max(w, h)))
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    _, height, width = source.shape
    y0, y1, x0, x1 = max(0, top), min(height, top + side), max(0, left), min(width, left + side)
    square = np.full((side, side, 3), 128, np.uint8)
    if y1 > y0 and x1 > x0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = rgb(source[y0:y1, x0:x1])
    way = Image.Resampling.BOX if side > SIDE else Image.Resampling.BILINEAR
    small: NDArray[np.uint8] = np.asarray(Image.fromarray(square).resize((SIDE, SIDE), way))
    return small
