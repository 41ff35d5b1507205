"""Convolution: flipped correlation, against scipy, numpy's polynomials and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from convlens.network import NetworkError
from convlens.reference import autocorrelate, convolve, convolve_plane, correlate, correlate_plane, flip

from .bounds import assert_same

SHAPES = [((1,), (1,)), ((7,), (3,)), ((3,), (7,)), ((5, 7), (2, 3)), ((3, 3), (3, 3)), ((3, 4, 5), (2, 1, 3))]


@pytest.mark.parametrize(("size", "kernel"), SHAPES)
def test_full_convolution_and_correlation_are_those_of_scipy(size: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.integers(-9, 10, size), rng.integers(-9, 10, kernel)
    assert_same(convolve_plane(x, w), scipy.signal.convolve(x, w, method="direct"))
    assert_same(convolve_plane(x, w), convolve_plane(w, x))
    around = tuple(k - 1 for k in kernel)
    assert_same(correlate_plane(x, w, padding=around), scipy.signal.correlate(x, w, method="direct"))


def test_valid_and_same_are_parts_of_the_full_one() -> None:
    x, w = np.arange(1, 8) ** 2, np.array([1, -2, 5])
    whole = convolve_plane(x, w)
    assert_same(convolve_plane(x, w, padding="valid"), whole[2:-2])
    assert_same(convolve_plane(x, w, padding="same"), whole[1:-1])


def test_with_channels_it_is_the_sum_of_scipy_convolutions() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.integers(-9, 10, (2, 3, 5, 4)), rng.integers(-9, 10, (4, 3, 2, 3))
    expected = [[sum(scipy.signal.convolve(xc, wc) for xc, wc in zip(xn, wo, strict=True)) for wo in w] for xn in x]
    assert_same(convolve(x, w, padding="full"), np.array(expected))


def test_the_relation_to_correlate_holds_for_every_option() -> None:
    rng = np.random.default_rng(6)
    x, w, b = rng.integers(-9, 10, (1, 4, 7, 6)), rng.integers(-9, 10, (2, 2, 3, 2)), rng.integers(-9, 10, 2)
    options = {"stride": (2, 1), "padding": ((1, 2), 0), "dilation": (1, 2), "groups": 2}
    assert_same(convolve(x, w, b, **options), correlate(x, w[..., ::-1, ::-1], b, **options))


def test_an_impulse_brings_the_kernel_and_a_shifted_impulse_shifts() -> None:
    x = np.array([3, 1, 4, 1, 5])
    assert convolve_plane([1], [3, 4, 5]).tolist() == [3, 4, 5]
    assert convolve_plane(x, [0, 0, 1]).tolist() == [0, 0, 3, 1, 4, 1, 5]
    assert correlate_plane([0, 0, 1, 0, 0], [3, 4, 5]).tolist() == [5, 4, 3]


def test_polynomials_multiply_by_full_convolution() -> None:
    p, q = [1, 0, -3, 2], [5, -1, 7]
    assert_same(convolve_plane(p, q), np.polymul(p[::-1], q[::-1])[::-1])


def test_autocorrelation_finds_the_period_of_a_signal() -> None:
    rng = np.random.default_rng(1)
    x = np.tile(rng.integers(-9, 10, 5), 4)
    found = autocorrelate(x)
    assert_same(found, scipy.signal.correlate(x, x, method="direct"))
    assert_same(found, found[::-1])
    middle = len(x) - 1
    assert found[middle] == (x * x).sum() == found.max()
    assert 1 + int(np.argmax(found[middle + 1 :])) == 5


def test_a_kernel_needs_channels() -> None:
    with pytest.raises(NetworkError, match="axes \\(O, C, \\*kernel\\)"):
        convolve(np.zeros((1, 1, 3)), np.zeros((1, 3)))


def test_flipping_twice_is_nothing() -> None:
    w = np.arange(24).reshape(2, 3, 2, 2)
    assert_same(flip(flip(w, 2), 2), w)
    assert flip(w, 2)[1, 2].tolist() == [[23, 22], [21, 20]]
