"""Dropout while training, a block of images in lanes: which cells are kept is computed, not stored.

A cell is kept where a hash of (its image's two keys, the layer, the cell's place) is not below the probability. So the
way back finds the mask of the way forward again, and neither threads nor the images beside it change it. The keys of an
image are a hash of the seed and its number in the batch.

Source of the mixing: MurmurHash3's finaliser (Appleby, 2011), twice, with a key before each; SplitMix64 (Steele, Lea
and Flood, 2014) for the keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from ..blueprint import blueprint
from ..builder import I32, I64, Index, Kernel, Value
from ..layout import Layout, Three
from ..target import Target

GOLDEN = 0x9E3779B9
"""2**32 over the golden ratio: neighbouring places begin far apart."""
BITS = 24
"""Bits of the number that is compared with the probability."""


@dataclass(frozen=True)
class Dropping:
    """One dropout.

    Args:
        probability: of a cell to become 0; the others are divided by 1 - probability.
        channels: feature maps.
        size: cells along each axis.
        layer: its place in the network, so that no two draw alike.
    """

    probability: float
    channels: int
    size: Three
    layer: int

    @property
    def scale(self) -> float:
        """What a kept cell is multiplied by."""
        return 1 / (1 - self.probability) if self.probability < 1 else 0.0


def keys(seed: int, images: int, lanes: int) -> NDArray[np.float32]:
    """Two 32-bit keys an image, as the kernel reads them: [block][key][lane], bits in place of floats."""
    step = 0x9E3779B97F4A7C15
    first = np.uint64(_mixed(np.array([seed % 2**64], np.uint64))[0])
    blocks = -(-images // lanes)
    with np.errstate(over="ignore"):
        mixed = _mixed(first + np.arange(1, blocks * lanes + 1, dtype=np.uint64) * np.uint64(step))
    pairs = np.ascontiguousarray(mixed).view(np.uint32).reshape(blocks, lanes, 2)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1)).reshape(-1).view(np.float32)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


@blueprint
def dropped(target: Target, d: Dropping, source: Layout, result: Layout, name: str, *, drawing: bool = True) -> Kernel:
    """Write the kernel ``(source, keys, result)``, which is forward and backward alike.

    Args:
        target: the processor.
        d: the dropout.
        source: the layout of what is read, without borders.
        result: of what is written.
        name: the function's name.
        drawing: False copies, as a network does that is not trained.
    """
    k = Kernel(name, target, ("source", "keys", "result"))
    depth, height, width = d.size
    with k.each(d.channels) as c, k.each(depth) as z, k.each(height) as y, k.each(width) as x:
        place = k.offset((c, depth * height * width), (z, height * width), (y, width), x)
        value = k.load(k.arguments[0], (place, k.lanes))
        if drawing:
            value = k.b.select(_kept(k, d, place), k.b.fmul(value, k.constant(d.scale)), k.zero())
        steps = zip((c, z, y, x), (result.channel, *result.strides), strict=True)
        k.store(value, k.arguments[2], result.origin, *steps)
    return k


def _kept(k: Kernel, d: Dropping, place: Index) -> Value:
    """Whether a cell is kept, lane by lane."""
    whole = ir.VectorType(I32, k.lanes)
    salt = ir.Constant(I64, d.layer * 0x85EBCA6B)
    counters = k.spread(k.b.trunc(k.b.mul(k.b.add(k.index(place), salt), ir.Constant(I64, GOLDEN)), I32))
    first, second = (k.b.bitcast(k.load(k.arguments[1], i * k.lanes), whole) for i in range(2))
    bits = _mix(k, k.b.xor(_mix(k, k.b.add(first, counters)), second))
    drawn = k.b.lshr(bits, ir.Constant(whole, [32 - BITS] * k.lanes))
    limit = round(d.probability * 2**BITS)
    return k.b.icmp_signed(">=", drawn, ir.Constant(whole, [limit] * k.lanes))


def _mix(k: Kernel, h: Value) -> Value:
    """MurmurHash3's finaliser: every bit of the input changes every bit of the output half of the time."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = k.b.xor(h, k.b.lshr(h, ir.Constant(h.type, [shift] * k.lanes)))
        h = k.b.mul(h, ir.Constant(h.type, [factor] * k.lanes)) if factor > 1 else h
    return h
