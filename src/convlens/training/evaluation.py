"""Judging a model file on a data source: the splits, the classes by name, the scores as plain values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convlens.data import CellSet, CellSplit, Dataset, load, load_set
from convlens.data.cell_files import converted
from convlens.data.cell_set import IGNORED

from .distributed import device as device_named
from .errors import TrainingError
from .judge import Judgement, class_scores, judge
from .judge_cells import judge_cells
from .model import Model
from .tiles import Tiled


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
        ``split``, ``accuracy``, ``loss``, ``examples``, ``right``, ``classes`` (a dict a class), ``confusion``. Where
        the model labels cells, ``examples`` and ``right`` count cells, and the classes have ``dice`` and ``iou``.

    Raises:
        TrainingError, DataError: the model or the data cannot be read, or they do not belong together.
    """
    where = device_named(device)
    model = Model.load(path)
    pre = model.preprocessing
    if model.of_cells:
        return {**_of_cells(model, source, split, where), "model": str(path)}
    data = load(source, data_dir=data_dir, val=0.0, label=label, like=pre)
    name = _choose(data, split)
    examples = data.splits[name]
    relabelled = _places(data.classes, model.classes, data.name)[examples.y]
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


def _of_cells(model: Model, source: str | Path, split: str | None, where: torch.device) -> dict[str, Any]:
    pre = model.preprocessing
    data = load_set(source, val=0.0)
    if not isinstance(data, CellSet):
        raise TrainingError(
            f"the model labels every cell, and {data.name} has one label an example; use convlens predict"
        )
    if data.kind != pre.kind:
        raise TrainingError(f"the model reads {pre.kind}s, and {data.name} holds {data.kind}s")
    name = _choose(data, split)
    examples = data.splits[name]
    known = _places(data.classes, model.classes, data.name)
    renamed = np.full(256, IGNORED, np.uint8)
    renamed[: len(known)] = known
    examples = CellSplit(
        [converted(x, pre.kind, pre.shape[0], pre.dtype) for x in examples.x],
        [renamed[y] for y in examples.y],
        examples.names,
    )
    tiled = Tiled(model.module().to(where), model.network, where, torch.get_num_threads())
    judged = judge_cells(tiled, examples, pre, len(model.classes))
    return {
        "split": name,
        "accuracy": judged.accuracy,
        "loss": judged.loss,
        "examples": judged.count,
        "right": int(np.trace(judged.confusion)),
        "classes": judged.rows(model.classes),
        "confusion": judged.confusion.tolist(),
        "data": data.name,
    }


def _choose(data: Dataset | CellSet, split: str | None) -> str:
    known = ("test", "val", "train")
    if split is not None and split not in known:
        raise TrainingError(f'--split must be test, val or train, not "{split}"')
    for name in known:
        if (split is None or name == split) and len(data.splits.get(name) or ()):
            return name
    raise TrainingError(f"{data.name} has no {split} split; leave out --split to judge what there is")


def _places(names: tuple[str, ...], known: tuple[str, ...], data: str) -> np.ndarray:
    """The place of each class of the data among the model's, matched by name."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TrainingError(
            f"{data} has the class {unknown[0]!r}, which the model does not know (it knows {', '.join(known[:10])}); "
            "evaluate it on the classes it was trained on"
        )
    return np.array([known.index(name) for name in names], np.int64)


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
