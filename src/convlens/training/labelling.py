"""What a network that labels cells says of files: the class of every cell, written beside the example's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from convlens.data import DataError, PictureError
from convlens.data.cell_files import SUFFIXES, converted, packed_labels, read_whole, stem
from convlens.data.cell_set import Labels

from .distributed import device as device_named
from .errors import TrainingError
from .judge import to_input
from .model import Model
from .tensors import write_bytes
from .tiles import Tiled


@dataclass(frozen=True, eq=False)
class Labelled:
    """One file: where its labels were written and how many cells of each class they hold, or why there are none."""

    file: Path
    written: Path | None
    counts: tuple[int, ...]
    error: str | None


class Labeller:
    """A trained network that says a class for every cell.

    Args:
        model: of cells.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        threads: of the engine.

    Raises:
        TrainingError: the model says one class an example.
    """

    def __init__(self, model: Model, device: str = "auto", threads: int = 1) -> None:
        if not model.of_cells:
            raise TrainingError("the model says one class an example, not one for every cell")
        self._model = model
        where = device_named(device)
        self._tiled = Tiled(model.module().to(where), model.network, where, threads)

    def label(self, file: Path) -> Labels:
        """The class of every cell of a file, uint8 (*spatial).

        Raises:
            DataError: it cannot be read, or not be given the channels and cells that the network sees.
        """
        seen = self._model.preprocessing
        try:
            cells = converted(read_whole(file, seen.kind).pixels, seen.kind, seen.shape[0], seen.dtype)
        except PictureError:
            raise
        except DataError as error:
            raise PictureError(f"{file} does not fit: {error}", str(error)) from error
        raw = torch.from_numpy(np.ascontiguousarray(cells))[None]
        scores = self._tiled(to_input(raw, seen, torch.device("cpu"))[0])
        return scores.argmax(0).numpy().astype(np.uint8)

    def write(self, files: Sequence[Path], out: Path | None) -> Iterator[Labelled]:
        """Label files one by one and write what is said of each.

        Args:
            files: pictures, volumes or signals.
            out: of one file, the file to write (a name with a suffix); else the folder in which each gets its name.

        Raises:
            TrainingError: two files would be written to one place, or nothing can be written there.
        """
        kind = self._model.preprocessing.kind
        places = [_place(file, out, kind, alone=len(files) == 1) for file in files]
        doubled = next((place for place in places if places.count(place) > 1), None)
        if doubled is not None:
            raise TrainingError(f"two of the files would be written to {doubled}; label them one after the other")
        for file, place in zip(files, places, strict=True):
            try:
                labels = self.label(file)
                place.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(place, packed_labels(place, labels, file))
            except DataError as error:
                yield Labelled(file, None, (), error.reason if isinstance(error, PictureError) else str(error))
                continue
            counts = np.bincount(labels.ravel(), minlength=len(self._model.classes))
            yield Labelled(file, place, tuple(counts.tolist()), None)


def _place(file: Path, out: Path | None, kind: str, *, alone: bool) -> Path:
    if alone and out is not None and out.suffix and not out.is_dir():
        return out
    from_nifti = file.name.lower().endswith((".nii", ".nii.gz"))
    suffix = ".tif" if kind == "volume" and not from_nifti else SUFFIXES[kind]
    return (out or Path("predictions")) / f"{stem(file)}{suffix}"
