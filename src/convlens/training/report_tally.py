"""What the judged examples say: the confusion counts, each class's scores, and which examples are worth a look.

Pure numpy on labels and probabilities; no HTML and no pictures here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PER_PAIR = 24  # pictures kept for a (true, predicted) pair of different classes
PER_RIGHT = 12  # and for a class taken for itself
WORST = 24
UNSURE = 12
TOTAL = 1500  # thumbnails on the whole page: 28x28 grey ones are about 0.7 MB as PNG


def wilson(right: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % score interval of a proportion (E. B. Wilson, 1927), which stays inside [0, 1].

    >>> tuple(round(bound, 4) for bound in wilson(90, 100))
    (0.8256, 0.9448)
    """
    if count == 0:
        return 0.0, 1.0
    share = right / count
    weight = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / weight
    half = z / weight * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Tally:
    """Labels and predictions of N examples, counted.

    ``counts[t, p]`` is how many examples of class t were taken for p; ``confidence`` the probability of ``predicted``.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    counts: np.ndarray
    broken: int  # examples with a probability that is not finite: read as zero

    @property
    def count(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> int:
        return int(np.trace(self.counts))

    def scores(self) -> dict[str, np.ndarray]:
        """Per class: precision, recall, f1 (NaN where undefined: nothing predicted, nothing there) and support."""
        hits = np.diag(self.counts).astype(float)
        support, claimed = self.counts.sum(axis=1), self.counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "precision": hits / claimed,
                "recall": hits / support,
                "f1": 2 * hits / (support + claimed),
                "support": support,
            }

    def confused(self, limit: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (true, predicted, count), the largest first."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
        rows, columns = np.unravel_index(order, wrong.shape)
        return [(int(t), int(p), int(wrong[t, p])) for t, p in zip(rows, columns, strict=True) if wrong[t, p]]

    def worst(self) -> np.ndarray:
        """The wrong ones that the network was surest of."""
        wrong = np.flatnonzero(self.labels != self.predicted)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:WORST]

    def unsure(self) -> np.ndarray:
        """The right ones that the network was least sure of."""
        right = np.flatnonzero(self.labels == self.predicted)
        return right[np.argsort(self.confidence[right], kind="stable")][:UNSURE]

    def shown(self, total: int = TOTAL) -> np.ndarray:
        """Which examples get a picture: the worst and the unsure, then every pair's first, every pair's second, ...

        Mistakes come before right ones of the same rank, so a page of many classes runs out of room fairly.
        """
        classes = len(self.counts)
        pair = self.labels * classes + self.predicted
        order = np.lexsort((-self.confidence, pair))
        starts = np.flatnonzero(np.r_[True, np.diff(pair[order]) != 0]) if self.count else np.zeros(0, int)
        rank = np.arange(self.count) - np.repeat(starts, np.diff(np.r_[starts, self.count]))
        right = self.labels[order] == self.predicted[order]
        kept = rank < np.where(right, PER_RIGHT, PER_PAIR)
        order, rank, right = order[kept], rank[kept], right[kept]
        fair = order[np.lexsort((right, rank))]
        first = np.concatenate([self.worst(), self.unsure(), fair])
        _, at = np.unique(first, return_index=True)
        return first[np.sort(at)][:total]


def tally_of(labels: np.ndarray, probabilities: np.ndarray, classes: int) -> Tally:
    """Count labels (N,) against probabilities (N, classes); the most probable class is the prediction.

    Raises ValueError where the shapes do not fit or a label is no class.
    """
    labels = np.asarray(labels).astype(np.int64).reshape(-1)
    if len(labels) == 0:
        nothing = np.zeros(0)
        return Tally(labels, labels, nothing, np.zeros((classes, classes), np.int64), 0)
    probabilities = np.asarray(probabilities, dtype=np.float32)
    if probabilities.shape != (len(labels), classes):
        raise ValueError(
            f"{len(labels)} labels and {classes} classes need probabilities of shape ({len(labels)}, {classes}), "
            f"not {probabilities.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"a label must be one of 0 to {classes - 1}; there are {labels.min()} to {labels.max()}")
    broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
    probabilities = np.nan_to_num(probabilities, nan=0.0, posinf=0.0, neginf=0.0)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), predicted]
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    return Tally(labels, predicted, confidence, counts, broken)
