"""A network as plain torch.nn modules, without anything of convlens.nn: what a PyTorch user would write."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from convlens.network import AvgPool, Conv, Flatten, Layer, Linear, MaxPool, Network, ReLU, Shape, Sigmoid, Tanh, axes

from . import RefusedError

CONVS: dict[int, Callable[..., torch.nn.Module]] = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
MAX_POOLS: dict[int, Callable[..., torch.nn.Module]] = {
    1: torch.nn.MaxPool1d,
    2: torch.nn.MaxPool2d,
    3: torch.nn.MaxPool3d,
}
AVG_POOLS: dict[int, Callable[..., torch.nn.Module]] = {
    1: torch.nn.AvgPool1d,
    2: torch.nn.AvgPool2d,
    3: torch.nn.AvgPool3d,
}
FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


def build(network: Network) -> torch.nn.Sequential:
    """The network as a Sequential."""
    return torch.nn.Sequential(*map(_module, network.layers, network.shapes[:-1]))


def _module(layer: Layer, shape: Shape) -> torch.nn.Module:
    rank = len(shape) - 1
    if isinstance(layer, (Conv, MaxPool, AvgPool)):
        found = axes(layer, shape)
        kernel, stride = tuple(a.kernel for a in found), tuple(a.stride for a in found)
        padding = tuple(a.before for a in found)
        if any(a.before != a.after for a in found):
            raise RefusedError("torch.nn pads both sides alike")
        if isinstance(layer, Conv):
            dilation = tuple(a.dilation for a in found)
            return CONVS[rank](
                shape[0], layer.out_channels, kernel, stride, padding, dilation, layer.groups, layer.bias
            )
        return (MAX_POOLS if isinstance(layer, MaxPool) else AVG_POOLS)[rank](kernel, stride, padding)
    if isinstance(layer, Linear):
        return torch.nn.Linear(shape[0], layer.out_features, layer.bias)
    plain: dict[type[Layer], Callable[[], torch.nn.Module]] = {
        ReLU: torch.nn.ReLU,
        Sigmoid: torch.nn.Sigmoid,
        Tanh: torch.nn.Tanh,
        Flatten: torch.nn.Flatten,
    }
    if type(layer) in plain:
        return plain[type(layer)]()
    raise RefusedError(f"the benchmark does not write {type(layer).__name__} in torch")


def loaded(module: torch.nn.Sequential, parameters: Mapping[str, NDArray[np.float32]]) -> torch.nn.Sequential:
    """The module with these parameters."""
    module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in parameters.items()})
    return module


def memory_format(rank: int, channels_last: bool) -> torch.memory_format:
    """The layout asked for; refuses where torch has none for so many axes."""
    if channels_last and rank not in FORMATS:
        raise RefusedError("torch has channels_last for pictures and volumes only")
    return FORMATS[rank] if channels_last else torch.contiguous_format
