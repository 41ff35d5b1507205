"""Which named kernel a kernel resembles: the gallery at that size, its parameters tried out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from .errors import FilterError
from .gallery import GALLERY, Taps
from .notation import kernel as read

TRIED = {
    "sigma": [0.3 * 1.3**n for n in range(14)],
    "angle": [float(n) for n in range(0, 360, 15)],
    "amount": [0.5, 1.0, 2.0],
    "wavelength": [2.0, 3.0, 4.0, 6.0, 8.0, 12.0],
}
"""What is tried of a parameter; of others, the default."""


@dataclass(frozen=True)
class Likeness:
    """A named kernel beside another kernel.

    Args:
        text: how it is asked for, as ``convlens.filter`` takes it.
        alike: the cosine of the angle between both, as vectors of taps: 1 is the same but for a factor.
    """

    text: str
    alike: float


def resembling(taps: Taps) -> Likeness | None:
    """The named kernel that is most like ``taps``; of equally like ones the first; None if there is none of its axes.

    >>> resembling(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    Likeness(text='sobel 3', alike=1.0)
    """
    best: Likeness | None = None
    for text in _candidates(taps.shape):
        try:
            with np.errstate(invalid="ignore"):  # parameters that make nothing of a kernel
                other = _framed(read(text, taps.ndim), taps.shape)
        except FilterError:  # of other axes, or not of this size
            continue
        lengths = float(np.linalg.norm(taps) * np.linalg.norm(other))
        alike = round(float((taps * other).sum()) / lengths, 6) if lengths > 0 else 0.0
        if best is None or alike > best.alike:
            best = Likeness(text, alike)
    return best


def _candidates(shape: tuple[int, ...]) -> list[str]:
    sizes = "x".join(map(str, shape)) if len(set(shape)) > 1 else str(shape[0])
    found = []
    for name, entry in GALLERY.items():
        if len(shape) not in entry.axes:
            continue
        asked = f"{name} {sizes}" if entry.size else name
        keys = [key for key in entry.numbers if key in TRIED]
        for values in product(*([math.nan, *TRIED[key]] for key in keys)):
            said = [f"{key} {value:g}" for key, value in zip(keys, values, strict=True) if not math.isnan(value)]
            found.append(" ".join([asked, *said]))
    return found


def _framed(taps: Taps, shape: tuple[int, ...]) -> Taps:
    """A kernel in the middle of zeros.

    Raises:
        FilterError: it is larger.
    """
    if any(n > m for n, m in zip(taps.shape, shape, strict=True)):
        raise FilterError("the kernel is larger")
    if any((m - n) % 2 for n, m in zip(taps.shape, shape, strict=True)):
        raise FilterError("it has no middle")
    found = np.zeros(shape)
    middle = tuple(slice((m - n) // 2, (m - n) // 2 + n) for n, m in zip(taps.shape, shape, strict=True))
    found[middle] = taps
    return found
