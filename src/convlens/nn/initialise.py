"""Initial values of the parameters: three named distributions, drawn in one order from one generator.

The fans are those of one output unit (``Learned.fans``), so local and dense4d start as a conv or linear layer that sums
as many inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from convlens.network import NetworkError

from .module import Learned, draw_normal, draw_uniform

Draw = Callable[[Learned, torch.Generator | None], None]


def initialise(
    module: torch.nn.Module, method: str = "default", generator: torch.Generator | None = None
) -> torch.nn.Module:
    """Draw the parameters of every layer in ``module`` anew, in the order of the layers.

    Args:
        module: what ``nn.build`` made, or any module whose parameters are all in layers of this room.
        method: "default": torch.nn's, weight and bias uniform over plus and minus 1 / sqrt(fan_in). "xavier": weight
            uniform over plus and minus sqrt(6 / (fan_in + fan_out)), bias 0 (Glorot and Bengio, 2010). "kaiming":
            weight normal with variance 2 / fan_in, bias 0 (He et al., 2015). BatchNorm starts at 1 and 0 with each.
        generator: where the values are drawn from; None: torch's global one.

    Returns:
        The same module.

    Raises:
        NetworkError: no such method, or a parameter outside the layers of this room; nothing has been drawn then.

    >>> from convlens.nn import Linear
    >>> linear = initialise(Linear(100, 50), "xavier", torch.Generator().manual_seed(0))
    >>> bool(linear.weight.abs().max() <= 0.2), bool(linear.bias.any())
    (True, False)
    """
    if method not in METHODS:
        raise NetworkError(f"there is no initialisation {method!r}; known: {', '.join(METHODS)}")
    learned = [layer for layer in module.modules() if isinstance(layer, Learned)]
    known = {id(p) for layer in learned for p in layer.parameters(recurse=False)}
    foreign = [name for name, p in module.named_parameters() if id(p) not in known]
    if foreign:
        raise NetworkError(f"these parameters belong to no layer of convlens.nn: {', '.join(foreign)}")
    for layer in learned:
        if layer.fans is None:
            layer.reset_parameters(generator)
        else:
            METHODS[method](layer, generator)
    return module


def _default(layer: Learned, generator: torch.Generator | None) -> None:
    layer.reset_parameters(generator)


def _xavier(layer: Learned, generator: torch.Generator | None) -> None:
    assert layer.fans is not None
    draw_uniform(layer.weight, math.sqrt(6 / sum(layer.fans)), generator)
    _clear_bias(layer)


def _kaiming(layer: Learned, generator: torch.Generator | None) -> None:
    assert layer.fans is not None
    draw_normal(layer.weight, math.sqrt(2 / layer.fans[0]), generator)
    _clear_bias(layer)


def _clear_bias(layer: Learned) -> None:
    if layer.bias is not None:
        torch.nn.init.zeros_(layer.bias)


METHODS: dict[str, Draw] = {"default": _default, "xavier": _xavier, "kaiming": _kaiming}
