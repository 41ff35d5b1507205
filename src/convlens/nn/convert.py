"""From modules back to the value: a Sequential of ours or of torch.nn as a Network, or every reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from convlens.network import Layer, Network, NetworkError, Shape, output_shape
from convlens.network.layers import RANK_NAMES, spell
from convlens.network.sizes import check_shape

from .foreign import EVERY_RANK, Reading, Refused, read
from .module import Module


def network_of(module: nn.Sequential, input_shape: Shape) -> Network:
    """The value that a torch.nn.Sequential computes on inputs of ``input_shape``.

    Reads the layers of ``nn.build`` and torch.nn's Conv, MaxPool, AvgPool and BatchNorm in 1 to 3 dimensions, adaptive
    pools to one cell, ReLU, Sigmoid, Tanh, Flatten, Linear and Dropout; nested Sequentials are opened and Identity is
    skipped. ``network_of(build(network), network.input_shape) == network``.

    Args:
        module: the layers in order.
        input_shape: (C, *spatial), without the batch.

    Raises:
        NetworkError: something in it is not a layer of a network, or does not take what reaches it; every reason, one
            a line.

    >>> network_of(nn.Sequential(nn.Conv2d(1, 6, 5, padding="same"), nn.Tanh(), nn.AdaptiveAvgPool2d(1)), (1, 8, 8))
    Network.parse('1x8x8: conv 6 5 pad same, tanh, avgpool 8')
    """
    if not isinstance(module, nn.Sequential):
        raise NetworkError(f"only a torch.nn.Sequential says what runs after what, not a {type(module).__name__}")
    reasons: list[str] = []
    layers: list[Layer] = []
    shape: Shape | None = check_shape(input_shape)
    for name, child in _leaves(module, ""):
        try:
            reading = _ours(child) if isinstance(child, Module) else read(child)
            layers.append(reading.layer)
            # behind a layer that was refused no shape is known, but the layers can still be read
            shape = None if shape is None else _after(reading, shape)
        except Refused as refused:
            reasons += [f"{name} ({type(child).__name__}): {reason}" for reason in refused.reasons]
            shape = None
    if reasons:
        raise NetworkError("this module is not a network:\n  " + "\n  ".join(reasons))
    return Network(check_shape(input_shape), tuple(layers))


def _leaves(module: nn.Sequential, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    # not named_children, which shows a module that stands at two places only once
    for name, child in module._modules.items():
        if child is None or type(child) is nn.Identity:
            continue
        if type(child) is nn.Sequential:
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield prefix + name, child


def _ours(module: Module) -> Reading:
    ranks = EVERY_RANK if module.rank is None else (module.rank,)
    return Reading(module.layer, ranks, module.channels, module.input_size)


def _after(reading: Reading, shape: Shape) -> Shape:
    """The shape after the layer, or Refused where the module was not built for ``shape``."""
    if len(shape) - 1 not in reading.ranks:
        raise Refused(f"it takes {' or '.join(RANK_NAMES[r] for r in reading.ranks)}, but {spell(shape)} reaches it")
    if reading.channels is not None and shape[0] != reading.channels:
        raise Refused(f"it was built for {reading.channels} channels or features, but {spell(shape)} reaches it")
    if reading.input_size is not None and shape[1:] != reading.input_size:
        raise Refused(f"it was built for inputs of {spell(reading.input_size)}, but {spell(shape)} reaches it")
    try:
        return output_shape(reading.layer, shape)
    except NetworkError as error:
        raise Refused(error.sentence) from None
