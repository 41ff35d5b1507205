"""Histograms of oriented gradients: the formula's numbers, the same bits wherever a cell lies, nothing read outside."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens import engine
from convlens.engine import EngineError, runnable
from convlens.engine.kernels.orientations import oriented
from convlens.engine.target import TARGETS

from .compiling import assembly
from .guarded import room

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
QUIET = 0.15
HERE = [target.name for target in runnable()]


def pictures(*shape: int) -> Floats:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def means(x: Exact, step: int) -> Exact:
    """Over 2x2 numbers, wherever they begin, or at every second."""
    corners = [x[..., top : x.shape[-2] - 1 + top, left : x.shape[-1] - 1 + left] for top in (0, 1) for left in (0, 1)]
    mean: Exact = np.mean(corners, axis=0)
    return mean[..., ::step, ::step]


def meant(x: Floats, step: int) -> Exact:
    """What ``orientations`` says, in float64 and one array after another."""
    samples = x.astype(np.float64) if step == 1 else means(x.astype(np.float64), 2)
    down, right = (np.gradient(samples, axis=axis)[..., 1:-1, 1:-1] for axis in (2, 3))
    most = (right**2 + down**2).argmax(axis=1, keepdims=True)
    right, down = (np.take_along_axis(slope, most, 1) for slope in (right, down))
    angles = np.radians(45 * np.arange(8))[:, None, None]
    cells = means(np.maximum(right * np.cos(angles) + down * np.sin(angles), 0), 1)
    strength = np.sqrt((cells**2).sum(axis=1))
    height, width = (size - 4 for size in strength.shape[1:])
    around = [strength[:, y : y + height, x : x + width] for y in (0, 2, 4) for x in (0, 2, 4)]
    evened = cells[:, :, 2:-2, 2:-2] / (np.mean(around, axis=0) + QUIET)[:, None]
    return np.concatenate([evened, means(samples[:, :, 3:-3, 3:-3], 1)], 1)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(
    "shape", [(1, 1, 8, 8), (2, 3, 9, 8), (1, 2, 8, 23), (3, 4, 24, 24), (1, 5, 31, 41), (0, 3, 9, 9)]
)
def test_it_is_what_the_formula_says(shape: tuple[int, int, int, int], step: int) -> None:
    x = pictures(*shape[:2], step * shape[2], step * shape[3])
    found = engine.orientations(x, QUIET, step=step)
    assert found.shape == (shape[0], 8 + shape[1], shape[2] - 7, shape[3] - 7)
    # numbers of about 1 after some fifty roundings
    np.testing.assert_allclose(found, meant(x, step), atol=50 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("step", [1, 2])
def test_a_cell_has_the_same_bits_wherever_it_lies_and_on_every_target(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = pictures(1, 3, 60, 70)
    whole = engine.orientations(x, QUIET, step=step)
    for top, left, height, width in ((0, 0, 20, 70), (2, 4, 24, 16), (6, 10, 48, 18), (44, 2, 16, 66)):
        part = engine.orientations(x[:, :, top : top + height, left : left + width], QUIET, step=step)
        y, x_ = top // step, left // step
        np.testing.assert_array_equal(part, whole[:, :, y : y + part.shape[2], x_ : x_ + part.shape[3]])
    for name in HERE:
        monkeypatch.setenv("CONVLENS_TARGET", name)
        np.testing.assert_array_equal(engine.orientations(x, QUIET, step=step), whole)


def test_plain_pictures_have_no_orientation() -> None:
    found = engine.orientations(np.full((1, 2, 12, 30), 7), QUIET)
    assert not found[:, :8].any()
    assert (found[:, 8:] == 7).all()


@pytest.mark.parametrize("view", [np.s_[:, ::2, 1:, 1:], np.s_[::-1, :, ::2, :], np.s_[:, :, :, ::2]])
def test_samples_are_read_where_they_lie(view: tuple[slice, ...]) -> None:
    x = pictures(2, 4, 31, 33)[view]
    np.testing.assert_array_equal(engine.orientations(x, QUIET), engine.orientations(x.copy(), QUIET))
    np.testing.assert_array_equal(engine.orientations(x.astype(float), QUIET), engine.orientations(x.copy(), QUIET))


@pytest.mark.parametrize(("step", "shape"), [(1, (1, 2, 9, 37)), (2, (1, 1, 18, 50)), (1, (1, 1, 8, 8))])
def test_nothing_outside_is_read(step: int, shape: tuple[int, ...]) -> None:
    x = room(shape, np.dtype(np.float32))  # before a page that kills who reads it
    x[:] = pictures(*shape)
    np.testing.assert_array_equal(
        engine.orientations(x, QUIET, step=step), engine.orientations(x.copy(), QUIET, step=step)
    )


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("halved", [False, True])
def test_every_target_gets_wide_code(name: str, halved: bool) -> None:
    text = assembly(oriented(TARGETS[name], "oriented", halved=halved))
    root = {"avx512": r"vsqrtps.*zmm", "avx2": r"vsqrtps.*ymm", "sse2": r"sqrtps.*xmm", "neon": r"fsqrt.*4s"}[name]
    assert re.search(root, text)
    assert not re.search(r"fmla|vfn?madd", text), "a fused product would be rounded otherwise than elsewhere"


@pytest.mark.parametrize(
    ("x", "quiet", "step", "sentence"),
    [
        (pictures(3, 9, 9), QUIET, 1, "axes N, C, H and W, not 3 axes"),
        (pictures(1, 3, 9, 7), QUIET, 1, "8 pixels at least along H and W"),
        (pictures(1, 0, 9, 9), QUIET, 1, "a channel"),
        (pictures(1, 3, 15, 16), QUIET, 2, "16 pixels at least"),
        (pictures(1, 3, 17, 16), QUIET, 2, "even numbers"),
        (pictures(1, 3, 9, 9), QUIET, 3, r"step=3\): a sample is 1 pixel, or 2 by 2"),
        (pictures(1, 3, 9, 9), 0, 1, "quiet must be a positive number"),
        (pictures(1, 3, 9, 9), np.nan, 1, "quiet must be a positive number"),
        (pictures(1, 3, 9, 9).astype(complex), QUIET, 1, "real numbers"),
    ],
)
def test_what_cannot_be_is_refused(x: Floats, quiet: float, step: int, sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        engine.orientations(x, quiet, step=step)
