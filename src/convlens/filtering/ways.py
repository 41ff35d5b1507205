"""Four ways to the same sums: product by product; along rows and then across them; through transforms of columns, or of
everything; and which is the fastest for a kernel.

All take (D, H, W, C) arrays of a type that the engine has, and a kernel of three axes. What they say is the same but
for rounding: ``direct`` sums in float32 (float64 for float64); ``separable`` too, with one more rounding a number, from
parts whose product is the kernel within ``CLOSE`` of the sum of its sizes; ``spectral`` and ``transformed`` are wrong
by a few units in the last place of the largest sum there could be.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convlens.engine.kernels.spectral import ROWS
from convlens.engine.stencil import Slide, direct, separable, spectral, suits

from .gallery import Taps
from .transform import Transform

Way = Literal["direct", "separable", "columns", "fft"]
CLOSE = 2.0**-21
"""Of the sum of a kernel's sizes, what the product of its parts may differ from it in all: four units in the last place
of float32, so that a product that was rounded to float32 counts as one."""
PRODUCT, LINE, SWEEP, COLUMN, TRANSFORM = 0.028, 1.5, 2.0, 42.0, 45.0
"""What an output costs: nanoseconds of a product; products that one along a line costs, which shares no loads, and that
its sweep costs besides; products that the transform of a column costs a row; nanoseconds of a whole transform there and
back. Measured on one AVX2 core on 3000x4000x3 float32."""
PHOTO = (1, 3000, 4000, 3)


def parted(kernel: Taps) -> tuple[Taps, Taps] | None:
    """The taps along depth and height and the line along the row whose product a kernel is; None where it is none.

    A matrix of rank one is the product of any of its columns and rows, divided by the number where they cross. The
    largest one is taken, so whole numbers stay as exact as they can.

    >>> rest, line = parted(np.array([[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]))
    >>> rest.tolist(), line.tolist()
    ([[0.5, 1.0, 0.5]], [-2.0, 0.0, 2.0])
    >>> parted(np.array([[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]])) is None
    True
    """
    d, h, w = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    if kernel[d, h, w] == 0:
        return None
    rest, line = kernel[:, :, w] / kernel[d, h, w], kernel[d, h]
    apart = np.abs(rest[:, :, None] * line - kernel).sum()
    return (rest, line) if apart <= CLOSE * np.abs(kernel).sum() else None


def fastest(kernel: Taps, slide: Slide, shape: tuple[int, ...] = PHOTO, dtype: DTypeLike = np.float32) -> Way:
    """The way that costs the least for a kernel and an array.

    >>> def way(kernel):
    ...     return fastest(kernel, Slide(kernel.shape, (0, 0, 0), "zero"))
    >>> random = np.random.default_rng(0).random
    >>> way(np.ones((1, 9, 9))), way(random((1, 5, 5))), way(random((1, 15, 15))), way(random((1, 99, 99)))
    ('separable', 'direct', 'columns', 'fft')
    """
    depth, high, wide = kernel.shape
    costs: dict[Way, float] = {"direct": PRODUCT * kernel.size, "fft": TRANSFORM}
    if suits(slide, shape, np.dtype(dtype)):
        rows = slide.out(1, shape[1])
        blocks = -(-rows // (ROWS + 1 - high))
        costs["columns"] = PRODUCT * ROWS * blocks / rows * (2 * wide + COLUMN)
    if parted(kernel) is not None:
        costs["separable"] = PRODUCT * (depth * high + LINE * wide + SWEEP)
    return min(costs, key=lambda way: costs[way])


def run(x: NDArray[Any], kernel: Taps, slide: Slide, way: Way, threads: int | None = None) -> NDArray[Any]:
    """The filtered array, by the way that is named, on so many threads; None: on the cores this process may use.

    Raises:
        EngineError: there is not enough memory.
    """
    if way == "separable":
        found = parted(kernel)
        assert found is not None
        return separable(x, *found, slide, threads)
    if way == "columns":
        return spectral(x, kernel, slide, threads)
    if way == "fft":
        return Transform.of(kernel, slide, x.shape, x.dtype).run(x, slide)
    return direct(x, kernel, slide, threads)
