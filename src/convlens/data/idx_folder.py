"""Folders that hold idx files named as MNIST's are: which file is which, and what they make together."""

from __future__ import annotations

import re
from pathlib import Path

from convlens.data.arrays import as_examples
from convlens.data.assemble import assemble
from convlens.data.dataset import ArraySplit, Dataset, Note, Numbered
from convlens.data.errors import DataError
from convlens.data.idx import read_idx
from convlens.data.labels import number_labels

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte ...
NAME = re.compile(
    r"(?:.*[-_.])?(?P<part>train|val|test|t10k)[-_.](?P<what>images|labels)[-_.]idx\d(-[a-z]+)?(\.gz)?",
    re.I | re.DOTALL,
)
PARTS = {"train": "train", "val": "val", "test": "test", "t10k": "test"}


def idx_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Find the idx files of a folder: for each split its "images" and its "labels".

    Raises:
        DataError: two files claim the same place.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        part, what = PARTS[match["part"].lower()], match["what"].lower()
        other = found.setdefault(part, {}).setdefault(what, path)
        if other != path:
            raise DataError(f"{folder} has two files for the {part} {what}, {other.name} and {path.name}; keep one")
    return found


def load_idx_folder(folder: Path, *, val: float, seed: int) -> Dataset:
    """Load a data set from the idx files of a folder.

    Args:
        folder: holds train-images... and train-labels..., and perhaps those of val and of test (or t10k).
        val: fraction of train to set aside where there are no val files.
        seed: decides which.

    Raises:
        DataError: a file is missing or damaged, or the files do not fit each other.
    """
    notes: list[Note] = []
    cells, raw = {}, {}
    for part, pair in idx_files(folder).items():
        missing = {"images", "labels"} - set(pair)
        if missing:
            raise DataError(f"{folder} has no idx file with the {part} {missing.pop()}; put it beside the other")
        x, y = read_idx(pair["images"]), read_idx(pair["labels"])
        if y.ndim != 1 or len(x) != len(y):
            raise DataError(f"{pair['images']} holds {x.shape[0]:,} examples and {pair['labels']} labels of {y.shape}")
        # idx pictures are (N, H, W) and idx signals (N, W): one channel, which the format does not write
        cells[part], said = as_examples(x[:, None] if x.ndim < 4 else x, pair["images"].name)
        raw[part] = y
        notes += said
    if "train" not in cells:
        raise DataError(f"{folder} has no train-images idx file; put it beside the others")
    y_of, classes, said = number_labels(raw, None, folder.name)
    parts = {part: ArraySplit(x, y_of[part], Numbered(part, len(x))) for part, x in cells.items()}
    return assemble(folder.resolve().name, classes, parts, [*notes, *said], val=val, seed=seed)
