"""PyTorch itself as witness: the same bits where the same operation runs, and weights that move both ways."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from convlens.network import Network
from convlens.nn import build, network_of

PAIRS: list[tuple[str, nn.Sequential]] = [
    ("3x20: conv 4 5 stride 2 pad 3 dilation 2", nn.Sequential(nn.Conv1d(3, 4, 5, 2, 3, 2))),
    ("1x28x28: conv 6 5 pad 2", nn.Sequential(nn.Conv2d(1, 6, 5, padding=2))),
    (
        "4x9x11: conv 8 3x2 stride 2x1 groups 4 nobias",
        nn.Sequential(nn.Conv2d(4, 8, (3, 2), (2, 1), groups=4, bias=False)),
    ),
    ("2x5x6x7: conv 3 3x2x1 pad 1", nn.Sequential(nn.Conv3d(2, 3, (3, 2, 1), padding=1))),
    ("2x9x9: conv 3 3 pad same dilation 2", nn.Sequential(nn.Conv2d(2, 3, 3, padding="same", dilation=2))),
    ("2x11: maxpool 3 stride 2 pad 1 ceil", nn.Sequential(nn.MaxPool1d(3, 2, 1, ceil_mode=True))),
    ("2x9x9: maxpool 3 stride 2 pad 1 ceil", nn.Sequential(nn.MaxPool2d(3, 2, 1, ceil_mode=True))),
    ("2x9x9: maxpool 3 dilation 2", nn.Sequential(nn.MaxPool2d(3, dilation=2))),
    ("2x5x6x7: maxpool 2x3x2 stride 1x2x3", nn.Sequential(nn.MaxPool3d((2, 3, 2), (1, 2, 3)))),
    ("2x11: avgpool 3 pad 1", nn.Sequential(nn.AvgPool1d(3, padding=1))),
    ("2x10x10: avgpool 3 stride 2 pad 1 ceil", nn.Sequential(nn.AvgPool2d(3, 2, 1, ceil_mode=True))),
    (
        "2x10x9: avgpool 3x2 pad 1x0 excludepad",
        nn.Sequential(nn.AvgPool2d((3, 2), padding=(1, 0), count_include_pad=False)),
    ),
    ("2x5x6x7: avgpool 2 ceil", nn.Sequential(nn.AvgPool3d(2, ceil_mode=True))),
    ("3x4x5: avgpool all", nn.Sequential(nn.AvgPool2d((4, 5)))),
    ("7: linear 3", nn.Sequential(nn.Linear(7, 3))),
    ("7: linear 3 nobias", nn.Sequential(nn.Linear(7, 3, bias=False))),
    ("3: batchnorm", nn.Sequential(nn.BatchNorm1d(3))),
    ("3x9: batchnorm eps 0.001 momentum 0.5", nn.Sequential(nn.BatchNorm1d(3, 0.001, 0.5))),
    ("3x4x5: batchnorm", nn.Sequential(nn.BatchNorm2d(3))),
    ("2x3x4x5: batchnorm", nn.Sequential(nn.BatchNorm3d(2))),
    ("3x4x5: sigmoid, tanh, relu, flatten", nn.Sequential(nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Flatten())),
    (
        "1x28x28: conv 6 5 pad 2, sigmoid, avgpool 2, conv 16 5, sigmoid, avgpool 2, flatten, linear 120, sigmoid, "
        "linear 84, sigmoid, linear 10",
        nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
        ),
    ),
    (
        "2x12x12: conv 4 3, batchnorm, relu, dropout 0.3, maxpool 2, flatten, linear 5",
        nn.Sequential(
            *(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 5)),
        ),
    ),
]

pairs = pytest.mark.parametrize(("line", "witness"), PAIRS, ids=[line for line, _ in PAIRS])


@pairs
def test_same_bits_forward_and_backward_while_training(line: str, witness: nn.Sequential) -> None:
    network, witness = Network.parse(line), copy.deepcopy(witness)
    module = build(network)
    module.load_state_dict(witness.state_dict(), strict=True)
    x = torch.randn(4, *network.input_shape)
    for mode in (True, False):
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        torch.manual_seed(1)
        y = module.train(mode)(ours)
        torch.manual_seed(1)
        expected = witness.train(mode)(theirs)
        assert torch.equal(y, expected)
        y.square().sum().backward()
        expected.square().sum().backward()
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)
    for (name, p), (their_name, q) in zip(module.named_parameters(), witness.named_parameters(), strict=True):
        assert name == their_name
        assert p.grad is not None
        assert q.grad is not None
        assert torch.equal(p.grad, q.grad)
    for name, buffer in witness.named_buffers():
        assert torch.equal(module.get_buffer(name), buffer)


@pairs
def test_weights_move_both_ways(line: str, witness: nn.Sequential) -> None:
    module, witness = build(Network.parse(line)), copy.deepcopy(witness)
    state = module.state_dict()
    assert {name: t.shape for name, t in state.items()} == {name: t.shape for name, t in witness.state_dict().items()}
    assert list(state) == list(witness.state_dict())
    witness.load_state_dict(state, strict=True)
    assert all(torch.equal(t, state[name]) for name, t in witness.state_dict().items())


@pairs
def test_one_seed_draws_the_same_parameters(line: str, witness: nn.Sequential) -> None:
    torch.manual_seed(3)
    module = build(Network.parse(line))
    fresh = copy.deepcopy(witness)
    torch.manual_seed(3)
    for layer in fresh:
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
            layer.reset_parameters()
    for (name, p), q in zip(module.named_parameters(), fresh.parameters(), strict=True):
        assert torch.equal(p, q), name


@pairs
def test_torchs_modules_are_read_as_the_same_value(line: str, witness: nn.Sequential) -> None:
    network = Network.parse(line)
    assert network_of(witness, network.input_shape) == network
    assert network_of(build(network), network.input_shape) == network
