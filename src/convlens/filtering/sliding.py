"""``filter``: one kernel over a picture, a signal or a volume, and the same type out as went in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.engine.arguments import numbers
from convlens.engine.borders import BORDERS, Border
from convlens.engine.kernels.cells import KINDS
from convlens.engine.layout import Three, three
from convlens.engine.stencil import Slide

from .errors import FilterError
from .gallery import Taps
from .notation import checked
from .notation import kernel as read
from .ways import fastest, rounded, run

Steps = int | Sequence[int]
COLOURS = 4
"""Numbers in the last of three axes up to which they are taken for a picture's channels, where a kernel is a name."""


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
            axes as the kernel has, and one more for channels. Any real numbers.
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

    >>> filter(np.array([[0, 0, 0], [0, 9, 0], [0, 0, 0]], np.uint8), "box 3", border="zero").tolist()
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    >>> filter([1.0, 2, 4, 8], [-1, 1], border="valid")
    array([1., 2., 4.])
    >>> filter([0.0, 1, 0, 0], [1, 2, 3], border="zero", flip=True)
    array([1., 2., 3., 0.])
    """
    x = cells_of(array)
    taps = read(kernel, axes_of(x)) if isinstance(kernel, str) else checked(_numbers(kernel), "given")
    axes = taps.ndim
    if x.ndim not in (axes, axes + 1):
        raise FilterError(
            f"a kernel of {axes} axes slides over an array of {axes}, or {axes + 1} with channels last, not of {x.ndim}"
        )
    if border not in BORDERS:
        raise FilterError(f'there is no border "{border}"; choose one of {", ".join(BORDERS)}')
    slide = _slide(taps, border, stride, dilation, flip)
    shape = (*three(x.shape[:axes], 1), x.shape[axes] if x.ndim > axes else 1)
    _fits(slide, shape, axes)
    if flip:
        taps = np.flip(taps)
    volume = taps.reshape(slide.kernel)
    cells = x.reshape(shape)
    kind = _kind(x.dtype)
    way = fastest(volume, slide, shape, kind)
    found = run(cells.astype(kind, copy=False), volume, slide, way)
    found = found.reshape(found.shape[3 - axes : 3 + x.ndim - axes])
    # rounded already where the engine computes with the type itself
    return found.astype(x.dtype, copy=False) if kind == x.dtype else rounded(found, x.dtype)


def cells_of(array: ArrayLike) -> NDArray[Any]:
    """An array of real numbers that has cells, or the sentence that says why it is none."""
    x = numbers(array, "the array")
    if x.dtype.kind not in "iuf":
        remedy = "take .real or .imag" if x.dtype.kind == "c" else "convert it to uint8 or float32 first"
        raise FilterError(f"the array must hold real numbers, not {x.dtype}; {remedy}")
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        raise FilterError(f"the array holds {x.dtype}, more than is computed with; convert it to float64")
    if not x.ndim or not x.size:
        raise FilterError(f"the array must hold cells, but its shape is {x.shape}")
    return x


def axes_of(x: NDArray[Any]) -> int:
    """For how many axes a named kernel is meant."""
    return x.ndim if x.ndim < 3 else 2 if x.ndim == 3 and x.shape[-1] <= COLOURS else 3


def _numbers(kernel: ArrayLike) -> Taps:
    found = numbers(kernel, "the kernel")
    if found.dtype.kind not in "biuf":
        raise FilterError(f"the kernel must hold real numbers, not {found.dtype}")
    return found.astype(np.float64)


def _kind(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that the engine computes a type as: itself, or one that holds all its numbers."""
    native = dtype.newbyteorder("=")
    if native.name in KINDS:
        return native
    return np.dtype(np.float32 if native == np.float16 else np.float64)


def _slide(taps: Taps, border: Border, stride: Steps, dilation: Steps, flip: bool) -> Slide:
    kernel = three(taps.shape, 1)
    # turned around, what was the anchor counts from the other end
    anchor = tuple((size - 1 - size // 2) if flip else size // 2 for size in kernel)
    return Slide(
        kernel, _three(anchor), border, _steps(stride, "stride", taps.ndim), _steps(dilation, "dilation", taps.ndim)
    )


def _steps(given: Steps, name: str, axes: int) -> Three:
    every = list(given) if isinstance(given, Sequence) else [given] * axes
    if len(every) != axes:
        raise FilterError(f"the {name} names {len(every)} axes, but the kernel has {axes}")
    for step in every:
        if isinstance(step, bool) or not isinstance(step, SupportsIndex) or not 1 <= int(step) < 2**31:
            raise FilterError(f"the {name} must be a whole number from 1, not {step!r}")
    return three(tuple(int(step) for step in every), 1)


def _three(numbers: tuple[int, ...]) -> Three:
    return numbers[0], numbers[1], numbers[2]


def _fits(slide: Slide, shape: tuple[int, ...], axes: int) -> None:
    if slide.border != "valid":
        return
    for axis in range(3):
        if slide.reach(axis) >= shape[axis]:
            raise FilterError(
                f"a window of {slide.reach(axis) + 1} cells does not fit into the {shape[axis]} of axis "
                f"{axis - 3 + axes}; take another border than valid"
            )
