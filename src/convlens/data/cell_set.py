"""A data set with a label for every cell: values only, as `dataset.py` is for a label an example.

Examples may differ in size, so a split is a list of arrays.  Nothing here opens a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Note, Raw
from convlens.data.errors import DataError
from convlens.data.holdout import hold_out
from convlens.data.preprocessing import SCALES, Kind, Preprocessing, kind_of

IGNORED = 255
"""The label of cells of which nothing is known: they are neither learned from nor counted."""

Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CellSplit:
    """Examples (C, *spatial) of one cell type, and for each the class of every cell, uint8 (*spatial).

    Raises:
        DataError: the lengths or the shapes do not fit.

    >>> split = CellSplit([np.zeros((1, 2, 3), np.uint8)], [np.zeros((2, 3), np.uint8)], ["a"])
    >>> len(split), split.cells, split.counts(2).tolist()
    (1, 6, [6, 0])
    """

    x: Sequence[Raw]
    y: Sequence[Labels]
    names: Sequence[str]

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.names):
            raise DataError(f"{len(self.x)} examples, {len(self.y)} labels and {len(self.names)} names must be as many")
        for x, y, name in zip(self.x, self.y, self.names, strict=True):
            if x.shape[1:] != y.shape or y.dtype != np.uint8:
                raise DataError(f"the labels of {name} are {y.dtype} of {y.shape}; make them uint8 of {x.shape[1:]}")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def cells(self) -> int:
        """Of all examples together."""
        return sum(y.size for y in self.y)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Cells of each class, (classes,)."""
        found = np.zeros(256, np.int64)
        for y in self.y:
            found += np.bincount(y.ravel(), minlength=256)
        return found[:classes]

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> CellSplit:
        """The examples at these places, in this order."""
        at = list(indices)
        return CellSplit([self.x[i] for i in at], [self.y[i] for i in at], [self.names[i] for i in at])


@dataclass(frozen=True)
class CellSet:
    """Everything that is known about one source of examples with a label for every cell.

    ``classes[k]`` is the name of label k; ``val`` and ``test`` are None where there are none. The shape in
    ``preprocessing`` is the most common of the training examples; a network may see patches of another.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]
    train: CellSplit
    val: CellSplit | None
    test: CellSplit | None
    notes: tuple[Note, ...]
    preprocessing: Preprocessing

    @property
    def splits(self) -> dict[str, CellSplit]:
        """The splits that there are, by name, in the order train, val, test."""
        every = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in every.items() if split is not None}


def assemble_cells(
    name: str,
    classes: Sequence[str] | None,
    parts: dict[str, CellSplit],
    notes: Sequence[Note],
    *,
    val: float,
    seed: int,
) -> CellSet:
    """Make a data set of read splits: name the classes, hold out, measure, note.

    Args:
        name: what the set is called.
        classes: their names; None: numbers up to the largest label.
        parts: the splits by name; "train" must be there.
        notes: what the reader noticed.
        val: fraction of the training examples to set aside where there is no "val".
        seed: decides which.

    Raises:
        DataError: there is nothing to train on, or a label has no name.
    """
    if not parts.get("train"):
        raise DataError(f"{name} holds no training examples; {'; '.join(map(str, notes[:3])) or 'add some'}")
    notes = list(notes)
    parts, said = _binary(parts)
    notes += said
    largest = max(int(y[y < IGNORED].max(initial=0)) for split in parts.values() for y in split.y)
    if classes is not None and largest >= len(classes):
        raise DataError(f"{name} has the label {largest} and names only {len(classes)} classes, 0 the first")
    names = tuple(classes) if classes is not None else tuple(map(str, range(largest + 1)))
    train = parts["train"]
    if "val" not in parts and val:
        chosen = hold_out(np.zeros(len(train), np.int64), val, seed)
        if len(chosen):
            rest = np.setdiff1d(np.arange(len(train)), chosen)
            parts = {
                "train": train.take(rest),
                "val": train.take(chosen),
                **{k: v for k, v in parts.items() if k != "train"},
            }
            text = f"{len(chosen):,} of {len(train):,} training examples are set aside as val (seed {seed})"
        else:
            text = "there is one training example, so none could be set aside as val"
        notes.append(Note("split", text))
    notes += _class_notes(names, parts)
    preprocessing, said = _preprocessing(parts["train"])
    ordered = {part: parts.get(part) for part in ("val", "test")}
    return CellSet(
        name, preprocessing.kind, names, parts["train"], **ordered, notes=(*notes, *said), preprocessing=preprocessing
    )


def _binary(parts: dict[str, CellSplit]) -> tuple[dict[str, CellSplit], list[Note]]:
    """Masks of 0 and 255 alone mean background and object; then 255 is no label to ignore."""
    seen = np.sum([split.counts(256) for split in parts.values()], axis=0)
    if np.flatnonzero(seen).tolist() != [0, IGNORED]:
        return parts, []
    made = {part: CellSplit(s.x, [(y == IGNORED).astype(np.uint8) for y in s.y], s.names) for part, s in parts.items()}
    return made, [Note("masks", "all labels are 0 or 255, so 255 is read as class 1, not as a label to ignore")]


def _class_notes(classes: tuple[str, ...], parts: dict[str, CellSplit]) -> list[Note]:
    notes = []
    for part, split in parts.items():
        counts = split.counts(256)
        if missing := tuple(name for name, count in zip(classes, counts, strict=False) if not count):
            notes.append(Note("empty class", f"{part} has no cell of {', '.join(missing[:5])}", missing))
        if counts[IGNORED]:
            text = f"{counts[IGNORED]:,} of {split.cells:,} cells of {part} have no label (255) and do not count"
            notes.append(Note("ignored", text))
    if len(classes) == 1:
        notes.append(Note("one class", f"there is only one class, {classes[0]}, so there is nothing to tell apart"))
    return notes


def _preprocessing(train: CellSplit) -> tuple[Preprocessing, list[Note]]:
    """Mean and deviation of each channel over all training cells, and the most common shape."""
    flat = [x.reshape(len(x), -1) for x in train.x]
    cells = sum(x.shape[1] for x in flat)
    mean = np.sum([x.sum(1, dtype=np.float64) for x in flat], axis=0) / cells
    scatter = np.sum([np.sum((x - mean[:, None]) ** 2, axis=1) for x in flat], axis=0)
    dtype = train.x[0].dtype.name
    scale = SCALES[dtype]
    std = np.sqrt(scatter / cells) / scale
    still = np.flatnonzero(std == 0)
    std[still] = 1.0
    names = tuple(f"channel {k}" for k in still)
    notes = [Note("constant", f"{', '.join(names)} never varies in train, so its std is taken as 1", names)]
    shapes = [x.shape for x in train.x]
    shape = min(set(shapes), key=lambda s: (-shapes.count(s), math.prod(s), s))
    made = Preprocessing(kind_of(shape), shape, dtype, scale, tuple((mean / scale).tolist()), tuple(std.tolist()))
    return made, notes if len(still) else []
