"""One kernel over an array of any size, as it lies: tables for its border, strips for its columns, bands for threads.

The array is (D, H, W, C) here, whatever it was; which way is the fastest for a kernel is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kept
from .borders import AWAY, Border, cells
from .compile import Call, load
from .crew import cores, share_out
from .kernels import spectral as kernels_of_columns
from .kernels import stencil as kernels
from .kernels.cells import KINDS
from .kernels.spectral import Spectral
from .kernels.stencil import STRIP, Stencil
from .layout import Three
from .memory import LINE, aligned, ensure
from .target import Target, host

Taps = NDArray[np.float64]
SHARE = 1 << 20
"""Products that are worth a thread, see ``pictures.SHARE``."""
APART = 512
"""Cells of a row from which those that can be read in place are: what is at a border is then a call of its own."""
LARGE = 8 << 20
"""Bytes of a result beyond which it goes past the caches: nobody finds it there when it is complete."""
ROWS = 64
"""Rows of the result that a thread makes at least: those above them that it sees are fetched twice."""


@dataclass(frozen=True)
class Slide:
    """How a kernel slides along each axis of a volume, picture or signal (of one plane, of one plane and row).

    Args:
        kernel: its taps along depth, height and width.
        anchor: which of them lies on the cell that the result belongs to, along each axis.
        border: what lies outside.
        stride: cells between neighbouring results.
        dilation: cells between neighbouring taps.
    """

    kernel: Three
    anchor: Three
    border: Border
    stride: Three = (1, 1, 1)
    dilation: Three = (1, 1, 1)

    def before(self, axis: int) -> int:
        """Cells of border before an axis."""
        return 0 if self.border == "valid" else self.anchor[axis] * self.dilation[axis]

    def reach(self, axis: int) -> int:
        """Cells that a window sees along an axis, less one."""
        return (self.kernel[axis] - 1) * self.dilation[axis]

    def out(self, axis: int, size: int) -> int:
        """Results along an axis of so many cells."""
        return (size - 1 - (self.reach(axis) if self.border == "valid" else 0)) // self.stride[axis] + 1

    def table(self, axis: int, size: int, count: int) -> NDArray[np.int64]:
        """The cells that stand at the first ``count`` places of an axis and its border."""
        return cells(np.arange(count) - self.before(axis), size, self.border)


@lru_cache(256)
def _loaded(target: Target, s: Stencil | Spectral) -> Call:
    if isinstance(s, Spectral):
        return load(kernels_of_columns.forward(target, s, "spectral"))
    return load(kernels.forward(target, s, "stencil"))


def direct(
    x: NDArray[Any], weights: Taps, slide: Slide, threads: int | None = None, target: Target | None = None
) -> NDArray[Any]:
    """Slide a kernel over an array, product by product.

    Args:
        x: (D, H, W, C) of a type among ``cells.KINDS``, no axis empty; a "valid" window fits into it.
        weights: (kD, kH, kW).
        slide: how.
        threads: how many run at once; None: the cores this process may use.
        target: the processor; None: this one.

    Returns:
        (D', H', W', C) of the same type; the sums are float32, or float64 where x is.

    Raises:
        EngineError: there is not enough memory.
    """
    return _slid(x, weights.ravel(), slide, False, threads, target or host())


def separable(
    x: NDArray[Any],
    rest: Taps,
    line: Taps,
    slide: Slide,
    threads: int | None = None,
    target: Target | None = None,
) -> NDArray[Any]:
    """Slide the product of taps ``rest`` (kD, kH) and a line along the row (kW,) over an array, as ``direct`` does."""
    return _slid(x, np.concatenate([rest.ravel(), line]), slide, True, threads, target or host())


def _slid(
    x: NDArray[Any], weights: Taps, slide: Slide, lined: bool, threads: int | None, target: Target
) -> NDArray[Any]:
    number = np.float64 if x.dtype == np.float64 else np.float32

    def made(streamed: bool) -> Stencil:
        return Stencil(x.dtype.name, slide.kernel, slide.dilation[1:], x.shape[3], slide.stride[1], lined, streamed)

    return _run(x, weights.astype(number), slide, made, threads, target)


def spectral(
    x: NDArray[Any], weights: Taps, slide: Slide, threads: int | None = None, target: Target | None = None
) -> NDArray[Any]:
    """Slide a kernel that ``suits`` over an array through transforms down its columns, as ``direct`` does.

    An error is a few units in the last place of the largest sum that there could be in a block of 64 rows. Where an
    array holds numbers that are not finite, ``direct`` runs.
    """
    assert suits(slide, x.shape, x.dtype)

    def made(streamed: bool) -> Spectral:
        return Spectral(x.dtype.name, slide.kernel[1:], x.shape[3], streamed)

    result = _run(x, kernels_of_columns.spectrum(weights[0]), slide, made, threads, target or host())
    # what is not finite spoils every row of its block, so one row of each tells
    if x.dtype.kind == "f" and not np.isfinite(result[:, :: made(False).band]).all():
        return direct(x, weights, slide, threads, target)
    return result


def suits(slide: Slide, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether ``spectral`` has a kernel for how something slides over an array (D, H, W, C) of a type."""
    depth, high, _ = slide.kernel
    plain = slide.stride == slide.dilation == (1, 1, 1) and depth == 1 and high <= kernels_of_columns.MOST_TAPS
    return plain and slide.out(2, shape[2]) * shape[3] >= kernels_of_columns.UNIT and dtype != np.float64


Made = Stencil | Spectral


def _run(
    x: NDArray[Any],
    weights: NDArray[Any],
    slide: Slide,
    made: Callable[[bool], Made],
    threads: int | None,
    target: Target,
) -> NDArray[Any]:
    assert x.dtype.name in KINDS
    width, channels = x.shape[2:]
    out = [slide.out(axis, size) for axis, size in enumerate(x.shape[:3])]
    # every column, and of those the ones that the stride lets stand; at least a vector of them
    lines = (width - slide.reach(2) if slide.border == "valid" else width) * channels
    long = max(lines, target.vector_bytes // weights.itemsize)
    ensure(out[0] * out[1] * long * x.itemsize, "the result", "take a larger stride or a part of the input")
    source = np.ascontiguousarray(x, x.dtype.newbyteorder("="))
    shape = out[0], out[1], long
    large = out[0] * out[1] * long * x.itemsize > LARGE
    result = kept.array(shape, source.dtype) if large else aligned(shape, source.dtype)
    s = made(large and long * x.itemsize % target.vector_bytes == 0)
    job = _Job.of(_loaded(target, s), s, source, weights, slide, result)
    threads = cores() if threads is None else threads
    tasks = job.tasks(max(1, min(threads, result.size * weights.size // SHARE)))
    share_out(lambda n: job.run(tasks[n]), len(tasks), threads)
    return result[:, :, :lines].reshape(out[0], out[1], -1, channels)[:, :, :: slide.stride[2]]


@dataclass(frozen=True)
class _Task:
    """A part of the result: a plane of it, rows, and cells of a row."""

    plane: int
    rows: tuple[int, int]
    cells: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Job:
    """One array, the kernel that runs on it, and its tables."""

    call: Call
    s: Made
    source: NDArray[Any]
    result: NDArray[Any]
    weights: NDArray[Any]
    planes: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    before: int
    inner: int

    @classmethod
    def of(
        cls,
        call: Call,
        s: Made,
        source: NDArray[Any],
        weights: NDArray[Any],
        slide: Slide,
        result: NDArray[Any],
    ) -> _Job:
        depth, height, width, channels = source.shape
        taps = np.arange(slide.kernel[0]) * slide.dilation[0] - slide.before(0)
        planes = cells(np.arange(len(result))[:, None] * slide.stride[0] + taps, depth, slide.border)
        planes = np.where(planes == AWAY, AWAY, planes * (height * width * channels))
        rows = slide.table(1, height, s.looked_at(result.shape[1]))
        before, inner, seen = slide.before(2) * channels, width * channels, result.shape[2] + s.reach
        places = np.r_[np.arange(before), np.arange(before + inner, max(seen, before + inner))]
        column, channel = np.divmod(places, channels)
        at = cells(column - slide.before(2), width, slide.border)
        columns = np.where(at == AWAY, AWAY, at * channels + channel)
        return cls(call, s, source, result, weights, planes, rows, columns, before, inner)

    def tasks(self, wanted: int) -> list[_Task]:
        """The result in about so many parts for each of its planes, or in all where planes are many."""
        planes, rows, width = self.result.shape
        each = -(-wanted // planes)
        bands = max(1, min(each, rows // ROWS))
        pieces = max(1, min(each, width // STRIP)) if bands == 1 and self.s.grain == 1 else 1
        # whole blocks of a transform, so that they lie alike however many threads there are; and whole cache lines
        cut = [
            [n * i // parts // grain * grain for i in range(parts)] + [n]
            for n, parts, grain in ((rows, bands, self.s.grain), (width, pieces, LINE))
        ]
        return [
            _Task(plane, (y0, y1), (x0, x1))
            for plane in range(planes)
            for y0, y1 in pairwise(cut[0])
            for x0, x1 in pairwise(cut[1])
        ]

    def run(self, task: _Task) -> None:
        """Make a part of the result."""
        panel = aligned((self.s.floats,), self.weights.dtype)
        arrays = self.source, self.result[task.plane], self.weights, panel, self.rows, self.columns
        planes = self.planes[task.plane]
        width, (most, unit, must) = self.source.shape[2] * self.source.shape[3], self.s.strips
        for left, right in self._pieces(*task.cells):
            # strips of about the same size, in whole cache lines
            size = right - left
            wide = min(-(-size // (unit * -(-size // most))) * unit, size // must * must)
            self.call(
                *(array.ctypes.data for array in (*arrays, planes)),
                *(width, self.result.shape[2], *task.rows, left, -(-size // wide), wide, right),
                *(self.before, self.inner),
            )

    def _pieces(self, left: int, right: int) -> list[tuple[int, int]]:
        """Cells of a row, those apart whose windows lie inside where these can be read in place."""
        inside = left + -(-max(0, self.before - left) // LINE) * LINE
        outside = left + (min(right - LINE, self.before + self.inner - self.s.reach) - left) // LINE * LINE
        if self.before + self.inner >= right + self.s.reach:
            outside = right
        if not self.s.lies or outside - inside < APART:
            return [(left, right)]
        every = [left, inside, outside, right]
        return [(a, b) for a, b in pairwise(every) if a < b]
