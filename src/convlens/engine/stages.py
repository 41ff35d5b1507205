"""What the kernels of a scan do, one after another, and how a region of a result asks for one of its source.

A kernel slides over a region without any padding: what its layer pads is part of the region, and filled before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Layer,
    MaxPool,
    Network,
    ReLU,
    Shape,
    Sigmoid,
    Tanh,
    axes,
    print_layer,
)

from .errors import EngineError
from .kernels.convolution import Convolution
from .kernels.pooling import Pooling
from .layout import Layout, Window
from .plan import Group, tiling, works
from .target import Target
from .tiles import fits

Two = tuple[int, int]

LINE, SETS = 16, 64
"""Floats of a cache line, and lines that lie side by side in a first-level cache: 32 KB in 8 ways."""
TOGETHER = 4
"""Rows that a tap's neighbours read, about."""


@dataclass(frozen=True)
class Region:
    """Rows and columns of a map: where they begin, perhaps before its first cell, and how many they are.

    >>> Region((-2, 6), (8, 8)).inside((5, 10))
    (slice(2, 7, None), slice(0, 4, None))
    """

    start: Two
    size: Two

    def inside(self, size: Two) -> tuple[slice, slice]:
        """The cells of the region that a map of ``size`` has, counted from the region's first one."""
        rows, columns = (
            slice(max(0, -a), max(0, -a, min(n, s - a))) for a, n, s in zip(self.start, self.size, size, strict=True)
        )
        return rows, columns

    def since(self, above: Region | None) -> int:
        """How many of its first rows the region above it has as well.

        >>> Region((6, 0), (8, 8)).since(Region((-2, 0), (12, 8)))
        4
        """
        return 0 if above is None else max(0, above.start[0] + above.size[0] - self.start[0])

    def covered(self, size: Two) -> bool:
        """Whether a map of ``size`` has every cell."""
        return all(a >= 0 and a + n <= s for a, n, s in zip(self.start, self.size, size, strict=True))


@cache
def spaced(channels: int, size: Two) -> Layout:
    """A planar map with as many columns behind each row, less than a cache line, as spread it over the cache best.

    A tap reads the same columns of every channel and of some rows. Where a channel's bytes are about a multiple of 4096
    all these lie in the same few sets of a first-level cache, and push each other out.

    >>> spaced(16, (256, 256)).after, spaced(16, (258, 130)).after
    ((0, 0, 9), (0, 0, 0))
    """

    def crowd(layout: Layout) -> int:
        starts = np.arange(min(channels, 64))[:, None] * layout.channel + np.arange(TOGETHER) * layout.strides[1]
        return int(np.bincount((starts // LINE % SETS).ravel()).max())

    return min((Layout(1, channels, (1, *size), after=(0, 0, n)) for n in range(LINE)), key=crowd)


@dataclass(frozen=True)
class Stage:
    """What one kernel of a scan does.

    Args:
        layers: their places in the network, first and past the end.
        work: a convolution with what is fused behind it, or a pool.
        weight: the name of its weight, or None.
    """

    layers: Two
    work: Convolution | Pooling
    weight: str | None

    @property
    def _pool(self) -> Two:
        pool = self.work.pool if isinstance(self.work, Convolution) else None
        return pool.window[1:] if pool else (1, 1)

    @property
    def down(self) -> int:
        """Rows of its source from what a row of its result sees to what the next one does."""
        return self._pool[0] * self.work.window.stride[1]

    def sources(self, size: Two) -> Two:
        """Rows and columns of its source for so many of its result."""
        rows, columns = (
            (n * p - 1) * a.stride + a.extent
            for n, p, a in zip(size, self._pool, self.work.window.axes[1:], strict=True)
        )
        return rows, columns

    def source(self, result: Region, before: Two) -> Region:
        """The region of its source for one of its result, where its layer pads with ``before`` cells."""
        top, left = (
            start * p * a.stride - b
            for start, p, a, b in zip(result.start, self._pool, self.work.window.axes[1:], before, strict=True)
        )
        return Region((top, left), self.sources(result.size))

    def group(self, size: Two) -> Group:
        """The stage for results of ``size``, without padding, on planar maps."""
        wanted = self.sources(size)
        still, *moving = self.work.window.axes
        high, wide = (replace(a, size=n, before=0, after=0, ceil=False) for a, n in zip(moving, wanted, strict=True))
        work = replace(self.work, window=Window((still, high, wide)))
        filters = work.filters if isinstance(work, Convolution) else work.channels
        source, result = spaced(work.channels, wanted), spaced(filters, size)
        return Group(self.layers, work, self.weight, source, result)

    @property
    def fill(self) -> float:
        """What its source holds outside the picture: nothing is larger than it, or adds to it."""
        return -np.inf if isinstance(self.work, Pooling) and self.work.kind == "max" else 0.0


def scan_refusals(network: Network) -> list[str]:
    """Why a network cannot be scanned: a sentence a reason; none when it can.

    >>> scan_refusals(Network.parse("1x8x8: conv 2 3, flatten, linear 3"))[0]
    'layer 2 (flatten): it is one size of picture that it flattens; a conv as large as its input does the same anywhere'
    """
    found = []
    if len(network.input_shape) != 3:
        found.append(
            f"a scan goes over pictures CxHxW, and this network reads {'x'.join(map(str, network.input_shape))}"
        )
    if not network.layers:
        found.append("a network without layers has nothing to compile")
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, (Conv, MaxPool, AvgPool, ReLU, Sigmoid, Tanh, BatchNorm, Dropout)):
            found.append(f"layer {i + 1} ({print_layer(layer)}): {_why(layer)}")
    return found


def _why(layer: Layer) -> str:
    name = type(layer).__name__
    if name == "LocalConv":
        return "it has weights of their own for every position of one size of picture"
    what = {"Flatten": "flattens", "Linear": "weighs", "Dense4d": "weighs"}[name]
    return f"it is one size of picture that it {what}; a conv as large as its input does the same anywhere"


def stages(network: Network, target: Target) -> list[Stage]:
    """The kernels of a scan, in order.

    Args:
        network: the network, for a picture of any size.
        target: whose registers must hold what a pool behind a convolution takes together.

    Raises:
        EngineError: a layer cannot be scanned; all reasons are named.
    """
    if reasons := scan_refusals(network):
        raise EngineError("; ".join(reasons))

    def fused(layer: MaxPool | AvgPool, shape: Shape) -> bool:
        # whether the last window of a pool with ceil hangs over depends on the picture: such pools stay by themselves
        return tiling(layer, shape) and not layer.ceil and fits(target, 1, *(a.kernel for a in axes(layer, shape)))

    found = []
    for layers, work, weight in works(network, fused):
        assert isinstance(work, (Convolution, Pooling))
        found.append(Stage(layers, work, weight))
    return found
