"""Sound in .wav files: RIFF's chunks read without trusting them, PCM of 8 to 32 bits and floats, all channels.

Samples are (N, channels): int16 (8 and 16 bits), int32 (24 and 32 bits, in the upper bits) or float32 and float64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
LARGEST = 2**32 - 2**8
"""Bytes that a chunk of RIFF can say it has, less the headers."""


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples (N, channels), and how many a second."""

    samples: NDArray[Any]
    rate: int


def read_wav(path: Path) -> Sound:
    """Read a .wav file.

    Raises:
        DataError: it cannot be read, is damaged, or packs its samples in a way that is not read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise DataError(f"{path} is empty")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(f"{path} is no .wav file; its first bytes are not those of one")
    form, place, found = None, 12, None
    while place + 8 <= len(content) and found is None:
        name, size = struct.unpack_from("<4sI", content, place)
        if name == b"fmt " and size >= 16 and place + 8 + size <= len(content):
            form = struct.unpack_from("<HHIIHH", content, place + 8)
            if form[0] == EXTENSIBLE and size >= 26:
                form = (struct.unpack_from("<H", content, place + 32)[0], *form[1:])
        if name == b"data":
            if place + 8 + size > len(content):
                there = len(content) - place - 8
                raise DataError(f"{path} is cut off: it promises {size:,} bytes of sound and has {there:,}")
            found = content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    if form is None or found is None:
        raise DataError(f"{path} is damaged: it has no {'format' if form is None else 'sound'}; save it again")
    kind, channels, rate, _, _, bits = form
    if not channels or not rate or bits not in {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}.get(kind, ()):
        packed = f"format {kind}, {bits} bits, {channels} channels, {rate} Hz"
        raise DataError(f"{path} packs its sound in a way that is not read ({packed}); save it as plain PCM")
    whole = len(found) // (channels * bits // 8) * (channels * bits // 8)
    return Sound(_samples(np.frombuffer(found[:whole], np.uint8), kind, bits).reshape(-1, channels), rate)


def _samples(raw: NDArray[np.uint8], kind: int, bits: int) -> NDArray[Any]:
    if kind == FLOAT:
        return raw.view(f"<f{bits // 8}").astype(f"f{bits // 8}")
    if bits == 8:  # the only one without a sign
        return ((raw.astype(np.int16) - 128) * 256).astype(np.int16)
    if bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = raw.reshape(-1, 3)
        return wide.reshape(-1).view("<i4").astype(np.int32)
    return raw.view(f"<i{bits // 8}").astype(f"i{bits // 8}")


def packed_wav(sound: Sound) -> bytes:
    """A sound as the bytes of a .wav file.

    Raises:
        DataError: its type is none that a .wav file holds, or it is too long for one.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> _ = path.write_bytes(packed_wav(Sound(np.array([[0], [-5], [7]], np.int16), 8000)))
    >>> read_wav(path).samples.ravel().tolist(), read_wav(path).rate
    ([0, -5, 7], 8000)
    """
    samples = sound.samples
    if samples.dtype.name not in ("int16", "int32", "float32", "float64"):
        raise DataError(f"a .wav file does not hold {samples.dtype}; save int16 or float32")
    if samples.nbytes > LARGEST:
        raise DataError(f"a .wav file holds 4 GB, not the {samples.nbytes / 1e9:.1f} GB of this sound; save it as .npy")
    size, channels = samples.itemsize, samples.shape[1]
    body = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    kind = FLOAT if samples.dtype.kind == "f" else PCM
    form = struct.pack("<HHIIHH", kind, channels, sound.rate, sound.rate * channels * size, channels * size, 8 * size)
    head = struct.pack("<4sI4s4sI", b"RIFF", 4 + 8 + len(form) + 8 + len(body), b"WAVE", b"fmt ", len(form))
    return head + form + struct.pack("<4sI", b"data", len(body)) + body
