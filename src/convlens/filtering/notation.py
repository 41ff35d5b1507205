"""Kernels as people write them: a name with its size and parameters, rows of numbers, or a file.

    kernel  = name [size] {parameter number}     gaussian 9 sigma 2    box 3x7    motion 21 angle 30
            | rows                               "0 -1 0; -1 5 -1; 0 -1 0"    planes are parted by |
            | file                               kernel.npy    kernel.csv

A signal's kernel is one row. Rows of a picture's are parted by semicolons, planes of a volume's by upright strokes.
"""

from __future__ import annotations

import difflib
import math
import re
from pathlib import Path

import numpy as np

from convlens.data.arrays import read_npy

from .errors import FilterError
from .gallery import GALLERY, Entry, Taps

MOST_TAPS = 1 << 24
"""Taps of a kernel at most: 4096 x 4096."""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(/\d+)?$")
WHOLE = re.compile(r"\d{1,9}(x\d{1,9})*$")
FILES = (".npy", ".csv", ".txt")
CALLED = {1: "signal", 2: "picture", 3: "volume"}


def kernel(text: str, axes: int = 2) -> Taps:
    """Read a kernel.

    Args:
        text: see the grammar above.
        axes: for how many axes a named kernel is made: 1 signals, 2 pictures, 3 volumes.

    Returns:
        float64 taps, one axis an axis.

    Raises:
        FilterError: the text is no kernel; the message says where it ends to be one.
        DataError: a file cannot be read.

    >>> kernel("box 1x3").tolist()
    [[0.3333333333333333, 0.3333333333333333, 0.3333333333333333]]
    >>> kernel("0 -1 0; -1 5 -1; 0 -1 0")[1].tolist()
    [-1.0, 5.0, -1.0]
    >>> kernel("1/4 1/2 1/4", axes=1).tolist()
    [0.25, 0.5, 0.25]
    """
    words = text.split()
    if not words:
        raise FilterError(
            'the kernel is empty; write "gaussian 5" or such a name, or rows of numbers: "1 0 -1; 1 0 -1"'
        )
    if Path(text).suffix.lower() in FILES:
        return _for_axes(checked(_from_file(Path(text)), text), axes)
    if words[0] in GALLERY:
        return _named(text, words, axes)
    if re.match(r"[-+.\d|;]|nan\b|inf\b", words[0], re.IGNORECASE):
        return _for_axes(_literal(text, f'"{text}"'), axes)
    close = difflib.get_close_matches(words[0].lower(), GALLERY, 1)
    hint = f"do you mean {close[0]}?" if close else f"named are {', '.join(GALLERY)}"
    raise FilterError(f'there is no kernel "{words[0]}"; {hint}')


def _for_axes(taps: Taps, axes: int) -> Taps:
    """A row that is meant for a signal, without its axis of rows."""
    return taps[0] if axes == 1 and taps.ndim == 2 and len(taps) == 1 else taps


def checked(taps: Taps, what: str) -> Taps:
    """Taps that can be slid, or a FilterError that says why they cannot."""
    if not 1 <= taps.ndim <= 3:
        raise FilterError(f"the kernel {what} has {taps.ndim} axes; a signal takes one, a picture two, a volume three")
    if not taps.size:
        raise FilterError(f"the kernel {what} has no taps")
    if taps.size > MOST_TAPS:
        raise FilterError(f"the kernel {what} has {taps.size:,} taps; at most {MOST_TAPS:,} are slid")
    if bad := int((~np.isfinite(taps)).sum()):
        some = "number" if bad == 1 else "numbers"
        raise FilterError(f"the kernel {what} holds {bad} NaN or infinite {some}; a tap is a number")
    return taps


# ---- names ----


def _named(text: str, words: list[str], axes: int) -> Taps:
    name, entry = words[0], GALLERY[words[0]]
    if axes not in entry.axes:
        made = " and ".join(f"{CALLED[n]}s" for n in entry.axes)
        raise FilterError(f"{name} is made for {made}, not for a {CALLED[axes]}; write its numbers out")
    rest, sizes = words[1:], (entry.size or entry.fixed,) * axes
    if rest and WHOLE.match(rest[0]):
        sizes, rest = _sizes(name, entry, rest[0], axes), rest[1:]
    numbers = dict(entry.numbers)
    if len(rest) % 2:
        raise FilterError(f'"{text}" ends after "{rest[-1]}"; {_usage(name, entry)}')
    for key, value in zip(rest[::2], rest[1::2], strict=True):
        if key not in numbers:
            raise FilterError(f'{name} has no "{key}"; {_usage(name, entry)}')
        numbers[key] = _number(value, f"{key} of {name}")
        if key in ("sigma", "wavelength") and numbers[key] <= 0:
            raise FilterError(f"the {key} of {name} must be more than 0, not {value}")
    return checked(entry.make(sizes, numbers), text)


def _usage(name: str, entry: Entry) -> str:
    takes = [*(["a size"] if entry.size else []), *(f"{key} with a number" for key in entry.numbers)]
    return f"{name} takes {', '.join(takes)}" if takes else f"{name} takes nothing more"


def _sizes(name: str, entry: Entry, word: str, axes: int) -> tuple[int, ...]:
    found = tuple(int(part) for part in word.split("x"))
    sizes = found * axes if len(found) == 1 else found
    if not entry.size:
        raise FilterError(f"{name} has the one size {'x'.join([str(entry.fixed)] * axes)}, not {word}")
    if len(sizes) != axes:
        raise FilterError(f"the size {word} names {len(sizes)} axes, but a {CALLED[axes]} has {axes}")
    if min(sizes) < 1 or math.prod(sizes) > MOST_TAPS:
        raise FilterError(f"the size of {name} must be from 1 to {MOST_TAPS:,} taps in all, not {word}")
    if name == "sobel" and (len(set(sizes)) > 1 or sizes[0] % 2 == 0 or not 3 <= sizes[0] <= 31):
        raise FilterError(f"the size of sobel is one odd number from 3 to 31, not {word}")
    return sizes


def _number(word: str, what: str) -> float:
    if not NUMBER.match(word):
        raise FilterError(f'{what} must be a number, not "{word}"')
    above, _, below = word.partition("/")
    if below and not int(below):
        raise FilterError(f"{what} is divided by zero in {word}")
    return float(above) / (int(below) if below else 1)


# ---- numbers ----


def literal(text: str, what: str) -> Taps:
    """Rows of numbers, parted by semicolons, in planes parted by upright strokes: (rows, numbers), or planes of them.

    Args:
        text: the numbers.
        what: what they are, for the sentence of a FilterError: ``the kernel "1 2; 3"``.

    >>> literal("1 2; 3 4 | 5 6; 7 8", "the kernel").shape
    (2, 2, 2)
    """
    planes = [[_row(row, what) for row in plane.split(";")] for plane in text.strip().strip("|").split("|")]
    lengths = [len(row) for plane in planes for row in plane]
    if len(set(lengths)) > 1:
        other = next(length for length in lengths if length != lengths[0])
        raise FilterError(f"the rows of {what} have {lengths[0]} numbers and {other}; give all as many")
    if len({len(plane) for plane in planes}) > 1:
        raise FilterError(f"the planes of {what} have different numbers of rows; give all as many")
    found = np.array(planes, np.float64)
    return found if len(planes) > 1 else found[0]


def _literal(text: str, what: str) -> Taps:
    return checked(literal(text, f"the kernel {what}"), what)


def _row(text: str, what: str) -> list[float]:
    words = text.replace(",", " ").split()
    if not words:
        raise FilterError(f"a row of {what} is empty")
    return [_number(word, f"every number of {what}") for word in words]


def _from_file(path: Path) -> Taps:
    if not path.is_file():
        raise FilterError(f"there is no kernel file {path}")
    if path.suffix.lower() == ".npy":
        found = read_npy(path)
        if found.dtype.kind not in "biuf":
            raise FilterError(f"the kernel {path} holds {found.dtype}; save real numbers")
        return found.astype(np.float64)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise FilterError(f"the kernel {path} cannot be read: {reason}") from error
    rows = [line.strip().strip(";").replace(";", " ") for line in lines if line.strip()]
    if not rows:
        raise FilterError(f"the kernel {path} is empty")
    return _literal("; ".join(rows), str(path))
