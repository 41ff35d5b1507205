"""What a network says of examples with a label for every cell: counts, overlap of each class, and its labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from convlens.data import CellSplit, Preprocessing
from convlens.data.cell_set import IGNORED, Labels

from .judge import to_input
from .tiles import Tiled


@dataclass(frozen=True, eq=False)
class CellJudgement:
    """Counts (true class, said class) of cells with a label, their mean cross-entropy, what was said of each cell."""

    confusion: NDArray[np.int64]
    loss: float
    said: Sequence[Labels]

    @property
    def count(self) -> int:
        """Cells with a label."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share of cells whose class was said; NaN without cells."""
        return float(np.trace(self.confusion) / self.count) if self.count else math.nan

    @property
    def dice(self) -> NDArray[np.float64]:
        """Of each class: twice the cells that are and were said, over those that are and those that were said.

        NaN where a class is nowhere and was said nowhere. Source: Dice, 1945.
        """
        hit, there, said = self._counts()
        with np.errstate(invalid="ignore"):
            return np.asarray(2 * hit / (there + said))

    @property
    def iou(self) -> NDArray[np.float64]:
        """Of each class: the cells that are and were said, over those that are or were said. Source: Jaccard, 1901."""
        hit, there, said = self._counts()
        with np.errstate(invalid="ignore"):
            return np.asarray(hit / (there + said - hit))

    def _counts(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        return np.diag(self.confusion).astype(np.float64), self.confusion.sum(1), self.confusion.sum(0)

    def rows(self, classes: Sequence[str]) -> list[dict[str, object]]:
        """Name, Dice, IoU and number of cells of every class."""
        there = self.confusion.sum(1)
        return [
            {"name": name, "dice": float(self.dice[k]), "iou": float(self.iou[k]), "cells": int(there[k])}
            for k, name in enumerate(classes)
        ]


def judge_cells(tiled: Tiled, split: CellSplit, preprocessing: Preprocessing, classes: int) -> CellJudgement:
    """Run a network over the examples of a split, whole, and count."""
    confusion, lost, said = np.zeros((classes, classes), np.int64), 0.0, []
    for x, y in zip(split.x, split.y, strict=True):
        scores = tiled(to_input(torch.from_numpy(np.ascontiguousarray(x))[None], preprocessing, torch.device("cpu"))[0])
        labels = scores.argmax(0).numpy().astype(np.uint8)
        said.append(labels)
        there = torch.from_numpy(y.astype(np.int64))[None]
        lost += float(F.cross_entropy(scores[None], there, reduction="sum", ignore_index=IGNORED))
        known = y != IGNORED
        pairs = y[known].astype(np.int64) * classes + labels[known]
        confusion += np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    count = int(confusion.sum())
    return CellJudgement(confusion, lost / count if count else math.nan, said)
