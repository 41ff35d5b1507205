"""What a data set is: notes, splits and the set itself.

Here are only values.  Nothing in this file looks for files or knows a file format; a `FileSplit` is handed the function
that decodes one of its paths.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError
from convlens.data.preprocessing import DTYPES, Kind, Preprocessing

__all__ = ["ArraySplit", "Dataset", "FileSplit", "Note", "Numbered", "Preprocessing", "Raw", "Split"]

# uint8, uint16 or float32; numpy's type stubs cannot follow that union through arithmetic
Raw = NDArray[Any]


@dataclass(frozen=True)
class Note:
    """Something the user should know about the data: printed, counted, put in the report, never silent."""

    kind: str
    message: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class Numbered(Sequence[str]):
    """The names of examples that have none, made when they are asked for.

    >>> list(Numbered("train", 3).take(np.array([2, 0])))
    ['train[2]', 'train[0]']
    """

    def __init__(self, prefix: str, numbers: int | NDArray[np.int64]) -> None:
        self.prefix = prefix
        self.numbers = np.arange(numbers) if isinstance(numbers, int) else numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Numbered: ...
    def __getitem__(self, index: int | slice) -> str | Numbered:
        if isinstance(index, slice):
            return Numbered(self.prefix, self.numbers[index])
        return f"{self.prefix}[{self.numbers[index]}]"

    def take(self, indices: NDArray[np.int64]) -> Numbered:
        """Keep the names at these places, in this order."""
        return Numbered(self.prefix, self.numbers[indices])


def _take_names(names: Sequence[str], indices: NDArray[np.int64]) -> Sequence[str]:
    return names.take(indices) if isinstance(names, Numbered) else tuple(names[i] for i in indices)


class Split(ABC):
    """Labelled examples of one shape: training, validation or test.

    `y` holds the labels, int64 (N,), and `names` one name for each example.
    """

    y: NDArray[np.int64]
    names: Sequence[str]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example, (C, *spatial)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[np.generic]:
        """The type of one cell: uint8, uint16 or float32."""

    @abstractmethod
    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> Raw:
        """Read the raw examples at these places, (n, C, *spatial)."""

    @abstractmethod
    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Split:
        """Make a split of the examples at these places, in this order."""

    def __len__(self) -> int:
        return len(self.y)

    @property
    def nbytes(self) -> int:
        """The bytes that the decoded examples take."""
        return len(self) * int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def chunks(self, size: int = 2**22) -> Iterator[tuple[int, Raw]]:
        """Read everything in order, in pieces of about `size` bytes, each with the place of its first example."""
        step = max(1, size // max(1, self.nbytes // max(1, len(self))))
        for start in range(0, len(self), step):
            yield start, self.read(np.arange(start, min(start + step, len(self))))


@dataclass(frozen=True, eq=False)
class ArraySplit(Split):
    """Examples that were decoded once and lie in memory.

    Args:
        x: raw examples, (N, C, *spatial), uint8, uint16 or float32.
        y: labels, int64 (N,).
        names: one name an example; numbered where none are given.

    Raises:
        DataError: the lengths differ, or the type of `x` is none of the three.

    >>> split = ArraySplit(np.zeros((4, 1, 2, 2), np.uint8), np.array([0, 1, 1, 0]))
    >>> split.shape, len(split.take([1, 2])), split.names[3]
    ((1, 2, 2), 2, 'example[3]')
    """

    x: Raw
    y: NDArray[np.int64]
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.x.dtype.name not in DTYPES or self.x.ndim < 3:
            raise DataError(
                f"a split holds (N, C, *spatial) cells of {', '.join(DTYPES)}, "
                f"not {self.x.dtype} of shape {self.x.shape}; convert it first"
            )
        if not self.names:
            object.__setattr__(self, "names", Numbered("example", len(self.x)))
        if not len(self.x) == len(self.y) == len(self.names):
            raise DataError(f"{len(self.x)} examples, {len(self.y)} labels and {len(self.names)} names must be as many")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.x.dtype)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> Raw:
        return self.x[np.asarray(indices, dtype=np.int64)]

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> ArraySplit:
        where = np.asarray(indices, dtype=np.int64)
        return ArraySplit(self.x[where], self.y[where], _take_names(self.names, where))

    def chunks(self, size: int = 2**22) -> Iterator[tuple[int, Raw]]:
        """Yield views of everything in order, in pieces of about `size` bytes."""
        step = max(1, size // max(1, self.nbytes // max(1, len(self))))
        for start in range(0, len(self), step):
            yield start, self.x[start : start + step]


@dataclass(frozen=True, eq=False)
class FileSplit(Split):
    """Examples that stay on disk and are decoded each time they are read.

    A file that could be read when the set was scanned and cannot be read later does not stop an epoch: `read` puts the
    next readable example *of the same class* in its place, so that every batch keeps its size and every label stays
    true, and writes the place and the reason into `broken`, which `report` turns into a note.  Only when no file of
    that class can be read any more is it a `DataError`.

    Args:
        paths: one file an example.
        y: labels, int64 (N,).
        names: one name an example.
        decode: path to raw example, (C, *spatial); raises `DataError`; must pickle, because loader processes need it.
        example: shape of one example, (C, *spatial).
        cell: name of the cell type, uint8, uint16 or float32.
        broken: what went wrong so far, by place.
    """

    paths: Sequence[Path]
    y: NDArray[np.int64]
    names: Sequence[str]
    decode: Callable[[Path], Raw]
    example: tuple[int, ...]
    cell: str
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.example

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.cell)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> Raw:
        where = np.asarray(indices, dtype=np.int64)
        x: Raw = np.empty((len(where), *self.example), self.cell)
        for row, place in enumerate(where.tolist()):
            x[row] = self._one(place)
        return x

    def _one(self, place: int) -> Raw:
        for candidate in self._candidates(place):
            if candidate in self.broken:
                continue
            try:
                return self.decode(self.paths[candidate])
            except DataError as error:
                self.broken[candidate] = str(error)
        raise DataError(
            f"none of the files of the class of {self.names[place]} can be read any more "
            f"({self.broken[place]}); check that the disk is still there and load the set again"
        )

    def _candidates(self, place: int) -> Iterator[int]:
        """The place itself, then the others of its class, cyclically: the same stand-in in every epoch and process."""
        yield place
        same = np.flatnonzero(self.y == self.y[place])
        after = int(np.searchsorted(same, place)) + 1
        yield from np.roll(same, -after)[:-1].tolist()

    def report(self) -> tuple[Note, ...]:
        """Note the files that broke after the scan; none if all is well."""
        if not self.broken:
            return ()
        names = tuple(f"{self.names[place]}: {reason}" for place, reason in sorted(self.broken.items()))
        count = "1 file" if len(names) == 1 else f"{len(names)} files"
        text = f"{count} could be read at first and not later; another of the same class stood in each time"
        return (Note("broken", text, names),)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> FileSplit:
        where = np.asarray(indices, dtype=np.int64)
        paths = tuple(self.paths[i] for i in where)
        return FileSplit(paths, self.y[where], _take_names(self.names, where), self.decode, self.example, self.cell)


@dataclass(frozen=True)
class Dataset:
    """Everything that is known about one source of labelled examples.

    `classes[k]` is the name of label k; `val` and `test` are None where there are none; `ranges` holds the lowest and
    the highest raw value of each split.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]
    train: Split
    val: Split | None
    test: Split | None
    notes: tuple[Note, ...]
    preprocessing: Preprocessing
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name, in the order train, val, test."""
        every = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in every.items() if split is not None}
