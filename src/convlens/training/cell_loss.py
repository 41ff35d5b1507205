"""Cross-entropy of the scores of every cell, and its slope: what the engine is told between forward and backward."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.cell_set import IGNORED


@dataclass(frozen=True, eq=False)
class CellLoss:
    """Of n examples: the summed cross-entropy (n,), how many cells were right (n,), and the sum's slope (n, K, ...)."""

    loss: NDArray[np.float64]
    right: NDArray[np.int64]
    slope: NDArray[np.float32]


def cell_loss(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> CellLoss:
    """Cross-entropy of scores with a label for every cell.

    loss = log(sum over k of exp(score[k] - top)) + top - score[label]
    slope[k] = exp(score[k] - top) / sum - [k = label]

    Args:
        scores: (n, classes, *spatial).
        labels: (n, *spatial) whole numbers; ``IGNORED`` where there is none, whose loss and slope are 0.

    >>> found = cell_loss(np.zeros((1, 2, 3), np.float32), np.array([[0, 1, IGNORED]]))
    >>> found.slope[0, 1].tolist(), found.right.tolist(), round(float(found.loss[0]), 4)
    ([0.5, -0.5, 0.0], [1], 1.3863)
    """
    n, classes = scores.shape[:2]
    cells = math.prod(scores.shape[2:])
    flat, labels = scores.reshape(n, classes, cells), labels.reshape(n, 1, cells)
    there = labels != IGNORED
    own = np.where(there, labels, 0)
    top = flat.max(1, keepdims=True)
    slope = np.exp(flat - top)
    total = slope.sum(1, keepdims=True)
    lost = np.log(total) + top - np.take_along_axis(flat, own, 1)
    slope /= total
    np.put_along_axis(slope, own, np.take_along_axis(slope, own, 1) - 1, 1)
    slope *= there
    said = flat.argmax(1)[:, None]
    loss = np.where(there, lost, 0).sum((1, 2), dtype=np.float64)
    return CellLoss(loss, ((said == own) & there).sum((1, 2)), slope.reshape(scores.shape))
