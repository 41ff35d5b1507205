"""Class folders of sounds (.wav) and of series (.csv, .npy): the one form that all are brought to, and what is said.

Sounds get one rate, signals one number of channels and one length.  A number of a series is a measurement: it may be
left out or repeated at the end, never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.arrays import read_npy
from convlens.data.cells import to_cells
from convlens.data.class_folder import Common, Found, Medium, told
from convlens.data.conform import Look, Wanted
from convlens.data.dataset import Note, Raw
from convlens.data.errors import DataError, PictureError, reason
from convlens.data.lengths import common_length, length_notes
from convlens.data.pictures import Picture
from convlens.data.resampling import resample, resampled_length
from convlens.data.series import read_series
from convlens.data.wav import read_wav

FULL = {"int16": 2.0**15, "int32": 2.0**31}
"""What whole samples are divided by, so that all sounds lie in -1 to 1."""
SLOWEST, FASTEST = 100, 2_000_000
"""Samples a second that a sound may be brought to."""


@dataclass(frozen=True, eq=False)
class Heard(Picture):
    """A signal, (C, W), with its samples a second if it is a sound."""

    rate: int | None = None


@dataclass(frozen=True)
class SignalLook(Look):
    """What a signal is before anything is done to it: its shape (C, W), cell type, and rate if it is a sound."""

    rate: int | None = None


def signal_look(heard: Picture) -> SignalLook:
    """The shape, the cell type and the rate of what was read."""
    rate = heard.rate if isinstance(heard, Heard) else None
    return SignalLook(heard.pixels.shape, heard.pixels.dtype.name, rate)


def read_sound(path: Path) -> Heard:
    """Read a .wav file as float32 in -1 to 1, (C, W).

    Raises:
        PictureError: it cannot be read, is damaged, or holds no sound.
    """
    with _reasons(path):
        sound = read_wav(path)
        if not len(sound.samples):
            raise DataError(f"{path} holds no sound")
        full = FULL.get(sound.samples.dtype.name, 1.0)
        cells, _ = to_cells(np.ascontiguousarray((sound.samples / full).T, np.float32), "it")
        return Heard(cells, rate=sound.rate)


def read_signal(path: Path) -> Heard:
    """Read a series from a .csv or an .npy file, rows being moments and columns channels, as float32 (C, W).

    Raises:
        PictureError: it cannot be read, or holds something else.
    """
    with _reasons(path):
        if path.suffix.lower() == ".npy":
            values = read_npy(path)
        elif path.suffix.lower() in (".csv", ".tsv"):
            values = read_series(path).values
        else:
            raise DataError(f"{path} is neither .csv nor .npy")
        if values.ndim not in (1, 2) or not values.size:
            shape = "x".join(map(str, values.shape)) or "a single number"
            raise DataError(f"{path} holds an array of {shape}; a series has a row a moment and a column a channel")
        cells, _ = to_cells(values.reshape(len(values), -1).T, "it")
        return Heard(cells.astype(np.float32, copy=False))


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    """Give the sentence of a reader as the reason for leaving a file out."""
    try:
        yield
    except DataError as error:
        raise PictureError(str(error), reason(error, path)) from error


@dataclass(frozen=True)
class SignalForm:
    """The shape (C, W), and of sounds the rate, that every signal of a set is brought to.

    >>> SignalForm((1, 4), None).conform(np.array([[1, 2]], np.float32)).tolist()
    [[1.0, 2.0, 2.0, 2.0]]
    """

    shape: tuple[int, ...]
    rate: int | None
    dtype: str = "float32"

    def conform(self, cells: Raw, look: Look | None = None) -> Raw:
        """Bring a signal, (C, W), to this form: the channels, the rate, then the length.

        A longer one loses its end; a shorter sound is followed by silence, a shorter series by its last value.

        Raises:
            DataError: its channels cannot become those of the form, or it has a rate and the others none.
        """
        rate = look.rate if isinstance(look, SignalLook) else None
        if (rate is None) != (self.rate is None):
            raise DataError(
                "it is no sound, and sounds are wanted" if rate is None else "it is a sound, and none is wanted"
            )
        channels, length = self.shape
        if not _can_become(len(cells), channels, sound=rate is not None):
            raise DataError(f"it has {len(cells)} channels and {channels} are wanted")
        if len(cells) != channels:
            cells = np.repeat(cells.mean(axis=0, keepdims=True), channels, axis=0)
        if rate is not None and self.rate is not None:
            cells = resample(cells, rate, self.rate, length)
        missing = ((0, 0), (0, max(0, length - cells.shape[1])))
        return np.pad(cells[:, :length], missing, mode="edge" if rate is None else "constant")

    def read(self, path: Path) -> Raw:
        """Read a signal and bring it to this form.

        Raises:
            DataError: see `read_sound`, `read_signal` and `conform`.
        """
        heard = read_signal(path) if self.rate is None else read_sound(path)
        return self.conform(heard.pixels, signal_look(heard))


def _can_become(channels: int, wanted: int, *, sound: bool) -> bool:
    """The channels of a sound are heard together, or one on all of them; those of a series have each a meaning."""
    return channels == wanted or (sound and 1 in (channels, wanted))


def _fits(look: Look, form: Common) -> bool:
    assert isinstance(look, SignalLook)
    return _can_become(look.shape[0], form.shape[0], sound=look.rate is not None)


def _form(looks: Sequence[Look], wanted: Wanted) -> SignalForm:
    """Choose the form of a set.

    One channel if any sound has one, else the most common number; the most common rate, the lower of equally common
    ones; the longest, but at most twice the median length.
    """
    heard = [look for look in looks if isinstance(look, SignalLook)]
    rate = _common_rate([look.rate for look in heard if look.rate], wanted.rate)
    counts = Counter(look.shape[0] for look in heard)
    channels = wanted.channels or max(counts, key=lambda c: (rate is not None and c == 1, counts[c], -c))
    if wanted.size is not None:
        return SignalForm((channels, wanted.size[0]), rate)
    usable = [look for look in heard if _can_become(look.shape[0], channels, sound=rate is not None)] or heard
    return SignalForm((channels, common_length([_length(look, rate) for look in usable])), rate)


def _common_rate(rates: Sequence[int], wanted: int | None) -> int | None:
    if not rates:
        return None
    counts = Counter(rates)
    rate = wanted if wanted is not None else min(counts, key=lambda r: (-counts[r], r))
    if not SLOWEST <= rate <= FASTEST:
        raise DataError(f"sounds have {SLOWEST:,} to {FASTEST:,} samples a second, not {rate:,}; name another rate")
    return rate


def _length(look: Look, rate: int | None) -> int:
    """Of a signal, in samples at a rate."""
    own = look.rate if isinstance(look, SignalLook) else None
    return look.shape[1] if own is None or rate is None else resampled_length(look.shape[1], own, rate)


def _notes(nouns: str) -> Callable[[Sequence[Found], Sequence[Found], Common], list[Note]]:
    def notes(found: Sequence[Found], usable: Sequence[Found], form: Common) -> list[Note]:
        """Say what had to be changed to give all signals one form, and which could not be."""
        assert isinstance(form, SignalForm)
        rate, channels = form.rate, form.shape[0]
        left_out = {id(f) for f in found} - {id(f) for f in usable}
        mixed = "were mixed to one channel" if channels == 1 else f"are given {channels} channels"
        lengths = [_length(f.look, rate) for f in usable]

        def spell(samples: int) -> str:
            return f"{samples:,}" if rate is None else f"{samples / rate:.2f}"

        return [
            *told(
                "skipped",
                f"do not have {channels} channels, and are left out",
                found,
                lambda f: id(f) in left_out,
                nouns,
            ),
            *told("mixed channels", mixed, usable, lambda f: f.look.shape[0] != channels, nouns),
            *_rate_note(usable, rate),
            *length_notes(
                lengths,
                form.shape[1],
                [f.entry.name for f in usable],
                nouns,
                "their last value" if rate is None else "silence",
                "values" if rate is None else "s",
                spell,
            ),
        ]

    return notes


def _rate_note(usable: Sequence[Found], rate: int | None) -> list[Note]:
    if rate is None:
        return []
    counts = Counter(signal.rate for f in usable if isinstance(signal := f.look, SignalLook))
    had = ", ".join(f"{r:,}" for r in sorted(r for r in counts if r is not None))
    text = f"were brought to {rate:,} samples a second (the rates were {had})"
    return told("resampled", text, usable, lambda f: isinstance(f.look, SignalLook) and f.look.rate != rate, "sounds")


def _rate(form: Common) -> int | None:
    assert isinstance(form, SignalForm)
    return form.rate


SOUNDS = Medium("sound", read_sound, _form, _fits, _notes("sounds"), {}, signal_look, _rate)
"""Sounds, brought to the most common rate."""
SERIES = Medium("signal", read_signal, _form, _fits, _notes("signals"), {}, signal_look)
"""Series, a row a moment and a column a channel."""
