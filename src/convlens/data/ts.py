"""Signals in the .ts text format of the UCR and UEA archives.

    # remarks                        header lines begin with @, the examples follow @data
    @classLabel true cat dog
    @data
    1.0,2.5,3.0:0.5,0.5,0.5:cat      one example a line: channels parted by ':', then its class

Reads equally long signals without gaps, and refuses the others with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.assemble import assemble
from convlens.data.cells import to_cells
from convlens.data.dataset import ArraySplit, Dataset, Numbered
from convlens.data.errors import DataError
from convlens.data.labels import number_labels
from convlens.data.pairs import pair_files, set_name


@dataclass(frozen=True, eq=False)
class Signals:
    """What one file holds: x float32 (N, C, W), the words that label it, and the classes its header names, if any."""

    x: NDArray[np.float32]
    labels: NDArray[np.str_]
    classes: tuple[str, ...] | None


def load_ts(path: Path, *, val: float, seed: int) -> Dataset:
    """Load a .ts file and, if it is called NAME_TRAIN.ts or NAME_TEST.ts, the other one beside it.

    Args:
        path: a file, or a folder that holds one NAME_TRAIN.ts.
        val: fraction of the training signals to set aside.
        seed: decides which.

    Raises:
        DataError: the file is no .ts file, or its signals have gaps or different lengths.
    """
    files = pair_files(path)
    read = {part: read_ts(file) for part, file in files.items()}
    train, test = read["train"], read.get("test", read["train"])
    if train.x.shape[1:] != test.x.shape[1:]:
        raise DataError(f"{files['train']} holds signals of shape {train.x.shape[1:]} and the test file beside it "
                        f"{test.x.shape[1:]}; make them the same")  # fmt: skip
    classes = None
    if train.classes is not None:
        classes = tuple(dict.fromkeys((*train.classes, *(test.classes or ()))))
    where = files["train"].name
    y, names, notes = number_labels({part: signals.labels for part, signals in read.items()}, classes, where)
    parts = {part: ArraySplit(s.x, y[part], Numbered(part, len(s.x))) for part, s in read.items()}
    return assemble(set_name(files["train"]), names, parts, notes, val=val, seed=seed)


def read_ts(path: Path) -> Signals:
    """Read one .ts file.

    Raises:
        DataError: the file cannot be read or is not a .ts file of equally long, labelled signals without gaps.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no .ts file: it is not text in UTF-8") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    header: dict[str, list[str]] = {}
    lines = enumerate(text.splitlines(), 1)
    for _, line in lines:
        words = line.split()
        if not words or words[0][0] in "#%":
            continue
        if not words[0].startswith("@"):
            raise DataError(f"{path} is no .ts file: no @data line comes before {line[:40]!r}")
        if words[0].lower() == "@data":
            break
        header[words[0].lower()] = words[1:]
    else:
        raise DataError(f"{path} is no .ts file: it has no @data line")
    classes = _classes(header, path)
    rows = [(number, line.strip()) for number, line in lines if line.strip() and line.lstrip()[0] not in "#%"]
    if not rows:
        raise DataError(f"{path} has no signals after @data; get the file again")
    return _signals(rows, classes, path)


def _classes(header: dict[str, list[str]], path: Path) -> tuple[str, ...] | None:
    if header.get("@timestamps", ["false"])[:1] == ["true"]:
        raise DataError(f"{path} gives a time to every value, which is not read; resample it to even steps first")
    if "@targetlabel" in header or header.get("@classlabel", ["true"])[:1] == ["false"]:
        raise DataError(f"{path} has no classes (its labels are numbers to predict, or missing); choose another set")
    return tuple(header.get("@classlabel", [])[1:]) or None


def _signals(rows: list[tuple[int, str]], classes: tuple[str, ...] | None, path: Path) -> Signals:
    labels, signals = [], []
    for number, line in rows:
        *channels, label = line.split(":")
        if not channels or not label.strip():
            raise DataError(f"line {number} of {path} should be values, ':' and a class, and is {line[:40]!r}")
        labels.append(label.strip())
        signals.append([_values(channel, number, path) for channel in channels])
        lengths = {len(values) for values in signals[-1]} | {len(signals[0][0])}
        if len(lengths) > 1:
            raise DataError(
                f"line {number} of {path} holds signals of {min(lengths)} and {max(lengths)} values, counting the "
                "first line; cut or resample them to one length"
            )
        if len(signals[-1]) != len(signals[0]):
            raise DataError(f"line {number} of {path} has {len(signals[-1])} channels and the first {len(signals[0])}")
    cells, _ = to_cells(np.array(signals), str(path))  # decimals in text are rounded anyway: no note
    return Signals(cells.astype(np.float32, copy=False), np.array(labels), classes)


def _values(channel: str, number: int, path: Path) -> NDArray[np.float64]:
    try:
        values = np.array(channel.split(","), dtype=np.float64)
    except ValueError as error:
        missing = "?" in channel
        what = (
            "a missing value (?); fill the gaps first" if missing else f"{channel.strip()[:40]!r}, which is no number"
        )
        raise DataError(f"line {number} of {path} holds {what}") from error
    if not np.isfinite(values).all():
        raise DataError(f"line {number} of {path} holds NaN or infinity; fill the gaps first")
    return values
