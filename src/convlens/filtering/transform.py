"""A kernel slid through NumPy's Fourier transform, block by block.

Blocks lie on a grid that follows from the whole array alone, and each is transformed by itself. So a part of the array
that begins at a block's corner gives the same bits as the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product as every
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.engine.borders import AWAY
from convlens.engine.layout import Three
from convlens.engine.stencil import Slide, direct

from .gallery import Taps
from .rounding import rounded

SMALL = 1 << 22
"""Numbers of a block that is transformed at once: 16 MB of float32."""


@dataclass(frozen=True, eq=False)
class Transform:
    """A kernel, ready to be multiplied with blocks of an array.

    Args:
        kernel: its taps, three axes.
        lengths: numbers of a block along each axis, border included.
        spectrum: of the kernel, as the block's is multiplied with it.
    """

    kernel: Taps
    lengths: Three
    spectrum: NDArray[Any]

    @classmethod
    def of(cls, kernel: Taps, slide: Slide, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Transform:
        """For an array (D, H, W, C) of a type."""
        whole = replace(slide, stride=(1, 1, 1))
        reach = [whole.reach(axis) for axis in range(3)]
        lengths = _blocks([whole.out(axis, size) for axis, size in enumerate(shape[:3])], reach)
        spaced = np.zeros([far + 1 for far in reach], np.float64 if dtype == np.float64 else np.float32)
        spaced[tuple(slice(None, None, gap) for gap in slide.dilation)] = kernel
        return cls(kernel, lengths, np.conj(np.fft.rfftn(spaced, lengths, axes=(0, 1, 2))))

    def steps(self, slide: Slide) -> Three:
        """Results, without a stride, from a block to the next along each axis."""
        d, h, w = (length - slide.reach(axis) for axis, length in enumerate(self.lengths))
        return d, h, w

    def run(self, x: NDArray[Any], slide: Slide) -> NDArray[Any]:
        """Slide over an array (D, H, W, C), or a part of it from a block's corner on, with its border ("valid")."""
        whole, sizes = replace(slide, stride=(1, 1, 1)), x.shape[:3]
        out = [whole.out(axis, size) for axis, size in enumerate(sizes)]
        result = np.empty((*out, x.shape[3]), x.dtype)
        tables = [
            whole.table(axis, size, n + whole.reach(axis))
            for axis, (size, n) in enumerate(zip(sizes, out, strict=True))
        ]
        steps = self.steps(slide)
        for start in every(*(range(0, n, step) for n, step in zip(out, steps, strict=True))):
            seen = [table[s : s + length] for table, s, length in zip(tables, start, self.lengths, strict=True)]
            part = tuple(slice(s, min(s + step, n)) for s, step, n in zip(start, steps, out, strict=True))
            for channel in range(x.shape[3]):
                sums = self._block(gathered(x[..., channel], seen), slide)
                result[part[0], part[1], part[2], channel] = sums
        return result[:: slide.stride[0], :: slide.stride[1], :: slide.stride[2]]

    def _block(self, block: NDArray[Any], slide: Slide) -> NDArray[Any]:
        """The cells that the windows inside a block (d, h, w) give."""
        if block.dtype.kind == "f" and not np.isfinite(block).all():
            # a NaN is seen by the windows that it lies in, and by a transform everywhere
            inside = replace(slide, border="valid", stride=(1, 1, 1))
            return direct(block[..., None], self.kernel, inside)[..., 0]
        numbers = block.astype(np.float64 if block.dtype == np.float64 else np.float32, copy=False)
        spectrum = np.fft.rfftn(numbers, self.lengths, axes=(0, 1, 2)) * self.spectrum
        sums = np.fft.irfftn(spectrum, self.lengths, axes=(0, 1, 2))
        d, h, w = (size - slide.reach(axis) for axis, size in enumerate(block.shape))
        return rounded(sums[:d, :h, :w], block.dtype)


def gathered(x: NDArray[Any], seen: list[NDArray[np.int64]]) -> NDArray[Any]:
    """The cells of an array that tables name along its first axes, 0 where they name none.

    >>> gathered(np.array([5, 6, 7]), [np.array([AWAY, 0, 1, 0])]).tolist()
    [0, 5, 6, 5]
    """
    block: NDArray[Any] = x[np.ix_(*seen)]
    for axis, table in enumerate(seen):
        if (table == AWAY).any():
            block[(slice(None),) * axis + (table == AWAY,)] = 0
    return block


def _blocks(out: list[int], reach: list[int]) -> Three:
    """How long a transform is along each axis: of all there is, or of blocks several times as long as the kernel."""
    lengths = [_fast(n + far) for n, far in zip(out, reach, strict=True)]
    while prod(lengths) > SMALL:
        halves = [_fast(max(length // 2, 4 * far + 1)) for length, far in zip(lengths, reach, strict=True)]
        longest = max(range(3), key=lambda axis: lengths[axis] if halves[axis] < lengths[axis] else 0)
        if halves[longest] >= lengths[longest]:
            break
        lengths[longest] = halves[longest]
    return lengths[0], lengths[1], lengths[2]


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
