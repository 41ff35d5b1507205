"""Large pictures are looked at by windows: none is read whole to know what is white in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data.pictures import Picture
from convlens.data.source import Whole, Window
from convlens.finding import canvas, finder, lessons
from convlens.finding.canvas import View, conformed, full_range

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
    monkeypatch.setattr(finder.Finder, "_learn", lambda *given: None)
    source = Counted(picture.transpose(2, 0, 1).astype(np.uint16) * 16)
    for module in (finder, lessons):
        monkeypatch.setattr(module, "source_of", lambda given: source)
    made = finder.Finder.fit({"a": picture}, [mark("a", c) for c in centres[:3]])
    assert made.views.typical.white == 16 * int(picture.max())
    assert 0 < source.largest <= 3 * 480 * 256 < picture.size


def test_pictures_of_another_kind_have_a_white_of_their_own() -> None:
    bytes_, deep = (Whole(Picture(np.full((1, 4, 4), n, t))) for n, t in ((200, np.uint8), (4000, np.uint16)))
    learned = View(1.0, 255.0, 1)
    assert learned.suited(bytes_) is learned
    assert learned.suited(deep).white == 4000
    learned = View(1.0, 65000.0, 1)
    assert learned.suited(deep) is learned, "the same camera, a darker picture"
    assert learned.suited(bytes_).white == 255


def test_grey_and_colours_become_each_other_and_no_other_channels_do() -> None:
    grey, colours, many = (np.arange(n, dtype=np.uint8).reshape(n, 1, 1) for n in (1, 3, 5))
    assert conformed(colours, 1).tolist() == [[[1]]]
    assert conformed(grey, 3).shape == (3, 1, 1)
    for planes, channels in ((many, 1), (many, 3), (colours, 5)):
        with pytest.raises(ValueError, match=f"it has {len(planes)} channels, and the finder learned from pictures of"):
            conformed(planes, channels)


def test_what_a_canvas_shows_lies_where_it_says() -> None:
    pixels = np.zeros((1, 300, 400), np.uint8)
    pixels[0, 100:140, 200:240] = 255
    for scale in (0.37, 1.0, 1.7):
        view = View(scale, 255.0, 1)
        source = Whole(Picture(pixels))
        (block,) = view.blocks(source)
        seen = view.canvas(source, block)
        y, x = (at.mean() for at in np.nonzero(seen.pixels[0] > 0))
        np.testing.assert_allclose(seen.outward(np.array([[x, y]])), [[220, 120]], atol=0.6)
        np.testing.assert_allclose(seen.inward(np.array([[220.0, 120.0]])), [[x, y]], atol=1)
