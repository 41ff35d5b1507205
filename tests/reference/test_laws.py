"""Laws that hold for every input: linearity, shifts, deltas, flips, and that a gradient is the transposed map."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convlens.network import Conv, NetworkError, multiply_adds
from convlens.reference import (
    avg_pool,
    avg_pool_gradient,
    convolve,
    correlate,
    correlate_gradient,
    correlate_plane,
    local,
    local_from_conv,
    local_gradient,
    max_pool,
)

from .bounds import assert_same, assert_sums_agree

Problem = tuple[Conv, NDArray[Any], NDArray[Any], NDArray[Any], np.random.Generator]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A conv, a batch of whole numbers, a weight and a bias that fit each other, and a source of more numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    high = {1: 11, 2: 6, 3: 4}[rank]
    spatial = tuple(draw(st.integers(1, high)) for _ in range(rank))
    kernel = tuple(draw(st.integers(1, size)) for size in spatial)
    padding = tuple(draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for _ in range(rank))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    layer = Conv(outputs, kernel, stride, padding, draw(st.integers(1, 2)), groups)
    x = rng.integers(-9, 10, (draw(st.integers(0, 2)), channels, *spatial))
    weight = rng.integers(-9, 10, (outputs, channels // groups, *kernel))
    try:
        cost = multiply_adds(layer, (channels, *spatial))
    except NetworkError:
        cost = 10**9
    if cost > 2000:
        layer = Conv(outputs, kernel, kernel, "valid", 1, groups)
    return layer, x, weight, rng.integers(-9, 10, outputs), rng


def _options(layer: Conv) -> dict[str, Any]:
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}


@given(problems(), st.integers(-5, 5))
@settings(max_examples=40, deadline=None)
def test_correlation_is_linear_in_the_input_and_in_the_weight(problem: Problem, factor: int) -> None:
    layer, x, weight, bias, rng = problem
    options = _options(layer)
    other_x, other_weight = rng.integers(-9, 10, x.shape), rng.integers(-9, 10, weight.shape)
    y = correlate(x, weight, **options)
    assert_same(correlate(x + factor * other_x, weight, **options), y + factor * correlate(other_x, weight, **options))
    by_weight = correlate(x, weight + factor * other_weight, **options)
    assert_same(by_weight, y + factor * correlate(x, other_weight, **options))
    assert_same(correlate(x, weight, bias, **options), y + bias.reshape(1, -1, *[1] * (x.ndim - 2)))


@given(problems())
@settings(max_examples=40, deadline=None)
def test_the_gradients_are_the_transposed_maps(problem: Problem) -> None:
    """<A x, u> = <x, transposed A u>, for the map from x and for that from the weight, exactly."""
    layer, x, weight, _, rng = problem
    y = correlate(x, weight, **_options(layer))
    up = rng.integers(-9, 10, y.shape)
    dx, dweight, dbias = correlate_gradient(x, weight, up, **_options(layer))
    assert (y * up).sum() == (x * dx).sum() == (weight * dweight).sum()
    assert_same(dbias, up.sum(axis=(0, *range(2, up.ndim))))


@given(problems())
@settings(max_examples=25, deadline=None)
def test_a_local_layer_with_tied_kernels_is_the_conv_and_its_weight_gradient_sums_to_the_convs(
    problem: Problem,
) -> None:
    layer, x, weight, bias, rng = problem
    y = correlate(x, weight, bias, **_options(layer))
    weights, biases = local_from_conv(layer, x.shape[1:], weight, bias)
    assert_same(local(x, weights, biases, **_options(layer)), y)
    up, rank = rng.integers(-9, 10, y.shape), x.ndim - 2
    dx, dweight, dbias = correlate_gradient(x, weight, up, **_options(layer))
    local_dx, local_dweight, local_dbias = local_gradient(x, weights, up, **_options(layer))
    assert_same(local_dx, dx)
    assert_same(local_dweight.sum(axis=tuple(range(rank))), dweight)
    assert_same(local_dbias.sum(axis=tuple(range(1, rank + 1))), dbias)


@given(problems())
@settings(max_examples=25, deadline=None)
def test_convolution_is_correlation_with_the_kernel_flipped(problem: Problem) -> None:
    layer, x, weight, bias, _ = problem
    flipped = weight[(..., *[slice(None, None, -1)] * (x.ndim - 2))]
    assert_same(convolve(x, weight, bias, **_options(layer)), correlate(x, flipped, bias, **_options(layer)))


@given(problems(), st.data())
@settings(max_examples=25, deadline=None)
def test_a_delta_kernel_takes_one_neighbour_and_the_middle_one_is_the_identity(
    problem: Problem, data: st.DataObject
) -> None:
    x = problem[1]
    rank = x.ndim - 2
    reach = tuple(data.draw(st.integers(0, 2)) for _ in range(rank))
    delta = np.zeros(tuple(2 * r + 1 for r in reach), int)
    delta[reach] = 1
    weight = np.stack([np.stack([delta * (o == c) for c in range(x.shape[1])]) for o in range(x.shape[1])])
    assert_same(correlate(x, weight, padding="same"), x)
    assert_same(correlate(x, weight, padding=reach), x)


@given(problems(), st.data())
@settings(max_examples=25, deadline=None)
def test_shifting_the_input_shifts_the_output(problem: Problem, data: st.DataObject) -> None:
    """Under the full padding, shifting x by zeros shifts every output along, at every dilation."""
    layer, x, weight, _, _ = problem
    rank = x.ndim - 2
    shift = tuple(data.draw(st.integers(0, 2)) for _ in range(rank))
    shifted = np.pad(x, [(0, 0), (0, 0), *((s, 0) for s in shift)])
    padding = tuple(layer.dilation * (k - 1) for k in weight.shape[2:])  # type: ignore[operator]
    options: dict[str, Any] = {"padding": padding, "dilation": layer.dilation, "groups": layer.groups}
    y = correlate(x, weight, **options)
    moved = correlate(shifted, weight, **options)
    assert_same(moved[(..., *(slice(s, None) for s in shift))], y)
    assert np.count_nonzero(moved) == np.count_nonzero(y)


@given(problems())
@settings(max_examples=25, deadline=None)
def test_an_average_pool_is_a_depthwise_conv_and_its_gradient_the_transposed_map(problem: Problem) -> None:
    layer, x, weight, _, rng = problem
    window, stride, channels = weight.shape[2:], layer.stride, x.shape[1]
    cells = int(np.prod(window))
    y = avg_pool(x, window, stride=stride)
    as_conv = correlate(x, np.ones((channels, 1, *window), int), stride=stride, groups=channels)
    assert_sums_agree(y, as_conv / cells, cells, 9)
    up = rng.integers(-9, 10, y.shape)
    dx = avg_pool_gradient(x, up, window, stride=stride)
    assert_sums_agree((y * up).sum(), (x * dx).sum(), max(1, up.size * cells), 81)


@given(problems())
@settings(max_examples=25, deadline=None)
def test_a_max_pool_commutes_with_any_rising_function_and_never_falls_below_the_mean(problem: Problem) -> None:
    x, window = problem[1], problem[2].shape[2:]
    assert_same(max_pool(2 * x + 3, window), 2 * max_pool(x, window) + 3)
    assert (max_pool(x, window) >= avg_pool(x, window) - 1e-12).all()


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.lists(st.integers(-9, 9), min_size=1, max_size=6))
def test_correlating_a_long_signal_is_numpys(a: list[int], b: list[int]) -> None:
    x, kernel = (a, b) if len(a) >= len(b) else (b, a)
    assert_same(correlate_plane(x, kernel), np.correlate(x, kernel, "valid"))
