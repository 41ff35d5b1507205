"""From labels as people write them (numbers, words) to 0, 1, 2 ... and the names of the classes.

All splits are numbered together, so that a class which one split lacks keeps its number in the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Note
from convlens.data.errors import DataError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""A name with one of these would break a line of a table, or speak to the terminal that shows it."""


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key under which class2 comes before class10, whatever the case of the letters.

    >>> sorted(["class10", "Class2", "class1"], key=natural)
    ['class1', 'Class2', 'class10']
    """
    # split on a group alternates text and digits, so that a number is only ever compared with a number
    pieces = re.split(r"([0-9]+)", name.casefold())
    return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)], name


def printable(name: str) -> str:
    """Make one spelling of a file's name: composed Unicode, undecodable bytes and control characters written out.

    >>> printable("cafe\\u0301"), printable("a\\udcff"), printable("two\\nlines")
    ('café', 'a\\\\udcff', 'two\\\\nlines')
    """
    composed = unicodedata.normalize("NFC", name).encode("utf-8", "backslashreplace").decode("utf-8")
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), composed)


def number_labels(
    raw: Mapping[str, NDArray[Any]], classes: Sequence[str] | None, where: str
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...], list[Note]]:
    """Number the labels of all splits together.

    Args:
        raw: labels of each split, (N,), whole numbers or strings.
        classes: the name of each number, or the order of the strings, where the source says so.
        where: what the messages call the source.

    Returns:
        int64 labels by split, the class names, and notes.

    Raises:
        DataError: labels of another type or shape, negative ones, or ones that `classes` does not cover.

    >>> number_labels({"train": np.array(["dog", "cat"])}, None, "x.npz")[:2]
    ({'train': array([1, 0])}, ('cat', 'dog'))
    """
    flat = {part: _flat(y, part, where) for part, y in raw.items()}
    kinds = {y.dtype.kind in "US" for y in flat.values()}
    if len(kinds) > 1:
        raise DataError(f"{where} has words as labels in one split and numbers in another; use one of them")
    if classes is not None and len(set(classes)) < len(classes):
        raise DataError(f"{where} names a class twice in classes; each name may stand there once")
    return _number_words(flat, classes, where) if kinds == {True} else _number_numbers(flat, classes, where)


def _flat(y: NDArray[Any], part: str, where: str) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"the {part} labels of {where} have the shape {y.shape}; give one label an example, (N,)")
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "backslashreplace")
    if y.dtype.kind == "b":
        y = y.astype(np.int64)
    if y.dtype.kind not in "iuU":
        raise DataError(f"the {part} labels of {where} are {y.dtype}; make them whole numbers (y.astype(int)) or words")
    return y


def _number_words(
    raw: Mapping[str, NDArray[Any]], classes: Sequence[str] | None, where: str
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...], list[Note]]:
    found = {str(word) for y in raw.values() for word in np.unique(y)}
    order = tuple(classes) if classes is not None else tuple(sorted(found, key=natural))
    unknown = sorted(found - set(order), key=natural)
    if unknown:
        raise DataError(f"{where} has the label {unknown[0]!r}, which its classes do not name; add it there")
    number = {word: k for k, word in enumerate(order)}
    return {part: np.array([number[str(w)] for w in y], np.int64) for part, y in raw.items()}, order, []


def _number_numbers(
    raw: Mapping[str, NDArray[Any]], classes: Sequence[str] | None, where: str
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...], list[Note]]:
    found = np.unique(np.concatenate([np.unique(y).astype(object) for y in raw.values()]))
    if len(found) and found[0] < 0:
        raise DataError(f"{where} has the negative label {found[0]}; number the classes from 0, or use words")
    if classes is not None:
        if len(found) and found[-1] >= len(classes):
            raise DataError(f"{where} has the label {found[-1]} and names only {len(classes)} classes, 0 the first")
        return {part: y.astype(np.int64) for part, y in raw.items()}, tuple(classes), []
    order = tuple(str(value) for value in found)
    notes = []
    if len(found) and found[-1] != len(found) - 1:
        text = f"the labels of {where} are not 0 to {len(found) - 1} ({', '.join(order[:6])}"
        text += f"{', ...' if len(order) > 6 else ''}); they are numbered anew and keep their old numbers as names"
        notes.append(Note("labels", text, order))
    values = np.array(found.tolist(), dtype=np.uint64)
    return {part: np.searchsorted(values, y.astype(np.uint64)) for part, y in raw.items()}, order, notes
