"""Photos without an instance, made of photos with some: every object is covered by a piece of its own photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .truth import Boxes, Photo, Pixels

MARGIN = 0.15
"""Of a box's sides: how much more than the box is covered, for shadows and soft edges."""
TRIES = 2000


def covered(photo: Photo, seed: int = 0) -> Pixels:
    """The photo with every object covered by a piece of it that touches no object, seams blended.

    Args:
        photo: what to cover; objects that cover half of it cannot be covered.
        seed: of the pieces.

    Raises:
        NoRoomError: there is no room between the objects to take a piece from.
    """
    rng = np.random.default_rng(seed)
    pixels = photo.pixels.astype(np.float32)
    original = pixels.copy()
    grown = _grown(photo.boxes)
    for box in grown:
        place = _clipped(box, pixels.shape)
        height, width = place[3] - place[1], place[2] - place[0]
        x, y = _free(grown, (width, height), pixels.shape, rng, photo.name)
        piece = original[y : y + height, x : x + width]
        share = _feathered(width, height)[:, :, None]
        here = pixels[place[1] : place[3], place[0] : place[2]]
        here += share * (piece - here)
    whole: Pixels = np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
    return whole


def _grown(boxes: Boxes) -> Boxes:
    """Left, top, right, bottom of the boxes and their margins."""
    margin = MARGIN * boxes[:, 2:].max(1, keepdims=True) + 2
    return np.hstack([boxes[:, :2] - margin, boxes[:, :2] + boxes[:, 2:] + margin])


def _clipped(box: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    left, top = (max(0, int(np.floor(v))) for v in box[:2])
    return left, top, min(shape[1], int(np.ceil(box[2]))), min(shape[0], int(np.ceil(box[3])))


class NoRoomError(ValueError):
    """A photo so full that none of it is free of objects."""


def _free(
    boxes: Boxes, size: tuple[int, int], shape: tuple[int, ...], rng: np.random.Generator, name: str
) -> tuple[int, int]:
    """A corner from which a piece of this size touches no box."""
    width, height = size
    for _ in range(TRIES):
        x, y = int(rng.integers(shape[1] - width + 1)), int(rng.integers(shape[0] - height + 1))
        apart = (boxes[:, 0] >= x + width) | (boxes[:, 2] <= x) | (boxes[:, 1] >= y + height) | (boxes[:, 3] <= y)
        if apart.all():
            return x, y
    raise NoRoomError(f"{name} has no {width} x {height} pixels free of objects to cover one with")


def _feathered(width: int, height: int) -> NDArray[np.float32]:
    """(height, width): 1 inside, falling to 0 over two pixels at the edge."""
    mask = Image.new("L", (width + 8, height + 8))
    mask.paste(255, (6, 6, width + 2, height + 2))
    soft: NDArray[np.float32] = np.asarray(mask.filter(ImageFilter.GaussianBlur(1)), np.float32)[4:-4, 4:-4]
    return soft / np.float32(255)
