"""Batch normalisation and dropout: what they do while training, what they do afterwards, and their gradients.

Nothing here draws random numbers (dropout is given its mask) or remembers anything (running statistics go in and come
out). x is (N, C) or (N, C, *spatial); a channel's values are those of all examples and positions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import NetworkError

from .arrays import Array, arithmetic, check_batch, check_shape, numbers


def batch_statistics(x: ArrayLike) -> tuple[Array, Array]:
    """The mean and the variance (divided by the count, not count - 1) of each channel.

    Args:
        x: (N, C, *spatial).

    Returns:
        Two arrays (C,) in float64.

    Raises:
        NetworkError: fewer than two values a channel, of which a batch says nothing.

    Source: Ioffe and Szegedy, 2015, algorithm 1.

    >>> [a.tolist() for a in batch_statistics([[[1, 3]], [[5, 7]]])]
    [[4.0], [5.0]]
    """
    x = _floats(x)
    count = _count(x)
    if count < 2:
        raise NetworkError(f"batch norm needs at least 2 values a channel while training, not {count}")
    mean, variance = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    with arithmetic(x.dtype):
        for c in range(x.shape[1]):
            for i in _cells(x, c):
                mean[c] += x[i] / count
            for i in _cells(x, c):
                variance[c] += (x[i] - mean[c]) ** 2 / count
    return mean, variance


def updated_statistics(
    running_mean: ArrayLike, running_variance: ArrayLike, x: ArrayLike, momentum: float
) -> tuple[Array, Array]:
    """The running statistics after one more batch: ``(1 - momentum) * running + momentum * batch``.

    Args:
        running_mean, running_variance: (C,).
        x: (N, C, *spatial), the batch.
        momentum: the weight of the new batch.

    Returns:
        The new running mean and variance (C,). As in PyTorch the batch's variance enters unbiased (over count - 1).

    Raises:
        NetworkError: fewer than two values a channel.

    >>> [a.tolist() for a in updated_statistics([0], [0], [[[1, 3]], [[5, 7]]], 0.5)]    # variance 20 / 3
    [[2.0], [3.333...]]
    """
    mean, variance = batch_statistics(x)
    x, old_mean, old_variance = _floats(x), _floats(running_mean), _floats(running_variance)
    count = _count(x)
    for c in range(x.shape[1]):
        mean[c] = (1 - momentum) * old_mean[c] + momentum * mean[c]
        variance[c] = (1 - momentum) * old_variance[c] + momentum * variance[c] * count / (count - 1)
    return mean, variance


def batch_norm(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, mean: ArrayLike, variance: ArrayLike, eps: float = 1e-5
) -> Array:
    """Normalise each channel by given statistics: ``y = weight * (x - mean) / sqrt(variance + eps) + bias``.

    Args:
        x: (N, C, *spatial).
        weight, bias, mean, variance: (C,); the batch's own statistics while training, the running ones afterwards.
        eps: keeps the root away from 0.

    Returns:
        (N, C, *spatial) in float64.

    Raises:
        NetworkError: shapes that do not meet.

    Source: Ioffe and Szegedy, 2015, algorithm 1.

    >>> batch_norm([[[1, 3]], [[5, 7]]], [2], [10], mean=[4], variance=[3], eps=1).tolist()
    [[[7.0, 9.0]], [[11.0, 13.0]]]
    """
    x, weight, bias, mean, variance = _with_channels(x, weight, bias, mean, variance)
    y = np.zeros_like(x)
    with arithmetic(x.dtype):
        for c in range(x.shape[1]):
            scale = weight[c] / np.float64(math.sqrt(variance[c] + eps))
            for i in _cells(x, c):
                y[i] = (x[i] - mean[c]) * scale + bias[c]
    return y


def batch_norm_gradient(
    x: ArrayLike, weight: ArrayLike, mean: ArrayLike, variance: ArrayLike, upstream: ArrayLike, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """The gradient of ``batch_norm`` when the statistics are constants, as they are after training.

    Args:
        x: (N, C, *spatial), what the forward pass saw.
        weight, mean, variance: (C,).
        upstream: (N, C, *spatial).
        eps: as in ``batch_norm``.

    Returns:
        The derivatives by x, by weight and by bias: (N, C, *spatial), (C,) and (C,).

    Raises:
        NetworkError: shapes that do not meet.

    >>> [a.tolist() for a in batch_norm_gradient([[3]], [6], [1], [3], [[10]], eps=1)]
    [[[30.0]], [10.0], [10.0]]
    """
    x, weight, mean, variance = _with_channels(x, weight, mean, variance)
    upstream = _floats(upstream)
    check_shape(upstream, x.shape, "the upstream gradient")
    dx, dweight, dbias = np.zeros_like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    with arithmetic(x.dtype):
        for c in range(x.shape[1]):
            scale = 1 / np.float64(math.sqrt(variance[c] + eps))
            for i in _cells(x, c):
                dx[i] = upstream[i] * weight[c] * scale
                dweight[c] += upstream[i] * (x[i] - mean[c]) * scale
                dbias[c] += upstream[i]
    return dx, dweight, dbias


def batch_norm_training_gradient(
    x: ArrayLike, weight: ArrayLike, upstream: ArrayLike, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """The gradient of ``batch_norm`` by the batch's own statistics, which themselves depend on x.

    Per channel with m values, g upstream and z the normalised x:
    ``dx = weight / sqrt(variance + eps) * (g - mean(g) - z * mean(g z))``.

    Args:
        x: (N, C, *spatial), what the forward pass saw.
        weight: (C,).
        upstream: (N, C, *spatial).
        eps: as in ``batch_norm``.

    Returns:
        The derivatives by x, by weight and by bias: (N, C, *spatial), (C,) and (C,).

    Raises:
        NetworkError: shapes that do not meet, or fewer than two values a channel.

    Source: Ioffe and Szegedy, 2015, section 3, simplified.

    >>> batch_norm_training_gradient([[1], [3]], [1], [[5], [5]])[0].tolist()    # a shift of all inputs is undone
    [[0.0], [0.0]]
    """
    mean, variance = batch_statistics(x)
    _, dweight, dbias = batch_norm_gradient(x, weight, mean, variance, upstream, eps)
    x, weight, upstream = _floats(x), _floats(weight), _floats(upstream)
    count = _count(x)
    dx = np.zeros_like(x)
    with arithmetic(x.dtype):
        for c in range(x.shape[1]):
            scale = 1 / np.float64(math.sqrt(variance[c] + eps))
            for i in _cells(x, c):
                normalised = (x[i] - mean[c]) * scale
                dx[i] = weight[c] * scale * (upstream[i] - dbias[c] / count - normalised * dweight[c] / count)
    return dx, dweight, dbias


def dropout(x: ArrayLike, mask: ArrayLike, probability: float) -> Array:
    """Keep the values where ``mask`` holds, times 1 / (1 - probability); zero the others. It is its own gradient.

    Args:
        x: any shape; the forward pass's input, or the upstream gradient.
        mask: the same shape, true where a value is kept.
        probability: that of being zeroed; at 1 nothing is kept.

    Returns:
        The same shape in float64.

    Raises:
        NetworkError: the mask has another shape.

    Source: Srivastava et al., 2014; Dive into Deep Learning, equation 5.6.1.

    >>> dropout([1, 2, 3, 4], [True, False, True, False], 0.5).tolist()
    [2.0, 0.0, 6.0, 0.0]
    """
    x, kept = _floats(x), np.asarray(mask)
    check_shape(kept, x.shape, "the mask")
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if kept[i] and probability < 1:
            y[i] = x[i] / (1 - probability)
    return y


def _floats(x: ArrayLike) -> Array:
    return np.asarray(numbers(x)[0], np.float64)


def _with_channels(x: ArrayLike, *per_channel: ArrayLike) -> tuple[Array, ...]:
    x = _floats(x)
    check_batch(x)
    arrays = tuple(_floats(values) for values in per_channel)
    for array in arrays:
        check_shape(array, (x.shape[1],), "what batch norm has for each channel")
    return (x, *arrays)


def _count(x: Array) -> int:
    check_batch(x)
    return int(math.prod((x.shape[0], *x.shape[2:])))


def _cells(x: Array, channel: int) -> Iterator[tuple[int, ...]]:
    """The indices of one channel's values, in all examples."""
    for n in range(x.shape[0]):
        for cell in np.ndindex(x.shape[2:]):
            yield (n, channel, *cell)
