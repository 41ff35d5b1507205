"""The loss of a classifier and its gradient, from logits and whole-number labels; and how many it gets right."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import NetworkError

from .arrays import Array, check_shape, numbers


def log_softmax(logits: ArrayLike) -> Array:
    """``x - log(sum of exp(x))`` of each row, the largest taken out first so that nothing overflows.

    Args:
        logits: (N, classes).

    Returns:
        (N, classes) in float64, the logarithms of probabilities.

    Raises:
        NetworkError: not two axes, or no class.

    Source: Dive into Deep Learning, section 4.5.2.

    >>> log_softmax([[1000, 1000]]).tolist()    # log 1/2, twice
    [[-0.693..., -0.693...]]
    """
    logits = np.asarray(numbers(logits)[0], np.float64)
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise NetworkError("logits have the axes (N, classes), with at least one class")
    y = np.zeros_like(logits)
    for n in range(logits.shape[0]):
        row = [float(value) for value in logits[n]]
        largest = max(row)
        log_sum = math.log(sum(math.exp(value - largest) for value in row))
        for k, value in enumerate(row):
            y[n, k] = (value - largest) - log_sum
    return y


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The mean over the batch of ``-log softmax(logits)[label]``.

    Args:
        logits: (N, classes).
        labels: (N,), whole numbers from 0 on.

    Returns:
        The loss in nats.

    Raises:
        NetworkError: shapes that do not meet, a label that is no class, or no example.

    Source: Dive into Deep Learning, equation 4.1.8. Of ten classes that look alike the loss is log 10:

    >>> cross_entropy([[0.0] * 10], [3])
    2.302585...
    """
    logs, labels = log_softmax(logits), np.asarray(labels)
    _check_labels(labels, logs)
    return float(sum(-logs[n, labels[n]] for n in range(len(labels))) / len(labels))


def cross_entropy_gradient(logits: ArrayLike, labels: ArrayLike) -> Array:
    """The gradient of ``cross_entropy`` by the logits: ``(softmax - one-hot) / N``.

    Args:
        logits: (N, classes).
        labels: (N,).

    Returns:
        (N, classes).

    Raises:
        NetworkError: as ``cross_entropy``.

    Source: Dive into Deep Learning, equation 4.1.10.

    >>> cross_entropy_gradient([[0, 0]], [1]).tolist()
    [[0.5, -0.5]]
    """
    logs, labels = log_softmax(logits), np.asarray(labels)
    _check_labels(labels, logs)
    gradient = np.zeros_like(logs)
    for n, k in np.ndindex(logs.shape):
        gradient[n, k] = (math.exp(logs[n, k]) - (1.0 if labels[n] == k else 0.0)) / len(labels)
    return gradient


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The share of examples whose largest logit, the first of equals, stands at the label; with NaN none does.

    >>> accuracy([[1, 2], [3, 0], [1, 1]], [1, 1, 0])
    0.666...
    """
    logits, labels = np.asarray(numbers(logits)[0]), np.asarray(labels)
    _check_labels(labels, logits)
    right = 0
    for n in range(len(labels)):
        row = [float(value) for value in logits[n]]
        right += not any(map(math.isnan, row)) and row.index(max(row)) == int(labels[n])
    return right / len(labels)


def _check_labels(labels: Array, logits: Array) -> None:
    check_shape(labels, logits.shape[:1], "the labels")
    if logits.ndim != 2 or not len(labels):
        raise NetworkError("a mean over the batch needs logits (N, classes) of at least one example")
    if labels.dtype.kind not in "iu" or any(not 0 <= label < logits.shape[1] for label in labels):
        raise NetworkError(f"labels are whole numbers from 0 to {logits.shape[1] - 1}")
