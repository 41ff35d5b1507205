"""Marks beside those that there are: a place that bears one is not marked again, and what is contrary is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from convlens.data import Mark, read_marks
from convlens.data.mark import KINDS
from convlens.data.marks import append_marks
from convlens.data.marks_check import pictures_of, same_picture

from .known import boxes, distances


def parted(marks: Sequence[Mark], names: Sequence[str]) -> tuple[dict[str, list[Mark]], list[Mark]]:
    """The marks of each of some pictures, and those of others.

    Raises:
        MarksError: a mark could be of several of them.

    >>> marks = [Mark("photos/a.png", "object", 1, 2), Mark("c.png", "object", 3, 4)]
    >>> own, others = parted(marks, ["a.png", "b.png"])
    >>> [len(some) for some in own.values()], [mark.image for mark in others]
    ([1, 0], ['c.png'])
    """
    here = {image for image in {m.image for m in marks} if any(same_picture(image, name) for name in names)}
    return pictures_of([m for m in marks if m.image in here], names), [m for m in marks if m.image not in here]


def fresh(told: Sequence[Mark], old: Sequence[Mark], names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Which of some marks are new.

    Args:
        told: marks of pictures, called by ``names``.
        old: those that there are already; what belongs to other pictures counts for nothing.
        names: of the pictures.

    Returns:
        Where in ``told`` those stand whose places bear no mark yet, and those whose places bear a contrary one.

    >>> marks = [Mark("a.png", "object", 0, 0, 10, 10)]
    >>> told = [Mark("a.png", kind, x, 0, 10, 10) for kind in ("object", "not") for x in (2, 40)]
    >>> fresh(told, marks, ["a.png"])
    ([1, 3], [2])
    """
    placed, _ = parted(old, names)
    new, contrary = [], []
    for at, mark in enumerate(told):
        own, middle = placed[mark.image], np.array([mark.centre])
        if mark.kind == "complete":
            said = {m.kind for m in own if m.cells[1:] == mark.cells[1:]}
        else:
            near = [m for m in own if m.kind != "complete"]
            size = mark.w or 1.0, mark.h or 1.0
            said = {m.kind for m in near if distances(boxes([m], size), middle)[1].any()}
        if not said:
            new.append(at)
        elif mark.kind not in said:
            contrary.append(at)
    return new, contrary


def add(more: Path, marks: Path, names: Sequence[str]) -> tuple[list[Mark], list[Mark]]:
    """Add the marks of one file to those of another, in one step, as far as they are new.

    Args:
        more: a file of marks.
        marks: a .csv of marks; of other pictures, too.
        names: of the pictures.

    Returns:
        What was added, and what is contrary to a mark that there is and was left out.

    Raises:
        MarksError: a row is no mark, or names no picture; nothing is written.
        DataError: there is no such file, or it cannot be written.
    """
    told = [replace(m, image=name) for name, own in pictures_of(read_marks(more), names).items() for m in own]
    new, contrary = fresh(told, read_marks(marks), names)
    added = [told[at] for at in new]
    append_marks(marks, added)
    return added, [told[at] for at in contrary]


def spelled(marks: Sequence[Mark]) -> str:
    """How many of each kind.

    >>> spelled([Mark("a.png", "not", 1, 2), Mark("a.png", "object", 1, 2), Mark("b.png", "not", 1, 2)])
    '1 of kind object and 2 of kind not'
    """
    kinds = [mark.kind for mark in marks]
    many = {kind: kinds.count(kind) for kind in KINDS}
    return " and ".join(f"{n} of kind {kind}" for kind, n in many.items() if n)
