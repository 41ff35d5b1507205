"""Tables of examples, .csv and .tsv: a row an example, one column its class, the others numbers, or one a text.

    5.1,4.9,4.7,cat            word,language
    4.8,5.0,5.2,dog            Haus,german

The class column is the one that is asked for; else the one that the first row calls label, class, target or y; else
the first or the last, whichever alone holds words, or else whichever alone holds whole numbers; of two columns of
words the one with fewer different ones.  Where that does not settle it, the reader asks.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.alphabet import composed
from convlens.data.assemble import assemble
from convlens.data.cells import to_cells
from convlens.data.conform import Wanted
from convlens.data.dataset import ArraySplit, Dataset
from convlens.data.errors import DataError
from convlens.data.labels import natural, number_labels, printable
from convlens.data.pairs import pair_files, set_name
from convlens.data.texts import Text, text_set

SUFFIXES = (".csv", ".tsv")
NAMES = ("label", "class", "target", "y")
"""What a first row calls the column of classes."""
ASK = "say which with --label: first, last, its name, or its number from 1"
LARGEST = 2**24
"""Characters that a cell may hold."""


@dataclass(frozen=True)
class Table:
    """Rows of as many cells each, with the number of each row's line; the names of the columns, if there are any."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, at: int) -> list[str]:
        """The cells of a column."""
        return [row[at] for row in self.rows]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.rows[0])


def read_table(path: Path) -> Table:
    """Read a .csv file (its columns parted by commas, semicolons or tabs) or a .tsv file (by tabs).

    Raises:
        DataError: it cannot be read, or is no table of two columns or more.
    """
    csv.field_size_limit(LARGEST)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            mark = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=mark)
            found = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no table in UTF-8 ({error}); save it as text, a row an example") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if not found or len(found[0][1]) < 2:
        raise DataError(f"{path} holds no rows of two columns or more; give every example a row with its class")
    for line, row in found:
        if len(row) != len(found[0][1]):
            raise DataError(f"line {line} of {path} has {len(row)} columns and the first {len(found[0][1])}")
    names = found[0][1] if len(found) > 1 and _is_head(found[0][1], found[1][1]) else ()
    body = found[1:] if names else found
    return Table(path, names, tuple(row for _, row in body), tuple(line for line, _ in body))


def _is_head(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a row names the columns: one of the names is known, or words stand over numbers."""
    if any(name.casefold() in NAMES for name in first):
        return True
    return any(not is_number(a) and is_number(b) for a, b in zip(first, second, strict=True))


def is_number(cell: str) -> bool:
    """Whether a cell is a number as Python's float reads it."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def label_column(table: Table, asked: str | None) -> int:
    """The place of the column that holds the classes.

    Args:
        table: with its rows.
        asked: "first", "last", a name, a number from 1; None: by the rule above.

    Raises:
        DataError: there is no such column, or the rule does not settle it.

    >>> label_column(Table(Path("a.csv"), (), (("1.5", "2.5", "cat"), ("3", "4", "dog")), (1, 2)), None)
    2
    """
    last = table.width - 1
    if asked is not None:
        places = {"first": 0, "last": last} | {str(at + 1): at for at in range(table.width)}
        places |= {name: at for at, name in enumerate(table.names)}
        if asked not in places:
            names = f", named {', '.join(table.names[:10])}" if table.names else " without names"
            raise DataError(f"{table.path} has no column {asked!r} but {table.width}{names}; {ASK}")
        return places[asked]
    named = [at for at, name in enumerate(table.names) if name.casefold() in NAMES]
    if named:
        return named[0]
    ends = {at: table.column(at) for at in (0, last)}
    words = [at for at, cells in ends.items() if not all(map(is_number, cells))]
    if len(words) == 2:
        fewer = sorted(words, key=lambda at: len(set(ends[at])))
        if len(set(ends[fewer[0]])) < len(set(ends[fewer[1]])):
            return fewer[0]
    elif words:
        return words[0]
    else:
        whole = [at for at, cells in ends.items() if all(float(cell).is_integer() for cell in cells)]
        if len(whole) == 1:
            return whole[0]
    raise DataError(f"the classes of {table.path} may stand in its first column or its last; {ASK}")


def load_table(path: Path, *, val: float, seed: int, wanted: Wanted, label: str | None) -> Dataset:
    """Load a .csv or .tsv file of series or of texts and, if it is called NAME_TRAIN or NAME_TEST, the one beside it.

    Args:
        path: a file, or a folder that holds one NAME_TRAIN file.
        val: fraction of train to set aside.
        seed: decides which.
        wanted: of texts, a length or an alphabet that is prescribed.
        label: the column of the classes; None: by the rule of this file.

    Raises:
        DataError: it cannot be read, or its columns are neither numbers nor one text.
    """
    files = pair_files(path)
    tables = {part: read_table(file) for part, file in files.items()}
    train = tables["train"]
    place = label_column(train, label)
    for table in tables.values():
        if table.width != train.width:
            raise DataError(f"{train.path} has {train.width} columns and {table.path} {table.width}; make them alike")
    others = [at for at in range(train.width) if at != place]
    words = [at for at in others if 2 * sum(map(is_number, train.column(at))) < len(train.rows)]
    name = set_name(files["train"])
    if not words:
        return _series(name, tables, place, others, val, seed)
    if len(words) > 1 or (len(others) > 1 and not train.names):
        cell = next(cell for cell in train.column(words[0]) if not is_number(cell))
        raise DataError(
            f"{train.path} holds words besides its classes, {cell[:40]!r} for one; keep a column of classes and "
            "numbers, or a column of classes and one of texts"
        )
    return _texts(name, tables, place, words[0], val, seed, wanted)


def _series(
    name: str, tables: Mapping[str, Table], place: int, others: Sequence[int], val: float, seed: int
) -> Dataset:
    """Signals of one channel, a row each."""
    cells, labels = {}, {}
    for part, table in tables.items():
        values = np.empty((len(table.rows), 1, len(others)), np.float64)
        for row, line, into in zip(table.rows, table.lines, values[:, 0], strict=True):
            try:
                into[:] = [row[at] for at in others]
            except ValueError as error:
                cell = next(row[at] for at in others if not is_number(row[at]))
                raise DataError(f"line {line} of {table.path} holds {cell[:40]!r} where a number belongs") from error
        cells[part], _ = to_cells(values, str(table.path))  # decimals in text are rounded anyway: no note
        labels[part] = table.column(place)
    whole = all(is_number(cell) and float(cell).is_integer() for column in labels.values() for cell in column)
    if whole:  # as words: the archives have classes from -1
        labels = {part: [str(int(float(cell))) for cell in column] for part, column in labels.items()}
    found = {cell for column in labels.values() for cell in column}
    order = sorted(found, key=int) if whole else sorted(map(printable, found), key=natural)
    raw = {part: np.array([printable(cell) for cell in column]) for part, column in labels.items()}
    y, classes, notes = number_labels(raw, order, tables["train"].path.name)
    parts = {part: ArraySplit(x, y[part], _names(tables[part])) for part, x in cells.items()}
    return assemble(name, classes, parts, notes, val=val, seed=seed)


def _texts(
    name: str, tables: Mapping[str, Table], place: int, told: int, val: float, seed: int, wanted: Wanted
) -> Dataset:
    """Texts of one column."""
    texts = [
        Text(composed(row[told]), f"{table.path.name}:{line}", part, printable(row[place]))
        for part, table in tables.items()
        for row, line in zip(table.rows, table.lines, strict=True)
    ]
    classes = sorted({text.label for text in texts}, key=natural)
    return text_set(name, texts, classes, (), val=val, seed=seed, wanted=wanted)


def _names(table: Table) -> tuple[str, ...]:
    return tuple(f"{table.path.name}:{line}" for line in table.lines)
