"""Pooling against PyTorch in float64, forward and gradient; ties, NaN and windows that see nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convlens.network import AvgPool, MaxPool, NetworkError, axes
from convlens.reference import avg_pool, avg_pool_gradient, max_pool, max_pool_gradient

from .bounds import assert_same, assert_sums_agree
from .configurations import Case, data, drawn, ids, sides
from .configurations import avg_pool as avg_case
from .configurations import max_pool as max_case

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAXES = [case for rank in (1, 2, 3) for case in drawn(max_case, rank, 50)]
AVGS = [case for rank in (1, 2, 3) for case in drawn(avg_case, rank, 50)]


def _tensor(array: Any) -> torch.Tensor:
    return torch.tensor(np.array(array, np.float64), requires_grad=True)


def _resolved(case: Case) -> tuple[list[int], list[int], list[int]]:
    sliding = axes(case[0].layers[0], case[0].input_shape)  # type: ignore[arg-type]
    return [a.kernel for a in sliding], [a.stride for a in sliding], [a.before for a in sliding]


@pytest.mark.parametrize("case", MAXES, ids=ids)
def test_max_pool_and_its_gradient_are_those_of_torch(case: Case) -> None:
    """Whole numbers up to 5 in small windows: most windows have ties."""
    layer = case[0].layers[0]
    assert isinstance(layer, MaxPool)
    x, upstream = data(*case, whole=True)
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "ceil": layer.ceil}
    y, dx = max_pool(x, layer.window, **options), max_pool_gradient(x, upstream, layer.window, **options)
    assert y.dtype == np.int64

    window, stride, before = _resolved(case)
    tx, pool = _tensor(x), MAX[x.ndim - 2]
    if layer.ceil:
        expected = pool(tx, window, stride, before, layer.dilation, True)
    else:
        expected = pool(F.pad(tx, sides(case[0]), value=-math.inf), window, stride, 0, layer.dilation)
    seen = torch.isfinite(expected)
    assert_same(np.where(seen, y, 0), torch.where(seen, expected, 0).detach().numpy())
    if bool(seen.all()):
        assert_same(dx, torch.autograd.grad(expected, tx, _tensor(upstream))[0].numpy())


@pytest.mark.parametrize("case", AVGS, ids=ids)
def test_avg_pool_and_its_gradient_are_those_of_torch(case: Case) -> None:
    layer = case[0].layers[0]
    assert isinstance(layer, AvgPool)
    x, upstream = data(*case, whole=False)
    options: dict[str, Any] = {
        "stride": layer.stride,
        "padding": layer.padding,
        "ceil": layer.ceil,
        "count_padding": layer.count_padding,
    }
    y, dx = avg_pool(x, layer.window, **options), avg_pool_gradient(x, upstream, layer.window, **options)

    window, stride, before = _resolved(case)
    tx, pool = _tensor(x), AVG[x.ndim - 2]
    if layer.ceil:
        expected = pool(tx, window, stride, before, True, layer.count_padding)
    else:
        expected = pool(F.pad(tx, sides(case[0])), window, stride)
        if not layer.count_padding:
            expected = expected / pool(F.pad(torch.ones_like(tx), sides(case[0])), window, stride)
    (gradient,) = torch.autograd.grad(expected, tx, _tensor(upstream))
    cells = math.prod(window)
    assert_sums_agree(y, expected.detach().numpy(), cells + 2)
    assert_sums_agree(dx, gradient.numpy(), cells + 2)


def test_the_book_example() -> None:
    x = np.arange(9).reshape(1, 1, 3, 3)
    assert max_pool(x, 2, stride=1)[0, 0].tolist() == [[4, 5], [7, 8]]
    assert avg_pool(x, 2, stride=1)[0, 0].tolist() == [[2, 3], [5, 6]]
    x = np.arange(16).reshape(1, 1, 4, 4)
    assert max_pool(x, 3)[0, 0].tolist() == [[10]]
    assert max_pool(x, 3, padding=1, stride=2)[0, 0].tolist() == [[5, 7], [13, 15]]
    assert max_pool(x, (2, 3), stride=(2, 3), padding=(0, 1))[0, 0].tolist() == [[5, 7], [13, 15]]


@pytest.mark.parametrize("row", [[1, math.nan, 3, 2], [math.nan, 1, math.nan, 0], [-math.inf] * 4, [2, math.inf, 1, 0]])
def test_nan_wins_and_so_does_inf_as_in_torch(row: list[float]) -> None:
    tx = torch.tensor([[row]], dtype=torch.float64, requires_grad=True)
    expected = F.max_pool1d(tx, 4)
    expected.sum().backward()
    np.testing.assert_array_equal(max_pool([[row]], 4), expected.detach().numpy())
    assert tx.grad is not None
    assert_same(max_pool_gradient([[row]], [[[1.0]]], 4), tx.grad.numpy())
    np.testing.assert_array_equal(avg_pool([[row]], 4), F.avg_pool1d(tx, 4).detach().numpy())


def test_a_window_whose_taps_all_miss_is_refused() -> None:
    with pytest.raises(NetworkError, match="nothing but padding"):
        max_pool([[[5.0]]], 2, stride=1, padding=2, dilation=4)


def test_the_whole_input_is_one_window() -> None:
    x = np.arange(24).reshape(2, 1, 3, 4)
    assert max_pool(x, "all").ravel().tolist() == [11, 23]
    assert avg_pool(x, "all").ravel().tolist() == [5.5, 17.5]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NetworkError, match="larger than the padded input"):
        max_pool(np.zeros((1, 1, 3)), 4)
    with pytest.raises(NetworkError, match="must be smaller than the pool's window"):
        avg_pool(np.zeros((1, 1, 3)), 2, padding=2)
    with pytest.raises(NetworkError, match="the upstream gradient must be 1x1x1"):
        max_pool_gradient(np.zeros((1, 1, 3)), np.zeros((1, 1, 2)), 2)
    with pytest.raises(NetworkError, match="a batch has the axes"):
        avg_pool(np.zeros((1, 3)), 2)
