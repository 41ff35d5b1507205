"""The door to this room: `load` a data set from whatever the user names, `read_example` for a prediction.

Decides which reader is asked; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.alphabet import codes, composed
from convlens.data.arrays import load_arrays, npz_names, read_npy, read_npz
from convlens.data.cell_arrays import has_cell_labels, load_cell_arrays
from convlens.data.cell_folder import is_cell_folder, load_cell_folder
from convlens.data.cell_set import CellSet
from convlens.data.cells import to_cells
from convlens.data.class_folder import Medium, load_class_folder
from convlens.data.conform import Form, Wanted
from convlens.data.dataset import Dataset, Raw
from convlens.data.errors import DataError, PictureError
from convlens.data.fashion_mnist import Progress, load_fashion_mnist
from convlens.data.folder import Entry, list_folder, mostly
from convlens.data.idx_folder import idx_files, load_idx_folder
from convlens.data.pairs import PAIR, pair_files
from convlens.data.picture_folder import PICTURES
from convlens.data.pictures import read_picture
from convlens.data.preprocessing import Preprocessing
from convlens.data.signal_folder import SERIES, SOUNDS, SignalForm
from convlens.data.table import SUFFIXES as TABLES
from convlens.data.table import load_table
from convlens.data.text_folder import SUFFIX as TEXTS
from convlens.data.text_folder import line_files, load_line_folder, load_text_folder
from convlens.data.texts import read_whole
from convlens.data.ts import load_ts, read_ts
from convlens.data.volume_folder import VOLUMES, VolumeForm, hold_volumes

UNDERSTOOD = (
    "understood are fashion-mnist, a folder with one folder of pictures, volumes, videos, sounds, series or texts for "
    "each class (or train/, val/ and test/ folders of those), a folder with one .txt file for each class, a folder "
    "with images/ and labels/, an .npz file with x and y, a .ts file, a .csv or .tsv file with a row for each example, "
    "and a folder with idx files"
)


def load(
    source: str | Path,
    *,
    data_dir: Path | None = None,
    val: float = 0.1,
    seed: int = 0,
    size: tuple[int, ...] | None = None,
    channels: int | None = None,
    dtype: str | None = None,
    rate: int | None = None,
    label: str | None = None,
    like: Preprocessing | None = None,
    memory: int = 2 * 2**30,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        source: "fashion-mnist", a folder of class folders, of .txt files or of idx files, an .npz, a .ts, a .csv or a
            .tsv file.
        data_dir: where the files of fashion-mnist are looked for first.
        val: fraction of the training examples to set aside where the source has no validation split; 0: none.
        seed: decides which.
        size: (H, W) to bring pictures of a folder to, (D, H, W) for volumes and videos, (W,) for sounds, series and
            texts, or one number for all axes; the most common size, or a length that fits most, if None.
        channels: 1 (grey) or 3 (RGB) for files of a folder; what they are if None.
        dtype: "uint8", "uint16" or "float32" cells for files of a folder; the widest that they have if None.
        rate: samples a second to bring sounds to; the most common one if None.
        label: of a .csv or .tsv file, the column of the classes: "first", "last", a name, a number from 1; found by a
            rule if None (see `table.py`).
        like: the form of a model's own data, in place of size, channels, dtype and rate.
        memory: bytes above which the decoded files of a folder are not kept but read again each time.
        progress: called with (file, bytes so far, bytes in all) while fashion-mnist is fetched.

    Returns:
        The set, checked and measured, with a note on everything that was odd.

    Raises:
        DataError: the source is unknown or cannot be used; the message says why and what to do.
    """
    if size is not None and (not 1 <= len(size) <= 3 or min(size) < 1):
        raise DataError(f"size is one to three whole numbers from 1, such as (height, width), not {size}")
    if channels is not None and channels < 1:
        raise DataError(f"channels is 1 for grey or 3 for RGB, not {channels}")
    if not str(source):
        raise DataError(f"name a data set; {UNDERSTOOD}")
    wanted = Wanted(size, channels, dtype, rate) if like is None else _like(like)
    if str(source) == "fashion-mnist":
        data = _insist(load_fashion_mnist(data_dir=data_dir, val=val, seed=seed, progress=progress), wanted)
    else:
        path = Path(source).expanduser()
        # labels of other shapes in an .npz may as well be none of cells: their reader says what is wrong with them
        if path.is_dir() and cell_reader(path) is not None:
            raise DataError(
                f"{path} has a label for every cell, and one label an example is wanted; "
                "give a source that has those, or load it with load_set"
            )
        read = _load_folder if path.is_dir() else _load_file
        data = read(path, val, seed, wanted, label, memory)
    if like is not None and data.kind != like.kind:
        raise DataError(f"{data.name} holds {data.kind}s, and the model was trained on {like.kind}s; give it those")
    if like is not None and (like.rate is None) != (data.preprocessing.rate is None):
        has, heard = ("no ", "") if like.rate else ("", "no ")
        raise DataError(f"{data.name} holds {has}sounds, and the model was trained on {heard}sounds; give it those")
    if label is not None and not _is_table(Path(source).expanduser()):
        raise DataError(f"{data.name} is no table, which alone has a column of classes; leave the label out")
    if rate is not None and data.preprocessing.rate is None:
        raise DataError(f"{data.name} holds no sounds, which alone have a rate; leave the rate out")
    return data


def cell_reader(path: Path) -> Callable[..., CellSet] | None:
    """The reader of a source with a label for every cell; None where there is one label an example, or no source.

    Raises:
        DataError: the file is damaged.
    """
    if path.suffix.lower() == ".npz" and path.is_file():
        return load_cell_arrays if has_cell_labels(path) else None
    return load_cell_folder if path.is_dir() and is_cell_folder(path) else None


def _like(model: Preprocessing) -> Wanted:
    """The form that a model's own data had."""
    if model.kind == "text":
        return Wanted(model.shape[1:], alphabet=model.alphabet)
    return Wanted(model.shape[1:], model.shape[0], model.dtype, model.rate)


def _load_folder(path: Path, val: float, seed: int, wanted: Wanted, label: str | None, memory: int) -> Dataset:
    if is_array_folder(path):
        if idx_files(path):
            return _insist(load_idx_folder(path, val=val, seed=seed), wanted)
        return _load_file(pair_files(path)["train"], val, seed, wanted, label, memory)
    if entries := line_files(path):
        return load_line_folder(path, entries, val=val, seed=seed, wanted=_sized(wanted, 1, "text"))
    listing = list_folder(path)
    if mostly(listing.entries, (TEXTS,)):
        return load_text_folder(path, listing, val=val, seed=seed, wanted=_sized(wanted, 1, "text"))
    medium, axes = _medium(listing.entries)
    form = _sized(wanted, axes, medium.noun)
    return load_class_folder(path, listing, medium, val=val, seed=seed, wanted=form, memory=memory)


def _medium(entries: Sequence[Entry]) -> tuple[Medium, int]:
    """What class folders hold, by the names of most files, and how many axes it has."""
    if mostly(entries, (".wav",)):
        return SOUNDS, 1
    if hold_volumes(entries):
        return VOLUMES, 3
    return (SERIES, 1) if mostly(entries, (*TABLES, ".npy")) else (PICTURES, 2)


def is_array_folder(path: Path) -> bool:
    """Whether a folder holds idx files or .ts files, and not class folders.

    Raises:
        DataError: the folder cannot be listed, or holds two idx files for one place.
    """
    try:
        return bool(idx_files(path)) or any(PAIR.fullmatch(file.name) and file.is_file() for file in path.iterdir())
    except OSError as error:
        raise DataError(f"{path} cannot be listed: {error.strerror or error}") from error


def _is_table(path: Path) -> bool:
    """Whether a source is a table, or a folder of a pair of them."""
    file = pair_files(path)["train"] if path.is_dir() and is_array_folder(path) and not idx_files(path) else path
    return file.suffix.lower() in TABLES


def _sized(wanted: Wanted, axes: int, noun: str) -> Wanted:
    """The same with a number an axis in its size, where one number stands for all."""
    size = wanted.size
    if size is None or len(size) == axes:
        return wanted
    if len(size) != 1:
        letters = "x".join("DHW"[-axes:])
        raise DataError(f"a {noun} has the size {letters}, so give {axes} numbers, not {'x'.join(map(str, size))}")
    return replace(wanted, size=size * axes)


def _load_file(path: Path, val: float, seed: int, wanted: Wanted, label: str | None, memory: int) -> Dataset:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"there is no file or folder {path}; {UNDERSTOOD}")
    if suffix in TABLES:
        data = load_table(path, val=val, seed=seed, wanted=_sized(wanted, 1, "row"), label=label)
        return data if data.kind == "text" else _insist(data, wanted)
    if suffix == ".npz":
        return _insist(load_arrays(path, val=val, seed=seed), wanted)
    if suffix == ".ts":
        return _insist(load_ts(path, val=val, seed=seed), wanted)
    raise DataError(f"{path} is no data set; {UNDERSTOOD}")


def _insist(data: Dataset, wanted: Wanted) -> Dataset:
    """Only files in class folders can be given another form; a source of arrays must have it already."""
    size, channels, dtype = wanted.size, wanted.channels, wanted.dtype
    have = data.preprocessing.shape
    if size is not None and len(size) == 1:
        size *= len(have) - 1
    if (size is not None and tuple(size) != have[1:]) or (channels is not None and channels != have[0]):
        channel, sizes = channels or have[0], size or have[1:]
        raise DataError(
            f"{data.name} has examples of {'x'.join(map(str, have))}, not the {'x'.join(map(str, (channel, *sizes)))} "
            "that is wanted; only files in class folders can be given another form"
        )
    if dtype is not None and dtype != data.preprocessing.dtype:
        raise DataError(
            f"{data.name} has {data.preprocessing.dtype} examples, not the {dtype} that is wanted; "
            "convert and save it anew"
        )
    return data


def read_example(path: str | Path, preprocessing: Preprocessing) -> NDArray[Any]:
    """Read one example for a prediction and give it the channels, cell type and size that the network sees.

    Args:
        path: a picture, a volume or video for a network that sees volumes, a .wav for one that hears sounds, a text
            file for one that reads texts, or an .npy or .npz file with one example (in an .npz: the array x, or the
            only one), or for signals a .csv with a row a moment, or a .ts file with one.
        preprocessing: of the network; its numbers are not applied yet.

    Returns:
        The raw example, (C, *spatial), of the type that `preprocessing.apply` wants.

    Raises:
        DataError: it cannot be read, or not be brought to the shape.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if preprocessing.kind == "text":
        return text_example(read_whole(path), preprocessing)
    if suffix == ".wav" or (preprocessing.kind == "signal" and suffix in TABLES):
        return _signal_example(path, preprocessing)
    if preprocessing.kind == "volume" and suffix != ".npz":
        return VolumeForm(preprocessing.shape, preprocessing.dtype).read(path)
    if suffix not in (".npy", ".npz", ".ts"):
        return _picture_example(path, preprocessing)
    if suffix == ".ts":
        array: NDArray[Any] = read_ts(path).x
    else:
        array = read_npy(path) if suffix == ".npy" else _only_array(path)
    shape = preprocessing.shape
    while array.ndim > len(shape) and len(array) == 1:
        array = array[0]
    if suffix == ".npy" and _is_series(array.shape, preprocessing):
        return _signal_example(path, preprocessing)
    if array.ndim == len(shape) - 1:
        array = array[None]
    if array.ndim != len(shape) or 0 in array.shape:
        raise DataError(f"{path} holds an array of shape {array.shape}, and one example of shape {shape} is wanted")
    cells, _ = to_cells(array, str(path))
    return _conform(path, cells, preprocessing)


def _is_series(shape: tuple[int, ...], preprocessing: Preprocessing) -> bool:
    """Whether an array is a row a moment, a column a channel, and not channels first as the network reads them."""
    if preprocessing.kind != "signal" or preprocessing.rate or not shape or len(shape) > 2:
        return False
    return shape != preprocessing.shape and (*shape, 1)[1] == preprocessing.shape[0]


def _signal_example(path: Path, preprocessing: Preprocessing) -> Raw:
    if preprocessing.kind != "signal":
        raise DataError(f"{path} is a sound and the network sees a {preprocessing.kind}; give it one")
    try:
        return _conform(path, SignalForm(preprocessing.shape, preprocessing.rate).read(path), preprocessing)
    except PictureError:
        raise
    except DataError as error:
        raise PictureError(f"{path} does not fit: {error}", str(error)) from error


def text_example(text: str, preprocessing: Preprocessing) -> Raw:
    """A text as the codes that a network reads, (1, W), its end cut off where it is too long.

    >>> from convlens.data.alphabet import preprocessing_of_texts
    >>> text_example("abc", preprocessing_of_texts("ab", 4)).tolist()
    [[1, 2, 3, 0]]
    """
    return codes(composed(text), preprocessing.alphabet, preprocessing.shape[1])


def _only_array(path: Path) -> NDArray[Any]:
    names = npz_names(path)
    name = "x" if "x" in names else names[0] if len(names) == 1 else None
    if name is None:
        raise DataError(f"{path} holds the arrays {', '.join(names) or 'none'}; save the example alone or as x")
    return read_npz(path, [name])[name]


def _picture_example(path: Path, preprocessing: Preprocessing) -> Raw:
    if preprocessing.kind != "picture":
        raise DataError(f"{path} would be read as a picture and the network sees a {preprocessing.kind}; give an .npy")
    return _conform(path, read_picture(path).pixels, preprocessing)


def _conform(path: Path, cells: Raw, preprocessing: Preprocessing) -> Raw:
    try:
        if preprocessing.kind == "picture":
            return Form(preprocessing.shape, preprocessing.dtype).conform(cells)
        if cells.shape != preprocessing.shape:
            raise DataError(f"its shape is {cells.shape}; the network sees {preprocessing.shape}, cut or pad it")
        # outside pictures a number is a measurement, not a brightness: it may change its type, not its value
        if preprocessing.dtype == "float32":
            return cells.astype(np.float32)
        if cells.dtype.name != preprocessing.dtype:
            raise DataError(f"its cells are {cells.dtype} and the network sees {preprocessing.dtype}; convert them")
        return cells
    except DataError as error:
        raise PictureError(f"{path} does not fit: {error}", str(error)) from error
