"""Marks as YOLO text: a file a picture with lines ``class cx cy w h`` in fractions of the picture, and ``classes.txt``.

Fractions need the picture's size, so the pictures have to be there: beside the text files, in a folder ``images``
beside a folder ``labels``, or named by the caller. A line is a box; points have no place in this form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from convlens.data.errors import PictureError
from convlens.data.mark import KINDS, Mark, MarksError
from convlens.data.marks_coco import kinds_of
from convlens.data.pictures import picture_size

CLASSES = "classes.txt"


def read_yolo(folder: Path, pictures: Iterable[Path] = ()) -> list[Mark]:
    """Read the text files of a folder.

    Args:
        folder: with ``NAME.txt`` for ``NAME.png`` or the like, and ``classes.txt``, a name a line.
        pictures: where the pictures are, if neither beside the text files nor in the folder ``images`` next to it.

    Raises:
        MarksError: a line is no box, or a picture is missing; a sentence for each.
    """
    files = [file for file in sorted(folder.glob("*.txt")) if file.name != CLASSES]
    named = folder / CLASSES
    classes = named.read_text("utf-8-sig", "replace").splitlines() if named.exists() else list(KINDS)
    lines = [(file, at, line.split()) for file in files for at, line in enumerate(_lines(file), 1) if line.strip()]
    wrong = [f"{file}, line {at} has {len(w)} words; class cx cy w h are 5" for file, at, w in lines if len(w) != 5]
    numbers = dict.fromkeys(words[0] for _, _, words in lines)
    unknown = [n for n in numbers if not n.isascii() or not n.isdigit() or int(n) >= len(classes)]
    wrong += [f"{folder} has boxes of class {n}, which {CLASSES} does not name" for n in unknown]
    if wrong:
        raise MarksError(wrong)
    kinds = kinds_of([classes[int(n)] for n in numbers], str(folder))
    beside = [*pictures, *_around(folder)]
    marks = []
    for file in dict.fromkeys(file for file, _, _ in lines):
        try:
            picture = _picture(file, beside)
            height, width = picture_size(picture)
        except (MarksError, PictureError) as error:
            wrong.append(str(error))
            continue
        for at, words in ((at, words) for other, at, words in lines if other == file):
            where = f"{file}, line {at}"
            try:
                cx, cy, w, h = (float(word) for word in words[1:])
                box = ((cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height)
                marks.append(Mark(picture.name, kinds[classes[int(words[0])]], *box, where=where))
            except MarksError as error:
                wrong += error.sentences
            except ValueError:
                wrong.append(f"{where} is {' '.join(words)!r}; class cx cy w h are numbers")
    if wrong:
        raise MarksError(wrong)
    return marks


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8-sig", "replace").splitlines()


def _around(folder: Path) -> list[Path]:
    folders = [folder, folder.parent / "images"] if folder.name == "labels" else [folder]
    return [file for one in folders if one.is_dir() for file in sorted(one.iterdir()) if file.is_file()]


def _picture(file: Path, among: Sequence[Path]) -> Path:
    found = {p.resolve(): p for p in among if p.stem == file.stem and p.suffix not in (".txt", ".xml", ".json")}
    if len(found) != 1:
        said = f"{len(found)} pictures are" if found else "no picture is"
        raise MarksError([f"{file} has boxes in fractions of its picture, and {said} named {file.stem} beside it"])
    return next(iter(found.values()))


def yolo_files(marks: Sequence[Mark], sizes: Mapping[str, tuple[int, int]]) -> dict[str, bytes]:
    """The files of a folder, by name.

    Args:
        marks: boxes.
        sizes: (H, W) by the name of the picture; one without marks gets an empty file.

    Raises:
        MarksError: a point, a picture without a known size, or two pictures of one file name.
    """
    names = dict.fromkeys([*sizes, *(mark.image for mark in marks)])
    lines: dict[str, list[str]] = {}
    wrong = []
    for name in names:
        file = f"{PurePath(name).stem}.txt"
        if file in lines:
            wrong.append(f"YOLO has one file for a name, and two pictures are named {PurePath(name).stem}")
        lines[file] = []
    for mark in marks:
        if mark.w is None or mark.h is None:
            wrong.append(f"{mark.place} is a point, which YOLO cannot hold; write .csv or .json")
        elif mark.image not in sizes:
            wrong.append(f"{mark.place} needs the size of {mark.image}, which is not known")
        else:
            height, width = sizes[mark.image]
            box = (mark.centre[0] / width, mark.centre[1] / height, mark.w / width, mark.h / height)
            line = " ".join([str(KINDS.index(mark.kind)), *(repr(n) for n in box)])
            lines[f"{PurePath(mark.image).stem}.txt"].append(line + "\n")
    if wrong:
        raise MarksError(wrong)
    files = {name: "".join(parts).encode() for name, parts in lines.items()}
    return files | {CLASSES: "".join(f"{kind}\n" for kind in KINDS).encode()}
