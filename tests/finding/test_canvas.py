"""Large pictures are looked at by windows: none is read whole to know what is white in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data.pictures import Picture
from convlens.data.source import Whole, Window
from convlens.finding import canvas, finder
from convlens.finding.canvas import full_range

from .scenes import mark, scene


class Counted(Whole):
    """A picture that remembers how many numbers were asked for at once, and in all."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        super().__init__(Picture(pixels))
        self.largest = self.all = 0

    def __getitem__(self, window: Window) -> NDArray[Any]:
        found = super().__getitem__(window)
        self.largest = max(self.largest, found.size)
        self.all += found.size
        return found


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_what_is_white_is_found_a_band_at_a_time(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas, "BAND", 10_000)
    pixels = np.random.default_rng(0).integers(0, 3000, (2, 1000, 7)).astype(dtype)
    pixels[1, 777, 3] = 4095
    source = Counted(pixels)
    assert full_range(source) == 4095
    assert source.largest <= 10_000
    assert source.all == pixels.size, "once"


def test_negative_numbers_and_black_have_a_range() -> None:
    assert full_range(Whole(Picture(np.full((1, 2, 2), -3, np.float32)))) == 3
    assert full_range(Whole(Picture(np.zeros((1, 2, 2), np.float32)))) > 0


def test_bytes_are_not_read_for_it() -> None:
    source = Counted(np.zeros((3, 40, 40), np.uint8))
    assert full_range(source) == 255
    assert source.all == 0


def test_a_finder_never_reads_a_picture_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, centres = scene(0, (400, 480))
    monkeypatch.setattr(canvas, "BLOCK", 128)
    monkeypatch.setattr(canvas, "BAND", 3 * 480 * 256)
    monkeypatch.setattr(finder.Finder, "_learn", lambda self, course, progress: None)
    source = Counted(picture.transpose(2, 0, 1).astype(np.uint16) * 16)
    monkeypatch.setattr(finder, "source_of", lambda given: source)
    made = finder.Finder.fit({"a": picture}, [mark("a", c) for c in centres[:3]])
    assert made.view.white == 16 * int(picture.max())
    assert 0 < source.largest <= 3 * 480 * 256 < picture.size
