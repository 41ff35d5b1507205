"""Finds are as large as they are: turned and scaled with the marks that they are most like, measured around points."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.finding.canvas import Block, Canvas
from convlens.finding.extent import DIRECTIONS, breadths, sizes, turns
from convlens.finding.likeness import Likeness, example
from convlens.finding.points import USUAL, Window, side
from convlens.finding.scene import patch

Floats = NDArray[np.float32]


def bar(angle: float, length: float = 40, width: float = 12, size: int = 120) -> tuple[Floats, Floats]:
    """A bar with one bright end in the middle of a grey square (1, size, size), turned clockwise, and its box."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (np.abs(along) < length / 2) & (np.abs(across) < width / 2)
    pixels = np.where(inside, np.where(along > length / 4, 1.5, 1.0), 0.0)
    pixels += np.random.default_rng(0).normal(0, 0.02, pixels.shape)
    c, s = abs(np.cos(angle)), abs(np.sin(angle))
    middle = (size - 1) / 2
    box = (middle, middle, length * c + width * s, length * s + width * c)
    return pixels[None].astype(np.float32), np.array(box, np.float32)


def canvas(pixels: Floats) -> Canvas:
    height, width = pixels.shape[1:]
    return Canvas(pixels, Block(0, 0, height, width), (0, 0), (1.0, 1.0))


@pytest.mark.parametrize("first", [0.0, 0.6])
@pytest.mark.parametrize("second", np.radians([30, 45, 90, 120, 195]))
def test_the_box_of_a_turned_thing_is_turned(first: float, second: float) -> None:
    pixels, box = bar(first)
    likeness = Likeness(example(pixels, box[:2], 32)[None], 32, np.pi)
    turned, wanted = bar(first + second)
    match = likeness.matched(turned, wanted[None, :2])
    assert np.exp(1j * turns(likeness, match[1])[0]) == pytest.approx(np.exp(1j * second), abs=1e-6)
    found = sizes(likeness, breadths([patch(canvas(pixels), box)], drawn=True), *match)
    # the outermost hundredth of an outline is not measured
    np.testing.assert_allclose(found[0], wanted[2:], atol=5)


def test_of_marks_of_two_sizes_the_more_alike_says_the_size() -> None:
    small, large = (bar(0.0, 20 * k, 10 * k) for k in (1, 2))
    likeness = Likeness(np.stack([example(p, b[:2], 28) for p, b in (small, large)]), 28, np.pi)
    breadth = breadths([patch(canvas(p), b) for p, b in (small, large)], drawn=True)
    for pixels, box in (small, large):
        found = sizes(likeness, breadth, *likeness.matched(pixels, box[None, :2]))
        np.testing.assert_allclose(found[0], box[2:], rtol=0.05)


def test_a_drawn_box_is_believed_and_a_point_is_measured() -> None:
    pixels, box = bar(0.0)
    loose = box * np.array([1, 1, 1.2, 1.2], np.float32)
    drawn, measured = (breadths([patch(canvas(pixels), loose)], drawn=drawn)[0] for drawn in (True, False))
    np.testing.assert_allclose(drawn[[0, DIRECTIONS // 2]], loose[2:], rtol=1e-5)
    np.testing.assert_allclose(measured[[0, DIRECTIONS // 2]], box[2:], atol=2)


@pytest.mark.parametrize("length", [16, 40, 90, 200])
def test_what_surrounds_a_point_says_how_large_the_thing_is(length: int) -> None:
    pixels, _ = bar(0.4, length, length, 5 * length)
    middle = 2.5 * length
    found = side([Window(pixels, (middle + 1, middle - 2)), Window(pixels, (middle, middle))])
    assert length / 1.25 < found < length * 1.25


def test_nothing_around_a_point_leaves_the_usual_side() -> None:
    assert side([Window(np.zeros((3, 80, 80), np.float32), (40, 40))]) == USUAL
    assert side([Window(np.zeros((3, 1, 1), np.float32), (0.5, 0.5))]) == USUAL
