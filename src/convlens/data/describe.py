"""What is in a data set, in values that JSON can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.data.cell_set import CellSet
from convlens.data.dataset import ArraySplit, Dataset
from convlens.data.survey import survey


def describe(dataset: Dataset | CellSet) -> dict[str, Any]:
    """Tell what is in a data set, in values that JSON can hold.

    Returns:
        name, kind, shape, dtype, classes; for each split its examples, examples (or cells, where each has a label) by
        class, where it lies, and its lowest and highest raw value; preprocessing; and the notes by kind.
    """
    notes: dict[str, list[dict[str, Any]]] = {}
    for note in dataset.notes:
        notes.setdefault(note.kind, []).append({"message": note.message, "names": list(note.names)})
    own = dataset.preprocessing
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "shape": list(own.shape),
        "dtype": own.dtype,
        "classes": list(dataset.classes),
        "splits": _cell_splits(dataset) if isinstance(dataset, CellSet) else _splits(dataset),
        "preprocessing": own.to_json(),
        "notes": notes,
    }


def _cell_splits(dataset: CellSet) -> dict[str, dict[str, Any]]:
    return {
        part: {
            "examples": len(split),
            "classes": dict(zip(dataset.classes, split.counts(len(dataset.classes)).tolist(), strict=True)),
            "where": "memory",
            "bytes": sum(x.nbytes for x in split.x),
            "range": [float(min(x.min() for x in split.x)), float(max(x.max() for x in split.x))],
        }
        for part, split in dataset.splits.items()
    }


def _splits(dataset: Dataset) -> dict[str, dict[str, Any]]:
    splits = {}
    for part, split in dataset.splits.items():
        low, high = dataset.ranges[part] if part in dataset.ranges else survey(split).range
        counts = np.bincount(split.y, minlength=len(dataset.classes)).tolist()
        splits[part] = {
            "examples": len(split),
            "classes": dict(zip(dataset.classes, counts, strict=True)),
            "where": "memory" if isinstance(split, ArraySplit) else "files",
            "bytes": split.nbytes,
            "range": [low, high],
        }
    return splits
