"""What a layer costs: its parameters, multiply-adds and bytes, from the value and the shape alone.

One multiply-add is one multiplication and one addition (two FLOP). Taps that fall on padding are counted; biases,
activations, comparisons and the additions of pooling are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .layers import BatchNorm, Conv, Layer
from .network import Network
from .parameters import parameter_shapes
from .sizes import Shape, output_shape

FLOAT32_BYTES = 4


def multiply_adds(layer: Layer, shape: Shape) -> int:
    """Multiply-adds of one forward pass of one example.

    >>> multiply_adds(Conv(6, 5, padding=2), (1, 28, 28))    # 6 * 28 * 28 outputs of 25 each
    117600
    """
    out = output_shape(layer, shape)
    if isinstance(layer, BatchNorm):
        return math.prod(out)
    weight = parameter_shapes(layer, shape).get("weight")
    if weight is None:
        return 0
    if isinstance(layer, Conv):
        return math.prod(weight) * math.prod(out[1:])
    return math.prod(weight)


@dataclass(frozen=True)
class LayerCost:
    """What one layer of a network costs for one example; bytes are float32."""

    output: Shape
    parameters: int
    multiply_adds: int

    @property
    def parameter_bytes(self) -> int:
        """Bytes of the learned tensors."""
        return self.parameters * FLOAT32_BYTES

    @property
    def activation_bytes(self) -> int:
        """Bytes of the layer's output for one example."""
        return math.prod(self.output) * FLOAT32_BYTES


def costs(network: Network) -> tuple[LayerCost, ...]:
    """The cost of every layer, in order.

    >>> sum(cost.parameters for cost in costs(Network.parse("3x3000x4000: flatten, linear 100")))
    3600000100
    """
    return tuple(
        LayerCost(
            network.shapes[i + 1],
            sum(math.prod(s) for s in parameter_shapes(layer, network.shapes[i]).values()),
            multiply_adds(layer, network.shapes[i]),
        )
        for i, layer in enumerate(network.layers)
    )


def total(network: Network) -> LayerCost:
    """The cost of the whole network: sums over its layers, and the output of the last.

    >>> total(Network.parse("1x28x28: conv 6 5 pad 2, flatten, linear 10")).parameters
    47206
    """
    each = costs(network)
    return LayerCost(network.output_shape, sum(c.parameters for c in each), sum(c.multiply_adds for c in each))


def activation_bytes(network: Network) -> int:
    """Bytes of the input and of every layer's output for one example: what a training step must keep at most."""
    return sum(math.prod(shape) for shape in network.shapes) * FLOAT32_BYTES
