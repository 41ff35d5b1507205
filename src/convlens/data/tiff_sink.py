"""A TIFF file that is written a box at a time: tiles or strips in any order, and last the directories that name them.

Plain tiles have a place each, so a box may be any; packed ones lie where they came to lie, so boxes end where they do.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.sinks import Four, Note, Spans, put

TAGS = {"ascii": 2, "short": 3, "long": 4, "long8": 16}
SIZES = {2: "s", 3: "H", 4: "I", 16: "Q"}
LARGEST = 2**32 - 2**25
"""Bytes of pixels up to which offsets of 32 bits do, with room for the directories."""
SIXTEEN = 16
"""Of which the sides of tiles are multiples."""
LEVEL = 1
"""Of packing: the fastest; differences of neighbours are packed, which saves more than a slower level would."""


@dataclass(frozen=True)
class Form:
    """How pixels lie in the file.

    Args:
        shape: pages, rows, columns, and numbers of a pixel.
        dtype: of the numbers.
        piece: rows and columns of a tile, multiples of 16; or of a strip, which is as wide as the picture.
        packed: whether pieces are deflated.
        volume: whether the pages are the planes of a volume.
    """

    shape: Four
    dtype: np.dtype[Any]
    piece: tuple[int, int]
    packed: bool = False
    volume: bool = False

    @property
    def tiled(self) -> bool:
        return all(side % SIXTEEN == 0 for side in self.piece)

    @property
    def counts(self) -> tuple[int, int]:
        """Pieces below and beside each other."""
        return -(-self.shape[1] // self.piece[0]), -(-self.shape[2] // self.piece[1])

    @property
    def bytes(self) -> int:
        """Of a piece that is not packed."""
        return self.piece[0] * self.piece[1] * self.shape[3] * self.dtype.itemsize

    @property
    def big(self) -> bool:
        """Whether offsets need 64 bits."""
        down, across = self.counts
        return self.shape[0] * down * across * self.bytes > LARGEST

    @property
    def differences(self) -> bool:
        """Whether a packed number is the difference from its neighbour."""
        return self.packed and self.dtype.kind in "iu"


class TiffSink:
    """A TIFF file that grows."""

    def __init__(self, path: Path, form: Form) -> None:
        assert form.tiled or form.piece[1] == form.shape[2]
        self._file, self._form, self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666), form, threading.Lock()
        self._head = 16 if form.big else 8
        self._end = max(self._head, os.fstat(self._file).st_size)

    def _touched(self, spans: Spans) -> list[tuple[int, int, int]]:
        """The pieces that a box lies in, as page, row and column of pieces."""
        tall, wide = self._form.piece
        (_, _), (h0, h1), (w0, w1) = spans
        return list(
            itertools.product(range(*spans[0]), range(h0 // tall, -(-h1 // tall)), range(w0 // wide, -(-w1 // wide)))
        )

    def _index(self, at: tuple[int, int, int]) -> int:
        down, across = self._form.counts
        return (at[0] * down + at[1]) * across + at[2]

    # ---- plain pieces ----

    def _place(self, index: int) -> int:
        return self._head + index * self._form.bytes

    def _runs(self, spans: Spans) -> list[tuple[int, int, tuple[int, slice, slice]]]:
        """Where what lies in one row in the file begins, how many bytes it has, and where it stands in the box."""
        (d0, _), (h0, h1), (w0, w1) = spans
        tall, wide = self._form.piece
        cell = self._form.shape[3] * self._form.dtype.itemsize
        found = []
        for at in self._touched(spans):
            top, left = at[1] * tall, at[2] * wide
            x0, x1 = max(w0, left), min(w1, left + wide)
            start = self._place(self._index(at))
            whole = (x0, x1) == (left, left + wide)
            y0, y1 = max(h0, top), min(h1, top + tall)
            for y in [y0] if whole else range(y0, y1):
                rows = y1 - y0 if whole else 1
                offset = start + ((y - top) * wide + x0 - left) * cell
                place = at[0] - d0, slice(y - h0, y - h0 + rows), slice(x0 - w0, x1 - w0)
                found.append((offset, rows * (x1 - x0) * cell, place))
        return found

    # ---- packed pieces ----

    def _packed(self, spans: Spans, cells: NDArray[Any], at: tuple[int, int, int]) -> bytes:
        (d0, _), (h0, h1), (w0, w1) = spans
        tall, wide = self._form.piece
        top, left = at[1] * tall, at[2] * wide
        # a box ends where pieces do
        assert h0 <= top
        assert w0 <= left
        part = cells[at[0] - d0, top - h0 : min(h1, top + tall) - h0, left - w0 : min(w1, left + wide) - w0]
        if self._form.tiled:
            part = np.pad(part, ((0, tall - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
        if self._form.differences:
            part = np.concatenate([part[:, :1], np.diff(part, axis=1)], axis=1)
        return zlib.compress(np.ascontiguousarray(part).tobytes(), LEVEL)

    # ---- a sink's ----

    def write(self, spans: Spans, cells: NDArray[Any]) -> Note:
        cells = np.ascontiguousarray(cells, self._form.dtype)
        note: Note = []
        if not self._form.packed:
            for offset, _, place in self._runs(spans):
                put(self._file, np.ascontiguousarray(cells[place]), offset)
            return [zlib.crc32(b"".join(cells[place].tobytes() for _, _, place in self._runs(spans)))]
        for at in self._touched(spans):
            piece = np.frombuffer(self._packed(spans, cells, at), np.uint8)
            with self._lock:
                offset = self._end + self._end % 2
                self._end = offset + piece.nbytes
            put(self._file, piece, offset)
            note += [self._index(at), offset, piece.nbytes, zlib.crc32(piece.data)]
        return note

    def holds(self, spans: Spans, note: Note) -> bool:
        if not self._form.packed:
            found = 0
            for offset, count, _ in self._runs(spans):
                found = zlib.crc32(os.pread(self._file, count, offset), found)
            return [found] == note
        pieces = list(zip(note[::4], note[1::4], note[2::4], note[3::4], strict=True))
        whole = [zlib.crc32(os.pread(self._file, count, offset)) == check for _, offset, count, check in pieces]
        return [index for index, *_ in pieces] == [self._index(at) for at in self._touched(spans)] and all(whole)

    def finish(self, notes: list[Note]) -> None:
        down, across = self._form.counts
        count = down * across
        places = np.zeros((self._form.shape[0] * count, 2), np.int64)
        if self._form.packed:
            for note in notes:
                rows = np.array(note, np.int64).reshape(-1, 4)
                places[rows[:, 0]] = rows[:, 1:3]
        else:
            places[:, 0] = self._head + np.arange(len(places)) * self._form.bytes
            places[:, 1] = self._form.bytes
            if not self._form.tiled:  # the last strip is as high as what is left
                rows_left = self._form.shape[1] - (down - 1) * self._form.piece[0]
                places[down - 1 :: down, 1] = self._form.bytes // self._form.piece[0] * rows_left
        end = int((places[:, 0] + places[:, 1]).max())
        first = -(-end // 8) * 8
        content = b""
        for page in range(self._form.shape[0]):
            last = page == self._form.shape[0] - 1
            content += self._directory(places[page * count : (page + 1) * count], first + len(content), page, last)
        put(self._file, np.frombuffer(content, np.uint8), first)
        os.ftruncate(self._file, first + len(content))
        head = (
            struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if self._form.big else struct.pack("<2sHI", b"II", 42, first)
        )
        put(self._file, np.frombuffer(head, np.uint8), 0)
        os.fsync(self._file)

    def _directory(self, places: NDArray[np.int64], at: int, page: int, last: bool) -> bytes:
        """What describes a page, to stand at an offset."""
        form, big = self._form, self._form.big
        pages, height, width, samples = form.shape
        bits = form.dtype.itemsize * 8
        wide = "long8" if big else "long"
        colour = samples == 3 and form.dtype.kind == "u"
        entries: list[tuple[int, str, list[int] | bytes]] = [
            (256, "long", [width]),
            (257, "long", [height]),
            (258, "short", [bits] * samples),
            (259, "short", [8 if form.packed else 1]),
            (262, "short", [2 if colour else 1]),
            (277, "short", [samples]),
            (284, "short", [1]),
            (317, "short", [2 if form.differences else 1]),
            (339, "short", [{"u": 1, "i": 2, "f": 3}[form.dtype.kind]] * samples),
        ]
        if form.volume and page == 0:
            shape = [pages, height, width] + ([samples] if samples > 1 else [])
            said = json.dumps({"shape": shape, "axes": "ZYXS"[: len(shape)]}).encode() + b"\0"
            entries.append((270, "ascii", said))
        if samples > 1 and not colour:
            entries.append((338, "short", [0] * (samples - 1)))
        where, counts = (324, 325) if form.tiled else (273, 279)
        entries += [(where, wide, places[:, 0].tolist()), (counts, wide, places[:, 1].tolist())]
        if form.tiled:
            entries += [(322, "long", [form.piece[1]]), (323, "long", [form.piece[0]])]
        else:
            entries.append((278, "long", [form.piece[0]]))
        return _packed_directory(sorted(entries, key=lambda entry: entry[0]), at, big, last)

    def close(self) -> None:
        os.close(self._file)


def _packed_directory(entries: list[tuple[int, str, list[int] | bytes]], at: int, big: bool, last: bool) -> bytes:
    """The bytes of a directory that stands at an offset, what does not fit into its entries behind it."""
    room, number, offset = (8, "<Q", "Q") if big else (4, "<H", "I")
    length = struct.calcsize(number) + len(entries) * (20 if big else 12) + room
    body, behind = struct.pack(number, len(entries)), b""
    for tag, kind, values in entries:
        code = TAGS[kind]
        packed = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{SIZES[code]}", *values)
        if len(packed) > room:
            behind += b"\0" * (-len(behind) % 8)
            value = struct.pack(f"<{offset}", at + length + len(behind))
            behind += packed
        else:
            value = packed.ljust(room, b"\0")
        body += struct.pack(f"<HH{offset}", tag, code, len(values)) + value
    behind += b"\0" * (-(length + len(behind)) % 8)
    following = 0 if last else at + length + len(behind)
    return body + struct.pack(f"<{offset}", following) + behind
