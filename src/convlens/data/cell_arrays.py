"""An .npz file whose `y` has a label for every cell of `x`: (N, C, *spatial) and (N, *spatial)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.arrays import PARTS, as_examples, class_names, read_npz
from convlens.data.cell_set import IGNORED, CellSet, CellSplit, Labels, assemble_cells
from convlens.data.dataset import Note, Numbered
from convlens.data.errors import DataError


def has_cell_labels(path: Path) -> bool:
    """Whether the labels in an .npz file have more axes than one an example.

    Raises:
        DataError: the file is damaged.
    """
    labels = read_npz(path, ["y" + name[1:] for name in PARTS])
    return any(y.ndim > 1 and y.shape[1:] != (1,) for y in labels.values())


def load_cell_arrays(path: Path, *, val: float, seed: int) -> CellSet:
    """Load a set with a label for every cell from an .npz file.

    Raises:
        DataError: the file is damaged or its arrays do not make a set; the message says which and why.
    """
    arrays = read_npz(path, [name for x in PARTS for name in (x, "y" + x[1:])] + ["classes"])
    notes: list[Note] = []
    parts: dict[str, CellSplit] = {}
    for name, part in PARTS.items():
        if name not in arrays:
            continue
        label = "y" + name[1:]
        if label not in arrays:
            raise DataError(f"{path} holds {name} and no {label}; save the labels beside it")
        if part in parts:
            raise DataError(f"{path} names the split {part} twice; keep one of them")
        x, said = as_examples(arrays[name], f"{name} of {path.name}")
        notes += said
        y = arrays[label]
        if y.shape != (len(x), *x.shape[2:]):
            raise DataError(
                f"{label} of {path} has the shape {y.shape}; give every cell of {name} a label, "
                f"{(len(x), *x.shape[2:])}, or every example one, {(len(x),)}"
            )
        parts[part] = CellSplit(list(x), list(as_labels(y, f"{label} of {path}")), Numbered(part, len(x)))
    return assemble_cells(path.stem, class_names(arrays.get("classes"), path), parts, notes, val=val, seed=seed)


def as_labels(y: NDArray[Any], where: str) -> Labels:
    """Labels of cells as uint8.

    Raises:
        DataError: they are no whole numbers from 0 to 255.

    >>> as_labels(np.array([0.0, 2.0, 255.0]), "y")
    array([  0,   2, 255], dtype=uint8)
    """
    if y.dtype.kind not in "buif" or (y.dtype.kind == "f" and not (y == np.rint(y)).all()):
        raise DataError(
            f"{where} holds {y.dtype}; a label is a whole number, the class from 0 on, or {IGNORED} for none"
        )
    if y.size and not 0 <= y.min() <= y.max() <= IGNORED:
        raise DataError(
            f"{where} holds the label {y.min() if y.min() < 0 else y.max():g}; number the classes from 0 to "
            f"{IGNORED - 1}, and give {IGNORED} to cells without a label"
        )
    return y.astype(np.uint8)
