"""Any data set that can be trained on: with a label an example, or with a label for every cell.

Which of the two a source is, `load.py` says.
"""

from __future__ import annotations

from pathlib import Path

from convlens.data.cell_set import CellSet
from convlens.data.dataset import Dataset
from convlens.data.errors import DataError
from convlens.data.fashion_mnist import Progress
from convlens.data.load import cell_reader, load


def load_set(
    source: str | Path,
    *,
    data_dir: Path | None = None,
    val: float = 0.1,
    seed: int = 0,
    size: tuple[int, ...] | None = None,
    line_size: tuple[int, ...] | None = None,
    channels: int | None = None,
    rate: int | None = None,
    label: str | None = None,
    progress: Progress | None = None,
) -> Dataset | CellSet:
    """Load a data set with a label an example, as ``load`` does, or with a label for every cell.

    Args:
        source: as for ``load``; or an .npz whose labels have the axes of the examples, or a folder with the folders
            images and labels.
        data_dir: see ``load``.
        val: see ``load``.
        seed: see ``load``.
        size: see ``load``; a source with a label for every cell cannot be given one.
        line_size: the size where none is given and there is a label an example.
        channels: see ``load``.
        rate: see ``load``; a source with a label for every cell has none.
        label: see ``load``, likewise.
        progress: see ``load``.

    Raises:
        DataError: the source is unknown or cannot be used; the message says why and what to do.
    """
    path = Path(source).expanduser()
    read = cell_reader(path)
    if read is None:
        return load(
            source,
            data_dir=data_dir,
            val=val,
            seed=seed,
            size=line_size if size is None else size,
            channels=channels,
            rate=rate,
            label=label,
            progress=progress,
        )
    if size is not None:
        raise DataError(f"{path} has a label for every cell, and labels are not resampled; leave the size out")
    if rate is not None or label is not None:
        raise DataError(f"{path} has a label for every cell, and no rate and no column of classes; leave those out")
    data = read(path, val=val, seed=seed)
    have = data.preprocessing.shape[0]
    if channels is not None and channels != have:
        raise DataError(f"{data.name} has examples of {have} channels, not the {channels} that are wanted")
    return data
