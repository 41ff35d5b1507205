"""The network that finds: fully convolutional, a score a cell of four working pixels, and how its weights begin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convlens.network import Network, parameter_shapes

Floats = NDArray[np.float32]
Named = dict[str, Floats]

STRIDE = 4
LAYERS = (
    "conv 16 3 pad 1, relu, maxpool 2, conv 24 3 pad 1, relu, maxpool 2, "
    "conv 48 3 pad 1, relu, conv 48 3 pad 1, relu, conv 48 3 pad 2 dilation 2, relu, conv 1 1"
)
DOUBT = -3.0
"""The first logit of every cell: objects are rare."""


def network(channels: int, height: int, width: int) -> Network:
    """The network for pictures (channels, height, width), both sides multiples of four."""
    return Network.parse(f"{channels}x{height}x{width}: {LAYERS}")


def initial(net: Network, rng: np.random.Generator) -> Named:
    """Weights to begin with: normal, of variance 2 / inputs (He et al., 2015); biases 0, the last one doubtful."""
    found: Named = {}
    for i, (layer, shape) in enumerate(zip(net.layers, net.shapes, strict=False)):
        for name, size in parameter_shapes(layer, shape).items():
            spread = math.sqrt(2 / math.prod(size[1:])) if name == "weight" else 0.0
            found[f"{i}.{name}"] = (rng.standard_normal(size) * spread).astype(np.float32)
    last = max(i for i, layer in enumerate(net.layers) if parameter_shapes(layer, net.shapes[i]))
    found[f"{last}.weight"] *= np.float32(0.3)
    found[f"{last}.bias"] += np.float32(DOUBT)
    return found
