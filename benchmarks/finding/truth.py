"""Scenes with their truth: a folder of pictures and ``truth.json``, read and written.

``truth.json`` holds, by family, the target's name, the largest angle ``rot`` by which objects are turned (180: any),
the photos, and perhaps ``empty`` photos of the same kind without an instance. A photo has a file and ``gt``: the boxes
of all instances by centre, width and height in pixels, where pixel 0 begins at 0: ``cx - w / 2`` is the left edge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Boxes = NDArray[np.float64]
"""(N, 4): left, top, width, height in pixels."""
Pixels = NDArray[np.uint8]
"""(H, W, 3)."""

TRUTH = "truth.json"


@dataclass(frozen=True)
class Photo:
    """A picture file and the boxes of every instance in it."""

    path: Path
    boxes: Boxes

    @property
    def name(self) -> str:
        """How marks name it."""
        return self.path.name

    @cached_property
    def pixels(self) -> Pixels:
        """The upright picture, (H, W, 3) uint8."""
        with Image.open(self.path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


@dataclass(frozen=True)
class Family:
    """Photos in which the same thing is sought.

    Args:
        name: of the family.
        target: what is sought, in a word.
        rotation: the largest angle by which objects are turned, in degrees; 180 is any.
        photos: at least two; the first is marked.
        empty: photos of the same kind without an instance; may be none.
    """

    name: str
    target: str
    rotation: float
    photos: tuple[Photo, ...]
    empty: tuple[Photo, ...] = ()

    @property
    def shown(self) -> tuple[Photo, ...]:
        """What a finder may learn from: the first two photos, or the first of two."""
        return self.photos[: min(2, len(self.photos) - 1)]

    @property
    def untouched(self) -> tuple[Photo, ...]:
        """What it is judged on and never learns from: the others."""
        return self.photos[len(self.shown) :]


def boxes_of(entries: Iterable[dict[str, float]]) -> Boxes:
    """Boxes (N, 4) from centres and sizes.

    >>> boxes_of([{"cx": 10.5, "cy": 20, "w": 5, "h": 8}])
    array([[ 8., 16.,  5.,  8.]])
    """
    rows = [(e["cx"] - e["w"] / 2, e["cy"] - e["h"] / 2, e["w"], e["h"]) for e in entries]
    return np.array(rows, np.float64).reshape(-1, 4)


def _photo(folder: Path, entry: dict[str, Any]) -> Photo:
    path = folder / entry["file"]
    if not path.is_file():
        raise SystemExit(f"{folder / TRUTH} names {entry['file']}, which is not there")
    return Photo(path, boxes_of(entry["gt"]))


def read(folder: Path) -> list[Family]:
    """The families of a folder, in the order of its truth; SystemExit with a sentence if they cannot be judged."""
    try:
        told = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except OSError as error:
        raise SystemExit(
            f"{folder} holds no {TRUTH} that can be read ({error.strerror}); name a folder that does"
        ) from error
    families = []
    for name, entry in told.items():
        photos = tuple(_photo(folder, photo) for photo in entry["photos"])
        empty = tuple(_photo(folder, photo) for photo in entry.get("empty", ()))
        if len(photos) < 2 or not len(photos[0].boxes):
            raise SystemExit(
                f"{name} in {folder} needs an instance in its first photo, and a photo besides to judge on"
            )
        families.append(Family(name, entry["target"], float(entry["rot"]), photos, empty))
    return families


def entries_of(boxes: Boxes) -> list[dict[str, float]]:
    """The converse of ``boxes_of``.

    >>> entries_of(np.array([[8.0, 16.0, 5.0, 8.0]]))
    [{'cx': 10.5, 'cy': 20.0, 'w': 5.0, 'h': 8.0}]
    """
    return [{"cx": x + w / 2, "cy": y + h / 2, "w": w, "h": h} for x, y, w, h in np.asarray(boxes, float).tolist()]


def write(folder: Path, families: Iterable[Family]) -> None:
    """Write the truth beside the pictures."""

    def told(photos: Iterable[Photo]) -> list[dict[str, Any]]:
        return [{"file": photo.name, "gt": entries_of(photo.boxes)} for photo in photos]

    content = {
        f.name: {"target": f.target, "rot": f.rotation, "photos": told(f.photos), "empty": told(f.empty)}
        for f in families
    }
    (folder / TRUTH).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
