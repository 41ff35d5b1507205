"""Convolution as mathematics defines it: the kernel is flipped along every spatial axis, then correlated.

    (w * x)[p] = sum over t of w[t] x[p - t]

which is ``correlate(x, flip(w))`` up to where counting starts: with the padding ``"full"`` output 0 is the first window
that touches the input. Networks do not flip (their ``conv`` is ``correlate``); since weights are learned either way, a
network that flipped would learn the flipped kernel and compute the same. No loops here: they are ``correlate``'s.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import NetworkError
from convlens.network.layers import Padding, Sizes

from .arrays import Array, numbers
from .correlate import correlate, correlate_plane


def flip(kernel: ArrayLike, spatial: int) -> Array:
    """Turn a kernel around along its last ``spatial`` axes.

    >>> flip([[1, 2], [3, 4]], 2).tolist()
    [[4, 3], [2, 1]]
    """
    (kernel,) = numbers(kernel)
    return np.flip(kernel, axis=tuple(range(kernel.ndim - spatial, kernel.ndim)))


def full(kernel: tuple[int, ...], dilation: Sizes = 1) -> tuple[int, ...]:
    """The padding under which every window that touches the input counts: ``dilation * (kernel - 1)`` on each side.

    >>> full((5, 3)), full((3,), dilation=2)
    ((4, 2), (4,))
    """
    spread = (dilation,) * len(kernel) if isinstance(dilation, int) else dilation
    return tuple(d * (k - 1) for k, d in zip(kernel, spread, strict=True))


def convolve(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding | Literal["full"] = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Convolve a batch with kernels: ``correlate`` with every kernel flipped along its spatial axes.

    Args:
        x: (N, C, *spatial), one to three spatial axes.
        weight: (O, C / groups, *kernel), written unflipped.
        bias: (O,), or None for none.
        stride, dilation, groups: as in ``correlate``.
        padding: as in ``correlate``, or ``"full"``: every window that touches the input.

    Returns:
        (N, O, *out): float64, or int64 when every argument is whole.

    Raises:
        NetworkError: as ``correlate``.

    Source: Dive into Deep Learning, section 7.1, equation 7.1.6.

    >>> convolve([[[1, 0, 0, 2]]], [[[3, 4, 5]]], padding="full").tolist()    # a copy of the kernel at every impulse
    [[[3, 4, 5, 6, 8, 10]]]
    """
    x, weight = np.asarray(x), np.asarray(weight)
    if weight.ndim < 3:
        raise NetworkError(f"a weight has the axes (O, C, *kernel), not {weight.ndim} of them")
    around: Padding = full(weight.shape[2:], dilation) if padding == "full" else padding
    flipped = flip(weight, weight.ndim - 2)
    return correlate(x, flipped, bias, stride=stride, padding=around, dilation=dilation, groups=groups)


def convolve_plane(x: ArrayLike, kernel: ArrayLike, *, padding: Padding | Literal["full"] = "full") -> Array:
    """Convolve one signal, picture or volume without channels with one kernel.

    Args:
        x: (*spatial), one to three axes.
        kernel: (*kernel), as many axes.
        padding: ``"full"`` (the textbook's, and symmetric in x and kernel), ``"valid"``, ``"same"`` or numbers.

    Returns:
        (*out); in full ``size + kernel - 1`` along each axis.

    Raises:
        NetworkError: as ``correlate``.

    Source: the coefficients of a product of polynomials are such a sum; (1 + 2z)(3 + 4z + 5z²) = 3 + 10z + 13z² + 10z³:

    >>> convolve_plane([1, 2], [3, 4, 5]).tolist()
    [3, 10, 13, 10]
    """
    kernel = np.asarray(kernel)
    around: Padding = full(kernel.shape) if padding == "full" else padding
    return correlate_plane(x, flip(kernel, kernel.ndim), padding=around)


def autocorrelate(x: ArrayLike) -> Array:
    """Correlate a signal, picture or volume with itself at every lag: ``r[k] = sum over i of x[i] x[i + k]``.

    Args:
        x: (*spatial), one to three axes.

    Returns:
        (*(2 * size - 1)), lags ``1 - size`` to ``size - 1``; the middle is lag 0, the sum of squares and the largest.

    >>> autocorrelate([1, 2, 3]).tolist()
    [3, 8, 14, 8, 3]
    """
    x = np.asarray(x)
    return correlate_plane(x, x, padding=full(x.shape))
