"""Numbers in rows of text: a .csv file as a signal, a row a moment, a column a channel."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError


@dataclass(frozen=True, eq=False)
class Series:
    """Values (N, channels) float64, and the names of the columns where the file has any."""

    values: NDArray[np.float64]
    names: tuple[str, ...] = ()


def read_series(path: Path) -> Series:
    """Read a .csv file of numbers; its first row may hold names.

    Raises:
        DataError: it cannot be read, is empty, or a row holds something else; the message says which line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            sample = file.read(1 << 16)
            file.seek(0)
            rows = [(n, row) for n, row in enumerate(csv.reader(file, delimiter=_delimiter(sample)), 1) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no table of numbers; save it as text, a row a moment") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    names = tuple(rows[0][1]) if rows and not _is_row(rows[0][1]) else ()
    body = rows[1:] if names else rows
    if not body:
        raise DataError(f"{path} holds no numbers")
    for n, row in body:
        if len(row) != len(body[0][1]) or not _is_row(row):
            raise DataError(f'line {n} of {path} is no row of {len(body[0][1])} numbers: "{",".join(row)[:40]}"')
    return Series(np.array([row for _, row in body], np.float64), names)


def _delimiter(sample: str) -> str:
    return max(",;\t ", key=lambda mark: (sample.count(mark), mark == ","))


def _is_row(row: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in row])
    except ValueError:
        return False


def packed_series(values: NDArray[Any], names: tuple[str, ...]) -> bytes:
    """A signal (N, channels) as the bytes of a .csv file, every number so that it reads back as it was.

    >>> packed_series(np.array([[1.5, 2], [0.1, -3]]), ("a", "b"))
    b'a,b\\n1.5,2.0\\n0.1,-3.0\\n'
    """
    lines = [",".join(names)] if names else []
    lines += [",".join(map(repr, row)) for row in values.tolist()]
    return ("\n".join(lines) + "\n").encode()
