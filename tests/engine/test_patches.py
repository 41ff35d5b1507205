"""Patches of maps: numpy's numbers, the same bits among whichever others, nothing read outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens import engine
from convlens.engine import EngineError
from convlens.engine.kernels.patches import cut
from convlens.engine.target import TARGETS

from .compiling import assembly
from .guarded import room

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]
ONES = np.ones((2, 4))
HERE = np.zeros((1, 3), int)


def maps(*shape: int) -> Floats:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def places(count: int, room: tuple[int, ...]) -> NDArray[np.intp]:
    return np.random.default_rng(1).integers(0, room, (count, 3))


@pytest.mark.parametrize("evened", [0, 2, 5])
@pytest.mark.parametrize(("size", "step"), [((8, 8), 2), ((3, 4), 1), ((1, 12), 3), ((5, 16), 1), ((2, 8), 7)])
def test_they_are_numpys(size: tuple[int, int], step: int, evened: int) -> None:
    x, weights = maps(3, 5, 40, 61), np.abs(maps(*size))
    rows, columns = ((n - 1) * step + 1 for n in size)
    corners = places(50, (3, 40 - rows + 1, 61 - columns + 1))
    wanted = np.stack([x[n, :, y : y + rows : step, left : left + columns : step] for n, y, left in corners])
    wanted = (wanted * weights).astype(np.float64)
    last = wanted[:, 5 - evened :]
    last -= (last * weights).sum(axis=(2, 3), keepdims=True) / (weights.astype(np.float64) ** 2).sum() * weights
    found = engine.patches(x, corners, weights, step=step, evened=evened)
    np.testing.assert_allclose(found, wanted, atol=4 * weights.size * np.finfo(np.float32).eps)


def test_a_patch_has_the_same_bits_among_whichever_others() -> None:
    x, weights, corners = maps(2, 4, 30, 30), np.abs(maps(8, 8)), places(40, (2, 16, 16))
    whole = engine.patches(x, corners, weights, step=2, evened=3)
    np.testing.assert_array_equal(engine.patches(x, corners[7:9], weights, step=2, evened=3), whole[7:9])
    for k, (n, y, left) in enumerate(corners):
        alone = engine.patches(x[n : n + 1, :, y : y + 15, left : left + 15], HERE, weights, step=2, evened=3)
        np.testing.assert_array_equal(alone[0], whole[k])


def test_they_are_put_where_they_are_wanted() -> None:
    x, out = maps(1, 2, 9, 9), np.full((3, 2, 2, 4), np.nan, np.float32)
    corners = places(3, (1, 8, 6))
    assert engine.patches(x, corners, ONES, out=out) is out
    np.testing.assert_array_equal(out, engine.patches(x, corners, ONES))


def test_nothing_outside_is_read() -> None:
    x = room((1, 2, 15, 15), np.dtype(np.float32))  # before a page that kills who reads it
    x[:] = 1
    assert (engine.patches(x, HERE, np.ones((8, 8)), step=2) == 1).all()


def test_nothing_is_asked_of_nothing() -> None:
    assert engine.patches(maps(1, 3, 9, 9), np.zeros((0, 3), int), ONES).shape == (0, 3, 2, 4)
    assert engine.patches(maps(1, 0, 9, 9), HERE, ONES).shape == (1, 0, 2, 4)


@pytest.mark.parametrize("name", TARGETS)
def test_code_is_emitted_for_every_target(name: str) -> None:
    assert "cut:" in assembly(cut(TARGETS[name], (8, 16), 2, "cut"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"x": maps(3, 9, 9)}, "axes N, C, H and W, not 3 axes"),
        ({"weights": np.ones((2, 3))}, "a multiple of 4"),
        ({"weights": np.ones(4)}, "rows and columns"),
        ({"step": 0}, "whole number, 1 at least"),
        ({"evened": 4}, r"evened=4\): of 3 channels so many cannot be evened"),
        ({"corners": np.zeros((1, 2), int)}, "whole numbers"),
        ({"corners": np.zeros((1, 3))}, "whole numbers"),
        ({"corners": [[0, 8, 0]]}, "a patch of 2x4 numbers, each 1 from the next, leaves x"),
        ({"corners": [[0, 0, -1]]}, "leaves x"),
        ({"corners": [[1, 0, 0]]}, "leaves x"),
        ({"step": 3}, "each 3 from the next, leaves x"),
        ({"out": np.empty((1, 3, 2, 4))}, "float32 array of 1x3x2x4"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], sentence: str) -> None:
    call = {"x": maps(1, 3, 9, 9), "corners": HERE, "weights": ONES} | given
    with pytest.raises(EngineError, match=sentence):
        engine.patches(**call)
