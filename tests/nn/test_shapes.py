"""Generated networks in 1 to 3 dimensions: every output has the network's shape, whatever batch comes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

from convlens.network import Network, activation_bytes, total
from convlens.nn import build, network_of

from ..lines import LINES, networks

quiet = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def sees_only_padding(network: Network) -> bool:
    """Whether a dilated max pool may have a window whose every tap falls on padding: its maximum is -inf."""
    return any("maxpool" in name for name in network.names) and "dilation" in str(network)


@given(networks())
@quiet
def test_every_layer_makes_the_shape_that_the_network_says(network: Network) -> None:
    assume(total(network).multiply_adds < 10**6 and activation_bytes(network) < 10**6)
    module = build(network).eval()
    x = torch.randn(2, *network.input_shape)
    for layer, shape in zip(module, network.shapes[1:], strict=True):
        x = layer(x)
        assert tuple(x.shape) == (2, *shape)
        assert x.dtype == torch.float32
    assert sees_only_padding(network) or bool(x.isfinite().all())
    assert network_of(module, network.input_shape) == network


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("mode", [True, False])
def test_an_empty_batch_runs_forward_and_backward(line: str, mode: bool) -> None:
    network = Network.parse(line)
    module = build(network).train(mode)
    before = {name: t.clone() for name, t in module.state_dict().items()}
    x = torch.zeros(0, *network.input_shape, requires_grad=True)
    y = module(x)
    assert tuple(y.shape) == (0, *network.output_shape)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    assert all(not p.grad.any() for p in module.parameters() if p.grad is not None)
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())


@pytest.mark.parametrize("line", LINES)
def test_the_layout_of_the_input_changes_nothing(line: str) -> None:
    network = Network.parse(line)
    module = build(network).double().eval()
    x = torch.randn(3, *network.input_shape, dtype=torch.float64)
    expected = module(x)
    strided = torch.empty(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype)[..., ::2].copy_(x)
    swapped = x.transpose(1, -1).contiguous().transpose(1, -1)
    assert torch.allclose(module(strided), expected, rtol=1e-12)
    assert torch.allclose(module(swapped), expected, rtol=1e-12)
    if x.ndim == 4:
        assert torch.allclose(module(x.to(memory_format=torch.channels_last)), expected, rtol=1e-12)
    assert torch.allclose(module(x[:1].expand(3, *x.shape[1:]))[0], expected[0], rtol=1e-12)


def test_a_fully_convolutional_network_runs_on_any_size() -> None:
    module = build(Network.parse("1x16x16: conv 4 5 pad 2, relu, maxpool 2, conv 2 3"))
    assert module(torch.zeros(1, 1, 33, 20)).shape == (1, 2, 14, 8)


def test_a_shape_is_worked_out_once() -> None:
    from convlens.nn.module import resolve

    module, x = build(Network.parse("1x31x29: conv 2 3")), torch.zeros(1, 1, 31, 29)
    module(x)
    hits = resolve.cache_info().hits
    module(x)
    assert resolve.cache_info().hits == hits + 1
    assert math.prod(module(x).shape) == 2 * 29 * 27
