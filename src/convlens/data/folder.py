"""A folder of class folders: which files belong to which class and split.  Nothing here opens a file.

folder/cat/*.png                    one split
folder/train/cat/*.png  folder/val/cat/*.png  folder/test/cat/*.png
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convlens.data.dataset import Note
from convlens.data.errors import DataError
from convlens.data.labels import natural, printable

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx", "icon\r", "$recycle.bin"}


@dataclass(frozen=True)
class Entry:
    """One file that may be an example: where it lies, what it is called in messages, its split and its class."""

    path: Path
    name: str
    part: str
    label: str


@dataclass(frozen=True)
class Listing:
    """The files of a folder and what was noticed on the way."""

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass
class _Oddities:
    """What is collected on the way: names by kind of note."""

    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        self.names.setdefault(kind, []).append(name)

    def notes(self) -> tuple[Note, ...]:
        texts = {
            "hidden": "hidden or system {} passed over",
            "stray": "{} outside the class folders passed over",
            "empty folder": "{} without a single file",
            "link": "linked {} passed over, which lead back into the set or nowhere",
            "unreadable": "{} that could not be listed",
        }
        notes = []
        for kind, text in texts.items():
            if found := self.names.get(kind):
                noun = {"empty folder": "class folder", "unreadable": "folder", "link": "folder"}.get(kind, "entry")
                many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
                some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
                counted = f"{len(found):,} {noun if len(found) == 1 else many}"
                notes.append(Note(kind, f"{text.format(counted)}: {some}", tuple(found)))
        return tuple(notes)


def is_hidden(name: str) -> bool:
    """Whether a name is one that people do not see or did not make: .DS_Store, Thumbs.db, __MACOSX ..."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def mostly(entries: Sequence[Entry], suffixes: tuple[str, ...]) -> bool:
    """Whether more than half of the files have one of these suffixes."""
    return 2 * sum(entry.path.name.lower().endswith(suffixes) for entry in entries) > len(entries)


def list_folder(folder: Path) -> Listing:
    """List the files of all class folders, in an order that is the same on every machine.

    Args:
        folder: holds class folders, or train/val/test folders that hold them.

    Returns:
        The files, the class names in natural order, and notes on what was passed over.

    Raises:
        DataError: there is no class folder, or one split has two folders.
    """
    odd = _Oddities()
    tops = _folders(folder, folder, odd)
    splits: dict[str, Path] = {}
    if any(path.name.casefold() == "train" for path in tops):
        for path in tops:
            part = SPLITS.get(path.name.casefold())
            if part is None:
                odd.add("stray", printable(path.name) + "/")
            elif part in splits:
                raise DataError(f"{folder} has two folders for {part}, {splits[part].name} and {path.name}; keep one")
            else:
                splits[part] = path
    elif tops and all(path.name.casefold() in SPLITS for path in tops):
        raise DataError(f"{folder} has the folders {', '.join(p.name for p in tops)} and no train; add it")
    else:
        splits["train"] = folder
    entries, classes = [], set()
    for part in ("train", "val", "test"):
        if part not in splits:
            continue
        for path in tops if splits[part] == folder else _folders(splits[part], folder, odd):
            label = printable(path.name)
            classes.add(label)
            found = [Entry(file, _name(file, folder), part, label) for file in _files(path, folder, odd)]
            if not found:
                odd.add("empty folder", _name(path, folder))
            entries += found
    if not classes:
        raise DataError(f"{folder} holds no class folders; put the files of each class into a folder of its own")
    return Listing(tuple(entries), tuple(sorted(classes, key=natural)), odd.notes())


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def _scan(path: Path, root: Path, odd: _Oddities) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: natural(entry.name))
    except OSError:
        odd.add("unreadable", _name(path, root))
        return []


def _folders(path: Path, root: Path, odd: _Oddities) -> list[Path]:
    """The folders in a folder that should hold nothing else."""
    folders = []
    for entry in _scan(path, root, odd):
        inside = Path(entry.path)
        if is_hidden(entry.name):
            odd.add("hidden", _name(inside, root))
        elif not _is_folder(entry):
            odd.add("stray", _name(inside, root))
        elif entry.is_symlink() and root.resolve().is_relative_to(inside.resolve()):
            odd.add("link", _name(inside, root))
        else:
            folders.append(inside)
    return folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link that leads in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _files(top: Path, root: Path, odd: _Oddities) -> Iterator[Path]:
    """The files in a class folder and in the folders inside it; no real folder is entered twice."""
    real_root = root.resolve()
    seen: set[Path] = set()
    waiting = [top]
    while waiting:
        path = waiting.pop()
        real = path.resolve()
        if real in seen:
            odd.add("link", _name(path, root))
            continue
        seen.add(real)
        inner = []
        for entry in _scan(path, root, odd):
            inside = Path(entry.path)
            if is_hidden(entry.name):
                odd.add("hidden", _name(inside, root))
            elif not _is_folder(entry):
                yield inside
            elif entry.is_symlink() and _overlap(inside.resolve(), real_root):
                odd.add("link", _name(inside, root))
            else:
                inner.append(inside)
        waiting += reversed(inner)


def _overlap(a: Path, b: Path) -> bool:
    return a.is_relative_to(b) or b.is_relative_to(a)
