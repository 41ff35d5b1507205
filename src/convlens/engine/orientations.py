"""How pictures look whatever their light: in which directions they rise around each sample, and coarse colours."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from . import compile as machine_code
from .arguments import Call, Floats
from .kernels.orientations import BORDER, DIRECTIONS, lines, oriented
from .memory import ensure
from .target import Target, host


@cache
def _kernel(target: Target, halved: bool) -> machine_code.Call:
    return machine_code.load(oriented(target, "oriented", halved=halved))


def orientations(x: ArrayLike, quiet: float, *, step: int = 1) -> Floats:
    """Histograms of oriented gradients, of a cell of 2x2 samples wherever one may begin, and the cells' colours.

    A sample's gradient is half the differences (gx, gy) of its neighbours, in the channel where they are largest. It
    rises by ``max(gx cos a + gy sin a, 0)`` in each of the eight directions a = 0, 45, ... 315 degrees, from x towards
    y. A cell's histogram h has the means over its samples, and its strength is |h|. What is returned is ``h / (s +
    quiet)``, s the mean strength of nine cells: its own, and the eight that lie beside it.

    Args:
        x: (N, C, H, W) pixels, any real number type; N may be 0. Rows of float32 are read where they lie.
        quiet: what is added to the strengths, so that noise in a plain stays small; positive.
        step: pixels along a sample: 1, or 2 where samples are the means of 2x2 pixels, and H and W even.

    Returns:
        (N, 8 + C, H / step - 7, W / step - 7) float32: the eight directions, then the means of the channels. [:, :, 0,
        0] is of the cell whose first sample is [3, 3]. A cell's numbers are the same bits wherever it lies, on every
        processor.

    Raises:
        EngineError: an argument cannot be, or the result does not fit into memory; the sentence names it.

    Source: Dalal and Triggs, Histograms of oriented gradients for human detection, 2005; there a gradient counts in the
    two directions that are next to it, and cells are evened by overlapping blocks.

    On a slope that rises by 1 a sample to the right the histogram has 1 there, and the root of 1/2 on either side:

    >>> slope = np.arange(8.0) * np.ones((1, 1, 8, 1))
    >>> orientations(slope, quiet=0.01)[0, :, 0, 0].round(2)
    array([0.7, 0.5, 0. , 0. , 0. , 0. , 0. , 0.5, 3.5], dtype=float32)
    """
    call = Call("orientations", locals())
    pixels = _rows(call)
    if pixels.ndim != 4:
        raise call.refusal(f"x must have the axes N, C, H and W, not {pixels.ndim} axes", "x")
    if step not in (1, 2):
        raise call.refusal("a sample is 1 pixel, or 2 by 2", "step")
    count, channels, height, width = pixels.shape[0], pixels.shape[1], *(size // step for size in pixels.shape[2:])
    if not channels or min(height, width) <= BORDER or any(size % step for size in pixels.shape[2:]):
        even = ", even numbers" if step == 2 else ""
        raise call.refusal(f"x must have a channel, and {(BORDER + 1) * step} pixels at least along H and W{even}", "x")
    if not 0 < quiet < np.inf:
        raise call.refusal("quiet must be a positive number", "quiet")
    target = host()
    if (more := BORDER + target.lanes - width) > 0:
        wide = np.pad(pixels, ((0, 0), (0, 0), (0, 0), (0, step * more)))
        return np.ascontiguousarray(orientations(wide, quiet, step=step)[..., : width - BORDER])
    shape = (count, DIRECTIONS + channels, height - BORDER, width - BORDER)
    ensure(4 * int(np.prod(shape, dtype=object)), "the histograms", "take fewer or smaller pictures")
    found = np.empty(shape, np.float32)
    halved = step == 2
    scratch, told = np.empty(lines(channels, halved) * width, np.float32), np.array([quiet], np.float32)
    run, own = _kernel(target, halved), (told.ctypes.data, scratch.ctypes.data)
    apart = [bytes_ // 4 for bytes_ in pixels.strides[1:3]]
    for n in range(count):
        start, result = (array.ctypes.data + n * array.strides[0] for array in (pixels, found))
        run(start, *own, result, channels, *apart, height, width)
    return found


def _rows(call: Call) -> Floats:
    """The argument ``x``, as it is where the rows are float32 without gaps."""
    x = call.given["x"]
    if type(x) is not np.ndarray or x.ndim != 4 or x.dtype != np.float32 or not x.flags.aligned:
        return call.array("x")
    return x if x.strides[-1] == 4 and not any(bytes_ % 4 for bytes_ in x.strides) else call.array("x")
