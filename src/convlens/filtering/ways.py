"""Four ways to the same sums: product by product; along rows and then across them; through transforms of columns, or of
everything; and which is the fastest for a kernel.

All take (D, H, W, C) arrays of a type that the engine has, and a kernel of three axes. What they say is the same but
for rounding: ``direct`` sums in float32 (float64 for float64); ``separable`` too, with one more rounding a number, from
parts whose product is the kernel within ``CLOSE`` of the sum of its sizes; ``spectral`` and ``transformed`` are wrong
by a few units in the last place of the largest sum there could be.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product as every
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convlens.engine.borders import AWAY
from convlens.engine.kernels.spectral import ROWS
from convlens.engine.stencil import Slide, direct, separable, spectral, suits

from .gallery import Taps

Way = Literal["direct", "separable", "columns", "fft"]
CLOSE = 2.0**-21
"""Of the sum of a kernel's sizes, what the product of its parts may differ from it in all: four units in the last place
of float32, so that a product that was rounded to float32 counts as one."""
PRODUCT, LINE, SWEEP, COLUMN, TRANSFORM = 0.028, 1.5, 2.0, 42.0, 45.0
"""What an output costs: nanoseconds of a product; products that one along a line costs, which shares no loads, and that
its sweep costs besides; products that the transform of a column costs a row; nanoseconds of a whole transform there and
back. Measured on one AVX2 core on 3000x4000x3 float32."""
PHOTO = (1, 3000, 4000, 3)
SMALL = 1 << 22
"""Numbers of a block that is transformed at once: 16 MB of float32."""


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


def run(x: NDArray[Any], kernel: Taps, slide: Slide, way: Way) -> NDArray[Any]:
    """The filtered array, by the way that is named.

    Raises:
        EngineError: there is not enough memory.
    """
    if way == "separable":
        found = parted(kernel)
        assert found is not None
        return separable(x, *found, slide)
    if way == "columns":
        return spectral(x, kernel, slide)
    if way == "fft" and (x.dtype.kind != "f" or np.isfinite(x).all()):
        return transformed(x, kernel, slide)
    # a NaN is seen by the windows that it lies in, and by a transform everywhere
    return direct(x, kernel, slide)


def transformed(x: NDArray[Any], kernel: Taps, slide: Slide) -> NDArray[Any]:
    """The filtered array through NumPy's Fourier transform, block by block."""
    whole, sizes = replace(slide, stride=(1, 1, 1)), x.shape[:3]
    out = [whole.out(axis, size) for axis, size in enumerate(sizes)]
    result = np.empty((*out, x.shape[3]), x.dtype)
    tables = [
        whole.table(axis, size, n + whole.reach(axis)) for axis, (size, n) in enumerate(zip(sizes, out, strict=True))
    ]
    reach = [whole.reach(axis) for axis in range(3)]
    lengths = _blocks(out, reach)
    steps = [length - far for length, far in zip(lengths, reach, strict=True)]
    number = np.float64 if x.dtype == np.float64 else np.float32
    spaced = np.zeros([far + 1 for far in reach], number)
    spaced[tuple(slice(None, None, gap) for gap in slide.dilation)] = kernel
    spectrum = np.conj(np.fft.rfftn(spaced, lengths, axes=(0, 1, 2)))
    for start in every(*(range(0, n, step) for n, step in zip(out, steps, strict=True))):
        seen = [table[s : s + length] for table, s, length in zip(tables, start, lengths, strict=True)]
        part = tuple(slice(s, min(s + step, n)) for s, step, n in zip(start, steps, out, strict=True))
        size = tuple(one.stop - one.start for one in part)
        for channel in range(x.shape[3]):
            block = _gathered(x[..., channel], seen, number)
            sums = np.fft.irfftn(np.fft.rfftn(block, lengths, axes=(0, 1, 2)) * spectrum, lengths, axes=(0, 1, 2))
            result[part[0], part[1], part[2], channel] = rounded(sums[: size[0], : size[1], : size[2]], x.dtype)
    return result[:: slide.stride[0], :: slide.stride[1], :: slide.stride[2]]


def rounded(sums: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Sums as cells: whole numbers are the nearest, halves the even one, and end where the type ends.

    >>> rounded(np.array([-3.0, 0.5, 1.5, 300.0]), np.dtype("u1"))
    array([  0,   0,   2, 255], dtype=uint8)
    """
    if dtype.kind == "f":
        same: NDArray[Any] = sums.astype(dtype, copy=False)
        return same
    facts = np.iinfo(dtype)
    # the largest float64 below the end of a 64-bit type: the end itself cannot be written as one
    high = float(facts.max) if facts.bits < 64 else np.nextafter(float(facts.max), 0)
    whole: NDArray[Any] = np.rint(sums).clip(facts.min, high).astype(dtype)
    return whole


def _gathered(x: NDArray[Any], seen: list[NDArray[np.int64]], number: type[np.floating[Any]]) -> NDArray[Any]:
    """A block of an array and its border."""
    block = x[np.ix_(*seen)].astype(number)
    for axis, table in enumerate(seen):
        if (table == AWAY).any():
            block[tuple(table == AWAY if at == axis else slice(None) for at in range(3))] = 0
    return block


def _blocks(out: list[int], reach: list[int]) -> list[int]:
    """How long a transform is along each axis: of all there is, or of blocks several times as long as the kernel."""
    lengths = [_fast(n + far) for n, far in zip(out, reach, strict=True)]
    while prod(lengths) > SMALL:
        halves = [_fast(max(length // 2, 4 * far + 1)) for length, far in zip(lengths, reach, strict=True)]
        longest = max(range(3), key=lambda axis: lengths[axis] if halves[axis] < lengths[axis] else 0)
        if halves[longest] >= lengths[longest]:
            break
        lengths[longest] = halves[longest]
    return lengths


def _fast(count: int) -> int:
    """The next number without a prime factor above 5, whose transform is fast.

    >>> _fast(1), _fast(97), _fast(1025)
    (1, 100, 1080)
    """
    best, fives = 1 << count.bit_length(), 1
    while fives < best:
        odd = fives
        while odd < best:
            best = min(best, odd << max(0, (-(-count // odd) - 1).bit_length()))
            odd *= 3
        fives *= 5
    return best
