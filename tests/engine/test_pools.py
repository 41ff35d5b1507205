"""Pools of arrays as they lie: the reference's numbers on every target, every form of the kernel, no byte outside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from torch import from_numpy

import convlens
from convlens import reference
from convlens.engine import EngineError, Target, pools, runnable
from convlens.engine.kernels.planes import Form
from convlens.engine.layout import Window
from convlens.network import AvgPool, MaxPool, NetworkError, axes

TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)


@pytest.fixture(autouse=True)
def on(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "target" in request.fixturenames:
        monkeypatch.setenv("CONVLENS_TARGET", request.getfixturevalue("target").name)


def problems(count: int, seed: int) -> list[tuple[np.ndarray, MaxPool | AvgPool]]:
    """Arrays of whole numbers, some with a NaN, and pools that fit, tiling ones among them."""
    rng, found = np.random.default_rng(seed), list[tuple[np.ndarray, MaxPool | AvgPool]]()

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, rank))

    while len(found) < count:
        rank = int(rng.integers(1, 4))
        x = rng.integers(-9, 10, (2, 3, *each(1, {1: 70, 2: 40, 3: 9}[rank]))).astype(np.float32)
        if rng.random() < 0.2:
            x.ravel()[rng.integers(x.size)] = [np.nan, np.inf, -np.inf][int(rng.integers(3))]
        size, stride, dilation, ceil = each(1, 5), each(1, 6), each(1, 3), bool(rng.random() < 0.5)
        padding = tuple((int(rng.integers(n)), int(rng.integers(n))) for n in size)
        if rng.random() < 0.5:
            padding = ((0, 0),) * rank
        own = None if rng.random() < 0.3 else stride
        for layer in (
            MaxPool(size, own, padding, dilation, ceil),
            AvgPool(size, own, padding, ceil, rng.random() < 0.5),
        ):
            try:
                axes(layer, x.shape[1:])
            except NetworkError:
                continue
            found.append((x, layer))
    return found


def pooled(x: np.ndarray, layer: MaxPool | AvgPool, **more: Any) -> np.ndarray:
    if isinstance(layer, MaxPool):
        return convlens.max_pool(x, layer.window, layer.stride, layer.padding, layer.dilation, layer.ceil, **more)
    return convlens.avg_pool(x, layer.window, layer.stride, layer.padding, layer.ceil, layer.count_padding, **more)


def meant(x: np.ndarray, layer: MaxPool | AvgPool) -> np.ndarray:
    same = {"stride": layer.stride, "padding": layer.padding, "ceil": layer.ceil}
    if isinstance(layer, MaxPool):
        return reference.max_pool(x, layer.window, dilation=layer.dilation, **same)  # type: ignore[arg-type]
    return reference.avg_pool(x, layer.window, count_padding=layer.count_padding, **same)  # type: ignore[arg-type]


@TARGETS
def test_the_reference_s_numbers(target: Target) -> None:
    forms = set()
    for x, layer in problems(120, seed=target.lanes):
        got, wanted = pooled(x, layer), meant(x, layer)
        if isinstance(layer, MaxPool):
            np.testing.assert_array_equal(got, wanted, err_msg=f"{x.shape} {layer}")
        else:  # a sum of small whole numbers is exact, its quotient rounded once
            np.testing.assert_array_equal(got, wanted.astype(np.float32), err_msg=f"{x.shape} {layer}")
        form = Form.of(target, "max", Window.of(axes(layer, x.shape[1:])))
        forms.add((form.lanes > 1, form.taps > 0, form.ragged, form.deep))
    assert len(forms) > 8, "the problems leave forms of the kernel out"


@TARGETS
@pytest.mark.parametrize("columns", [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64])
def test_rows_of_every_length_and_nothing_beside_them(columns: int, target: Target) -> None:
    rng = np.random.default_rng(columns)
    for size, stride, padding in ((2, 2, 0), (3, 2, 1), (3, 3, 0), (3, 1, 1), (2, 4, 0), (2, 5, 0), (1, 1, 0)):
        if columns + 2 * padding < size:
            continue
        x = rng.integers(-9, 10, (1, 2, 4, columns)).astype(np.float32)
        layer = MaxPool(size, stride, padding)
        wanted = meant(x, layer)
        # numbers on both sides of the arrays that must neither be read nor written
        source, result = np.full(x.size + 128, np.inf, np.float32), np.full(wanted.size + 128, -7, np.float32)
        source[64:-64], out = x.ravel(), result[64:-64].reshape(wanted.shape)
        assert pooled(source[64:-64].reshape(x.shape), layer, out=out) is out
        np.testing.assert_array_equal(out, wanted)
        assert (result[:64] == -7).all()
        assert (result[-64:] == -7).all()


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_any_number_of_threads_gives_the_same_bits(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((5, 7, 90, 91)).astype(np.float32)
    monkeypatch.setattr(pools, "cores", lambda: 1)
    alone = convlens.avg_pool(x, 3, 2, 1)
    monkeypatch.setattr(pools, "cores", lambda: threads)
    np.testing.assert_array_equal(convlens.avg_pool(x, 3, 2, 1), alone)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 2, 0), (5, 3, 2)])
def test_pytorch_s_numbers(size: int, stride: int, padding: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, 5, 27, 56)).astype(np.float32)
    for ceil in (False, True):
        np.testing.assert_array_equal(
            convlens.max_pool(x, size, stride, padding, ceil_mode=ceil),
            F.max_pool2d(from_numpy(x), size, stride, padding, ceil_mode=ceil).numpy(),
        )
        for count in (False, True):
            wanted = F.avg_pool2d(from_numpy(x).double(), size, stride, padding, ceil, count).numpy()
            got = convlens.avg_pool(x, size, stride, padding, ceil, count)
            bound = (size * size + 1) * 2.0**-24 * np.abs(x).max()
            np.testing.assert_allclose(got, wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("place", range(9))
def test_a_nan_wins_wherever_it_stands(place: int) -> None:
    x = np.arange(2 * 30 * 30, dtype=np.float32).reshape(1, 2, 30, 30)
    x[..., place // 3 :: 3, place % 3 :: 3] = np.nan
    assert np.isnan(convlens.max_pool(x, 3)).all()
    assert np.isnan(convlens.avg_pool(x, 3)).all()
    assert not np.isnan(convlens.max_pool(x, 1)).all()


def test_windows_of_minus_infinity() -> None:
    x = np.full((1, 1, 4, 40), -math.inf, np.float32)
    assert (convlens.max_pool(x, 2, padding=1) == -math.inf).all()


def test_all_of_a_plane() -> None:
    x = np.random.default_rng(0).integers(-9, 10, (2, 3, 31, 17)).astype(np.float32)
    np.testing.assert_array_equal(convlens.max_pool(x, "all")[..., 0, 0], x.max((2, 3)))
    np.testing.assert_allclose(convlens.avg_pool(x, "all")[..., 0, 0], x.mean((2, 3), np.float64), rtol=1e-6)


@pytest.mark.parametrize(
    ("out", "why"),
    [
        (np.zeros((1, 1, 2, 3), np.float32), "1x1x2x2"),
        (np.zeros((1, 1, 2, 2)), "float32"),
        ([[[[0.0]]]], "float32"),
        (np.zeros((1, 1, 2, 4), np.float32)[..., ::2], "without gaps"),
        (np.broadcast_to(np.float32(0), (1, 1, 2, 2)), "without gaps"),
    ],
)
def test_an_array_that_cannot_take_the_result(out: Any, why: str) -> None:
    with pytest.raises(EngineError, match=rf"^max_pool\(out=.*{why}"):
        convlens.max_pool(np.zeros((1, 1, 4, 4), np.float32), 2, out=out)


def test_the_result_may_not_lie_in_the_input() -> None:
    x = np.zeros(64, np.float32)
    with pytest.raises(EngineError, match="share memory"):
        convlens.max_pool(x.reshape(1, 1, 8, 8), 2, out=x[:16].reshape(1, 1, 4, 4))
