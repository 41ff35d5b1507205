"""Pictures read between their pixels: pieces of them as they look turned, scaled and shifted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import Floats
from .compile import Call, load
from .errors import EngineError
from .kernels.interpolation import interpolated
from .target import Target, host


@cache
def _kernel(target: Target, channels: int, covers: bool) -> Call:
    return load(interpolated(target, channels, "interpolated", covers=covers))


def interpolate(
    sources: Sequence[Floats], places: NDArray[Any], turns: NDArray[Any], centres: NDArray[Any], *, covers: bool = False
) -> Floats:
    """Read pictures between their pixels, linearly.

    Args:
        sources: N pictures (C, H, W) float32 of any sizes, no axis empty; pixel 0's centre lies at 0. Beyond a border
            lies the mirror image, in which the border is not repeated, and beyond that what is farthest in it. A piece
            of a larger picture is read where it lies.
        places: (2, P) x and y, from each picture's centre.
        turns: (N, 2, 2), what places are multiplied with.
        centres: (N, 2) x and y, what is added then.
        covers: whether the last channel tells what the others cover: it has no mirror image, outside it is 0.

    Returns:
        (N, C, P).

    Raises:
        EngineError: the pictures' channels differ, or an axis is empty.

    >>> upright, here = np.eye(2)[None], np.zeros((1, 2))
    >>> row = np.array([[[0, 10, 40]]], np.float32)
    >>> interpolate([row], np.array([[0.5, 1.25, 3.0], [0, 0, 0]]), upright, here)
    array([[[ 5. , 17.5, 10. ]]], dtype=float32)
    """
    target, count = host(), np.shape(places)[1]
    if 0 < count < target.lanes:
        more = np.pad(places, ((0, 0), (0, target.lanes - count)))
        return interpolate(sources, more, turns, centres, covers=covers)[:, :, :count]
    # one picture may be read many times
    given = {id(source): _in_rows(source) for source in sources}
    channels = len(next(iter(given.values()))) if given else 0
    if any(source.ndim != 3 or len(source) != channels or not source.size for source in given.values()):
        raise EngineError(f"pictures to interpolate are (C, H, W) of as many channels, not {_shapes(sources)}")
    x, y = np.ascontiguousarray(places, np.float32)
    how = np.concatenate([np.asarray(turns, np.float32), np.asarray(centres, np.float32)[:, :, None]], 2)
    found = np.empty((len(sources), channels, count), np.float32)
    if found.size:
        told = {key: _told(source) for key, source in given.items()}
        records = np.array([told[id(source)][0] for source in sources], np.int64)
        listed = x.ctypes.data, y.ctypes.data, how.ctypes.data
        _kernel(target, channels, covers)(records.ctypes.data, *listed, found.ctypes.data, count, len(sources))
    return found


def _in_rows(source: Floats) -> Floats:
    """A picture as it is where the numbers of a row follow each other, else a copy."""
    found = np.asarray(source, np.float32)
    size = found.itemsize
    if found.ndim == 3 and found.strides[2] == size and not (found.strides[0] % size or found.strides[1] % size):
        return found
    return np.ascontiguousarray(found)


def _told(source: Floats) -> tuple[tuple[int, ...], Floats]:
    """``SOURCE`` of a picture, and what must live as long: a row of one number is given another behind it."""
    rows = source if source.shape[2] > 1 else np.repeat(source, 2, axis=2)
    plane, line, one = rows.strides
    return (rows.ctypes.data, source.shape[2], source.shape[1], line // one, plane // one), rows


def _shapes(sources: Sequence[Floats]) -> str:
    return ", ".join(str(source.shape) for source in sources[:3])
