"""Between pixels: SciPy's numbers, the same bits on every target, the mirror at the border, nothing read outside."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from convlens import engine
from convlens.engine import EngineError, runnable

from .guarded import room

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]
STILL = np.eye(2)[None], np.zeros((1, 2))
TARGETS = [target.name for target in runnable()]


def picture(*shape: int) -> Floats:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 9, 13), (4, 31, 7)])
@pytest.mark.parametrize("count", [1, 17, 100])
def test_it_is_scipys(shape: tuple[int, int, int], count: int) -> None:
    source, rng = picture(*shape), np.random.default_rng(1)
    # a mirror image to either side
    places = np.stack([rng.uniform(-(n - 1), 2 * (n - 1), count) for n in shape[:0:-1]]).astype(np.float32)
    found = engine.interpolate([source], places, *STILL)[0]
    wanted = [ndimage.map_coordinates(plane, places[::-1].astype(float), order=1, mode="mirror") for plane in source]
    # a place has an error of half a unit in its last digit, and so has each of the five roundings
    np.testing.assert_allclose(found, wanted, atol=40 * np.finfo(np.float32).eps * np.abs(source).max())


def test_pictures_of_any_size_are_turned_and_shifted() -> None:
    sources = [picture(2, 5, 8), picture(2, 1, 9), picture(2, 6, 1)]
    quarter = np.array([[0, -1], [1, 0]])
    places = np.array([[0, 1, 2, 1], [0, 0, 0, 1]])
    found = engine.interpolate(sources, places, np.stack([quarter] * 3), np.array([[3, 1], [4, 0], [0, 2]]))
    np.testing.assert_array_equal(found[0], sources[0][:, [1, 2, 3, 2], [3, 3, 3, 2]])
    np.testing.assert_array_equal(found[1], sources[1][:, 0, [4, 4, 4, 3]])
    np.testing.assert_array_equal(found[2], sources[2][:, [2, 3, 4, 3], 0])


def test_pieces_of_a_larger_picture_are_read_as_copies_of_them_are() -> None:
    whole, rng = picture(3, 40, 50), np.random.default_rng(4)
    pieces = [whole, whole[:, 3:20, 5:29], whole[::-1, 7:8], whole[:, :, 9:10], whole[:, ::2, ::3], whole.T[:3], whole]
    copies = [piece.copy() for piece in pieces]
    given = rng.uniform(-9, 30, (2, 77)), rng.normal(size=(7, 2, 2)), rng.uniform(0, 20, (7, 2))
    for covers in (False, True):
        found, wanted = (engine.interpolate(sources, *given, covers=covers) for sources in (pieces, copies))
        np.testing.assert_array_equal(found, wanted)
        alone = [
            engine.interpolate([copy], given[0], turn[None], centre[None], covers=covers)[0]
            for copy, turn, centre in zip(copies, *given[1:], strict=True)
        ]
        np.testing.assert_array_equal(found, alone)


def test_bits_do_not_depend_on_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    source, rng = picture(3, 40, 50), np.random.default_rng(2)
    given = rng.uniform(-9, 9, (2, 101)), rng.normal(size=(1, 2, 2)), rng.uniform(0, 40, (1, 2))
    here = engine.interpolate([source], *given)
    for name in TARGETS:
        monkeypatch.setenv("CONVLENS_TARGET", name)
        np.testing.assert_array_equal(engine.interpolate([source], *given), here)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_covers_is_nothing_outside(channels: int) -> None:
    source, rng = 1 + np.abs(picture(channels, 6, 9)), np.random.default_rng(3)
    places = rng.uniform(-3, 11, (2, 200)).astype(np.float32)
    places[:, :2] = [[0, 8], [0, 5]]  # the first and the last pixel are inside
    plain, covering = (engine.interpolate([source], places, *STILL, covers=covers)[0] for covers in (False, True))
    x, y = places
    inside = (x >= 0) & (x <= 8) & (y >= 0) & (y <= 5)
    assert inside[:2].all()
    np.testing.assert_array_equal(covering[:-1], plain[:-1])
    np.testing.assert_array_equal(covering[-1], np.where(inside, plain[-1], 0))


def test_nothing_outside_is_read_wherever_places_lie() -> None:
    source = room((1, 5, 7), np.dtype(np.float32))  # before a page that kills who reads it
    source[:] = 1
    places = np.array([np.nan, np.inf, -np.inf, 3e38, -1e9, 6, 6.0001, 12, 13, 2**31], np.float32)
    found = engine.interpolate([source], np.stack([places, places[::-1]]), *STILL)
    assert found.shape == (1, 1, 10)
    assert (found[0, 0, 4:7] == 1).all()


def test_nothing_is_asked_of_nothing() -> None:
    assert engine.interpolate([picture(2, 3, 3)], np.zeros((2, 0)), *STILL).shape == (1, 2, 0)
    assert engine.interpolate([], np.zeros((2, 9)), np.zeros((0, 2, 2)), np.zeros((0, 2))).size == 0


@pytest.mark.parametrize("sources", [[picture(3, 3)], [picture(1, 0, 3)], [picture(1, 3, 3), picture(2, 3, 3)]])
def test_what_is_no_picture_is_refused(sources: list[Floats]) -> None:
    many = len(sources)
    with pytest.raises(EngineError, match="as many channels"):
        engine.interpolate(sources, np.zeros((2, 9)), np.stack([np.eye(2)] * many), np.zeros((many, 2)))
