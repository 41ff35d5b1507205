"""What a trained network says of labelled examples: loss, accuracy, confusion, per-class scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from convlens.data import Preprocessing, Split
from convlens.data.stream import batches

EXAMPLES_AT_ONCE = 1000


@dataclass(frozen=True)
class Judgement:
    """Labels (N,), probabilities (N, classes) and the mean cross-entropy in nats."""

    labels: np.ndarray
    probabilities: np.ndarray
    loss: float

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.labels)

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each example, (N,)."""
        return np.asarray(self.probabilities.argmax(1))

    @property
    def accuracy(self) -> float:
        """The share of examples whose most probable class is theirs; NaN without examples."""
        return float((self.predicted == self.labels).mean()) if len(self.labels) else math.nan

    @property
    def confusion(self) -> np.ndarray:
        """Counts (true class, predicted class)."""
        classes = self.probabilities.shape[1]
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts


def to_input(raw: Tensor, preprocessing: Preprocessing, device: torch.device) -> Tensor:
    """Raw examples (N, C, *spatial) as the network sees them: float32, gain and offset a channel.

    Texts come as a code a character, (N, 1, W), and leave as channels, one of them lit.
    """
    if preprocessing.kind == "text":
        return torch.from_numpy(preprocessing.apply(raw.numpy())).to(device)
    shape = (1, -1) + (1,) * (raw.dim() - 2)
    gain = torch.from_numpy(preprocessing.gain).to(device).view(shape)
    offset = torch.from_numpy(preprocessing.offset).to(device).view(shape)
    return raw.to(device).to(torch.float32, copy=True).mul_(gain).add_(offset)


def judge(
    module: torch.nn.Module,
    split: Split,
    preprocessing: Preprocessing,
    device: torch.device,
    *,
    workers: int = 0,
    progress: Callable[[int], None] = lambda n: None,
) -> Judgement:
    """Run ``module`` over a split in evaluation mode; its training mode is restored afterwards.

    ``progress`` is called with the number of examples done so far.
    """
    was_training = module.training
    module.eval()
    order = np.array_split(np.arange(len(split)), max(1, -(-len(split) // EXAMPLES_AT_ONCE)))
    losses, probabilities, labels, done = 0.0, [], [], 0
    with torch.inference_mode():
        for raw, y in batches(split, order if len(split) else [], workers):
            logits = module(to_input(raw, preprocessing, device)).float().cpu()
            losses += float(F.cross_entropy(logits, y, reduction="sum"))
            probabilities.append(logits.softmax(1).numpy())
            labels.append(y.numpy())
            done += len(y)
            progress(done)
    module.train(was_training)
    if not labels:
        return Judgement(np.zeros(0, np.int64), np.zeros((0, 0), np.float32), math.nan)
    return Judgement(np.concatenate(labels), np.concatenate(probabilities), losses / done)


@dataclass(frozen=True)
class ClassScore:
    """One class: of its examples, how many were found (recall); of those named so, how many are (precision)."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def class_scores(judgement: Judgement, classes: tuple[str, ...]) -> list[ClassScore]:
    """Precision, recall, F1 and support of every class; 0 where nothing was predicted or present."""
    confusion = judgement.confusion
    scores = []
    for i, name in enumerate(classes):
        hit, support, named = int(confusion[i, i]), int(confusion[i].sum()), int(confusion[:, i].sum())
        precision, recall = hit / named if named else 0.0, hit / support if support else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
        scores.append(ClassScore(name, precision, recall, f1, support))
    return scores
