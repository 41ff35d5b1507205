"""Layers and the batches they meet, drawn to be awkward: sizes 1 and prime, windows as large as the input, odd sides.

Every draw is seeded by its number, so that a failing test id (a line of notation) is found again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import AvgPool, Conv, LocalConv, MaxPool, Network, NetworkError, axes, multiply_adds

Case = tuple[Network, int]
"""A network of one layer, and the seed of its data."""

SIZES = {1: (1, 2, 3, 5, 8, 13), 2: (1, 2, 3, 5, 7), 3: (1, 2, 3, 5)}
MOST = 1500
"""Multiply-adds, or compared cells, of one example: what a loop in Python does in a few milliseconds."""


def drawn(make: Callable[[np.random.Generator, int], Network | None], rank: int, count: int) -> list[Case]:
    """The first ``count`` networks that ``make`` draws for seeds 0, 1, 2, ... and that can be."""
    found: list[Case] = []
    seed = 0
    while len(found) < count:
        rng = np.random.default_rng((rank, seed))
        try:
            network = make(rng, rank)
        except NetworkError:
            network = None
        if network is not None:
            found.append((network, seed))
        seed += 1
    return found


def conv(rng: np.random.Generator, rank: int, layer: type[Conv] | type[LocalConv] = Conv) -> Network | None:
    """A conv or local layer: groups up to depthwise, padding beyond the kernel, strides beyond it too."""
    spatial = tuple(int(rng.choice(SIZES[rank])) for _ in range(rank))
    channels = int(rng.choice([1, 2, 3, 4, 6]))
    groups = int(rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    kernel = tuple(int(rng.integers(1, size + 2)) for size in spatial)
    one = layer(
        groups * int(rng.integers(1, 4)),
        kernel,
        stride=tuple(int(rng.integers(1, k + 3)) for k in kernel),
        padding=_padding(rng, rank, max(kernel) + 2),
        dilation=tuple(int(rng.integers(1, 4)) for _ in kernel) if rng.random() < 0.5 else 1,
        groups=groups,
        bias=bool(rng.random() < 0.5),
    )
    network = Network((channels, *spatial), (one,))
    return network if multiply_adds(one, network.input_shape) <= MOST else None


def local(rng: np.random.Generator, rank: int) -> Network | None:
    """A local layer, drawn as ``conv``, with few positions: its witness is one torch conv a position."""
    network = conv(rng, rank, LocalConv)
    return network if network and math.prod(network.output_shape[1:]) <= 24 else None


def max_pool(rng: np.random.Generator, rank: int) -> Network | None:
    """A max pool: sides that differ, or ceil."""
    window, stride, spatial = _pool(rng, rank)
    ceil = bool(rng.random() < 0.5)
    dilation = tuple(int(rng.integers(1, 3)) for _ in window)
    padding = tuple(
        _pool_sides(rng, w if ceil else d * (w - 1) + 1, ceil) for w, d in zip(window, dilation, strict=True)
    )
    return _small(Network((2, *spatial), (MaxPool(window, stride, padding, dilation, ceil),)), window)


def avg_pool(rng: np.random.Generator, rank: int) -> Network | None:
    """An average pool: sides that differ, or ceil; padding counted or not."""
    window, stride, spatial = _pool(rng, rank)
    ceil = bool(rng.random() < 0.5)
    padding = tuple(_pool_sides(rng, w, ceil) for w in window)
    return _small(Network((2, *spatial), (AvgPool(window, stride, padding, ceil, bool(rng.random() < 0.5)),)), window)


def _pool(rng: np.random.Generator, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    spatial = tuple(int(rng.choice(SIZES[rank])) for _ in range(rank))
    window = tuple(int(rng.integers(1, min(size, 5) + 1)) for size in spatial)
    return window, tuple(int(rng.integers(1, w + 3)) for w in window), spatial


def _pool_sides(rng: np.random.Generator, extent: int, ceil: bool) -> tuple[int, int]:
    """Padding a side: below the window; with ceil as PyTorch takes it, equal sides of at most half the window."""
    if ceil:
        side = int(rng.integers(0, extent // 2 + 1))
        return side, side
    before, after = rng.integers(0, extent, 2)
    return int(before), int(after)


def _small(network: Network, window: tuple[int, ...]) -> Network | None:
    return network if math.prod(network.output_shape) * math.prod(window) <= MOST else None


def _padding(rng: np.random.Generator, rank: int, most: int) -> Any:
    kind = rng.integers(0, 4)
    if kind == 0:
        return "same"
    if kind == 1:
        return tuple((int(rng.integers(0, most)), int(rng.integers(0, most))) for _ in range(rank))
    return int(rng.integers(0, 3))


def ids(case: Case) -> str:
    """The id of a case: its line."""
    return f"{case[0]}"


def data(network: Network, seed: int, *, whole: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """A batch of 0 to 3 examples and an upstream gradient for it: whole numbers up to 5, or floats up to 1; the batch
    is non-contiguous in half of the cases."""
    rng = np.random.default_rng((7, seed))
    examples = int(rng.choice([0, 1, 2, 3], p=[0.1, 0.4, 0.3, 0.2]))
    x, upstream = (
        values(rng, (examples, *shape), whole=whole) for shape in (network.input_shape, network.output_shape)
    )
    if rng.random() < 0.5:
        x = np.moveaxis(np.moveaxis(x, 1, -1)[..., ::-1].copy(), -1, 1)[:, ::-1]
    return x, upstream


def values(rng: np.random.Generator, shape: tuple[int, ...], *, whole: bool) -> NDArray[Any]:
    """Whole numbers -5 to 5, or floats between -1 and 1."""
    return rng.integers(-5, 6, shape) if whole else rng.uniform(-1, 1, shape)


def sides(network: Network) -> list[int]:
    """The padding of a network's only layer as ``torch.nn.functional.pad`` takes it: last axis first."""
    layer: Any = network.layers[0]
    found = [(axis.before, axis.after) for axis in axes(layer, network.input_shape)]
    return [side for pair in reversed(found) for side in pair]
