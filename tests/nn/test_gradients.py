"""gradcheck in float64 for each family, in 1 to 3 dimensions, by the input and by every parameter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from convlens.network import Network
from convlens.nn import build

SMOOTH = [
    "2x5: conv 2 3 pad 1+0 stride 2",
    "2x4x3: conv 4 2 groups 2 pad same dilation 2",
    "1x2x3x3: conv 2 2x1x2 pad 1",
    "2x6: local 2 2 stride 2 dilation 2 groups 2",
    "1x3x4: local 2 2x3 pad 0x1+0",
    "1x2x3x2: local 1 2 pad 0+1x0x0 nobias",
    "1x3x2: dense4d 2x3",
    "1x7: avgpool 3 stride 2 pad 2+1 excludepad ceil",
    "1x4x5: avgpool 3x2 stride 2 pad 2+0x1 ceil",
    "1x3x2x4: avgpool 2 pad 1+0x0x1 excludepad",
    "1x5: maxpool 3 stride 1 pad 2",
    "1x4x5: maxpool 3x2 pad 0+2x1 ceil stride 2",
    "1x3x3x3: maxpool 2 stride 1 pad 1+0x0x0",
    "4: linear 3",
    "2x3: sigmoid, tanh, flatten",
    "2x3: relu",
    "2x3: batchnorm",
    "1x6x6: conv 2 3 pad 1, tanh, avgpool 2, flatten, linear 3",
]


@pytest.mark.parametrize("line", SMOOTH)
def test_gradients_are_slopes(line: str) -> None:
    network = Network.parse(line)
    generator = torch.Generator().manual_seed(2)
    module = build(network, generator).double()
    module.train("batchnorm" in line)
    names, values = zip(*module.named_parameters(), strict=True) if list(module.parameters()) else ((), ())
    # distinct values half a unit apart: no tie and no kink within a step of a difference
    count = 2 * torch.Size(network.input_shape).numel()
    x = (torch.randperm(count, generator=generator).double() / 2 - count / 4 + 0.1).view(2, *network.input_shape)

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        y: Tensor = functional_call(module, dict(zip(names, parameters, strict=True)), (x,))
        return y

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *values))
