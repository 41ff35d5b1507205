"""One convolution of signals or pictures with columns in the lanes, on all cores: for few of them, or thin sums.

Where a block of images would leave lanes empty, or would be carried in and out of them for a handful of products a
number, each picture is taken as it lies (``planar``). A signal is a picture of one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convlens.network import Conv, Network, axes, multiply_adds

from .arguments import Floats
from .crew import cores, share_out
from .kernels.convolution import MOST_TAPS
from .memory import ensure
from .planar import Planar, planar
from .target import Target, host

BLOCK_BYTES = 1 << 20
"""Bytes of a block of images beyond which it no longer stays in the second-level cache between its steps."""
FEW_TERMS = 128
"""Products in a sum below which carrying a large block in and out of lanes costs more than aligned loads save."""
SHARE = 1 << 20
"""Multiply-adds that are worth a thread: about 20 microseconds of work; waking one costs as much."""


@dataclass(frozen=True)
class Fitness:
    """What decides whether a layer runs here, for any number of images.

    Args:
        can: whether there is a kernel.
        should: whether it is the faster one even where images would fill the lanes.
    """

    can: bool
    should: bool

    @classmethod
    def of(cls, network: Network, target: Target) -> Fitness:
        """That of a network of one layer."""
        layer, (channels, *size), (filters, *out) = network.layers[0], network.input_shape, network.output_shape
        assert isinstance(layer, Conv)
        if len(size) > 2 or out[-1] < target.lanes or axes(layer, network.input_shape)[-1].kernel > MOST_TAPS:
            return cls(can=False, should=False)
        terms = multiply_adds(layer, network.input_shape) // math.prod((filters, *out))
        block = 4 * target.lanes * (math.prod((channels, *size)) + math.prod((filters, *out)))
        alone = layer.groups == channels > 1
        return cls(can=True, should=alone or (block > BLOCK_BYTES and terms < FEW_TERMS))


_fitness = lru_cache(256)(Fitness.of)


def suits(network: Network, images: int, target: Target) -> bool:
    """Whether a batch of so many images runs with columns in the lanes rather than images."""
    fitness = _fitness(network, target)
    return fitness.can and (images < target.lanes or fitness.should)


@dataclass(frozen=True)
class Road:
    """How the layer of a network runs on a picture.

    Args:
        made: the kernel and its layouts.
        work: multiply-adds a picture.
        stride: rows of the source between neighbouring rows of the result.
    """

    made: Planar
    work: int
    stride: int

    @classmethod
    def of(cls, network: Network, target: Target) -> Road:
        """That of a network of one layer; a signal is a picture of one row."""
        layer, shape = network.layers[0], network.input_shape
        assert isinstance(layer, Conv)
        if len(shape) == 2:
            layer, shape = _of_one_row(layer, shape), (shape[0], 1, shape[1])
        return cls(planar(layer, shape, target=target), multiply_adds(layer, shape), axes(layer, shape)[0].stride)


_road = lru_cache(256)(Road.of)


def correlated(network: Network, x: Floats, weight: Floats, bias: Floats | None) -> Floats:
    """The layer of a network that ``suits``, for x (N, C, *spatial)."""
    road = _road(network, host())
    made = road.made
    floats = made.result.floats + (made.source.floats if made.source.bordered else 0)
    ensure(4 * len(x) * floats, "x with its padding, and the result,", "take a smaller batch or less padding")
    # a signal is a picture of one row
    x = _bordered(x[:, :, None] if x.ndim == 3 else x, made)
    result = np.empty((len(x), *network.output_shape), np.float32)
    rows, columns = made.result.size[1:]
    threads = max(1, min(cores(), road.work * len(x) // SHARE))
    # where columns are strided over, a picture is taken apart first, and run as a whole
    bands = 1 if made.apart else min(rows, -(-threads // max(1, len(x))))
    down = 4 * made.source.strides[1] * road.stride, 4 * columns
    learned = weight.ctypes.data, (weight if bias is None else bias).ctypes.data
    source, target = x.ctypes.data, result.ctypes.data

    def run(task: int) -> None:
        n, band = divmod(task, bands)
        first, stop = band * rows // bands, (band + 1) * rows // bands
        picture, place = source + n * 4 * made.source.floats, target + n * 4 * made.result.floats
        if bands == 1:
            made(picture, *learned, place)
        else:
            made.call(picture + first * down[0], *learned, place + first * down[1], stop - first, columns)

    share_out(run, len(x) * bands, threads)
    return result


def _of_one_row(layer: Conv, shape: tuple[int, ...]) -> Conv:
    """The same for a signal that lies as a picture of one row."""
    (axis,) = axes(layer, shape)
    kernel, stride, dilation = ((1, n) for n in (axis.kernel, axis.stride, axis.dilation))
    padding = (0, (axis.before, axis.after))
    return Conv(layer.out_channels, kernel, stride, padding, dilation, layer.groups, layer.bias)


def _bordered(x: Floats, made: Planar) -> Floats:
    """x, with zeros around every map where the window reaches over it."""
    if not made.source.bordered:
        return x
    n, c, (_, height, width) = len(x), x.shape[1], made.source.padded
    (_, top, left), (_, rows, columns) = made.source.before, made.source.size
    found = np.zeros((n, c, height, width), np.float32)
    found[:, :, top : top + rows, left : left + columns] = x
    return found
