"""Pooling by plain loops: the largest value or the mean under each window, and their gradients.

Batches come first: x is (N, C, *spatial), as in PyTorch, whose rules for padding, ceil and divisors these are.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import AvgPool, Axis, MaxPool, axes
from convlens.network.layers import Padding, Sizes

from .arrays import Array, arithmetic, check_batch, check_shape, numbers
from .windows import Index, windows

Window = Sizes | Literal["all"]


def max_pool(
    x: ArrayLike,
    window: Window,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
) -> Array:
    """The largest value under each window; NaN counts as larger than anything, padding as smaller.

    Args:
        x: (N, C, *spatial).
        window: the window's size, or ``"all"`` for the whole input.
        stride: None for the window's own size.
        padding, dilation: as in ``correlate``; padding never wins.
        ceil: keep a last window that reaches over the end.

    Returns:
        (N, C, *out): float64, or int64 when x is whole. A window whose taps all miss the input (dilation can do that)
        holds -inf, or the least int64.

    Raises:
        NetworkError: the window does not fit.

    Source: Dive into Deep Learning, section 7.5, and its example:

    >>> max_pool(np.arange(9).reshape(1, 1, 3, 3), 2, stride=1)[0, 0].tolist()
    [[4, 5], [7, 8]]
    """
    (x,) = numbers(x)
    sliding = _axes(MaxPool(window, stride, padding, dilation, ceil), x)
    lowest: Any = -np.inf if x.dtype.kind == "f" else np.iinfo(np.int64).min
    y = np.full((*x.shape[:2], *(axis.out for axis in sliding)), lowest, x.dtype)
    for position, seen in windows(sliding):
        for n, c in np.ndindex(x.shape[0], x.shape[1]):
            best = _largest(x[n, c], seen)
            if best is not None:
                y[(n, c, *position)] = x[(n, c, *best)]
    return y


def max_pool_gradient(
    x: ArrayLike,
    upstream: ArrayLike,
    window: Window,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
) -> Array:
    """The gradient of ``max_pool``: each upstream value goes to the cell that won.

    Of equal values the first in scan order wins, and of several NaN the last: so does PyTorch.

    Args:
        x: (N, C, *spatial), what the forward pass saw.
        upstream: (N, C, *out).
        window, stride, padding, dilation, ceil: as in ``max_pool``.

    Returns:
        (N, C, *spatial).

    Raises:
        NetworkError: shapes that do not meet.

    >>> max_pool_gradient([[[1, 5, 5, 2]]], [[[10, 1, 100]]], 2, stride=1).tolist()
    [[[0, 11, 100, 0]]]
    """
    x, upstream = numbers(x, upstream)
    sliding = _axes(MaxPool(window, stride, padding, dilation, ceil), x)
    check_shape(upstream, (*x.shape[:2], *(axis.out for axis in sliding)), "the upstream gradient")
    dx = np.zeros_like(x)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            for n, c in np.ndindex(x.shape[0], x.shape[1]):
                best = _largest(x[n, c], seen)
                if best is not None:
                    dx[(n, c, *best)] += upstream[(n, c, *position)]
    return dx


def _largest(plane: Array, seen: list[tuple[Index, Index]]) -> Index | None:
    """The cell that wins under a window: the first of the largest, or the last NaN."""
    best: Index | None = None
    largest = None
    for _, cell in seen:
        value = plane[cell]
        if largest is None or value > largest or value != value:
            best, largest = cell, value
    return best


def avg_pool(
    x: ArrayLike,
    window: Window,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    count_padding: bool = True,
) -> Array:
    """The mean under each window.

    Args:
        x: (N, C, *spatial).
        window: the window's size, or ``"all"`` for the whole input.
        stride: None for the window's own size.
        padding: as in ``correlate``.
        ceil: keep a last window that reaches over the end.
        count_padding: whether padded zeros count as cells; what ``ceil`` adds beyond the padding never does.

    Returns:
        (N, C, *out) in float64.

    Raises:
        NetworkError: the window does not fit.

    Source: Dive into Deep Learning, section 7.5; the divisor is PyTorch's (``_divisor`` states it).

    >>> avg_pool(np.arange(9).reshape(1, 1, 3, 3), 2, stride=1)[0, 0].tolist()
    [[2.0, 3.0], [5.0, 6.0]]
    """
    x = np.asarray(numbers(x)[0], np.float64)
    sliding = _axes(AvgPool(window, stride, padding, ceil, count_padding), x)
    y = np.zeros((*x.shape[:2], *(axis.out for axis in sliding)))
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            divisor = _divisor(sliding, position, len(seen), count_padding)
            for n, c in np.ndindex(x.shape[0], x.shape[1]):
                plane, total = x[n, c], np.float64(0)
                for _, cell in seen:
                    total = total + plane[cell]
                y[(n, c, *position)] = total / divisor
    return y


def avg_pool_gradient(
    x: ArrayLike,
    upstream: ArrayLike,
    window: Window,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    count_padding: bool = True,
) -> Array:
    """The gradient of ``avg_pool``: each cell under a window gets the upstream value over the window's divisor.

    Args:
        x: (N, C, *spatial), what the forward pass saw; only its shape matters.
        upstream: (N, C, *out).
        window, stride, padding, ceil, count_padding: as in ``avg_pool``.

    Returns:
        (N, C, *spatial) in float64.

    Raises:
        NetworkError: shapes that do not meet.

    >>> avg_pool_gradient([[[0, 0, 0]]], [[[2, 4]]], 2, stride=1).tolist()
    [[[1.0, 3.0, 2.0]]]
    """
    (x, upstream) = (np.asarray(array, np.float64) for array in numbers(x, upstream))
    sliding = _axes(AvgPool(window, stride, padding, ceil, count_padding), x)
    check_shape(upstream, (*x.shape[:2], *(axis.out for axis in sliding)), "the upstream gradient")
    dx = np.zeros_like(x)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            divisor = _divisor(sliding, position, len(seen), count_padding)
            for n, c in np.ndindex(x.shape[0], x.shape[1]):
                for _, cell in seen:
                    dx[(n, c, *cell)] += upstream[(n, c, *position)] / divisor
    return dx


def _divisor(sliding: tuple[Axis, ...], position: Index, real: int, count_padding: bool) -> int:
    """How many cells the mean divides by: the real ones, or with the padded ones up to the end of the padding."""
    if not count_padding:
        return real
    return math.prod(
        min(axis.first(p) + axis.kernel, axis.size + axis.after) - axis.first(p)
        for axis, p in zip(sliding, position, strict=True)
    )


def _axes(layer: MaxPool | AvgPool, x: Array) -> tuple[Axis, ...]:
    check_batch(x, 3)
    return axes(layer, x.shape[1:])
