"""``filter``: one kernel over a picture, a signal or a volume, and the same type out as went in."""

from __future__ import annotations

import sys
from typing import Any

from numpy.typing import ArrayLike, NDArray

from convlens.engine.arguments import numbers
from convlens.engine.borders import Border

from .errors import FilterError
from .plan import Plan, Steps, of_real_numbers


def filter(
    array: ArrayLike,
    kernel: str | ArrayLike,
    border: Border = "reflect",
    stride: Steps = 1,
    dilation: Steps = 1,
    flip: bool = False,
) -> NDArray[Any]:
    """Slide one kernel over an array, every channel by itself.

    ``y[p] = sum over taps t of kernel[t] x[stride p + dilation (t - anchor)]``, the anchor being tap n // 2 of n along
    each axis: the middle, and of an even number the one behind it, as in SciPy and OpenCV.

    Args:
        array: a signal (N,) or (N, C), a picture (H, W) or (H, W, C), or a volume (D, H, W) or (D, H, W, C): as many
            axes as the kernel has, and one more for channels. Any real numbers. Of a Dask array a Dask array is made,
            and nothing computed yet: see ``lazily``.
        kernel: its numbers, one to three axes; or text, see ``convlens.filtering.kernel``: then an array of three axes
            is a picture if the last has at most 4 cells, else a volume.
        border: what lies outside, in numpy.pad's words: ``"reflect"``, ``"symmetric"``, ``"edge"``, ``"zero"``,
            ``"wrap"``; with ``"valid"`` only windows inside count, and the result is smaller.
        stride: cells between neighbouring results, from the first cell on (the first window if ``"valid"``): a number,
            or one an axis.
        dilation: cells between neighbouring taps, likewise.
        flip: convolve as mathematics does: the kernel is turned around along every axis, and its anchor with it.

    Returns:
        An array of the same type; with stride 1 and a border of the same shape. Whole numbers are rounded to the
        nearest, halves to the even one, and end where the type ends: give floats where signs or sizes matter. Sums are
        float32 for types of up to 16 bits and float32, else float64.

    Raises:
        FilterError: an argument cannot be; the sentence names it.
        EngineError: there is not enough memory, or the array holds no real numbers.

    >>> import numpy as np
    >>> filter(np.array([[0, 0, 0], [0, 9, 0], [0, 0, 0]], np.uint8), "box 3", border="zero").tolist()
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    >>> filter([1.0, 2, 4, 8], [-1, 1], border="valid")
    array([1., 2., 4.])
    >>> filter([0.0, 1, 0, 0], [1, 2, 3], border="zero", flip=True)
    array([1., 2., 3., 0.])
    """
    module = sys.modules.get("dask.array")
    if module is not None and isinstance(array, module.Array):
        from .lazily import filter_lazily

        found: NDArray[Any] = filter_lazily(array, kernel, border, stride, dilation, flip)
        return found
    x = cells_of(array)
    plan = Plan.of(x.shape, x.dtype, kernel, border, stride, dilation, flip)
    return plan.whole(x)


def cells_of(array: ArrayLike) -> NDArray[Any]:
    """An array of real numbers that has cells, or the sentence that says why it is none."""
    x = numbers(array, "the array")
    of_real_numbers(x.dtype)
    if not x.ndim or not x.size:
        raise FilterError(f"the array must hold cells, but its shape is {x.shape}")
    return x
