"""From the value to modules: one table says which module runs which layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    NetworkError,
    ReLU,
    Shape,
    Sigmoid,
    Tanh,
)

from . import convolution, dense, elementwise, local, pooling
from .module import Module

CONVS = {1: convolution.Conv1d, 2: convolution.Conv2d, 3: convolution.Conv3d}
LOCALS = {1: local.LocalConv1d, 2: local.LocalConv2d, 3: local.LocalConv3d}
MAX_POOLS = {1: pooling.MaxPool1d, 2: pooling.MaxPool2d, 3: pooling.MaxPool3d}
AVG_POOLS = {1: pooling.AvgPool1d, 2: pooling.AvgPool2d, 3: pooling.AvgPool3d}
PLAIN: dict[type[Layer], Callable[[], Module]] = {
    Sigmoid: elementwise.Sigmoid,
    Tanh: elementwise.Tanh,
    ReLU: elementwise.ReLU,
    Flatten: dense.Flatten,
}


def build(network: Network, generator: torch.Generator | None = None) -> torch.nn.Sequential:
    """A network as a torch module: one module a layer, in order, on batches (N, *input_shape).

    Names, shapes and order of parameters are those of a torch.nn.Sequential of the same layers, so ``load_state_dict``
    moves weights both ways. A network without flatten, linear, local or dense4d also runs on inputs of other sizes.

    Args:
        network: the value.
        generator: where the initial values are drawn from, layer by layer, as torch.nn draws them; None: torch's
            global one.

    Returns:
        A torch.nn.Sequential in training mode.

    Raises:
        NetworkError: a layer's parameters do not fit into memory.

    >>> module = build(Network.parse("1x28x28: conv 6 5 pad 2, sigmoid, avgpool 2, flatten, linear 10"))
    >>> list(module.state_dict()), module(torch.zeros(3, 1, 28, 28)).shape
    (['0.weight', '0.bias', '4.weight', '4.bias'], torch.Size([3, 10]))
    """
    pairs = zip(network.layers, network.shapes, strict=False)
    return torch.nn.Sequential(*(build_layer(layer, shape, generator) for layer, shape in pairs))


def build_layer(layer: Layer, shape: Shape, generator: torch.Generator | None = None) -> Module:
    """The module that runs ``layer`` on batches of ``shape`` (C, *spatial).

    >>> build_layer(MaxPool(2), (6, 28, 28))
    MaxPool2d(maxpool 2)
    """
    rank = len(shape) - 1
    if isinstance(layer, Conv):
        return CONVS[rank](shape[0], *_correlation(layer), generator=generator)
    if isinstance(layer, LocalConv):
        return LOCALS[rank](shape[0], *_correlation(layer), input_size=shape[1:], generator=generator)
    if isinstance(layer, MaxPool):
        return MAX_POOLS[rank](layer.window, layer.stride, layer.padding, layer.dilation, layer.ceil)
    if isinstance(layer, AvgPool):
        return AVG_POOLS[rank](layer.window, layer.stride, layer.padding, layer.ceil, layer.count_padding)
    if isinstance(layer, Dense4d):
        return dense.Dense4d(shape[1:], layer.size, layer.bias, generator=generator)
    if isinstance(layer, Linear):
        return dense.Linear(shape[0], layer.out_features, layer.bias, generator=generator)
    if isinstance(layer, Dropout):
        return elementwise.Dropout(layer.probability)
    if isinstance(layer, BatchNorm):
        return elementwise.BatchNorm(shape[0], layer.eps, layer.momentum)
    if type(layer) in PLAIN:
        return PLAIN[type(layer)]()
    raise NetworkError(f"{layer!r} has no module in convlens.nn")


def _correlation(layer: Conv | LocalConv) -> tuple[Any, ...]:
    return layer.out_channels, layer.kernel, layer.stride, layer.padding, layer.dilation, layer.groups, layer.bias
