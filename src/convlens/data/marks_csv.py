"""Marks as a table: ``image,kind,x,y,w,h``, the form that holds everything a mark can say.

A spreadsheet's semicolons, tabs, decimal commas and byte order mark are read too; further columns are left alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from convlens.data.mark import Mark, MarksError, number

COLUMNS = ("image", "kind", "x", "y", "w", "h")


def read_csv(path: Path, content: bytes) -> list[Mark]:
    """Read a table of marks.

    Raises:
        MarksError: a column is missing, or a row is no mark; a sentence for each row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MarksError([f"{path} is not text in UTF-8 (byte {error.start}); save it as CSV UTF-8"]) from error
    first = text.split("\n", 1)[0]
    comma = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text), delimiter=comma)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        missing = [name for name in COLUMNS[:4] if name not in header]
        if missing:
            raise MarksError([f"{path}, line 1 lacks {', '.join(missing)}; the columns are {','.join(COLUMNS)}"])
        marks: list[Mark] = []
        wrong: list[str] = []
        for row in rows:
            if any(cell.strip() for cell in row):
                try:
                    marks.append(_mark(row, header, f"{path}, line {rows.line_num}", comma != ","))
                except MarksError as error:
                    wrong += error.sentences
    except csv.Error as error:
        raise MarksError([f"{path}, line {rows.line_num} is no row of a table ({error})"]) from error
    if wrong:
        raise MarksError(wrong)
    return marks


def _mark(row: Sequence[str], header: Sequence[str], where: str, comma: bool) -> Mark:
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    lost = [name for name in COLUMNS[:4] if not cells.get(name)]
    if lost:
        raise MarksError([f"{where} has no {', '.join(lost)}"])

    def value(name: str) -> float | None:
        cell = cells.get(name, "")
        if not cell:
            return None
        try:
            return float(cell.replace(",", ".") if comma else cell)
        except ValueError as error:
            raise MarksError([f"{where} has {name} = {cell!r}, which is no number"]) from error

    x, y = value("x"), value("y")
    assert x is not None
    assert y is not None
    return Mark(cells["image"], cells["kind"].lower(), x, y, value("w"), value("h"), where)  # type: ignore[arg-type]


def csv_bytes(marks: Sequence[Mark]) -> bytes:
    """The table of these marks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for mark in marks:
        numbers = (mark.x, mark.y, mark.w, mark.h)
        cells = ["" if n is None else number(repr(float(n))) for n in numbers]
        writer.writerow([mark.image, mark.kind, *cells])
    return text.getvalue().encode("utf-8", "surrogateescape")
