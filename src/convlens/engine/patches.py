"""Patches of maps, many at once: numbers that lie some steps apart, weighed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from . import compile as machine_code
from .arguments import Call, Floats, numbers
from .kernels.patches import cut
from .target import Target, host

LANES = 4
"""Numbers in the narrowest vector of all processors: rows of patches are multiples of it."""


@cache
def _kernel(target: Target, size: tuple[int, int], step: int) -> machine_code.Call:
    # as wide as fits a row: what is left of one would be added in another order
    return machine_code.load(cut(replace(target, lanes=math.gcd(target.lanes, size[1])), size, step, "cut"))


def patches(
    x: ArrayLike, corners: ArrayLike, weights: ArrayLike, *, step: int = 1, evened: int = 0, out: Floats | None = None
) -> Floats:
    """Cut patches out of maps, and multiply them with weights.

    Args:
        x: (N, C, H, W), any real number type.
        corners: (K, 3) whole numbers: in which of the N, the row and the column of a patch's first number.
        weights: (h, w), w a multiple of 4.
        step: between the numbers of a patch, along rows and columns.
        evened: so many of the last channels are told less their mean over the patch, weighted by the weights' squares.
        out: a float32 array (K, C, h, w) without gaps for the result.

    Returns:
        (K, C, h, w) float32: ``weights[i, j] * x[n, c, row + i * step, column + j * step]``, in ``out`` where it was
        given. A patch's numbers are the same bits among whichever others.

    Raises:
        EngineError: an argument cannot be, or the result does not fit into memory; the sentence names it.

    >>> x = np.arange(64.0).reshape(1, 1, 8, 8)
    >>> patches(x, [[0, 1, 0], [0, 2, 1]], np.ones((2, 4)), step=2)[:, 0]
    array([[[ 8., 10., 12., 14.],
            [24., 26., 28., 30.]],
    <BLANKLINE>
           [[17., 19., 21., 23.],
            [33., 35., 37., 39.]]], dtype=float32)
    >>> patches(x, [[0, 1, 0]], np.ones((1, 4)), step=2, evened=1)[0, 0]
    array([[-3., -1.,  1.,  3.]], dtype=float32)
    """
    call = Call("patches", locals())
    maps, shares, at = call.array("x"), call.array("weights"), numbers(corners, "corners")
    if maps.ndim != 4:
        raise call.refusal(f"x must have the axes N, C, H and W, not {maps.ndim} axes", "x")
    if shares.ndim != 2 or not shares.size or shares.shape[1] % LANES:
        raise call.refusal(f"weights must have rows and columns, the latter a multiple of {LANES}", "weights")
    if not isinstance(step, int) or step < 1:
        raise call.refusal("a step must be a whole number, 1 at least", "step")
    images, channels, height, width = maps.shape
    if not isinstance(evened, int) or not 0 <= evened <= channels:
        raise call.refusal(f"of {channels} channels so many cannot be evened", "evened")
    if at.ndim != 2 or at.shape[1] != 3 or at.dtype.kind not in "iu":
        raise call.refusal("corners must be whole numbers (K, 3)", "corners")
    rows, columns = shares.shape
    room = images, height - (rows - 1) * step, width - (columns - 1) * step
    if ((at < 0) | (at >= room)).any():
        raise call.refusal(f"a patch of {rows}x{columns} numbers, each {step} from the next, leaves x", "corners")
    found = call.result((len(at), channels, rows, columns), maps, "take fewer")
    starts = np.ascontiguousarray(at @ np.array([channels * height * width, width, 1]), np.int64)
    told = np.append(shares.ravel(), np.float32(1) / max(np.square(shares).sum(), np.finfo(np.float32).tiny))
    if found.size:
        given = (array.ctypes.data for array in (maps, starts, told, found))
        run = _kernel(host(), (rows, columns), step)
        run(*given, len(at), channels, channels - evened, height * width, width)
    return found
