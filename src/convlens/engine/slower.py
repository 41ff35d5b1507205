"""Layers that PyTorch runs faster than the engine, and what was measured: the one rule by which they are handed over.

The engine can run them all the same: what it cannot run, ``plan`` refuses. Measured forward and backward on one core
with AVX2 against PyTorch 2.13 in the better of its two layouts, as time of PyTorch over time of the engine:

    64x28x28: conv 64 3 pad 1, relu          0.77        32x28x28: conv 64 3 pad 1                        1.04
    256x14x14: conv 256 3 pad 1, relu        0.53        64x256: conv 64 3 pad 1                          1.22
    64x28x28: conv 128 1, relu               0.60        3x32x32: conv 64, conv 128, conv 256, each 3
    784: linear 256, relu, linear 10         0.79        pad 1, relu, maxpool 2, linear 10: training      1.35
                                                         256: linear 128, relu, linear 10: training       1.25

A block of images in lanes takes as many bytes a cell as a vector has: 64 feature maps outgrow the caches where a layout
of a few channels of one image does not. A max pool behind, for which PyTorch goes through memory once more, makes up
for it. The weights of a dense layer are read again for every block; behind convolutions that is little of the whole.
"""

from __future__ import annotations

from convlens.network import Network, costs, print_layer

from .kernels.convolution import Convolution
from .plan import Dense, refusals, works

WIDE = 64
"""Channels in and out of one group from which a convolution of pictures or volumes is slower."""
HEAVY = 2**16
"""Weights from which a dense layer is slower: a quarter of a megabyte, half of a core's second-level cache."""
MOST = 0.5
"""The share of a network's multiply-adds in slower layers from which all of it is slower."""

CONVOLUTION = f"PyTorch is faster at convolutions of {WIDE} channels and more, in and out, without a max pool behind"
DENSE = f"PyTorch is faster at dense layers, one with {HEAVY} weights or more, without convolutions"


def slower(network: Network) -> dict[int, str]:
    """The places of the layers that PyTorch runs faster, each with the reason.

    >>> network = Network.parse("64x28x28: conv 64 3 pad 1, relu, conv 64 3 pad 1, relu, maxpool 2")
    >>> slower(network) == {0: CONVOLUTION}
    True
    """
    if refusals(network, training=False):
        return {}
    every = works(network)
    dense = [work for _, work, weight in every if isinstance(work, Dense)]
    alone = not any(isinstance(work, Convolution) and weight for _, work, weight in every)
    heavy = alone and any(work.inputs * work.outputs >= HEAVY for work in dense)
    found = {}
    for (first, _), work, weight in every:
        if isinstance(work, Convolution) and weight and _is_wide(work) and len(network.shapes[first]) > 2:
            found[first] = CONVOLUTION
        elif heavy and isinstance(work, Dense):  # the light ones too: going back and forth costs more than they do
            found[first] = DENSE
    return found


def outrun(network: Network) -> str:
    """Why PyTorch runs a whole network faster: its slower layers do most of the work; "" where they do not.

    >>> outrun(Network.parse("1x28x28: flatten, linear 256, relu, linear 10"))
    'layer 2 (linear 256): PyTorch is faster at dense layers, one with 65536 weights or more, without convolutions'
    """
    adds = [cost.multiply_adds for cost in costs(network)]
    found = slower(network)
    if not found or sum(adds[i] for i in found) < MOST * sum(adds):
        return ""
    first = min(found)
    return f"layer {first + 1} ({print_layer(network.layers[first])}): {found[first]}"


def _is_wide(work: Convolution) -> bool:
    pooled = work.pool is not None and work.pool.kind == "max" and work.pool.cells > 1
    return not work.local and min(work.channels, work.filters) >= WIDE * work.groups and not pooled
