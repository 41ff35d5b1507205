"""The chapter's derivation as equal outputs: dense, tied and cut, is local with tied kernels, is a convolution."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.network import Conv, LocalConv, NetworkError
from convlens.reference import (
    correlate,
    cut_locality,
    dense4d,
    dense4d_from_local,
    dense4d_gradient,
    local,
    local_from_conv,
    tie_translation,
)

from .bounds import assert_same

RNG = np.random.default_rng(4)


def _numbers(*shape: int) -> np.ndarray:
    return RNG.integers(-9, 10, shape)


def test_a_tied_and_cut_dense_weight_is_a_convolution() -> None:
    height, width, reach = 5, 4, 1
    x, offsets, bias = _numbers(2, 1, height, width), _numbers(2 * height - 1, 2 * width - 1), 3
    dense = cut_locality(tie_translation(offsets, (height, width)), reach)
    middle = slice(height - 1 - reach, height + reach), slice(width - 1 - reach, width + reach)
    kernel = offsets[middle]
    assert kernel.shape == (3, 3)
    assert_same(
        dense4d(x, dense, np.full((height, width), bias)), correlate(x, kernel[None, None], [bias], padding=reach)
    )


def test_tied_but_uncut_it_is_a_convolution_as_large_as_the_picture() -> None:
    x, offsets = _numbers(1, 1, 3, 4), _numbers(5, 7)
    tied = dense4d(x, tie_translation(offsets, (3, 4)))
    assert_same(tied, correlate(x, offsets[None, None], padding=(2, 3)))


def test_a_tied_dense_weight_shifts_along_and_an_untied_one_does_not() -> None:
    x = np.zeros((1, 1, 6, 6), int)
    x[0, 0, 2, 2] = 1
    shifted = np.roll(x, (1, 2), (2, 3))
    tied, untied = tie_translation(_numbers(11, 11), (6, 6)), _numbers(6, 6, 6, 6)
    assert_same(dense4d(shifted, tied)[..., 1:, 2:], dense4d(x, tied)[..., :-1, :-2])
    assert not np.array_equal(dense4d(shifted, untied)[..., 1:, 2:], dense4d(x, untied)[..., :-1, :-2])


@pytest.mark.parametrize(
    "layer",
    [Conv(1, 3), Conv(1, (2, 3), stride=(2, 1)), Conv(1, 3, padding=((2, 0), 1), dilation=2), Conv(1, (5, 6))],
)
def test_three_layers_with_one_kernel_compute_the_same(layer: Conv) -> None:
    shape = (1, 5, 6)
    x = _numbers(2, *shape)
    kernel = layer.kernel if isinstance(layer.kernel, tuple) else (layer.kernel,) * 2
    weight, bias = _numbers(1, 1, *kernel), _numbers(1)
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    y = correlate(x, weight, bias, **options)
    weights, biases = local_from_conv(layer, shape, weight, bias)
    assert_same(local(x, weights, biases, **options), y)
    same = LocalConv(1, layer.kernel, layer.stride, layer.padding, layer.dilation)
    assert_same(dense4d(x, dense4d_from_local(same, shape, weights), biases[0]), y)


def test_the_parameters_of_the_derivation_shrink() -> None:
    shape, conv = (1, 6, 6), Conv(1, 3, padding=1)
    weights, _ = local_from_conv(conv, shape, _numbers(1, 1, 3, 3), [0])
    dense = dense4d_from_local(LocalConv(1, 3, padding=1), shape, weights)
    assert (dense.size, weights.size, 3 * 3) == (6**4, 6 * 6 * 9, 9)


def test_the_gradient_of_the_dense_layer_is_the_transposed_map() -> None:
    x, weight = _numbers(3, 1, 4, 3), _numbers(2, 5, 4, 3)
    y = dense4d(x, weight)
    up = _numbers(*y.shape)
    dx, dweight, dbias = dense4d_gradient(x, weight, up)
    assert (y * up).sum() == (x * dx).sum() == (weight * dweight).sum()
    assert_same(dbias, up.sum(axis=(0, 1)))
    assert_same(y, np.einsum("ijkl,nckl->ncij", weight, x))


def test_what_cannot_be_dense_is_refused() -> None:
    with pytest.raises(NetworkError, match="one-channel picture"):
        dense4d_from_local(LocalConv(2, 2), (1, 3, 3), np.zeros((2, 2, 2, 1, 2, 2)))
    with pytest.raises(NetworkError, match="pictures with one channel"):
        dense4d(np.zeros((1, 2, 3, 3)), np.zeros((3, 3, 3, 3)))
    with pytest.raises(NetworkError, match="V, one entry an offset, must be 5x5, not 3x3"):
        tie_translation(np.zeros((3, 3)), (3, 3))
    with pytest.raises(NetworkError, match="four axes"):
        cut_locality(np.zeros((3, 3)), 1)
