"""From the files of class folders to a data set: read each once, choose the common form, keep or stream.

A file that cannot be used is left out, named and counted; it never stops the others.  What a file holds (a picture, a
volume ...) is said by a `Medium`; nothing here decodes one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.data.assemble import assemble
from convlens.data.conform import Look, Wanted
from convlens.data.dataset import ArraySplit, Dataset, FileSplit, Note, Raw, Split
from convlens.data.errors import DataError, PictureError
from convlens.data.folder import Entry, Listing
from convlens.data.pictures import Picture

# Files handed to the threads at once: enough to keep them busy, few enough to bound what waits in memory.
BATCH = 64


class Common(Protocol):
    """The one form that all examples of a set are brought to."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an example, (C, *spatial)."""

    @property
    def dtype(self) -> str:
        """Of its cells."""

    def conform(self, pixels: Raw, look: Look | None = None, /) -> Raw:
        """Bring an example, (C, *spatial), that looked so to this form, or raise DataError."""

    def read(self, path: Path, /) -> Raw:
        """Read a file and bring it to this form, or raise DataError; must pickle, for loader processes call it."""


@dataclass(frozen=True, eq=False)
class Found:
    """A file that can be used: what it looks like, what was remarked, and its pixels if there was room to keep them."""

    entry: Entry
    look: Look
    remarks: tuple[tuple[str, str], ...]
    pixels: Raw | None


def look_of(picture: Picture) -> Look:
    """The shape and the cell type of what was read."""
    return Look(picture.pixels.shape, picture.pixels.dtype.name)


def without_rate(form: Common) -> None:
    """What has no rate."""


@dataclass(frozen=True)
class Medium:
    """What the files of a folder hold.

    Args:
        noun: one of them, "picture".
        read: decodes a file; raises `PictureError`.
        form: chooses the common form from what they look like and what is wanted.
        fits: whether one that looks so can be brought to a form.
        notes: says what had to be changed: all that were found, those that fit, the form.
        remarks: what a remark of `read` means, by its kind.
        look: what a file that was read looks like.
        rate: samples a second of a form, of sounds.
    """

    noun: str
    read: Callable[[Path], Picture]
    form: Callable[[Sequence[Look], Wanted], Common]
    fits: Callable[[Look, Common], bool]
    notes: Callable[[Sequence[Found], Sequence[Found], Common], list[Note]]
    remarks: Mapping[str, str]
    look: Callable[[Picture], Look] = look_of
    rate: Callable[[Common], int | None] = without_rate


def load_class_folder(
    folder: Path, listing: Listing, medium: Medium, *, val: float, seed: int, wanted: Wanted, memory: int
) -> Dataset:
    """Load a data set from a folder of class folders.

    Args:
        folder: its name becomes that of the set.
        listing: its files.
        medium: what they hold.
        val: fraction of train to set aside where there is no val folder.
        seed: decides which.
        wanted: what is prescribed of the form that all are brought to.
        memory: bytes; a set that is larger when decoded stays on disk and is decoded as it is read.

    Raises:
        DataError: nothing can be read.
    """
    found, notes = scan(listing.entries, medium, memory)
    notes = [*listing.notes, *notes]
    if not found:
        raise DataError(f"{folder} holds no {medium.noun} that can be read; {'; '.join(map(str, notes))}")
    form = medium.form([f.look for f in found], wanted)
    usable = [f for f in found if medium.fits(f.look, form)]
    notes += medium.notes(found, usable, form)
    labels = {name: k for k, name in enumerate(listing.classes)}
    whole = len(usable) * math.prod(form.shape) * np.dtype(form.dtype).itemsize
    parts: dict[str, Split] = {}
    for part in ("train", "val", "test"):
        mine = [f for f in usable if f.entry.part == part]
        if mine:
            y = np.array([labels[f.entry.label] for f in mine], np.int64)
            parts[part] = _stream(mine, y, form) if whole > memory else _keep(mine, y, form)
    if whole > memory:
        text = f"the {medium.noun}s take {whole / 2**20:,.0f} MiB when decoded and are read from disk each time"
        notes.append(Note("streamed", text))
    rate = medium.rate(form)
    return assemble(folder.resolve().name, listing.classes, parts, notes, val=val, seed=seed, rate=rate)


def scan(entries: Sequence[Entry], medium: Medium, memory: int) -> tuple[list[Found], list[Note]]:
    """Read every file once, keep the pixels as long as `memory` bytes allow, and say what could not be read."""
    found, skipped, kept = [], [], 0
    for entry, result in zip(entries, _read_all([entry.path for entry in entries], medium), strict=True):
        if isinstance(result, PictureError):
            skipped.append(f"{entry.name}: {result.reason}")
            continue
        pixels = result.pixels
        kept += pixels.nbytes
        found.append(Found(entry, medium.look(result), result.remarks, pixels if kept <= memory else None))
    notes = skipped_note(skipped, f"{medium.noun}s")
    for kind, text in medium.remarks.items():
        names = [f"{f.entry.name}: {said}" for f in found for k, said in f.remarks if k == kind]
        if names:
            notes.append(_note(kind, len(names), text, names))
    return found, notes


def _read_all(paths: Sequence[Path], medium: Medium) -> Iterator[Picture | PictureError]:
    def attempt(path: Path) -> Picture | PictureError:
        try:
            return medium.read(path)
        except PictureError as error:
            return error

    # Pillow decodes without holding the interpreter's lock
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), BATCH):
            yield from pool.map(attempt, paths[start : start + BATCH])


def skipped_note(skipped: Sequence[str], nouns: str) -> list[Note]:
    """A note on files that could not be read, each with its reason; none where there are none."""
    if not skipped:
        return []
    return [_note("skipped", len(skipped), f"cannot be read as {nouns} and are left out", skipped)]


def _note(kind: str, count: int, text: str, names: Sequence[str]) -> Note:
    some = "; ".join(names[:3]) + (f"; and {len(names) - 3:,} more" if len(names) > 3 else "")
    return Note(kind, f"{count:,} {'file' if count == 1 else 'files'}: {text}: {some}", tuple(names))


def told(kind: str, text: str, among: Sequence[Found], which: Callable[[Found], bool], nouns: str) -> list[Note]:
    """A note on those for which something holds; none where it holds for none."""
    names = [f.entry.name for f in among if which(f)]
    if not names:
        return []
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return [Note(kind, f"{len(names):,} of {len(among):,} {nouns} {text}: {some}", tuple(names))]


def _keep(found: Sequence[Found], y: NDArray[np.int64], form: Common) -> ArraySplit:
    x: Raw = np.empty((len(found), *form.shape), form.dtype)
    for row, f in enumerate(found):
        try:
            x[row] = form.read(f.entry.path) if f.pixels is None else form.conform(f.pixels, f.look)
        except DataError as error:
            raise DataError(f"{f.entry.name} does not fit: {error}") from error
    return ArraySplit(x, y, tuple(f.entry.name for f in found))


def _stream(found: Sequence[Found], y: NDArray[np.int64], form: Common) -> FileSplit:
    paths, names = tuple(f.entry.path for f in found), tuple(f.entry.name for f in found)
    return FileSplit(paths, y, names, form.read, form.shape, form.dtype)
