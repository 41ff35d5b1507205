"""Parameters by name, as a network's other readings hold them, and as the kernels want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import BatchNorm, Network, parameter_shapes

from .arguments import Floats as Floats
from .arguments import floats
from .errors import EngineError
from .plan import Group

Named = Mapping[str, NDArray[Any]]


def weight_and_bias(network: Network, group: Group, parameters: Named) -> tuple[Floats, Floats | None]:
    """A group's weight and bias, with a batch norm's running statistics multiplied in.

    Raises:
        EngineError: a parameter is missing or of another shape.
    """
    first = group.layers[0]
    norms = [i for i in range(*group.layers) if isinstance(network.layers[i], BatchNorm)]
    if group.weight is None:
        return np.ones(group.weight_floats, np.float32), None
    if not norms:
        bias = _learned(network, parameters, first, "bias") if group.bias else None
        return _learned(network, parameters, first, "weight"), bias
    gain, shift = _affine(network, parameters, norms[0])
    if norms[0] == first:
        return gain, shift
    weight = _learned(network, parameters, first, "weight")
    if "bias" in parameter_shapes(network.layers[first], network.shapes[first]):
        shift = shift + _learned(network, parameters, first, "bias") * gain
    return weight * gain.reshape(-1, *[1] * (weight.ndim - 1)), shift


def _affine(network: Network, parameters: Named, i: int) -> tuple[Floats, Floats]:
    """What batch norm ``i`` multiplies and adds once its statistics stand."""
    layer, shape = network.layers[i], network.shapes[i][:1]
    assert isinstance(layer, BatchNorm)
    mean, variance = (_shaped(parameters, f"{i}.running_{s}", shape) for s in ("mean", "var"))
    gain = _learned(network, parameters, i, "weight") / np.sqrt(variance + np.float32(layer.eps))
    return gain, _learned(network, parameters, i, "bias") - mean * gain


def _learned(network: Network, parameters: Named, i: int, name: str) -> Floats:
    return _shaped(parameters, f"{i}.{name}", parameter_shapes(network.layers[i], network.shapes[i])[name])


def _shaped(parameters: Named, name: str, shape: tuple[int, ...]) -> Floats:
    if name not in parameters:
        raise EngineError(f"the parameter {name} is missing; the network needs it")
    value = floats(parameters[name], f"the parameter {name}")
    if value.shape != shape:
        raise EngineError(f"the parameter {name} has shape {value.shape}, but the network needs {shape}")
    return value
