"""The idx format of the MNIST family: a magic number, the sizes, then the cells, big-endian, perhaps gzipped.

    00 00 | type | number of dimensions | one big-endian uint32 a dimension | cells

Reads one file into one array and trusts nothing that the header says until the file has borne it out.  Which files make
a data set is not decided here.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}

# deflate cannot shrink anything further than this: 258 bytes into 2 bits
DEFLATE_RATIO = 1032


class Stream(Protocol):
    """What bytes come out of: an open file, or one that unpacks as it is read."""

    def read(self, size: int = -1, /) -> bytes: ...


def read_idx(path: str | Path) -> NDArray[Any]:
    """Read one idx file, gzipped or not, whatever its name.

    Args:
        path: the file.

    Returns:
        The cells in the machine's own byte order, shaped as the header says.

    Raises:
        DataError: the file cannot be opened, is no idx file, or holds fewer or more bytes than its header promises.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            if not packed:
                return _read(file, size, path)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(unpacked, size * DEFLATE_RATIO, path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: its gzip stream ends early or is wrong ({error}); get it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _read(file: Stream, available: int, path: Path) -> NDArray[Any]:
    """Read header and cells; `available` bounds the bytes there can be, so that a lying header costs no memory."""
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES:
        raise DataError(f"{path} is no idx file: it begins with {head.hex(' ') or 'nothing'}, not 00 00 and a type")
    count = head[3]
    sizes = file.read(4 * count)
    if not count or len(sizes) < 4 * count:
        raise DataError(f"{path} is damaged: its header promises {count} sizes and holds {len(sizes) // 4}")
    shape: tuple[int, ...] = struct.unpack(f">{count}I", sizes)
    if count > 32 or math.prod(shape) > 2**62:
        raise DataError(f"{path} is damaged: its header claims {count} dimensions of sizes {shape[:4]}")
    dtype = TYPES[head[2]]
    need = math.prod(shape) * dtype.itemsize
    if need > available:
        raise DataError(f"{path} is damaged: its header promises {need} bytes, more than the file can hold")
    cells = np.empty(need, np.uint8)
    got = fill(file, cells.data)
    if got < need:
        raise DataError(f"{path} is cut short: {got} of the {need} promised bytes are there; get it again")
    if file.read(1):
        raise DataError(f"{path} holds more than the {need} bytes its header promises; it is damaged or no idx file")
    return cells.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def fill(file: Stream, room: memoryview) -> int:
    """Read until the room is full or the file ends, and say how many bytes there were."""
    got = 0
    while got < len(room):
        piece = file.read(min(2**20, len(room) - got))
        if not piece:
            break
        room[got : got + len(piece)] = piece
        got += len(piece)
    return got
