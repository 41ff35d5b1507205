"""Correlation against PyTorch in float64, forward and gradient: exact on whole numbers, to rounding on floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convlens.network import Conv, LocalConv, NetworkError, axes, parameter_shapes
from convlens.reference import correlate, correlate_gradient, correlate_plane, local, local_gradient

from .bounds import assert_same, assert_sums_agree
from .configurations import Case, conv, data, drawn, ids, sides, values
from .configurations import local as local_case

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONVS = [case for rank in (1, 2, 3) for case in drawn(conv, rank, 75)]
LOCALS = [case for rank in (1, 2, 3) for case in drawn(local_case, rank, 20)]


def _options(layer: Conv | LocalConv) -> dict[str, Any]:
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}


def _setup(case: Case, *, whole: bool) -> tuple[Any, ...]:
    """The layer, its batch, weight, bias and upstream gradient, and the four as tensors in float64."""
    network, seed = case
    layer: Any = network.layers[0]
    x, upstream = data(network, seed, whole=whole)
    rng = np.random.default_rng((9, seed))
    shapes = parameter_shapes(layer, network.input_shape)
    weight = values(rng, shapes["weight"], whole=whole)
    bias = values(rng, shapes["bias"], whole=whole) if layer.bias else None
    tensors = [
        None if array is None else torch.tensor(np.array(array, np.float64), requires_grad=True)
        for array in (x, weight, bias, upstream)
    ]
    return layer, x, weight, bias, upstream, *tensors


def _check(case: Case, whole: bool, results: tuple[Any, ...], torchs: tuple[Any, ...]) -> None:
    """Compare y, dx, dweight and dbias; the longest sum of each decides its bound."""
    network, _ = case
    shape = parameter_shapes(network.layers[0], network.input_shape)["weight"]
    rank = len(network.input_shape) - 1
    taps, positions = math.prod(shape[-rank - 1 :]), math.prod(network.output_shape[1:])
    terms = (taps + 1, math.prod(shape[-rank - 2 :]) * positions, 3 * positions, 3 * positions)
    for result, expected, length in zip(results, torchs, terms, strict=True):
        if whole:
            assert result.dtype == np.int64
            assert_same(result, expected.detach().numpy())
        else:
            assert_sums_agree(result, expected.detach().numpy(), length)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CONVS, ids=ids)
def test_correlate_and_its_gradient_are_those_of_torch(case: Case) -> None:
    whole = case[1] % 3 > 0
    layer, x, weight, bias, upstream, tx, tw, tb, tu = _setup(case, whole=whole)
    rank = x.ndim - 2
    y = correlate(x, weight, bias, **_options(layer))
    dx, dweight, dbias = correlate_gradient(x, weight, upstream, **_options(layer))

    bias_used = torch.zeros(len(weight), dtype=torch.float64, requires_grad=True) if tb is None else tb
    if layer.padding == "same" and layer.stride == 1:
        expected = CONV[rank](tx, tw, bias_used, 1, "same", layer.dilation, layer.groups)
    else:
        expected = CONV[rank](F.pad(tx, sides(case[0])), tw, bias_used, layer.stride, 0, layer.dilation, layer.groups)
    gradients = torch.autograd.grad(expected, (tx, tw, bias_used), tu)
    _check(case, whole, (y, dx, dweight, dbias), (expected, *gradients))


@pytest.mark.parametrize("case", LOCALS, ids=ids)
def test_local_is_one_torch_conv_a_position(case: Case) -> None:
    whole = case[1] % 3 > 0
    layer, x, weight, bias, upstream, tx, tw, tb, tu = _setup(case, whole=whole)
    rank = x.ndim - 2
    y = local(x, weight, bias, **_options(layer))
    dx, dweight, dbias = local_gradient(x, weight, upstream, **_options(layer))

    biases = torch.zeros(case[0].output_shape, dtype=torch.float64, requires_grad=True) if tb is None else tb
    padded, sliding = F.pad(tx, sides(case[0])), axes(layer, case[0].input_shape)
    rows = []
    for position in np.ndindex(*(axis.out for axis in sliding)):
        cut = padded
        for i, (axis, p) in enumerate(zip(sliding, position, strict=True)):
            cut = cut.narrow(i + 2, p * axis.stride, axis.extent)
        own_bias = biases[(slice(None), *position)]
        rows.append(CONV[rank](cut, tw[position], own_bias, 1, 0, layer.dilation, layer.groups))
    expected = torch.stack(rows, -1).reshape(len(x), *case[0].output_shape)
    gradients = torch.autograd.grad(expected, (tx, tw, biases), tu)
    _check(case, whole, (y, dx, dweight, dbias), (expected, *gradients))


def test_the_book_example_of_one_channel() -> None:
    plane = correlate_plane(np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2))
    assert plane.tolist() == [[19, 25], [37, 43]]
    assert plane.dtype == np.int64


def test_the_book_example_of_an_edge() -> None:
    image = np.ones((6, 8))
    image[:, 2:6] = 0
    edges = correlate_plane(image, [[1.0, -1.0]])
    assert edges.tolist() == [[0, 1, 0, 0, 0, -1, 0]] * 6
    assert not correlate_plane(image.T, [[1.0, -1.0]]).any()


def test_the_book_example_of_two_channels_in_and_three_out() -> None:
    x = np.stack([np.arange(9.0), np.arange(1.0, 10)]).reshape(1, 2, 3, 3)
    kernel = np.stack([np.arange(4.0), np.arange(1.0, 5)]).reshape(1, 2, 2, 2)
    y = correlate(x, np.concatenate([kernel, kernel + 1, kernel + 2]))
    assert y[0].tolist() == [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]


def test_a_1x1_conv_is_a_dense_layer_over_channels() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-9, 10, (1, 3, 3, 3)), rng.integers(-9, 10, (2, 3))
    assert_same(correlate(x, weight[:, :, None, None])[0].reshape(2, 9), weight @ x.reshape(3, 9))


def test_sizes_of_the_book() -> None:
    x = np.zeros((1, 1, 8, 8), int)
    assert correlate(x, np.zeros((1, 1, 3, 3), int), padding=1).shape[2:] == (8, 8)
    assert correlate(x, np.zeros((1, 1, 5, 3), int), padding=(2, 1)).shape[2:] == (8, 8)
    assert correlate(x, np.zeros((1, 1, 3, 3), int), padding=1, stride=2).shape[2:] == (4, 4)
    assert correlate(x, np.zeros((1, 1, 3, 5), int), padding=(0, 1), stride=(3, 4)).shape[2:] == (2, 2)


def test_inf_and_nan_go_their_way_inside_and_padding_contributes_nothing() -> None:
    assert np.isnan(correlate([[[np.inf, 1.0]]], [[[0.0]]])).tolist() == [[[True, False]]]
    assert np.isnan(correlate([[[1.0, np.nan, 2.0, 3.0]]], [[[1.0, 0.0]]])).tolist() == [[[True, True, False]]]
    assert correlate([[[5.0]]], [[[np.inf, 1.0, np.nan]]], padding=1).tolist() == [[[5.0]]]


@pytest.mark.parametrize(
    ("x", "weight", "options", "sentence"),
    [
        ((1, 5), (1, 1, 3), {}, "a batch has the axes N, C and at least one axis"),
        ((1, 1, 5), (1, 1, 3, 3), {}, "the weight needs 3 axes"),
        ((1, 2, 5), (1, 1, 3), {}, "the weight must be 1x2x3, not 1x1x3"),
        ((1, 2, 5), (1, 1, 3), {"groups": 3}, "3 groups do not divide the 2 input channels"),
        ((1, 1, 5), (1, 1, 6), {}, "is larger than the padded input 5"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"stride": (1, 2, 3)}, "the stride 1x2x3 names 3 axes"),
        ((1, 1, 5), (1, 1, 3), {"stride": 0}, "the stride must be at least 1"),
    ],
)
def test_what_does_not_meet_is_refused(x: Any, weight: Any, options: Any, sentence: str) -> None:
    with pytest.raises(NetworkError, match=sentence):
        correlate(np.zeros(x), np.zeros(weight), **options)


def test_other_numbers_are_refused() -> None:
    with pytest.raises(NetworkError, match="the bias must be 1, not 2"):
        correlate([[[1]]], [[[1]]], [1, 2])
    with pytest.raises(NetworkError, match="real numbers, not with complex128"):
        correlate([[[1j]]], [[[1]]])
    with pytest.raises(FloatingPointError):
        correlate([[[2**62]]], [[[4]]])
    with pytest.raises(NetworkError, match="the upstream gradient must be 1x1x2"):
        correlate_gradient(np.zeros((1, 1, 3)), np.zeros((1, 1, 2)), np.zeros((1, 1, 3)))
