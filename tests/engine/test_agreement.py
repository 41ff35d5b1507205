"""Agreement of slopes: numpy's numbers, the same bits among whichever others, whatever the contrast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.engine import Agreement, EngineError
from convlens.engine.kernels.agreement import agreeing
from convlens.engine.target import TARGETS

from .compiling import assembly
from .guarded import room

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]
QUIET, NOISE = 0.15, 1e-3


def pictures(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def plain(own: Floats, other: Floats, cover: Floats) -> float:
    """The formula in loops, in float64."""
    rows, columns = (side // 2 for side in cover.shape)

    def slope(picture: Floats, y: int, x: int) -> NDArray[np.float64]:
        p = picture.astype(np.float64)
        return np.array([p[y, x + 1] - p[y, x - 1], p[y + 1, x] - p[y - 1, x]])

    def cell(picture: Floats, y: int, x: int) -> NDArray[np.float64]:
        return np.concatenate([slope(picture, y + a, x + b) for a in range(2) for b in range(2)])

    shares = cover.astype(np.float64).reshape(rows, 2, columns, 2).sum(axis=(1, 3))
    shares /= shares.sum()
    every = [(i, j) for i in range(rows) for j in range(columns)]
    mean, others = (
        sum(shares[i, j] * (cell(picture, 2 * i + 2, 2 * j + 2) ** 2).sum() for i, j in every)
        for picture in (own, other)
    )
    total = itself = 0.0
    for i, j in every:
        g = cell(own, 2 * i + 2, 2 * j + 2)
        best = -np.inf
        for down in (1, 2, 3):
            for right in (1, 2, 3):
                h = cell(other, 2 * i + down, 2 * j + right)
                strength = ((g**2).sum() + QUIET * mean + NOISE) * ((h**2).sum() + QUIET * others + NOISE)
                best = max(best, (g * h).sum() / np.sqrt(strength))
        total += shares[i, j] * best
        itself += shares[i, j] * (g**2).sum() / ((g**2).sum() + QUIET * mean + NOISE)
    return total / itself


@pytest.mark.parametrize("size", [(2, 8), (6, 16), (4, 24), (32, 32), (2, 64)])
def test_it_is_numpys(size: tuple[int, int]) -> None:
    own, others = pictures(size[0] + 4, size[1] + 4), pictures(3, size[0] + 4, size[1] + 4, seed=1)
    others[2] = own + 0.1 * others[2]
    cover = np.abs(pictures(*size, seed=2))
    found = Agreement(own, cover, QUIET, NOISE)(others)
    np.testing.assert_allclose(found, [plain(own, other, cover) for other in others], rtol=2e-5, atol=2e-6)


def test_a_picture_has_the_same_bits_among_whichever_others() -> None:
    compare, many = Agreement(pictures(36, 36), np.ones((32, 32)), QUIET, NOISE), pictures(20, 36, 36, seed=1)
    whole = compare(many)
    np.testing.assert_array_equal(compare(many[7:9]), whole[7:9])
    np.testing.assert_array_equal([compare(one[None])[0] for one in many], whole)


def test_a_copy_agrees_whatever_its_contrast_and_where_its_parts_have_moved() -> None:
    own = pictures(36, 36)
    compare = Agreement(own, np.ones((32, 32)), QUIET, NOISE)
    copy, fainter, aside, other = compare(np.stack([own, 3 + 0.5 * own, np.roll(own, 1, 1), pictures(36, 36, seed=1)]))
    assert copy == pytest.approx(1, abs=0.02)
    assert fainter == pytest.approx(copy, rel=1e-4)
    assert aside > 0.9
    assert other < 0.7


def test_what_is_hardly_more_than_noise_agrees_with_nothing() -> None:
    own, many = pictures(36, 36), pictures(20, 36, 36, seed=1)
    compare = Agreement(own, np.ones((32, 32)), QUIET, 0.01)
    assert compare(many).min() > 0.3
    assert np.abs(compare(0.001 * many)).max() < 0.05


def test_what_is_not_covered_does_not_count() -> None:
    own, cover = pictures(36, 36), np.zeros((32, 32))
    cover[:, :16] = 1
    changed = own.copy()
    changed[:, 22:] = pictures(36, 14, seed=1)
    both = Agreement(own, cover, QUIET, NOISE)(np.stack([own, changed]))
    assert both[0] == both[1]


def test_a_plain_is_like_nothing() -> None:
    plain_, own = np.ones((1, 36, 36)), pictures(36, 36)
    assert Agreement(own, np.ones((32, 32)), QUIET, NOISE)(plain_) == 0
    assert Agreement(plain_[0], np.ones((32, 32)), QUIET, NOISE)(own[None]) == 0


def test_nothing_outside_is_read() -> None:
    x = room((1, 36, 36), np.dtype(np.float32))  # before a page that kills who reads it
    x[:] = pictures(1, 36, 36)
    assert Agreement(x[0].copy(), np.ones((32, 32)), QUIET, NOISE)(x) > 0.8


def test_nothing_is_asked_of_nothing() -> None:
    assert Agreement(pictures(36, 36), np.ones((32, 32)), QUIET, NOISE)(np.zeros((0, 36, 36))).shape == (0,)


@pytest.mark.parametrize("name", TARGETS)
def test_code_is_emitted_for_every_target(name: str) -> None:
    target = TARGETS[name]
    assert "agreeing:" in assembly(agreeing(target, (16, target.lanes), "agreeing"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"cover": np.ones((4, 12))}, "a multiple of 8 columns"),
        ({"cover": np.ones((3, 8))}, "an even number of rows"),
        ({"cover": np.ones(8)}, "an even number of rows"),
        ({"cover": np.zeros((4, 8))}, "not all 0"),
        ({"cover": -np.ones((4, 8))}, "numbers from 0 on"),
        ({"picture": np.ones((8, 11))}, "4 samples larger than cover, which is 4x8"),
        ({"quiet": 0.0}, "a positive number"),
        ({"quiet": np.nan}, "a positive number"),
        ({"quiet": 1e-60}, "a positive number"),
        ({"noise": -1.0}, r"noise=-1.0\): noise must be a positive number"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], sentence: str) -> None:
    call = {"picture": pictures(8, 12), "cover": np.ones((4, 8)), "quiet": QUIET, "noise": NOISE} | given
    with pytest.raises(EngineError, match=sentence):
        Agreement(**call)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(EngineError, match="pictures of 8x12 samples"):
        Agreement(pictures(8, 12), np.ones((4, 8)), QUIET, NOISE)(np.zeros((2, 8, 13)))
