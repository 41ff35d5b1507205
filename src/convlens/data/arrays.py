"""Arrays in an .npz or .npy file, read without trusting it: never pickled objects, never more bytes than there are.

    x, y                                             one split
    x_train, y_train  x_val, y_val  x_test, y_test   several
    classes                                          names, optional

The rule is (N, C, *spatial) for `x` and (N,) for `y`.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from convlens.data.assemble import assemble
from convlens.data.cells import to_cells
from convlens.data.dataset import ArraySplit, Dataset, Note, Numbered
from convlens.data.errors import DataError
from convlens.data.idx import DEFLATE_RATIO, fill
from convlens.data.labels import number_labels
from convlens.data.stored import Flat

T = TypeVar("T")

PARTS = {"x": "train", "x_train": "train", "x_val": "val", "x_valid": "val", "x_test": "test"}


def load_arrays(path: Path, *, val: float, seed: int) -> Dataset:
    """Load a data set from an .npz file.

    Args:
        path: the file.
        val: fraction of train to set aside where there is no x_val.
        seed: decides which.

    Raises:
        DataError: the file is damaged or its arrays do not make a set; the message says which and why.
    """
    arrays = read_npz(path, [name for x in PARTS for name in (x, "y" + x[1:])] + ["classes"])
    if ("x" in arrays and "x_train" in arrays) or ("x_val" in arrays and "x_valid" in arrays):
        raise DataError(f"{path} names one split twice (x and x_train, or x_val and x_valid); keep one of them")
    found = {name: part for name, part in PARTS.items() if name in arrays}
    if not found:
        raise DataError(f"{path} holds neither x and y nor x_train and y_train; save it with np.savez(path, x=x, y=y)")
    notes: list[Note] = []
    cells, raw = {}, {}
    for name, part in found.items():
        label = "y" + name[1:]
        if label not in arrays:
            raise DataError(f"{path} holds {name} and no {label}; save the labels beside it")
        x, said = as_examples(arrays[name], f"{name} of {path.name}")
        notes += said
        if arrays[label].shape[:1] != (len(x),):
            raise DataError(
                f"{path} has {len(x):,} examples in {name} and labels of shape {arrays[label].shape}; "
                f"give {label} one label an example"
            )
        cells[part], raw[part] = x, arrays[label]
    y, classes, said = number_labels(raw, class_names(arrays.get("classes"), path), path.name)
    parts = {part: ArraySplit(cells[part], y[part], Numbered(part, len(y[part]))) for part in cells}
    return assemble(path.stem, classes, parts, [*notes, *said], val=val, seed=seed)


def class_names(value: NDArray[Any] | None, path: Path) -> Sequence[str] | None:
    """The names in an array that was saved as ``classes``, if there is one; DataError where it holds something else."""
    if value is None:
        return None
    if value.dtype.kind == "S":
        value = np.char.decode(value, "utf-8", "backslashreplace")
    if value.dtype.kind != "U" or value.ndim != 1:
        raise DataError(f"classes in {path} is {value.dtype} of shape {value.shape}; make it a list of strings")
    return [str(name) for name in value]


def as_examples(x: NDArray[Any], where: str) -> tuple[NDArray[Any], list[Note]]:
    """Check that an array is (N, C, *spatial), make its cells one of the three types, and note what looks mistaken.

    Raises:
        DataError: it has fewer than 3 or more than 5 dimensions, an empty one, or cells that cannot be used.
    """
    if not 3 <= x.ndim <= 5:
        raise DataError(f"{where} has the shape {x.shape}; make it (N, C, W), (N, C, H, W) or (N, C, D, H, W)")
    if 0 in x.shape[1:]:
        raise DataError(f"{where} has the shape {x.shape}, so its examples are empty")
    cells, notes = to_cells(x, where)
    # a signal is seldom about as long as it has channels; a picture is about as wide as it is high
    if x.ndim == 3 and x.shape[1] > 1 and x.shape[2] / 4 < x.shape[1] < x.shape[2] * 4:
        text = f"{where} has the shape {x.shape} and is read as signals with {x.shape[1]} channels, (N, C, W); "
        notes.append(Note("shape", text + "if they are grey pictures, save x[:, None]"))
    elif x.ndim > 3 and x.shape[-1] in (1, 3, 4) and x.shape[1] > 4:
        text = f"{where} has the shape {x.shape} and is read with {x.shape[1]} channels, (N, C, ...); "
        notes.append(Note("shape", text + "if its channels come last, save np.moveaxis(x, -1, 1)"))
    return cells, notes


def read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read those of the named arrays that an .npz file holds.

    Raises:
        DataError: the file is no zip, is damaged, or holds an array of Python objects under one of the names.
    """
    return _guard(path, lambda file, size: _members(file, size, path, names))


def npz_names(path: Path) -> list[str]:
    """List the arrays in an .npz file.

    Raises:
        DataError: the file is no zip or is damaged.
    """

    def list_names(file: IO[bytes], size: int) -> list[str]:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]

    return _guard(path, list_names)


def read_npy(path: Path) -> NDArray[Any]:
    """Read one array from an .npy file.

    Raises:
        DataError: the file is damaged or holds Python objects.
    """
    return _guard(path, lambda file, size: _array(file, size, str(path)))


def _guard(path: Path, read: Callable[[IO[bytes], int], T]) -> T:
    """Call `read` with the open file and its size, and turn whatever a damaged file provokes into a sentence."""
    try:
        with path.open("rb") as file:
            return read(file, os.fstat(file.fileno()).st_size)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile, zlib and numpy's header parser each raise what they like on damaged bytes
        raise DataError(f"{path} is damaged or no numpy file ({error}); save it again") from error


def _members(file: IO[bytes], size: int, path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        there = {info.filename: info for info in archive.infolist()}
        for name in names:
            info = there.get(f"{name}.npy")
            if info is None:
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{name} of {path} is packed in a way numpy does not write; save it with np.savez")
            if info.compress_size > size or info.file_size > max(1, info.compress_size) * DEFLATE_RATIO:
                raise DataError(f"{path} is damaged: {name} claims more bytes than the file can hold")
            with archive.open(info) as member:
                arrays[name] = _array(member, info.file_size, f"{name} of {path}")
    return arrays


def lying_npy(path: Path) -> Flat:
    """Where the numbers of an .npy file lie, to be read a box at a time.

    Raises:
        DataError: the file is no .npy, is damaged, or holds Python objects.
    """

    def looked_up(file: IO[bytes], size: int) -> Flat:
        shape, columns_first, dtype, _ = _header(file, size, str(path))
        return Flat(path, file.tell(), shape, dtype, columns_first)

    return _guard(path, looked_up)


def _header(file: IO[bytes], size: int, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """The shape, the order and the type of an array, and its bytes, which must be those that are there."""
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise DataError(f"{where} is written in version {version} of the npy format; save it again as a plain array")
    shape, columns_first, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError(f"{where} holds Python objects, which are not read; make it an array of numbers or strings")
    if not dtype.itemsize:
        raise DataError(f"{where} holds cells of no size; save numbers or strings")
    need = math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or file.tell() + need != size:
        raise DataError(f"{where} is damaged: its header promises {need} bytes and {size - file.tell()} are there")
    return shape, columns_first, dtype, need


def _array(file: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """Read one array whose header must promise exactly the bytes that are there."""
    shape, columns_first, dtype, need = _header(file, size, where)
    cells = np.empty(need, np.uint8)
    if fill(file, cells.data) < need or file.read(1):
        raise DataError(f"{where} is damaged: it does not hold the {need} bytes its header promises")
    if dtype.kind == "U" and need and cells.view(dtype.str[0] + "u4").max() > 0x10FFFF:
        raise DataError(f"{where} is damaged: it holds characters that Unicode does not have")
    order = shape[::-1] if columns_first else shape
    array: NDArray[Any] = cells.view(dtype).reshape(order)
    return array.T if columns_first else array
