"""Parameters by name, as a network's other readings hold them, and as the kernels want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import BatchNorm, Network, Shape, parameter_shapes

from .arguments import Floats as Floats
from .arguments import floats
from .errors import EngineError
from .kernels.normalisation import Normalising
from .plan import Group

Named = Mapping[str, NDArray[Any]]


def shapes(network: Network) -> dict[str, Shape]:
    """Name to shape of all that a network has learned or gathered: what takes long to find out, once."""
    found = {}
    for i, layer in enumerate(network.layers):
        shape = network.shapes[i]
        found.update({f"{i}.{name}": learned for name, learned in parameter_shapes(layer, shape).items()})
        if isinstance(layer, BatchNorm):
            found.update({f"{i}.running_mean": shape[:1], f"{i}.running_var": shape[:1]})
    return found


def weight_and_bias(
    network: Network, shapes: Mapping[str, Shape], group: Group, parameters: Named
) -> tuple[Floats, Floats | None]:
    """A group's weight and bias, with a batch norm's running statistics multiplied in.

    Args:
        network: the network.
        shapes: of all its parameters.
        group: the group.
        parameters: name to array.

    Raises:
        EngineError: a parameter is missing or of another shape.
    """
    first = group.layers[0]

    def named(i: int, name: str) -> Floats:
        return _shaped(parameters, f"{i}.{name}", shapes[f"{i}.{name}"])

    if isinstance(group.work, Normalising):
        return applied(
            group.work, {part: named(first, part) for part in ("weight", "bias", "running_mean", "running_var")}
        ), None
    norms = [i for i in range(*group.layers) if isinstance(network.layers[i], BatchNorm)]
    if group.weight is None:
        return np.ones(group.weight_floats, np.float32), None
    if not norms:
        return named(first, "weight"), named(first, "bias") if group.bias else None
    norm = network.layers[norms[0]]
    assert isinstance(norm, BatchNorm)
    mean, variance = named(norms[0], "running_mean"), named(norms[0], "running_var")
    gain = named(norms[0], "weight") / np.sqrt(variance + np.float32(norm.eps))
    shift = named(norms[0], "bias") - mean * gain
    if norms[0] == first:
        return gain, shift
    weight = named(first, "weight")
    if f"{first}.bias" in shapes:
        shift = shift + named(first, "bias") * gain
    return weight * gain.reshape(-1, *[1] * (weight.ndim - 1)), shift


def applied(norm: Normalising, own: Named) -> Floats:
    """What a batch norm that stands still applies: mean, inverse deviation, gain and shift, a row each."""
    inverse = 1 / np.sqrt(own["running_var"] + np.float32(norm.eps))
    return np.stack([own["running_mean"], inverse, own["weight"], own["bias"]])


def _shaped(parameters: Named, name: str, shape: tuple[int, ...]) -> Floats:
    if name not in parameters:
        raise EngineError(f"the parameter {name} is missing; the network needs it")
    value = floats(parameters[name], f"the parameter {name}")
    if value.shape != shape:
        raise EngineError(f"the parameter {name} has shape {value.shape}, but the network needs {shape}")
    return value
