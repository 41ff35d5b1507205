"""Where numbers lie: a block of images in lanes, with the borders that the next layer reads already there.

A block holds as many images as a vector has lanes. Its feature maps lie as [channel][depth][height][width][lane];
signals and pictures have depth, or depth and height, 1. Zero borders are part of the buffer and are never written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from convlens.network import Axis

Three = tuple[int, int, int]


def three(numbers: tuple[int, ...], fill: int) -> Three:
    """Numbers for depth, height and width from those of 0 to 3 axes.

    >>> three((5, 7), 1)
    (1, 5, 7)
    """
    padded = (fill,) * (3 - len(numbers)) + tuple(numbers)
    return padded[0], padded[1], padded[2]


@dataclass(frozen=True)
class Layout:
    """The feature maps of one block.

    Args:
        lanes: images in a block.
        channels: feature maps.
        size: cells along depth, height and width.
        before: border cells before each axis.
        after: border cells after each axis.

    >>> Layout(8, 6, (1, 14, 14), (0, 2, 2), (0, 2, 2)).floats
    15552
    """

    lanes: int
    channels: int
    size: Three
    before: Three = (0, 0, 0)
    after: Three = (0, 0, 0)

    @property
    def padded(self) -> Three:
        """Cells along each axis, borders included."""
        d, h, w = (b + n + a for b, n, a in zip(self.before, self.size, self.after, strict=True))
        return d, h, w

    @property
    def strides(self) -> Three:
        """Floats from a cell to the next along depth, height and width."""
        _, height, width = self.padded
        return height * width * self.lanes, width * self.lanes, self.lanes

    @property
    def channel(self) -> int:
        """Floats from a feature map to the next."""
        return math.prod(self.padded) * self.lanes

    @property
    def origin(self) -> int:
        """Floats before the first real cell."""
        return sum(b * s for b, s in zip(self.before, self.strides, strict=True))

    @property
    def floats(self) -> int:
        """Floats of the whole buffer."""
        return self.channels * self.channel

    @property
    def bordered(self) -> bool:
        """Whether there are borders."""
        return any(self.before) or any(self.after)

    @property
    def cells(self) -> int:
        """Real cells of one feature map."""
        return math.prod(self.size)


@dataclass(frozen=True)
class Window:
    """A sliding window along depth, height and width, resolved to numbers."""

    axes: tuple[Axis, Axis, Axis]

    @classmethod
    def of(cls, axes: tuple[Axis, ...]) -> Window:
        """The window over 1 to 3 axes; missing ones have size 1."""
        still = (Axis(1, 1),) * (3 - len(axes))
        d, h, w = (*still, *axes)
        return cls((d, h, w))

    @property
    def kernel(self) -> Three:
        """Taps along each axis."""
        d, h, w = self.axes
        return d.kernel, h.kernel, w.kernel

    @property
    def stride(self) -> Three:
        """Cells that the window moves along each axis."""
        d, h, w = self.axes
        return d.stride, h.stride, w.stride

    @property
    def dilation(self) -> Three:
        """Cells between taps along each axis."""
        d, h, w = self.axes
        return d.dilation, h.dilation, w.dilation

    @property
    def out(self) -> Three:
        """Positions along each axis."""
        d, h, w = self.axes
        return d.out, h.out, w.out

    @property
    def size(self) -> Three:
        """Input cells along each axis."""
        d, h, w = self.axes
        return d.size, h.size, w.size

    @property
    def taps(self) -> int:
        """Taps of the whole window."""
        return math.prod(self.kernel)

    @property
    def borders(self) -> tuple[Three, Three]:
        """Border cells (before, after) that an input needs so that every tap reads inside its buffer."""
        before, after = [], []
        for a in self.axes:
            before.append(a.before)
            after.append(max(0, (a.out - 1) * a.stride + a.extent - a.before - a.size))
        return (before[0], before[1], before[2]), (after[0], after[1], after[2])
