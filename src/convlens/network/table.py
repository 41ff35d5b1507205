"""A network as a table: for every layer its output, its costs and its receptive field, as plain values."""

from __future__ import annotations

from typing import Any

from .cost import costs
from .field import fields
from .network import Network
from .notation import print_layer


def rows(network: Network) -> list[dict[str, Any]]:
    """A row a layer: ``layer``, ``output``, ``parameters``, ``multiply_adds``; ``field``, ``jump``, ``start`` an axis.

    >>> rows(Network.parse("1x28x28: conv 6 5 pad 2"))[0]["field"]
    [5, 5]
    """
    return [
        {
            "layer": print_layer(layer),
            "output": list(cost.output),
            "parameters": cost.parameters,
            "multiply_adds": cost.multiply_adds,
            "field": [f.size for f in seen],
            "jump": [f.jump for f in seen],
            "start": [f.start for f in seen],
        }
        for layer, cost, seen in zip(network.layers, costs(network), fields(network)[1:], strict=True)
    ]
