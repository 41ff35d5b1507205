"""Judging a model file on a data source: the splits, the classes by name, the scores as plain values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data import Dataset, Split, load

from .distributed import device as device_named
from .errors import TrainingError
from .judge import Judgement, class_scores, judge
from .model import Model


def evaluate(
    path: Path | str,
    source: str | Path,
    *,
    split: str | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Judge the model in ``path`` on labelled examples.

    Args:
        path: a model file.
        source: as for ``data.load``.
        split: ``"test"``, ``"val"`` or ``"train"``; None: the first of these that the data has.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        data_dir: where named data sets are looked for first.
        label: of a .csv or .tsv file, the column of the classes, as for ``data.load``.

    Returns:
        ``split``, ``accuracy``, ``loss``, ``examples``, ``right``, ``classes`` (a dict a class), ``confusion``.

    Raises:
        TrainingError, DataError: the model or the data cannot be read, or they do not belong together.
    """
    where = device_named(device)
    model = Model.load(path)
    pre = model.preprocessing
    data = load(source, data_dir=data_dir, val=0.0, label=label, like=pre)
    name, examples = _choose(data, split)
    relabelled = _labels(examples.y, data.classes, model.classes, data.name)
    judged = judge(model.module().to(where), examples, pre, where)
    judged = Judgement(relabelled, judged.probabilities, _loss(relabelled, judged.probabilities))
    return {
        "split": name,
        "accuracy": judged.accuracy,
        "loss": judged.loss,
        "examples": len(judged.labels),
        "right": int((judged.predicted == judged.labels).sum()),
        "classes": _rows(judged, model.classes),
        "confusion": judged.confusion.tolist(),
        "model": str(path),
        "data": data.name,
    }


def _choose(data: Dataset, split: str | None) -> tuple[str, Split]:
    known = {"test": data.test, "val": data.val, "train": data.train}
    if split is not None and split not in known:
        raise TrainingError(f'--split must be test, val or train, not "{split}"')
    for name, examples in known.items():
        if (split is None or name == split) and examples is not None and len(examples):
            return name, examples
    raise TrainingError(f"{data.name} has no {split} split; leave out --split to judge what there is")


def _labels(labels: np.ndarray, names: tuple[str, ...], known: tuple[str, ...], data: str) -> np.ndarray:
    """The labels as places in the model's classes, matched by name."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TrainingError(
            f"{data} has the class {unknown[0]!r}, which the model does not know (it knows {', '.join(known[:10])}); "
            "evaluate it on the classes it was trained on"
        )
    return np.asarray(np.array([known.index(name) for name in names], np.int64)[labels])


def _loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean cross-entropy in nats."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def _rows(judged: Judgement, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for i, score in enumerate(class_scores(judged, classes)):
        wrong = judged.confusion[i].copy()
        wrong[i] = 0
        rows.append({**asdict(score), "taken_for": classes[int(wrong.argmax())] if wrong.any() else None})
    return rows
