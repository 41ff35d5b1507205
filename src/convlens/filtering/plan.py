"""What a filter comes to for an array of a shape and type: decided once, for the whole and for every part alike.

A part of the result needs a part of the array, and gives the bits that the whole would give there. ``direct`` and
``separable`` sum every window alike, wherever it lies. ``columns`` and ``fft`` work on blocks, so parts begin where
blocks begin (``grain``), and see what the block sees. Nothing is read or written here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.engine.arguments import numbers
from convlens.engine.borders import BORDERS, Border
from convlens.engine.borders import cells as cells_at
from convlens.engine.kernels.cells import KINDS
from convlens.engine.kernels.spectral import ROWS
from convlens.engine.layout import Three, three
from convlens.engine.stencil import Slide

from .errors import FilterError
from .gallery import Taps
from .notation import checked
from .notation import kernel as read
from .rounding import rounded
from .transform import Transform
from .ways import Way, fastest, run

Steps = int | Sequence[int]
Span = tuple[int, int]
Box = tuple[Span, Span, Span]
"""Results from the first to before the last along depth, height and width."""
COLOURS = 4
"""Numbers in the last of three axes up to which they are taken for a picture's channels, where a kernel is a name."""
LARGEST = float(np.finfo(np.float32).max) / 2**10
"""Of float32: larger numbers, times the sum of a kernel's sizes, could overflow within a transform of 64 rows."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One kernel over an array.

    Args:
        shape: of the array, as it is given: as many axes as the kernel has, and perhaps one more for channels.
        dtype: of the array, and of the result.
        axes: along which the kernel slides.
        taps: the kernel (kD, kH, kW), turned around already if it is to be flipped.
        slide: how it slides.
        kind: the type that sums are taken of: ``dtype``, or one that holds all its numbers.
        way: to the sums.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: int
    taps: Taps
    slide: Slide
    kind: np.dtype[Any]
    way: Way

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        kernel: str | ArrayLike,
        border: Border = "reflect",
        stride: Steps = 1,
        dilation: Steps = 1,
        flip: bool = False,
    ) -> Plan:
        """What ``filter`` does with an array of real numbers; its arguments are ``filter``'s.

        Raises:
            FilterError: an argument cannot be; the sentence names it.
        """
        taps = read(kernel, axes_of(shape)) if isinstance(kernel, str) else checked(_numbers(kernel), "given")
        axes = taps.ndim
        if len(shape) not in (axes, axes + 1):
            over = f"{axes}, or {axes + 1} with channels last, not of {len(shape)}"
            raise FilterError(f"a kernel of {axes} axes slides over an array of {over}")
        if border not in BORDERS:
            raise FilterError(f'there is no border "{border}"; choose one of {", ".join(BORDERS)}')
        slide = _slide(taps, border, stride, dilation, flip)
        _fits(slide, three(shape[:axes], 1), axes)
        if flip:
            taps = np.flip(taps)
        volume, kind = taps.reshape(slide.kernel), _kind(dtype)
        cells = (*three(shape[:axes], 1), shape[axes] if len(shape) > axes else 1)
        return cls(shape, dtype, axes, volume, slide, kind, fastest(volume, slide, cells, kind))

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """The array's shape as (D, H, W, C)."""
        channels = self.shape[self.axes] if len(self.shape) > self.axes else 1
        return (*three(self.shape[: self.axes], 1), channels)

    @property
    def out(self) -> Three:
        """Results along depth, height and width."""
        d, h, w = (self.slide.out(axis, size) for axis, size in enumerate(self.cells[:3]))
        return d, h, w

    @property
    def result(self) -> tuple[int, ...]:
        """The result's shape, with the axes that the array has."""
        return (*self.out[3 - self.axes :], *self.shape[self.axes :])

    def whole(self, x: NDArray[Any]) -> NDArray[Any]:
        """The result for the whole array."""
        found = run(x.reshape(self.cells).astype(self.kind, copy=False), self.taps, self.slide, self.way)
        return self._rounded(found).reshape(self.result)

    def _rounded(self, found: NDArray[Any]) -> NDArray[Any]:
        # rounded already where the engine computes with the type itself
        return found.astype(self.dtype, copy=False) if self.kind == self.dtype else rounded(found, self.dtype)

    # ---- parts ----

    @cached_property
    def _transform(self) -> Transform:
        return Transform.of(self.taps, self.slide, self.cells, self.kind)

    @property
    def grain(self) -> Three:
        """Results of whose multiples a part begins along each axis; as many as there are where it must have all."""
        d, h, w = self.out
        if self.way == "columns":
            # a pair of strips is transformed at once, so what lies beside each other must stay there
            return 1, min(h, ROWS + 1 - self.slide.kernel[1]), w
        if self.way == "fft":
            steps = zip(self._transform.steps(self.slide), self.slide.stride, self.out, strict=True)
            d, h, w = (min(n, step // math.gcd(step, stride)) for step, stride, n in steps)
            return d, h, w
        return 1, 1, 1

    def seen(self, box: Box) -> list[NDArray[np.int64]]:
        """The cells, or ``AWAY``, that a part of the result is computed from, along depth, height and width."""
        return [self._seen(axis, span) for axis, span in enumerate(box)]

    def _seen(self, axis: int, span: Span) -> NDArray[np.int64]:
        stride, reach, size = self.slide.stride[axis], self.slide.reach(axis), self.cells[axis]
        first, last = span[0] * stride, (span[1] - 1) * stride + 1
        if self.way == "columns" and axis == 1:
            # the last block is as high as every other, whether its rows are wanted or not
            band = ROWS + 1 - self.slide.kernel[1]
            last = first + -(-(last - first) // band) * band
        if self.way == "fft":
            step = self._transform.steps(self.slide)[axis]
            count = replace(self.slide, stride=(1, 1, 1)).out(axis, size)
            last = min(count, first + -(-(last - first) // step) * step)
        places = np.arange(first, last + reach) - self.slide.before(axis)
        return cells_at(places, size, self.slide.border)

    def part(self, block: NDArray[Any], box: Box, threads: int | None = None) -> NDArray[Any]:
        """A part of the result from the cells (d, h, w, C) that are ``seen`` for it.

        Raises:
            BeyondError: the way of this plan cannot be gone with these numbers.
        """
        inside = replace(self.slide, border="valid")
        block = block.astype(self.kind, copy=False)
        if self.way == "columns" and self.kind.kind == "f" and not self._tame(block):
            raise BeyondError
        fourier = self.way == "fft"
        found = self._transform.run(block, inside) if fourier else run(block, self.taps, inside, self.way, threads)
        d, h, w = (stop - start for start, stop in box)
        return self._rounded(found[:d, :h, :w]).reshape(self.part_shape(box))

    def part_shape(self, box: Box) -> tuple[int, ...]:
        """The shape of a part of the result."""
        return (*(stop - start for start, stop in box[3 - self.axes :]), *self.shape[self.axes :])

    def _tame(self, block: NDArray[Any]) -> bool:
        most = max(abs(float(block.max())), abs(float(block.min())))
        return bool(most * max(1.0, float(np.abs(self.taps).sum())) < LARGEST)  # false for NaN, too

    @property
    def plainly(self) -> Plan:
        """The same, product by product: what the whole does where it holds numbers that are not finite."""
        return replace(self, way="direct")


class BeyondError(Exception):
    """Transforms of columns met a number that is not finite, or all but: all is then summed product by product."""


def of_real_numbers(dtype: np.dtype[Any]) -> None:
    """Raise FilterError for a type that is not computed with."""
    if dtype.kind not in "iuf":
        remedy = "take .real or .imag" if dtype.kind == "c" else "convert it to uint8 or float32 first"
        raise FilterError(f"the array must hold real numbers, not {dtype}; {remedy}")
    if dtype.kind == "f" and dtype.itemsize > 8:
        raise FilterError(f"the array holds {dtype}, more than is computed with; convert it to float64")


def axes_of(shape: tuple[int, ...]) -> int:
    """For how many axes a named kernel is meant."""
    return len(shape) if len(shape) < 3 else 2 if len(shape) == 3 and shape[-1] <= COLOURS else 3


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
