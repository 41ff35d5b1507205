"""Paddings that torch has no word for, against the padding written out: per side, "same" under strides, ceil."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from convlens.network import Network, NetworkError
from convlens.network.sizes import Axis
from convlens.nn import AvgPool1d, AvgPool2d, Conv1d, Conv2d, Conv3d, MaxPool1d, MaxPool2d, build
from convlens.nn.pooling import counts

INF = float("inf")


def test_conv_pads_each_side_by_its_own_number() -> None:
    conv, x = Conv2d(2, 3, 3, padding=((1, 2), (0, 3))), torch.randn(2, 2, 6, 7)
    assert torch.equal(conv(x), F.conv2d(F.pad(x, (0, 3, 1, 2)), conv.weight, conv.bias))


def test_conv3d_pads_each_side_by_its_own_number() -> None:
    conv, x = Conv3d(1, 2, 2, stride=(1, 2, 1), padding=((1, 0), 1, (0, 2))), torch.randn(2, 1, 3, 4, 5)
    expected = F.conv3d(F.pad(x, (0, 2, 1, 1, 1, 0)), conv.weight, conv.bias, stride=(1, 2, 1))
    assert torch.equal(conv(x), expected)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [(7, 3, 2, 1, 1), (8, 3, 2, 0, 1), (8, 4, 1, 1, 2), (5, 2, 3, 0, 0), (9, 1, 4, 0, 0), (28, 5, 3, 2, 2)],
)
def test_same_under_a_stride_is_tensorflows(size: int, kernel: int, stride: int, before: int, after: int) -> None:
    """The numbers are those of TensorFlow's rule: total = max((ceil(n / s) - 1) s + k - n, 0), the odd cell after."""
    conv, x = Conv1d(1, 2, kernel, stride=stride, padding="same"), torch.randn(1, 1, size)
    y = conv(x)
    assert y.shape[2] == -(-size // stride)
    assert torch.allclose(y, F.conv1d(F.pad(x, (before, after)), conv.weight, conv.bias, stride), atol=1e-6)


def test_max_pool_pads_with_what_never_wins() -> None:
    x = -torch.rand(2, 3, 6, 7) - 1
    expected = F.max_pool2d(F.pad(x, (2, 0, 1, 2), value=-INF), 3, 2)
    y = MaxPool2d(3, 2, padding=((1, 2), (2, 0)))(x)
    assert torch.equal(y, expected)
    assert bool((y < 0).all())


def test_padding_beyond_half_the_window() -> None:
    x = torch.tensor([[[1.0, 2.0, 4.0]]])
    assert MaxPool1d(3, 1, padding=2)(x).tolist() == [[[1, 2, 4, 4, 4]]]
    assert torch.allclose(AvgPool1d(3, 1, padding=2)(x), torch.tensor([[[1, 3, 7, 6, 4]]]) / 3)
    real = AvgPool1d(3, 1, padding=2, count_include_pad=False)(x)
    assert torch.allclose(real, torch.tensor([[[1, 1.5, 7 / 3, 3, 4]]]))


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_the_divisors_are_torchs_where_torch_has_them(size: int, padding: int, ceil: bool, count: bool) -> None:
    """torch's mean of ones, seen through its sum, is the number of cells: ours for the same window."""
    layer = AvgPool1d(3, 2, padding, ceil, count)
    (axis,) = layer.look_at(torch.ones(1, 1, size))
    real = counts(axis, False)
    torchs = F.avg_pool1d(torch.ones(1, 1, size), 3, 2, padding, ceil, count)[0, 0]
    assert torch.allclose(torchs, torch.tensor(real) / torch.tensor(counts(axis, count)))


def test_ceil_with_padding_per_side() -> None:
    layer, x = AvgPool2d(3, 2, ((1, 0), (0, 2)), True, False), torch.ones(1, 1, 6, 6)
    assert torch.equal(layer(x), torch.ones_like(layer(x)))
    rows, columns = layer.look_at(x)
    assert (rows.out, columns.out) == tuple(layer(x).shape[2:])
    assert Axis(6, 3, 2, 1, 0, ceil=True).out == rows.out


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("padding", ["0", "1", "1+0", "0+1", "2", "2+1", "same"])
@pytest.mark.parametrize("window", ["3 stride 1", "3 stride 2", "3 stride 5"])
def test_ceil_has_as_many_windows_as_the_axis_says(size: int, padding: str, window: str) -> None:
    for pool in ("maxpool", "avgpool"):
        try:
            network = Network.parse(f"1x{size}: {pool} {window} pad {padding} ceil")
        except NetworkError:
            continue
        y = build(network)(torch.randn(2, 1, size))
        assert tuple(y.shape[1:]) == network.output_shape
        assert bool(y.isfinite().all())


def test_a_window_of_nothing_but_padding_is_refused() -> None:
    """torch's own index of such a maximum lies past the input, and its backward writes there."""
    with pytest.raises(NetworkError, match="nothing but padding"):
        MaxPool1d(2, 3, padding=1, dilation=4)(torch.zeros(1, 1, 3))
