"""Marks as a table: ``image,kind,x,y,w,h``, the form that holds everything a mark can say.

A spreadsheet's semicolons, tabs, decimal commas and byte order mark are read too; further columns are left alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from convlens.data.mark import Mark, MarksError, number

COLUMNS = ("image", "kind", "x", "y", "w", "h")


def read_csv(path: Path, content: bytes) -> list[Mark]:
    """Read a table of marks.

    Raises:
        MarksError: a column is missing, or a row is no mark; a sentence for each row.
    """
    text, comma = _text(path, content)
    rows = csv.reader(io.StringIO(text), delimiter=comma)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if not any(header):
            raise MarksError(
                [f"{path} is empty; its first line is {','.join(COLUMNS)}, and below is a line for each mark"]
            )
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


def _text(path: Path, content: bytes) -> tuple[str, str]:
    """A table's text, and what parts its columns."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MarksError([f"{path} is not text in UTF-8 (byte {error.start}); save it as CSV UTF-8"]) from error
    return text, max(",;\t", key=text.split("\n", 1)[0].count)


def extended(path: Path, content: bytes, marks: Sequence[Mark]) -> bytes:
    """A table with more rows below its own, which are left as they are; the new ones have its columns and commas.

    Raises:
        MarksError: it is no table of marks, or lacks a column that the new ones need.
    """
    read_csv(path, content)
    text, comma = _text(path, content)
    header = [name.strip().lower() for name in next(csv.reader(io.StringIO(text), delimiter=comma))]
    if not {"w", "h"} <= set(header) and not all(mark.is_point for mark in marks):
        raise MarksError([f"{path}, line 1 lacks w, h, and boxes are to be added; add both columns"])
    # a spreadsheet that writes 1,5 would take 1.5 for a day in May
    decimal = "," if comma != "," and re.search(r"\d,\d", text) else "."
    held = io.StringIO()
    end = "\r\n" if "\r\n" in text else "\n"
    writer = csv.writer(held, delimiter=comma, lineterminator=end)
    for mark in marks:
        cells = {"image": mark.image, "kind": mark.kind}
        numbers = {"x": mark.x, "y": mark.y, "w": mark.w, "h": mark.h}
        cells |= {name: _written(n).replace(".", decimal) for name, n in numbers.items()}
        writer.writerow([cells.get(name, "") for name in header])
    between = end if marks and not text.endswith("\n") else ""
    return content + (between + held.getvalue()).encode("utf-8", "surrogateescape")


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


def row_of(mark: Mark) -> list[str]:
    """A mark as a table has it, in the order of COLUMNS.

    >>> row_of(Mark("a.png", "object", 12, 40.25))
    ['a.png', 'object', '12', '40.25', '', '']
    """
    return [mark.image, mark.kind, *map(_written, (mark.x, mark.y, mark.w, mark.h))]


def csv_bytes(marks: Sequence[Mark]) -> bytes:
    """The table of these marks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for mark in marks:
        writer.writerow(row_of(mark))
    return text.getvalue().encode("utf-8", "surrogateescape")


def _written(n: float | None) -> str:
    return "" if n is None else number(repr(float(n)))
