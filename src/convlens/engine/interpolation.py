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
            lies the mirror image, in which the border is not repeated, and beyond that what is farthest in it.
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
    given = [np.ascontiguousarray(source, np.float32) for source in sources]
    channels = len(given[0]) if given else 0
    if any(source.ndim != 3 or len(source) != channels or not source.size for source in given):
        raise EngineError(f"pictures to interpolate are (C, H, W) of as many channels, not {_shapes(given)}")
    x, y = np.ascontiguousarray(places, np.float32)
    how = np.concatenate([np.asarray(turns, np.float32), np.asarray(centres, np.float32)[:, :, None]], 2)
    found = np.empty((len(given), channels, count), np.float32)
    if found.size:
        call = _kernel(target, channels, covers)
        listed, steps, results = (x.ctypes.data, y.ctypes.data), how.ctypes.data, found.ctypes.data
        for n, source in enumerate(given):
            own = steps + n * how.strides[0], results + n * found.strides[0]
            call(source.ctypes.data, *listed, *own, source.shape[2], source.shape[1], count)
    return found


def _shapes(sources: Sequence[Floats]) -> str:
    return ", ".join(str(source.shape) for source in sources[:3])
