"""The dense layer on flat vectors and the flattening before it, forward and gradient. Batches come first."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import NetworkError

from .arrays import Array, arithmetic, check_batch, check_shape, numbers, weighted


def flatten(x: ArrayLike) -> Array:
    """Lay out every example (C, *spatial) as one vector, channels outermost: (N, C, *spatial) to (N, features).

    >>> flatten(np.arange(8).reshape(2, 2, 2)).tolist()
    [[0, 1, 2, 3], [4, 5, 6, 7]]
    """
    (x,) = numbers(x)
    check_batch(x)
    y = np.zeros((x.shape[0], math.prod(x.shape[1:])), x.dtype)
    for n in range(x.shape[0]):
        for feature, index in enumerate(np.ndindex(x.shape[1:])):
            y[n, feature] = x[(n, *index)]
    return y


def flatten_gradient(x: ArrayLike, upstream: ArrayLike) -> Array:
    """The gradient of ``flatten``: every upstream value back to where its feature came from, shaped as x.

    >>> flatten_gradient([[[0, 0], [0, 0]]], [[1, 2, 3, 4]]).tolist()
    [[[1, 2], [3, 4]]]
    """
    x, upstream = numbers(x, upstream)
    check_batch(x)
    check_shape(upstream, (x.shape[0], math.prod(x.shape[1:])), "the upstream gradient")
    dx = np.zeros_like(x)
    for n in range(x.shape[0]):
        for feature, index in enumerate(np.ndindex(x.shape[1:])):
            dx[(n, *index)] = upstream[n, feature]
    return dx


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """The dense layer: ``y[n,o] = bias[o] + sum over i of w[o,i] x[n,i]``.

    Args:
        x: (N, I).
        weight: (O, I).
        bias: (O,), or None for none.

    Returns:
        (N, O): float64, or int64 when every argument is whole.

    Raises:
        NetworkError: shapes that do not meet.

    Source: Dive into Deep Learning, equation 3.1.3.

    >>> linear([[1, 2]], [[3, 4], [5, 6]], [10, 20]).tolist()
    [[21, 37]]
    """
    x, weight, bias = weighted(x, weight, bias)
    _check(x, weight)
    bias = np.zeros(weight.shape[:1], x.dtype) if bias is None else bias
    check_shape(bias, weight.shape[:1], "the bias")
    y = np.zeros((x.shape[0], weight.shape[0]), x.dtype)
    with arithmetic(x.dtype):
        for n, o in np.ndindex(y.shape):
            total = bias[o]
            for i in range(x.shape[1]):
                total = total + weight[o, i] * x[n, i]
            y[n, o] = total
    return y


def linear_gradient(x: ArrayLike, weight: ArrayLike, upstream: ArrayLike) -> tuple[Array, Array, Array]:
    """The gradient of ``linear``.

    Args:
        x: (N, I), what the forward pass saw.
        weight: (O, I).
        upstream: (N, O).

    Returns:
        The derivatives by x, by weight and by bias: (N, I), (O, I) and (O,).

    Raises:
        NetworkError: shapes that do not meet.

    >>> dx, dweight, dbias = linear_gradient([[1, 2]], [[3, 4], [5, 6]], [[1, 10]])
    >>> dx.tolist(), dweight.tolist(), dbias.tolist()
    ([[53, 64]], [[1, 2], [10, 20]], [1, 10])
    """
    x, weight, upstream = numbers(x, weight, upstream)
    _check(x, weight)
    check_shape(upstream, (x.shape[0], weight.shape[0]), "the upstream gradient")
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(weight.shape[:1], x.dtype)
    with arithmetic(x.dtype):
        for n, o in np.ndindex(upstream.shape):
            up = upstream[n, o]
            dbias[o] += up
            for i in range(x.shape[1]):
                dx[n, i] += up * weight[o, i]
                dweight[o, i] += up * x[n, i]
    return dx, dweight, dbias


def _check(x: Array, weight: Array) -> None:
    if x.ndim != 2:
        raise NetworkError(f"linear takes flat vectors (N, features), not {x.ndim} axes; flatten first")
    if weight.ndim != 2:
        raise NetworkError(f"the weight of linear has the axes (O, I), not {weight.ndim} of them")
    check_shape(weight, (weight.shape[0], x.shape[1]), "the weight")
