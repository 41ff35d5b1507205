"""A folder of examples with a label for every cell: images/ and labels/ with files of equal names.

folder/images/a.png  folder/labels/a.png  folder/classes.txt
folder/train/images/...  folder/val/images/...  folder/test/images/...
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convlens.data.cell_files import converted, read_labels, read_whole, stem
from convlens.data.cell_set import CellSet, CellSplit, Labels, assemble_cells
from convlens.data.conform import Look, Wanted, common_shape
from convlens.data.dataset import Note, Raw
from convlens.data.errors import DataError, PictureError
from convlens.data.folder import SPLITS, is_hidden
from convlens.data.labels import natural, printable
from convlens.data.preprocessing import DTYPES, kind_of

IMAGES, LABELS = "images", "labels"
NAMES = "classes.txt"


@dataclass(frozen=True, eq=False)
class Pair:
    """An example and the labels of its cells."""

    name: str
    part: str
    x: Raw
    y: Labels


def is_cell_folder(folder: Path) -> bool:
    """Whether a folder, or its train folder, holds images and labels."""
    return any((top / IMAGES).is_dir() and (top / LABELS).is_dir() for top in (folder, folder / "train"))


def load_cell_folder(folder: Path, *, val: float, seed: int) -> CellSet:
    """Load a set with a label for every cell from a folder.

    Raises:
        DataError: no example can be read with its labels, or the examples are of several kinds.
    """
    tops = {"train": folder} if (folder / IMAGES).is_dir() else _splits(folder)
    pairs: list[Pair] = []
    notes: list[Note] = []
    for part, top in tops.items():
        found, said = _pairs(folder, part, top)
        pairs += found
        notes += said
    if not pairs:
        raise DataError(f"{folder} holds no example that can be read with its labels; {'; '.join(map(str, notes))}")
    pairs, said = _alike(pairs)
    notes += said
    parts = {}
    for part in tops:
        if mine := [pair for pair in pairs if pair.part == part]:
            parts[part] = CellSplit([p.x for p in mine], [p.y for p in mine], [p.name for p in mine])
    return assemble_cells(folder.resolve().name, _classes(folder), parts, notes, val=val, seed=seed)


def _splits(folder: Path) -> dict[str, Path]:
    found = {SPLITS[top.name.casefold()]: top for top in folder.iterdir() if top.name.casefold() in SPLITS}
    return {part: found[part] for part in ("train", "val", "test") if part in found}


def _classes(folder: Path) -> list[str] | None:
    """The lines of classes.txt, where there is one."""
    path = folder / NAMES
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); write one class a line") from error
    return [printable(line.strip()) for line in lines if line.strip()] or None


def _files(folder: Path, notes: list[Note]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda p: natural(p.name)) if folder.is_dir() else ():
        if is_hidden(path.name) or not path.is_file():
            continue
        if stem(path) in found:
            notes.append(Note("stray", f"{path.name} is called as {found[stem(path)].name} is, and is passed over"))
        else:
            found[stem(path)] = path
    return found


def _pairs(root: Path, part: str, top: Path) -> tuple[list[Pair], list[Note]]:
    notes: list[Note] = []
    images, labels = (_files(top / name, notes) for name in (IMAGES, LABELS))
    alone = sorted(images.keys() ^ labels.keys(), key=natural)
    if alone:
        names = tuple(printable(name) for name in alone)
        text = f"{len(alone):,} files of images and labels have no partner of their name: {', '.join(names[:3])}"
        notes.append(Note("stray", text + (", ..." if len(names) > 3 else ""), names))
    pairs, skipped = [], []
    for name, image in images.items():
        if name not in labels:
            continue
        shown = printable(image.relative_to(root).as_posix())
        try:
            pairs.append(_pair(shown, part, image, labels[name]))
        except DataError as error:
            skipped.append(f"{shown}: {error.reason if isinstance(error, PictureError) else error}")
    if skipped:
        some = "; ".join(skipped[:3]) + (f"; and {len(skipped) - 3:,} more" if len(skipped) > 3 else "")
        notes.append(Note("skipped", f"{len(skipped):,} examples are left out: {some}", tuple(skipped)))
    return pairs, notes


def _pair(name: str, part: str, image: Path, labels: Path) -> Pair:
    x = read_whole(image).pixels
    try:
        y = read_labels(labels)
    except PictureError as error:
        raise DataError(f"its labels cannot be read: {error.reason}") from error
    if y.shape != x.shape[1:]:
        mine, theirs = ("x".join(map(str, shape)) for shape in (x.shape[1:], y.shape))
        raise DataError(f"it has {mine} cells and its labels {theirs}")
    return Pair(name, part, x, y)


def _alike(pairs: list[Pair]) -> tuple[list[Pair], list[Note]]:
    """All with the same channels and cell type; sizes stay."""
    kinds = {kind_of(pair.x.shape) for pair in pairs}
    if len(kinds) > 1:
        raise DataError(f"the images are of {len(kinds)} kinds ({', '.join(sorted(kinds))}s); keep one of them")
    (kind,) = kinds
    (channels, *_), usable = common_shape([Look(p.x.shape, p.x.dtype.name) for p in pairs], Wanted())
    types = {look.dtype for look in usable}
    wide = max(types, key=DTYPES.index) if kind == "picture" or len(types) == 1 else "float32"
    made, skipped = [], []
    for pair in pairs:
        try:
            made.append(Pair(pair.name, pair.part, converted(pair.x, kind, channels, wide), pair.y))
        except DataError as error:
            skipped.append(f"{pair.name}: {error}")
    text = f"{len(skipped):,} examples are left out: {'; '.join(skipped[:3])}"
    return made, [Note("skipped", text, tuple(skipped))] if skipped else []
