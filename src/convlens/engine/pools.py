"""Pools of numpy arrays as they lie in memory, (N, C, *spatial) without gaps: no image is carried into lanes.

One kernel serves all sizes (``kernels.planes``); this file says which, and gives each thread its planes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import AvgPool, MaxPool, axes, output_shape
from convlens.network.layers import Padding, Sizes

from . import compile as machine_code
from .arguments import Call, Floats
from .crew import cores, share_out
from .kernels import planes
from .layout import Window
from .target import host

SHARE = 1 << 18
"""Bytes of input that are worth a thread: 256 KB, about 15 microseconds of work; waking one costs as much."""
FIELDS = {"window": "size", "ceil": "ceil_mode", "count_padding": "count_include_pad", "input": "x"}
"""What a layer calls an argument."""


def max_pool(
    x: ArrayLike,
    size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    out: Floats | None = None,
) -> Floats:
    """The largest value under each window; NaN counts as larger than anything, padding as smaller.

    Args:
        x: (N, C, *spatial), one to three spatial axes, any real number type; N may be 0.
        size: of the window: a number, one an axis, or ``"all"`` for all of x.
        stride: cells between neighbouring windows; None for the window's own size.
        padding: cells around x: a number, one an axis, a (before, after) pair an axis, ``"same"`` or ``"valid"``.
        dilation: cells between neighbouring taps.
        ceil_mode: keep a last window that reaches over the end.
        out: an array for the result, float32 and without gaps: memory that was used before is faster than new memory.

    Returns:
        (N, C, *out) float32: ``out`` where it was given.

    Raises:
        EngineError: an argument cannot be, or the result does not fit into memory; the sentence names it.

    Source: Dive into Deep Learning, section 7.5:

    >>> max_pool(np.arange(9).reshape(1, 1, 3, 3), 2, stride=1)[0, 0]
    array([[4., 5.],
           [7., 8.]], dtype=float32)
    """
    call = Call("max_pool", locals(), FIELDS)
    with call.blaming("size"):
        return _pooled(call, MaxPool(size, stride, padding, dilation, ceil_mode))


def avg_pool(
    x: ArrayLike,
    size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    out: Floats | None = None,
) -> Floats:
    """The mean under each window.

    Args:
        x, size, stride, padding, ceil_mode, out: as in ``max_pool``.
        count_include_pad: whether padded cells count as zeros; cells beyond the padding never do.

    Returns:
        (N, C, *out) float32: ``out`` where it was given.

    Raises:
        EngineError: as in ``max_pool``.

    >>> avg_pool(np.arange(9).reshape(1, 1, 3, 3), 2, stride=1)[0, 0]
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    """
    call = Call("avg_pool", locals(), FIELDS)
    with call.blaming("size"):
        return _pooled(call, AvgPool(size, stride, padding, ceil_mode, count_include_pad))


def _pooled(call: Call, layer: MaxPool | AvgPool) -> Floats:
    x = call.batch()
    with call.blaming("x"):
        shape = (*x.shape[:1], *output_shape(layer, x.shape[1:]))
        window = Window.of(axes(layer, x.shape[1:]))
    result = call.result(shape, x, "take a smaller batch or less padding")
    target = host()
    if isinstance(layer, MaxPool):
        form = planes.Form.of(target, "max", window)
    else:
        form = planes.Form.of(target, "avg", window, count_padding=layer.count_padding)
    kernel = machine_code.load(planes.pool(target, form, "pool"))
    table = np.array(planes.geometry(window, form.lanes), np.int64)
    count = math.prod(x.shape[:2])
    shares = max(1, min(cores(), count, x.nbytes // SHARE))

    def share(s: int) -> None:
        places = x.ctypes.data, result.ctypes.data, table.ctypes.data
        kernel(*places, s * count // shares, (s + 1) * count // shares)

    share_out(share, shares, shares)
    return result
