"""One pass over a split: what each example measures, and a digest by which equal ones are found.

The passes that need all of the data (equal pictures, means, ranges) share this one, because a split that streams from
disk decodes every file for it.  Nothing here changes or chooses examples.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Raw, Split

# Cells in one piece: 2**18 float64 are 2 MiB, which stay in a core's cache while they are summed and squared.
PIECE = 2**18


@dataclass(frozen=True, eq=False)
class Survey:
    """What was measured of N examples with C channels.

    `mean` is float64 (N, C); `scatter` the sum of squared distances from that mean, float64 (N, C); `low` and `high`
    are the extremes of each example, float64 (N,); `cells` the number of cells in one channel of one example.
    """

    digests: list[bytes]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    cells: int

    def take(self, indices: NDArray[np.int64]) -> Survey:
        """Keep what was measured of the examples at these places."""
        digests = [self.digests[i] for i in indices]
        return Survey(
            digests, self.mean[indices], self.scatter[indices], self.low[indices], self.high[indices], self.cells
        )

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value of all."""
        return float(self.low.min()), float(self.high.max())

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of all cells, raw, float64 (C,) each.

        The total scatter is that within the examples plus that of their means (Chan, Golub and LeVeque 1979), which
        loses no digits when the mean is large.
        """
        mean = self.mean.mean(axis=0)
        scatter = self.scatter.sum(axis=0) + self.cells * ((self.mean - mean) ** 2).sum(axis=0)
        return mean, np.sqrt(scatter / (len(self.mean) * self.cells))


def survey(split: Split) -> Survey:
    """Measure every example of a split once.

    >>> from convlens.data.dataset import ArraySplit
    >>> two = ArraySplit(np.array([[[0, 2]], [[4, 6]]], np.uint8), np.array([0, 1]))
    >>> [float(m[0]) for m in survey(two).moments()], survey(two).range
    ([3.0, 2.23606797749979], (0.0, 6.0))
    """
    count, channels = len(split), split.shape[0]
    cells = int(np.prod(split.shape[1:], dtype=np.int64))
    (mean, scatter), (low, high) = np.empty((2, count, channels)), np.empty((2, count))
    result = Survey([], mean, scatter, low, high, cells)
    step = max(1, PIECE // max(1, channels * cells))
    for start, chunk in split.chunks():
        result.digests.extend(_digests(chunk))
        for inner in range(0, len(chunk), step):
            _measure(chunk[inner : inner + step], start + inner, result)
    return result


def _digests(chunk: Raw) -> list[bytes]:
    rows = np.ascontiguousarray(chunk).reshape(len(chunk), -1).view(np.uint8)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def _measure(piece: Raw, start: int, result: Survey) -> None:
    where = slice(start, start + len(piece))
    flat = piece.reshape(len(piece), piece.shape[1], -1)
    result.low[where], result.high[where] = flat.min(axis=(1, 2)), flat.max(axis=(1, 2))
    values = flat.astype(np.float64)
    mean = values.mean(axis=2)
    values -= mean[:, :, None]
    result.mean[where] = mean
    result.scatter[where] = np.einsum("ncx,ncx->nc", values, values)
