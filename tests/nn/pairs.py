"""A module and its compiled copy: made alike, fed alike, and held against each other."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from convlens import nn as cn
from convlens.network import Network

SMALL = "2x9x9: conv 4 3 pad 1, sigmoid, avgpool 3, conv 5 2, tanh, flatten, linear 6, relu, linear 3"


def pair(line: str, **options: object) -> tuple[nn.Sequential, cn.Compiled]:
    """A module, and a compiled copy of it with parameters of its own."""
    module = cn.build(Network.parse(line), torch.Generator().manual_seed(0))
    options = {"threads": 1, **options}
    return module, cn.compile(copy.deepcopy(module), Network.parse(line).input_shape, **options)  # type: ignore[arg-type]


def batch(module_or_line: cn.Compiled | str, n: int = 5, seed: int = 1) -> Tensor:
    network = Network.parse(module_or_line) if isinstance(module_or_line, str) else module_or_line.network
    return torch.randn(n, *network.input_shape, generator=torch.Generator().manual_seed(seed))


Gradients = tuple[Tensor, Tensor, dict[str, Tensor]]


def gradients(module: nn.Module, x: Tensor) -> Gradients:
    """Outputs, the gradient of the input, and those of the parameters, for an uneven upstream."""
    x = x.clone().requires_grad_()
    module.zero_grad()
    y = module(x)
    upstream = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    y.backward(upstream)
    assert x.grad is not None
    return y.detach(), x.grad, {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def near(got: Tensor, wanted: Tensor) -> None:
    # float32 sums of at most some thousand terms, in another order: 1e-5 of the largest
    got, wanted = got.detach(), wanted.detach()
    assert got.shape == wanted.shape
    scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5 * scale)


def alike(got: Gradients, wanted: Gradients) -> None:
    """Outputs and gradients are near each other."""
    near(got[0], wanted[0])
    near(got[1], wanted[1])
    assert got[2].keys() == wanted[2].keys()
    for name, gradient in wanted[2].items():
        near(got[2][name], gradient)


def same(module: nn.Module, compiled: nn.Module, x: Tensor) -> None:
    """Both give the same outputs and gradients."""
    alike(gradients(compiled, x), gradients(module, x))
