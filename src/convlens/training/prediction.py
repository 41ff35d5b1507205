"""What a trained network says of files: a row a file, in order, whether it could be read or not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from convlens.data import DataError, Preprocessing, read_example, read_lines, text_example
from convlens.data.errors import reason
from convlens.data.series import read_series
from convlens.data.workers import mapped

from .distributed import device as device_named
from .errors import TrainingError
from .judge import to_input
from .model import Model
from .tensors import write_bytes

AT_ONCE = 256
A_TASK = 32
"""Files that a worker takes at once: few enough for many workers to share a folder."""


@dataclass(frozen=True)
class Prediction:
    """One file: the class and all probabilities (classes,), or why it could not be read."""

    file: str
    predicted: str | None
    probabilities: np.ndarray | None
    error: str | None

    @property
    def probability(self) -> float | None:
        """The probability of the predicted class."""
        return None if self.probabilities is None else float(self.probabilities.max())


def files_of(names: Sequence[Path]) -> list[Path]:
    """The files that are meant: a folder stands for all files in it and below, sorted, hidden ones left out.

    Raises:
        TrainingError: a folder holds none.
    """
    found: list[Path] = []
    for name in names:
        if not name.is_dir():
            found.append(name)
            continue
        inside = sorted(
            p
            for p in name.rglob("*")
            if not p.is_dir() and not any(s.startswith(".") for s in p.relative_to(name).parts)
        )
        if not inside:
            raise TrainingError(f"the folder {name} holds no files; name a folder with files in it")
        found += inside
    return found


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a file, as the raw example that it is, or why it is none."""

    path: Path
    number: int
    example: np.ndarray | str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


def lines_of(files: Sequence[Path], model: Model) -> list[Path | Line]:
    """The lines of text files, or the rows of .csv files; a file that cannot be read stands for itself.

    Raises:
        TrainingError: the model reads neither texts nor series of one channel.
    """
    own = model.preprocessing
    if own.kind != "text" and (own.kind != "signal" or own.shape[0] > 1 or own.rate):
        what = "sounds" if own.rate else f"{own.kind}s of {own.shape[0]} channels"
        raise TrainingError(
            f"--lines is for networks that read texts or series of one channel, and this one sees {what}"
        )
    found: list[Path | Line] = []
    for file in files:
        try:
            if own.kind == "text":
                found += [Line(file, number, text_example(text, own)) for number, text in read_lines(file)]
            else:
                found += [Line(file, at, _row(row, own)) for at, row in enumerate(read_series(file).values, 1)]
        except DataError:
            found.append(file)
    return found


def _row(values: np.ndarray, own: Preprocessing) -> np.ndarray | str:
    if len(values) != own.shape[1]:
        return f"it has {len(values):,} numbers, and {own.shape[1]:,} are wanted"
    return np.asarray(values[None], own.dtype)


def predict(
    model: Model, files: Sequence[Path | Line], device: str = "auto", progress: Callable[[int], None] = lambda n: None
) -> Iterator[Prediction]:
    """Predict each file's class.

    Args:
        model: the trained network.
        files: pictures, ``.npy`` files with one example and the like, or lines of files.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        progress: called with the number of files done.

    Yields:
        One Prediction a file, in order.
    """
    if model.of_cells:
        raise TrainingError("the model says a class for every cell; label_file writes what it says of a file")
    where = device_named(device)
    module = model.module().to(where)
    for start in range(0, len(files), AT_ONCE):
        part = files[start : start + AT_ONCE]
        read = [_read(file, model) for file in part]
        raw = [example for example in read if isinstance(example, np.ndarray)]
        rows: Iterator[np.ndarray] = iter(())
        if raw:
            x = torch.from_numpy(np.stack(raw))
            with torch.inference_mode():
                rows = iter(module(to_input(x, model.preprocessing, where)).float().softmax(1).cpu().numpy())
        for file, example in zip(part, read, strict=True):
            if isinstance(example, np.ndarray):
                row = next(rows)
                yield Prediction(str(file), model.classes[int(row.argmax())], row, None)
            else:
                yield Prediction(str(file), None, None, example)
        progress(start + len(part))


def predict_afar(model: Model, files: Sequence[Path | Line], device: str, scheduler: str) -> Iterator[Prediction]:
    """``predict``, by the workers of a Dask scheduler, which see the files under the same names.

    Raises:
        DataError: the scheduler does not answer or has no workers.
    """
    # a worker has a folder of its own that it started in
    there = [file if isinstance(file, Line) else file.resolve() for file in files]
    parts = [there[start : start + A_TASK] for start in range(0, len(there), A_TASK)]
    names = iter(files)
    for found in mapped(_predicted, (model, device), parts, scheduler):
        for prediction in found:
            yield replace(prediction, file=str(next(names)))


def _predicted(taught: tuple[Model, str], files: Sequence[Path | Line]) -> list[Prediction]:
    model, device = taught
    return list(predict(model, files, device))


def _read(file: Path | Line, model: Model) -> np.ndarray | str:
    if isinstance(file, Line):
        return file.example
    try:
        return np.asarray(read_example(file, model.preprocessing))
    except DataError as error:
        return reason(error, file)


def write_csv(path: Path, predictions: Sequence[Prediction], classes: Sequence[str]) -> None:
    """Write ``file,predicted,probability,error`` and a column of probabilities a class, in one step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "predicted", "probability", "error", *(f"p({name})" for name in classes)])
    for p in predictions:
        if p.probabilities is None:
            writer.writerow([p.file, "", "", p.error, *[""] * len(classes)])
        else:
            shares = [f"{v:.6f}" for v in p.probabilities]
            writer.writerow([p.file, p.predicted, f"{p.probability:.6f}", "", *shares])
    write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))
