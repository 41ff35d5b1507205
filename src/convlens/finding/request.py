"""What a search is asked: pictures, marks, where the outputs go; checked before anything is learned."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convlens import __version__
from convlens.data import DataError, Mark, PictureError, check_marks, open_picture, read_marks
from convlens.data.marks import MarksError, picture_names, pictures_of
from convlens.data.picture_files import picture_files
from convlens.data.pictures import picture_size

from .errors import FindingError

GROUNDS = 4
"""Unmarked pictures that a finder sees while it learns, for their grounds: more cost time and teach little."""


@dataclass(frozen=True)
class Request:
    """A search as it is asked for.

    Args:
        places: pictures: files, folders, patterns.
        out: the folder for the outputs.
        marks: the file of marks; not needed with a model.
        model: a saved finder to use, or to correct.
        save: where the finder is to be saved as well.
        seed: of what is learned.
        command: as it was typed, for the report.
        angles: whether it is asked how each find is turned.
        scheduler: the address of a Dask scheduler whose workers search the pictures; "" where this process does.
    """

    places: Sequence[str | Path]
    out: Path
    marks: Path | None = None
    model: Path | None = None
    save: Path | None = None
    seed: int = 0
    command: str = ""
    angles: bool = False
    scheduler: str = ""


@dataclass(frozen=True)
class Asked:
    """A request whose pictures and marks have been looked up.

    Args:
        pictures: the file of each picture that is to be searched, by its name.
        marks: each with its picture's file in ``image``.
        marked: the files of the pictures that bear marks.
        grounds: files of some that bear none.
    """

    pictures: Mapping[str, Path]
    marks: tuple[Mark, ...]
    marked: tuple[Path, ...]
    grounds: tuple[Path, ...]

    @property
    def lessons(self) -> tuple[Path, ...]:
        """The pictures to learn from."""
        return self.marked + self.grounds

    def digest(self, seed: int) -> str:
        """A text that differs where what is learned would: marks, the pictures that bear them, the seed."""
        stats = [(str(path.resolve()), os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in self.marked]
        return hashlib.sha256(json.dumps([__version__, seed, self._rows, stats]).encode()).hexdigest()

    @property
    def said(self) -> str:
        """A text that differs where the marks do."""
        return hashlib.sha256(json.dumps(self._rows).encode()).hexdigest()

    def marks_of(self, path: Path) -> tuple[Mark, ...]:
        """A picture's own."""
        return tuple(mark for mark in self.marks if mark.image == str(path))

    @property
    def _rows(self) -> list[tuple[object, ...]]:
        # the same picture is the same from whichever folder it is named
        return [replace(mark, image=str(Path(mark.image).resolve())).cells for mark in self.marks]


def look_up(request: Request, learns: bool = True) -> Asked:
    """Find the pictures and give each mark to one of them.

    Marks may also lie in a picture that is not to be searched: its name is then a path from here, or from the folder
    of the marks.

    Args:
        request: what is asked.
        learns: whether the marks are learned from, so that one of them has to be an object.

    Raises:
        DataError: a picture or the marks cannot be found or read, or do not belong together.
        FindingError: there are neither marks nor a model.
    """
    files = picture_files(request.places, without=[request.out])
    names = picture_names(files)
    pictures = dict(zip(names, files, strict=True))
    if request.marks is None:
        if request.model is None:
            raise FindingError(
                "nothing says what to find; give marks (--marks), drawn on the page that convlens mark makes, "
                "or a saved finder (--model)"
            )
        return Asked(pictures, (), (), ())
    marks = read_marks(request.marks, files)
    elsewhere = _elsewhere(marks, names, request.marks.parent)
    every = pictures | elsewhere
    given = check_marks(marks, _sizes(pictures_of(marks, list(every)), every), learned=learns)
    placed = tuple(replace(mark, image=str(every[name])) for name, own in given.items() for mark in own)
    marked = tuple(every[name] for name, own in given.items() if own)
    return Asked(pictures, placed, marked, _grounds([p for p in files if p not in marked]))


def _elsewhere(marks: Sequence[Mark], names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Files that marks name and that are not among the pictures."""
    ends = {Path(name).name for name in names}
    found = {}
    for image in dict.fromkeys(mark.image for mark in marks):
        if Path(image.replace("\\", "/")).name not in ends:
            there = [path for path in (folder / image, Path(image)) if path.is_file()]
            if there:
                found[image] = there[0]
    return found


def _sizes(given: Mapping[str, Sequence[Mark]], pictures: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """(H, W) of the pictures that bear marks; one that is broken is refused by its first mark."""
    sizes, wrong = dict.fromkeys(pictures, (0, 0)), []
    for name, own in given.items():
        if own:
            try:
                sizes[name] = picture_size(pictures[name])
            except PictureError as error:
                wrong.append(f"{own[0].place} lies in a picture that cannot be used: {error}")
    if wrong:
        raise MarksError(wrong)
    return sizes


def _grounds(unmarked: Sequence[Path]) -> tuple[Path, ...]:
    """A few pictures that can be read, spread over all."""
    chosen: list[Path] = []
    step = max(1, len(unmarked) // GROUNDS)
    for path in [*unmarked[::step], *unmarked]:
        if len(chosen) == GROUNDS:
            break
        if path not in chosen and _readable(path):
            chosen.append(path)
    return tuple(chosen)


def _readable(path: Path) -> bool:
    try:
        with open_picture(path) as source:
            return bool(source[0:1, 0:1].size)
    except DataError:
        return False
