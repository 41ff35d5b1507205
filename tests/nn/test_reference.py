"""nn against the reference in float64: outputs and gradients of every line, within what rounding can do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convlens import reference
from convlens.network import BatchNorm, Dropout, Network, activation_bytes, total
from convlens.nn import build

from ..lines import LINES, networks

# Sums of at most a few hundred terms of size 1, through at most 10 layers whose slopes stay below 1 per term: float64
# rounding, 2**-53 a step, is below 1e-12 of the largest value; a wrong cell is off by 1e-2 or more.
BOUND = 1e-12

MORE = [
    "2x7: avgpool 3 stride 2 pad 2+1 ceil",
    "2x7: avgpool 3 stride 2 pad 1+2 ceil excludepad",
    "1x6x5: avgpool 3x2 stride 3x2 pad 0+2x1+0 ceil",
    "1x6x5: maxpool 3x2 stride 3x2 pad 0+2x1+0 ceil",
    "1x4x5x3: maxpool 2x3x2 pad 1+0x0+2x0 stride 2 ceil",
    "1x1x1x1: avgpool 2 pad 1",
    "1x2x3: avgpool 7x5 pad 6+3x3 stride 1x2 excludepad ceil",
    "1x2x3: maxpool 7x5 pad 6+3x3 stride 1x2 ceil",
]


def close(actual: torch.Tensor | None, expected: np.ndarray) -> None:
    assert actual is not None
    actual_array = actual.detach().numpy()
    assert actual_array.shape == expected.shape
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    np.testing.assert_allclose(actual_array, expected, rtol=0, atol=BOUND * scale)


@pytest.mark.parametrize("line", [*LINES, *MORE])
@pytest.mark.parametrize("mode", ["training", "trained"])
def test_outputs_and_gradients_are_the_references(line: str, mode: str) -> None:
    agree(Network.parse(line), mode)


@given(networks(), st.sampled_from(["training", "trained"]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_networks_are_the_references(network: Network, mode: str) -> None:
    assume(total(network).multiply_adds + activation_bytes(network) < 3000)
    assume("dropout" not in str(network))  # the reference draws no random numbers
    assume(all(not isinstance(n, BatchNorm) or n.eps > 1e-3 for n in network.layers))  # else rounding is divided by eps
    agree(network, mode)


def agree(network: Network, mode: str) -> None:
    """Assert that a network's outputs and gradients are the reference's, for one batch of three."""
    module = build(network, torch.Generator().manual_seed(0)).double().train(mode == "training")
    generator = torch.Generator().manual_seed(1)
    for name, buffer in module.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 2, generator=generator)
    state = {name: t.numpy().copy() for name, t in module.state_dict().items()}
    x = torch.rand(3, *network.input_shape, dtype=torch.float64, generator=generator).mul(2).sub(1).requires_grad_()
    up = torch.rand(3, *network.output_shape, dtype=torch.float64, generator=generator)
    dropouts = [i for i, layer in enumerate(network.layers) if isinstance(layer, Dropout)]
    kept = {i: np.ones((3, *network.shapes[i]), bool) for i in dropouts}  # the lines drop with probability 0
    training = reference.Training(kept) if mode == "training" else None

    outputs = reference.run(network, state, x.detach().numpy(), training=training)
    y = x
    for layer, expected in zip(module, outputs, strict=True):
        y = layer(y)
        close(y, expected)
    y.backward(up)
    dx, by_name = reference.gradients(network, state, x.detach().numpy(), up.numpy(), training=training)
    close(x.grad, dx)
    for name, parameter in module.named_parameters():
        close(parameter.grad, by_name[name])
