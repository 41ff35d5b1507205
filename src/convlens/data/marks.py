"""Marks of things in pictures, kept in files: read from any of four forms, written to the same, whole or not at all.

    marks.csv           image,kind,x,y,w,h   everything a mark can say
    marks.json          COCO                 everything, points as single keypoints
    a folder, .txt      YOLO                 boxes; needs the pictures' sizes
    a folder, .xml      Pascal VOC           boxes; also a single .xml file

The forms themselves are in ``marks_csv.py`` and its like; whether marks fit their pictures is asked in
``marks_check.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from convlens.data.atomic import replace
from convlens.data.errors import DataError
from convlens.data.mark import KINDS, Kind, Mark, MarksError
from convlens.data.marks_check import check_marks, picture_names, pictures_of
from convlens.data.marks_coco import coco_bytes, read_coco
from convlens.data.marks_csv import csv_bytes, extended, read_csv
from convlens.data.marks_voc import read_voc, voc_files
from convlens.data.marks_yolo import CLASSES, read_yolo, yolo_files

__all__ = [
    "KINDS",
    "Form",
    "Kind",
    "Mark",
    "MarksError",
    "append_marks",
    "check_marks",
    "picture_names",
    "pictures_of",
    "read_marks",
    "write_marks",
]

Form = Literal["csv", "coco", "yolo", "voc"]
SUFFIXES: dict[str, Form] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "coco", ".xml": "voc"}
UNDERSTOOD = "marks are kept in a .csv, a COCO .json, or a folder of YOLO .txt or Pascal VOC .xml files"


def read_marks(path: str | Path, pictures: Iterable[str | Path] = ()) -> list[Mark]:
    """Read marks.

    Args:
        path: a CSV, a COCO file, a Pascal VOC file, or a folder of YOLO or Pascal VOC files.
        pictures: where YOLO's pictures are, if not beside their text files.

    Returns:
        The marks in the order of the file.

    Raises:
        MarksError: a sentence for each row that is no mark, with file, line and value.
        DataError: there is no such file, or it is none of these.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_folder(path, [Path(p) for p in pictures])
        form = SUFFIXES.get(path.suffix.lower())
        if not path.is_file():
            raise DataError(f"there is no file or folder {path}; {UNDERSTOOD}")
        if form is None:
            raise DataError(f"{path} holds no marks that its name tells; {UNDERSTOOD}")
        if form == "voc":
            return read_voc([path])
        content = path.read_bytes()
        return read_coco(path, content) if form == "coco" else read_csv(path, content)
    except OSError as error:
        raise DataError(f"the marks {error.filename or path} cannot be read: {error.strerror or error}") from error


def _read_folder(folder: Path, pictures: Sequence[Path]) -> list[Mark]:
    annotations = sorted(folder.glob("*.xml"))
    texts = [file for file in folder.glob("*.txt") if file.name != CLASSES]
    if bool(annotations) == bool(texts):
        said = "both .txt and .xml" if texts else "neither .txt nor .xml"
        raise DataError(f"the folder {folder} holds {said} files; {UNDERSTOOD}")
    return read_voc(annotations) if annotations else read_yolo(folder, pictures)


def write_marks(
    path: str | Path,
    marks: Sequence[Mark],
    sizes: Mapping[str, tuple[int, int]] | None = None,
    form: Form | None = None,
) -> None:
    """Write marks; every file is replaced in one step.

    Args:
        path: ends in .csv or .json; a folder for the other forms.
        marks: what to write.
        sizes: (H, W) of the pictures by name: YOLO needs them, the other forms hold them or leave them out.
        form: ``"csv"``, ``"coco"``, ``"yolo"`` or ``"voc"``; a file's suffix says it.

    Raises:
        MarksError: the form cannot hold a mark; nothing is written.
        DataError: the suffix says no form, the place cannot be written, or a folder holds others' files.
    """
    path = Path(path)
    form = form or SUFFIXES.get(path.suffix.lower())
    sizes = sizes or {}
    if form is None:
        raise DataError(f'{path} does not say which form to write; end it in .csv or .json, or say form="yolo"')
    try:
        if form in ("csv", "coco"):
            replace(path, csv_bytes(marks) if form == "csv" else coco_bytes(marks, sizes))
            return
        files = yolo_files(marks, sizes) if form == "yolo" else voc_files(marks, sizes)
        if form == "voc" and path.suffix.lower() == ".xml":
            if len(files) != 1:
                raise DataError(f"{path} can hold one picture's marks and these are of {len(files)}; name a folder")
            replace(path, next(iter(files.values())))
            return
        others = [f.name for f in path.glob("*.txt" if form == "yolo" else "*.xml") if f.name not in files]
        if others:
            raise DataError(f"{path} holds {others[0]}, of no picture in these marks; choose an empty folder")
        for name, content in files.items():
            replace(path / name, content)
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror or error}); choose another place") from error


def append_marks(path: str | Path, marks: Sequence[Mark]) -> None:
    """Add marks to a table, in one step; what stands in it, further columns too, is left as it is.

    Args:
        path: a .csv of marks.
        marks: what to add.

    Raises:
        MarksError: it holds rows that are no marks, or lacks a column; nothing is written.
        DataError: there is no such file, it is no .csv, or it cannot be written.
    """
    path = Path(path)
    if SUFFIXES.get(path.suffix.lower()) != "csv":
        raise DataError(f"marks can be added to a .csv alone, not to {path}; write_marks makes one of any other form")
    try:
        replace(path, extended(path, path.read_bytes(), marks))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path} to add marks to") from error
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror or error}); choose another place") from error
