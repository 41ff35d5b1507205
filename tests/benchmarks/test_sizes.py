"""How well boxes fit: what is all of one size is measured so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from benchmarks.finding.sizes import measured, overlap
from PIL import Image

from .squares import family, photo


def test_squares_of_one_size_are_measured_as_they_are(tmp_path: Path) -> None:
    median, ours = measured(family(tmp_path), seed=0)
    assert median == 1
    assert ours > 0.9


def test_squares_of_two_sizes_are_told_apart(tmp_path: Path) -> None:
    photos = []
    for k in range(2):
        one = photo(tmp_path / f"{k}.png", 8, 6, k)
        boxes = one.boxes.copy()
        large = np.array(Image.open(one.path))
        for box in boxes[::2].astype(int):
            x, y = box[:2]
            large[y - 4 : y + 14, x - 4 : x + 14] = (200, 30, 30)
        boxes[::2] += (-4, -4, 8, 8)
        Image.fromarray(large).save(one.path)
        photos.append(dataclasses.replace(one, boxes=boxes))
    made = dataclasses.replace(family(tmp_path), photos=tuple(photos))
    median, ours = measured(made, seed=0)
    assert ours > 0.85 > median


def test_the_overlap_is_the_share_of_both() -> None:
    assert overlap(np.array([[4.0, 2.0], [3.0, 3.0]]), np.array([[2.0, 4.0], [3.0, 3.0]])) == pytest.approx(2 / 3)
