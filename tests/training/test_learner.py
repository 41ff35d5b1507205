"""Who computes the gradients: the engine and PyTorch agree, and one place decides between them."""

from __future__ import annotations

import copy

import pytest
import torch

from convlens import nn
from convlens.network import Network
from convlens.training.distributed import World
from convlens.training.errors import TrainingError
from convlens.training.learner import EngineLearner, TorchLearner, learner

WORLD = World(0, 1, torch.device("cpu"))
LINE = "2x9x8: conv 4 3 pad 1, relu, maxpool 2, conv 3 2, sigmoid, flatten, linear 5, tanh, linear 3"
WIDE = "1x9x9: conv 64 3, relu, conv 64 3, relu, avgpool all, flatten, linear 3"
REFUSED = "1x99: conv 2 65, flatten, linear 3"
NORMS = "2x9x8: conv 4 3 pad 1, batchnorm momentum 0.3, relu, maxpool 2, flatten, linear 5, batchnorm, tanh, linear 3"


@pytest.mark.parametrize("together", [11, 40])
def test_both_give_the_same_gradients(together: int) -> None:
    network = Network.parse(LINE)
    module = nn.build(network)
    x, labels = torch.randn(11, 2, 9, 8), torch.randint(0, 3, (11,))
    found = []
    for backend in ("torch", "engine"):
        loss, right = learner(module, network, WORLD, 1, backend).learn(x, labels, together, 0)  # type: ignore[arg-type]
        found.append((loss, right, [p.grad.clone() for p in module.parameters() if p.grad is not None]))
    (loss_a, right_a, grads_a), (loss_b, right_b, grads_b) = found
    assert loss_a == pytest.approx(loss_b, rel=1e-5)
    assert right_a == right_b
    assert len(grads_a) == len(grads_b) == 8
    for a, b in zip(grads_a, grads_b, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_both_gather_the_same_statistics() -> None:
    network = Network.parse(NORMS)
    first, found = nn.build(network), []
    batches = [(torch.randn(n, 2, 9, 8) * 2 + 1, torch.randint(0, 3, (n,))) for n in (11, 5, 16)]
    for backend in ("torch", "engine"):
        module = copy.deepcopy(first).train()
        chosen = learner(module, network, WORLD, 1, backend)  # type: ignore[arg-type]
        lost = [chosen.learn(x, labels, len(x), 0) for x, labels in batches]
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        found.append((lost, [*grads, *module.buffers()]))
    (lost_a, tensors_a), (lost_b, tensors_b) = found
    assert [loss for loss, _ in lost_a] == pytest.approx([loss for loss, _ in lost_b], rel=1e-5)
    for a, b in zip(tensors_a, tensors_b, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_engine_sees_weights_that_changed_in_place() -> None:
    network = Network.parse(LINE)
    module = nn.build(network)
    engine = learner(module, network, WORLD, 1, "engine")
    x, labels = torch.randn(4, 2, 9, 8), torch.tensor([0, 1, 2, 0])
    before, _ = engine.learn(x, labels, 4, 0)
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(3)
    after, _ = engine.learn(x, labels, 4, 0)
    wanted, _ = learner(module, network, WORLD, 1, "torch").learn(x, labels, 4, 0)
    assert after == pytest.approx(wanted, rel=1e-4)
    assert after != before


def test_the_steps_seed_decides_what_dropout_draws() -> None:
    network = Network.parse("2x9: dropout 0.5, flatten, linear 3")
    engine = learner(nn.build(network), network, WORLD, 1, "engine")
    x, labels = torch.ones(20, 2, 9), torch.arange(20) % 3
    losses = [engine.learn(x, labels, 20, seed) for seed in (1, 2, 1)]
    assert losses[0] == losses[2] != losses[1]


@pytest.mark.parametrize(
    ("line", "backend", "kind", "said"),
    [
        (LINE, "auto", EngineLearner, "engine ("),
        (LINE, "torch", TorchLearner, "PyTorch"),
        ("2x9: dropout 0.5, flatten, linear 3", "auto", EngineLearner, "engine ("),
        ("2x9: batchnorm, flatten, linear 3", "auto", EngineLearner, "engine ("),
        (REFUSED, "auto", TorchLearner, "layer 1 (conv 2 65)"),
        (WIDE, "auto", TorchLearner, "layer 3 (conv 64 3): PyTorch is faster at convolutions of 64"),
        (WIDE, "engine", EngineLearner, "engine ("),
        ("1x2x128: flatten, linear 256, linear 3", "auto", TorchLearner, "layer 2 (linear 256): PyTorch is faster"),
    ],
)
def test_one_place_decides_and_says_why(line: str, backend: str, kind: type, said: str) -> None:
    network = Network.parse(line)
    chosen = learner(nn.build(network), network, WORLD, 1, backend)  # type: ignore[arg-type]
    assert isinstance(chosen, kind)
    assert said in chosen.where


def test_what_cannot_be() -> None:
    network = Network.parse(REFUSED)
    with pytest.raises(TrainingError, match="layer 1"):
        learner(nn.build(network), network, WORLD, 1, "engine")
    with pytest.raises(TrainingError, match="--backend must be"):
        learner(nn.build(network), network, WORLD, 1, "jax")  # type: ignore[arg-type]
