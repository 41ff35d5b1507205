"""Activation functions, element by element, and their gradients.

Arrays of any shape; nothing here knows a neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, check_shape, numbers


def sigmoid(x: ArrayLike) -> Array:
    """``1 / (1 + exp(-x))``, without overflow on either side.

    Args:
        x: any shape.

    Returns:
        The same shape in float64.

    Source: Dive into Deep Learning, equation 5.1.6; for x < 0 as ``exp(x) / (1 + exp(x))``.

    >>> sigmoid([0, -1000, 1000]).tolist()
    [0.5, 0.0, 1.0]
    """
    return _each(_sigmoid, x)


def sigmoid_gradient(x: ArrayLike, upstream: ArrayLike) -> Array:
    """``upstream * s(x) s(-x)``, both shaped as x; 1 - s(x) is s(-x) without cancellation.

    >>> sigmoid_gradient([0], [8]).tolist()
    [2.0]
    """
    return _each_with(lambda v, up: up * (_sigmoid(v) * _sigmoid(-v)), x, upstream)


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    small = math.exp(value)
    return small / (1 + small)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent.

    Args:
        x: any shape.

    Returns:
        The same shape in float64.

    Source: Dive into Deep Learning, equation 5.1.8.

    >>> tanh([0, 1000]).tolist()
    [0.0, 1.0]
    """
    return _each(math.tanh, x)


def tanh_gradient(x: ArrayLike, upstream: ArrayLike) -> Array:
    """``upstream * (1 - tanh(x)**2)``, both shaped as x.

    >>> tanh_gradient([0], [3]).tolist()
    [3.0]
    """
    return _each_with(lambda v, up: up * (1 - math.tanh(v) ** 2), x, upstream)


def relu(x: ArrayLike) -> Array:
    """``max(x, 0)``; NaN stays NaN, whole numbers stay whole.

    Args:
        x: any shape.

    Returns:
        The same shape: float64, or int64 when x is whole.

    Source: Dive into Deep Learning, equation 5.1.4.

    >>> relu([-2, 0, 3]).tolist()
    [0, 0, 3]
    """
    (x,) = numbers(x)
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if not x[i] <= 0:
            y[i] = x[i]
    return y


def relu_gradient(x: ArrayLike, upstream: ArrayLike) -> Array:
    """``upstream`` where x > 0 or x is NaN, 0 elsewhere (at 0 too, as in PyTorch), both shaped as x.

    >>> relu_gradient([-2, 0, 3], [5, 6, 7]).tolist()
    [0, 0, 7]
    """
    x, upstream = numbers(x, upstream)
    check_shape(upstream, x.shape, "the upstream gradient")
    dx = np.zeros_like(upstream)
    for i in np.ndindex(x.shape):
        if not x[i] <= 0:
            dx[i] = upstream[i]
    return dx


def _each(function: Callable[[float], float], x: ArrayLike) -> Array:
    (x,) = numbers(x)
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        y[i] = function(float(x[i]))
    return y


def _each_with(function: Callable[[float, float], float], x: ArrayLike, upstream: ArrayLike) -> Array:
    x, upstream = numbers(x, upstream)
    check_shape(upstream, x.shape, "the upstream gradient")
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        dx[i] = function(float(x[i]), float(upstream[i]))
    return dx
