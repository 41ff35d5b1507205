"""Fashion-MNIST: where its four files are looked for, how they are fetched, how they are known to be the right ones.

What is checked is the content after unpacking, so that it does not matter who packed the files and how.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from convlens.data.assemble import assemble
from convlens.data.dataset import ArraySplit, Dataset, Note, Numbered
from convlens.data.errors import DataError
from convlens.data.idx import read_idx

CLASSES = ("t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
SYSTEM = Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist puts them
TIMEOUT = 20.0  # seconds without a byte

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class File:
    """One of the four: its name without .gz, and the shape and SHA-256 of its cells (without the idx header)."""

    name: str
    shape: tuple[int, ...]
    digest: str


# Taken from Debian's package, whose deflate streams are the publisher's own: with the publisher's gzip header in front
# of them the four published MD5 sums come out (8d4fb7e6..., 25c81989..., bef4ecab..., bb300cfd...).
FILES = {
    "train": (
        File(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        ),
        File("train-labels-idx1-ubyte", (60000,), "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7"),
    ),
    "test": (
        File(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        ),
        File("t10k-labels-idx1-ubyte", (10000,), "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9"),
    ),
}


def load_fashion_mnist(
    *,
    data_dir: Path | None = None,
    val: float = 0.1,
    seed: int = 0,
    url: str = PUBLISHER,
    progress: Progress | None = None,
) -> Dataset:
    """Load Fashion-MNIST from `data_dir`, the user's cache, the system, or the publisher, whichever has it first.

    Args:
        data_dir: a folder with the four idx files, packed or not.
        val: fraction of the 60,000 training pictures to set aside.
        seed: decides which.
        url: where to fetch the files if they are nowhere; they are kept in the cache.
        progress: called with a file's name, the bytes fetched so far, and all there will be (0: unknown).

    Raises:
        DataError: the files are nowhere and cannot be fetched; the message says what was tried.
    """
    arrays, notes = _find(data_dir, url, progress)
    parts = {}
    for part in FILES:
        x, y = arrays[part]
        parts[part] = ArraySplit(x[:, None], y.astype(np.int64), Numbered(part, len(y)))
    return assemble("fashion-mnist", CLASSES, parts, notes, val=val, seed=seed)


Arrays = dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def _find(data_dir: Path | None, url: str, progress: Progress | None) -> tuple[Arrays, list[Note]]:
    tried: list[str] = []
    notes: list[Note] = []
    cache = cache_folder() / "fashion-mnist"
    for place in [*([data_dir] if data_dir else []), cache, SYSTEM]:
        try:
            return read_files(place), notes
        except DataError as error:
            tried.append(str(error))
            if place.is_dir():
                notes.append(Note("damaged", f"{place} was passed over: {error}", (str(place),)))
    try:
        fetch(url, cache, progress)
        return read_files(cache), notes
    except DataError as error:
        tried.append(str(error))
    raise DataError(
        f"Fashion-MNIST was not found ({'; '.join(tried)}); install it (apt-get install dataset-fashion-mnist) "
        "or give the folder that holds its four idx files (--data-dir)"
    )


def cache_folder() -> Path:
    """Name the folder in which this user's programs keep what can be fetched again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "convlens" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "convlens"
    told = os.environ.get("XDG_CACHE_HOME", "")  # the standard says to ignore a relative one
    return (Path(told) if os.path.isabs(told) else Path.home() / ".cache") / "convlens"


def read_files(folder: Path) -> Arrays:
    """Read and verify the four files in a folder.

    Raises:
        DataError: one is missing, or its content is not what was published.
    """
    arrays: Arrays = {}
    for part, (x, y) in FILES.items():
        arrays[part] = (_verified(folder, x), _verified(folder, y))
    return arrays


def _verified(folder: Path, file: File) -> NDArray[np.uint8]:
    for path in (folder / f"{file.name}.gz", folder / file.name):
        if path.is_file():
            return verify(path, file)
    raise DataError(f"{folder} has no {file.name}.gz")


def verify(path: Path, file: File) -> NDArray[np.uint8]:
    """Read one idx file and check that it is the published one.

    Raises:
        DataError: it is not.
    """
    cells: NDArray[np.uint8] = read_idx(path)
    if cells.dtype != np.uint8 or cells.shape != file.shape or hashlib.sha256(cells.data).hexdigest() != file.digest:
        raise DataError(f"{path} is not the published {file.name}: its content differs; delete it")
    return cells


def fetch(url: str, folder: Path, progress: Progress | None = None, timeout: float = TIMEOUT) -> None:
    """Fetch those of the four files that the folder lacks or holds damaged.

    A file appears under its name only when it is whole and verified; half a file never stays.

    Args:
        url: address of the folder at the publisher.
        folder: where to put them; made if need be.
        progress: see `load_fashion_mnist`.
        timeout: seconds to wait for the next bytes.

    Raises:
        DataError: a file cannot be fetched or is not the published one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made: {error.strerror or error}") from error
    for file in [file for pair in FILES.values() for file in pair]:
        try:
            _verified(folder, file)
        except DataError:
            _fetch_one(f"{url.rstrip('/')}/{file.name}.gz", folder, file, progress, timeout)


def _fetch_one(address: str, folder: Path, file: File, progress: Progress | None, timeout: float) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as target:
            _copy(address, target, file, progress, timeout)
        verify(Path(name), file)
        os.replace(name, folder / f"{file.name}.gz")
    except DataError as error:
        raise DataError(f"{address} gave something else than the published file ({error})") from error
    # urllib raises OSError for the network and HTTPException, which is none, for a broken answer
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(f"{address} could not be fetched: {error}") from error
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(address: str, target: IO[bytes], file: File, progress: Progress | None, timeout: float) -> None:
    # no honest packing is larger than the content with a little around it
    most = int(np.prod(file.shape)) + 2**16
    with urllib.request.urlopen(address, timeout=timeout) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while piece := answer.read(2**16):
            done += len(piece)
            if done > most:
                raise DataError(f"more than {most} bytes came")
            target.write(piece)
            if progress is not None:
                progress(file.name, done, total)
