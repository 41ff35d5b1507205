"""Folders of texts: class folders of .txt files, a text a file; or .txt files, a class each, a text a line.

folder/german/*.txt                           a text a file
folder/german.txt   folder/train/german.txt   a text a line, with test/ and val/ beside train/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from convlens.data.class_folder import skipped_note
from convlens.data.conform import Wanted
from convlens.data.dataset import Dataset, Note
from convlens.data.errors import DataError, reason
from convlens.data.folder import SPLITS, Entry, Listing, is_hidden
from convlens.data.labels import natural, printable
from convlens.data.texts import Text, read_lines, read_whole, text_set

SUFFIX = ".txt"


def load_text_folder(folder: Path, listing: Listing, *, val: float, seed: int, wanted: Wanted) -> Dataset:
    """Load a data set from class folders of text files, a text a file.

    Args:
        folder: its name becomes that of the set.
        listing: its files.
        val: fraction of train to set aside where there is no val folder.
        seed: decides which.
        wanted: a length or an alphabet that is prescribed.

    Raises:
        DataError: there is no text that can be read.
    """
    texts, skipped = _read(listing.entries, _whole)
    notes = [*listing.notes, *skipped]
    return text_set(folder.resolve().name, texts, listing.classes, notes, val=val, seed=seed, wanted=wanted)


def _whole(entry: Entry) -> list[Text]:
    if entry.path.suffix.lower() != SUFFIX:
        raise DataError(f"{entry.path} is no {SUFFIX} file")
    return [Text(read_whole(entry.path), entry.name, entry.part, entry.label)]


def line_files(folder: Path) -> list[Entry]:
    """The .txt files of a folder, or of its train, val and test folders, whose lines are texts; each names a class.

    Returns:
        None of them where the folder, or its train folder, holds folders.

    Raises:
        DataError: the folder cannot be listed, or one split has two folders.
    """
    places = _places(folder)
    if "train" not in places or any(path.is_dir() for path in _inside(places["train"])):
        return []
    entries = []
    for part, place in places.items():
        for path in _inside(place):
            if path.suffix.lower() == SUFFIX and path.is_file():
                name = printable(path.relative_to(folder).as_posix())
                entries.append(Entry(path, name, part, printable(path.stem)))
    return entries


def _places(folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in _inside(folder):
        part = SPLITS.get(path.name.casefold())
        if part is None or not path.is_dir():
            continue
        if part in named:
            raise DataError(f"{folder} has two folders for {part}, {named[part].name} and {path.name}; keep one")
        named[part] = path
    return {part: named[part] for part in ("train", "val", "test") if part in named} or {"train": folder}


def _inside(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror or error}") from error
    return (path for path in found if not is_hidden(path.name))


def load_line_folder(folder: Path, entries: Sequence[Entry], *, val: float, seed: int, wanted: Wanted) -> Dataset:
    """Load a data set from text files, a class each, a text a line.

    Args:
        folder: its name becomes that of the set.
        entries: what `line_files` found.
        val: fraction of train to set aside where there is no val folder.
        seed: decides which.
        wanted: a length or an alphabet that is prescribed.

    Raises:
        DataError: there is no text that can be read.
    """
    texts, skipped = _read(entries, _lines)
    classes = sorted({entry.label for entry in entries}, key=natural)
    return text_set(folder.resolve().name, texts, classes, skipped, val=val, seed=seed, wanted=wanted)


def _lines(entry: Entry) -> list[Text]:
    return [Text(line, f"{entry.name}:{at}", entry.part, entry.label) for at, line in read_lines(entry.path)]


def _read(entries: Sequence[Entry], read: Callable[[Entry], list[Text]]) -> tuple[list[Text], list[Note]]:
    texts: list[Text] = []
    skipped = []
    for entry in entries:
        try:
            texts += read(entry)
        except DataError as error:
            skipped.append(f"{entry.name}: {reason(error, entry.path)}")
    return texts, skipped_note(skipped, "texts")
