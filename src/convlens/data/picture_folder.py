"""From the files of class folders to a data set: read each once, choose the common form, keep or stream.

A file that cannot be used is left out, named and counted; it never stops the others.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.assemble import assemble
from convlens.data.conform import Form, Look, Wanted, can_become, common_form
from convlens.data.dataset import ArraySplit, Dataset, FileSplit, Note, Raw, Split
from convlens.data.errors import DataError, PictureError
from convlens.data.folder import Entry, list_folder
from convlens.data.pictures import Picture, read_picture

# Files handed to the threads at once: enough to keep them busy, few enough to bound what waits in memory.
BATCH = 64

REMARKS = {
    "frames": "hold several frames or pages, of which the first is taken",
    "transparent": "are partly transparent and were laid over white",
    "reduced": "have 16-bit colour, of which 8 bits are read; save them as TIFF to keep all",
    "nan": "hold NaN or infinite pixels, which are replaced by the mean",
}


@dataclass(frozen=True, eq=False)
class Found:
    """A file that can be used: what it looks like, what was remarked, and its pixels if there was room to keep them."""

    entry: Entry
    look: Look
    remarks: tuple[tuple[str, str], ...]
    pixels: Raw | None


def load_picture_folder(folder: Path, *, val: float, seed: int, wanted: Wanted, memory: int) -> Dataset:
    """Load a data set from a folder of class folders.

    Args:
        folder: see `folder.py` for what may lie in it.
        val: fraction of train to set aside where there is no val folder.
        seed: decides which.
        wanted: what is prescribed of the form that all are brought to.
        memory: bytes; a set that is larger when decoded stays on disk and is decoded as it is read.

    Raises:
        DataError: there are no class folders, or no pictures in them.
    """
    listing = list_folder(folder)
    found, notes = scan(listing.entries, memory)
    notes = [*listing.notes, *notes]
    if not found:
        raise DataError(f"{folder} holds no picture that can be read; {'; '.join(map(str, notes))}")
    form = common_form([f.look for f in found], wanted)
    usable = [f for f in found if can_become(f.look.shape[0], form.shape[0])]
    notes += form_notes(found, usable, form)
    labels = {name: k for k, name in enumerate(listing.classes)}
    whole = len(usable) * math.prod(form.shape) * np.dtype(form.dtype).itemsize
    parts: dict[str, Split] = {}
    for part in ("train", "val", "test"):
        mine = [f for f in usable if f.entry.part == part]
        if mine:
            y = np.array([labels[f.entry.label] for f in mine], np.int64)
            parts[part] = _stream(mine, y, form) if whole > memory else _keep(mine, y, form)
    if whole > memory:
        text = f"the pictures take {whole / 2**20:,.0f} MiB when decoded and are read from disk each time"
        notes.append(Note("streamed", text))
    return assemble(folder.resolve().name, listing.classes, parts, notes, val=val, seed=seed)


def scan(entries: Sequence[Entry], memory: int) -> tuple[list[Found], list[Note]]:
    """Read every file once, keep the pixels as long as `memory` bytes allow, and say what could not be read."""
    found, skipped, kept = [], [], 0
    for entry, result in zip(entries, _read_all([entry.path for entry in entries]), strict=True):
        if isinstance(result, PictureError):
            skipped.append(f"{entry.name}: {result.reason}")
            continue
        pixels = result.pixels
        kept += pixels.nbytes
        look = Look(pixels.shape, pixels.dtype.name)
        found.append(Found(entry, look, result.remarks, pixels if kept <= memory else None))
    notes = []
    if skipped:
        notes.append(_note("skipped", len(skipped), "cannot be read as pictures and are left out", skipped))
    for kind, text in REMARKS.items():
        names = [f"{f.entry.name}: {said}" for f in found for k, said in f.remarks if k == kind]
        if names:
            notes.append(_note(kind, len(names), text, names))
    return found, notes


def _read_all(paths: Sequence[Path]) -> Iterator[Picture | PictureError]:
    def attempt(path: Path) -> Picture | PictureError:
        try:
            return read_picture(path)
        except PictureError as error:
            return error

    # Pillow decodes without holding the interpreter's lock
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), BATCH):
            yield from pool.map(attempt, paths[start : start + BATCH])


def _note(kind: str, count: int, text: str, names: Sequence[str]) -> Note:
    some = "; ".join(names[:3]) + (f"; and {len(names) - 3:,} more" if len(names) > 3 else "")
    return Note(kind, f"{count:,} {'file' if count == 1 else 'files'}: {text}: {some}", tuple(names))


def form_notes(found: Sequence[Found], usable: Sequence[Found], form: Form) -> list[Note]:
    """Say what had to be changed to give all pictures one form, and which could not be."""
    notes = []
    height, width = form.shape[1:]

    def tell(kind: str, text: str, differs: Callable[[Found], bool], among: Sequence[Found]) -> None:
        names = [f.entry.name for f in among if differs(f)]
        if names:
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            notes.append(Note(kind, f"{len(names):,} of {len(among):,} pictures {text}: {some}", tuple(names)))

    left_out = {id(f) for f in found} - {id(f) for f in usable}
    wanted = form.shape[0]
    tell("skipped", f"have channels that cannot become {wanted}, and are left out", lambda f: id(f) in left_out, found)
    colour = "grey" if wanted == 1 else "RGB"
    tell("mixed channels", f"were made {colour}", lambda f: f.look.shape[0] != wanted, usable)
    scales = f"were brought to {form.dtype}, full brightness to full brightness (255, 65535, 1.0)"
    tell("mixed types", scales, lambda f: f.look.dtype != form.dtype, usable)
    sizes = Counter(f.look.shape[1:] for f in usable)
    text = f"were resized to {height}x{width} (of {len(sizes)} sizes; proportions are not kept)"
    tell("resized", text, lambda f: f.look.shape[1:] != form.shape[1:], usable)
    return notes


def _keep(found: Sequence[Found], y: np.ndarray[tuple[int], np.dtype[np.int64]], form: Form) -> ArraySplit:
    x: Raw = np.empty((len(found), *form.shape), form.dtype)
    for row, f in enumerate(found):
        try:
            x[row] = form.read(f.entry.path) if f.pixels is None else form.conform(f.pixels)
        except DataError as error:
            raise DataError(f"{f.entry.name} does not fit: {error}") from error
    return ArraySplit(x, y, tuple(f.entry.name for f in found))


def _stream(found: Sequence[Found], y: np.ndarray[tuple[int], np.dtype[np.int64]], form: Form) -> FileSplit:
    paths, names = tuple(f.entry.path for f in found), tuple(f.entry.name for f in found)
    return FileSplit(paths, y, names, form.read, form.shape, form.dtype)
