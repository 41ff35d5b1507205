"""Batch norms that learn: PyTorch's gradients and statistics, and the same bits again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from convlens import nn, reference
from convlens.engine import EngineError, Program, Target, runnable
from convlens.network import Network

from .cases import drawn
from .test_program import parameters

LINES = [
    "2x6x6: conv 3 3, batchnorm, relu, flatten, linear 3",
    "2x6x6: conv 3 3 nobias, relu, batchnorm eps 0.01, maxpool 2, flatten, linear 4, batchnorm, relu, linear 3",
    "2x6x7: batchnorm, conv 9 3 pad 1, sigmoid, batchnorm, maxpool 3 stride 2, flatten, linear 3",
    "5: linear 9, batchnorm, tanh, linear 3",
    "2x9: conv 3 3, batchnorm, batchnorm, maxpool 2, flatten, linear 3",
    "2x4x4x4: conv 3 2 pad 1, batchnorm, tanh, avgpool 2, conv 4 2, sigmoid, batchnorm, flatten, linear 3",
    "3x5x5: local 4 2, batchnorm, relu, avgpool 2, flatten, batchnorm, linear 3",
    "1x4x4: dense4d 3x3, batchnorm, conv 2 3 pad 1, flatten, linear 3",
]
DRAWN = list(
    dict.fromkeys(
        str(n) for n in drawn(150) if "batchnorm" in n.names and "dropout" not in n.names and len(n.layers) > 1
    )
)
AS_EXACT_AS_TORCH = 16
"""How much farther from float64 than PyTorch's float32 the engine may be: a norm divides by deviations near 0, and what
that makes of one rounding depends on which roundings came before."""
SMALLEST = 2.0**-19
"""Of the largest gradient: what PyTorch may have been lucky by."""
TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)


@dataclass(frozen=True)
class Found:
    """What one step finds: gradients of a batch from given ones and from a loss, and statistics, by name."""

    gradients: dict[str, np.ndarray]
    of_loss: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]


def batch(line: str, n: int) -> tuple[Network, dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    network, rng = Network.parse(line), np.random.default_rng(n)
    x = rng.standard_normal((n, *network.input_shape)).astype(np.float32)
    upstream = rng.standard_normal((n, *network.output_shape)).astype(np.float32)
    return network, parameters(network), x, upstream, rng.integers(0, network.output_shape[0], n)


@cache
def by_torch(line: str, n: int, kind: torch.dtype) -> Found:
    """What PyTorch finds; the statistics are the running ones after both steps."""
    network, given, x, upstream, labels = batch(line, n)
    module = nn.build(network).to(kind).train()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in given.items()}, strict=False)
    moved = torch.from_numpy(x).to(kind).requires_grad_()
    module(moved).backward(torch.from_numpy(upstream).to(kind))
    assert moved.grad is not None
    gradients = {"input": moved.grad.numpy().copy()} | grads_of(module)
    of_loss: dict[str, np.ndarray] = {}
    if upstream.ndim == 2:
        module.zero_grad()
        torch.nn.functional.cross_entropy(module(moved), torch.from_numpy(labels)).backward()
        of_loss = grads_of(module)
    return Found(gradients, of_loss, {name: value.numpy() for name, value in module.named_buffers()})


def grads_of(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: p.grad.numpy().copy() for name, p in module.named_parameters() if p.grad is not None}


def by_engine(line: str, n: int, target: Target, threads: int = 1) -> Found:
    network, given, x, upstream, labels = batch(line, n)
    program = Program(network, given, training=True, threads=threads, target=target)
    moved, gradients = program.gradients(x, upstream, input_too=True)
    assert moved is not None
    # without the gradient of the input the others are the same
    assert all(np.array_equal(value, gradients[name]) for name, value in program.gradients(x, upstream)[1].items())
    of_loss: dict[str, np.ndarray] = {}
    statistics: dict[str, np.ndarray] = {}
    if upstream.ndim == 2:
        _, _, of_loss = program.loss_and_gradients(x, labels, statistics=statistics)
    return Found({"input": moved, **gradients}, of_loss, statistics)


def miss(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """The largest difference, as a part of the largest number."""
    assert found.keys() == wanted.keys()
    if not wanted:
        return 0.0
    largest = max(float(np.abs(value).max(initial=0)) for value in wanted.values())
    return max(float(np.abs(found[name] - wanted[name]).max(initial=0)) for name in wanted) / max(largest, 1e-30)


def check(line: str, n: int, target: Target) -> None:
    exact, single, found = (
        by_torch(line, n, torch.float64),
        by_torch(line, n, torch.float32),
        by_engine(line, n, target),
    )
    for got, torchs, wanted in (
        (found.gradients, single.gradients, exact.gradients),
        (found.of_loss, single.of_loss, exact.of_loss),
    ):
        assert miss(got, wanted) <= max(AS_EXACT_AS_TORCH * miss(torchs, wanted), SMALLEST)


@TARGETS
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("n", [2, 5, 8, 13, 64, 130])
def test_gradients_are_torchs(line: str, n: int, target: Target) -> None:
    check(line, n, target)


@pytest.mark.parametrize("line", DRAWN)
def test_gradients_of_generated_networks_are_torchs(line: str) -> None:
    check(line, 7, runnable()[0])


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("n", [2, 13, 130])
def test_statistics_are_the_batchs(line: str, n: int) -> None:
    network, given, x, _, labels = batch(line, n)
    module = nn.build(network).double().train()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in given.items()}, strict=False)
    for layer in module:
        if isinstance(layer, nn.BatchNorm):
            layer.momentum = 1.0  # the running ones become the batch's
    module(torch.from_numpy(x).double())
    statistics: dict[str, np.ndarray] = {}
    Program(network, given, training=True).loss_and_gradients(x, labels, statistics=statistics)
    wanted = {name: buffer.numpy() for name, buffer in module.named_buffers() if "running" in name}
    assert statistics.keys() == wanted.keys()
    for name, value in statistics.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_mean_far_from_zero_leaves_the_variance_exact() -> None:
    network = Network.parse("2x30x30: batchnorm, flatten, linear 2")
    given = parameters(network)
    x = (np.random.default_rng(0).standard_normal((21, 2, 30, 30)) + 3000).astype(np.float32)
    statistics: dict[str, np.ndarray] = {}
    Program(network, given, training=True).loss_and_gradients(x, np.zeros(21, int), statistics=statistics)
    wide = x.astype(np.float64)  # of a map's 900 squares four sums are made
    np.testing.assert_allclose(statistics["0.running_mean"], wide.mean((0, 2, 3)), rtol=1e-7)
    np.testing.assert_allclose(statistics["0.running_var"], wide.var((0, 2, 3), ddof=1), rtol=225 * 2.0**-24)


@pytest.mark.parametrize("n", [13, 203])
def test_any_number_of_threads_gives_the_same_bits(n: int) -> None:
    for line in LINES[:3]:
        first, *rest = (by_engine(line, n, runnable()[0], threads) for threads in (1, 2, 3, 8))
        for more in rest:
            for a, b in zip((more.gradients, more.of_loss, more.statistics), vars(first).values(), strict=True):
                assert all(np.array_equal(a[name], b[name]) for name in b)


def test_a_program_is_as_good_as_new_after_a_larger_batch() -> None:
    network, given, x, upstream, _ = batch(LINES[1], 13)
    program = Program(network, given, training=True)
    before = program.gradients(x, upstream, input_too=True)
    _, _, larger, its, _ = batch(LINES[1], 130)
    program.gradients(larger * 1e3, its)
    after = program.gradients(x, upstream, input_too=True)
    np.testing.assert_array_equal(before[0], after[0])
    assert all(np.array_equal(before[1][name], after[1][name]) for name in before[1])


@TARGETS
def test_beside_dropouts_gradients_are_the_references_under_the_same_masks(target: Target) -> None:
    line = "2x6x6: dropout 0.25, conv 4 3, batchnorm, relu, dropout 0.5, maxpool 2, batchnorm, flatten, linear 3"
    network, given, x, upstream, _ = batch(line, 2 * target.lanes + 3)
    program = Program(network, given, training=True, target=target)
    moved, found = program.gradients(x, upstream, input_too=True, seed=5)
    training = reference.Training(program.kept(len(x), seed=5))
    wanted_moved, wanted = reference.gradients(network, given, x, upstream, training=training)
    np.testing.assert_allclose(moved, wanted_moved, rtol=1e-4, atol=1e-4)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("line", LINES)
def test_outputs_are_those_of_a_network_that_is_not_trained(line: str) -> None:
    network, given, x, _, _ = batch(line, 11)
    wanted = reference.run(network, given, x)[-1]
    got = Program(network, given, training=True)(x)
    np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(wanted).max())))


def test_a_single_value_a_channel_is_refused() -> None:
    network, given, x, upstream, labels = batch("5: linear 9, batchnorm, linear 3", 1)
    program = Program(network, given, training=True)
    for step in (lambda: program.gradients(x, upstream), lambda: program.loss_and_gradients(x, labels)):
        with pytest.raises(EngineError, match=r"layer 2 \(batchnorm\) cannot train on a single value per channel"):
            step()
    # of a picture one is enough
    network, given, x, upstream, _ = batch(LINES[0], 1)
    assert Program(network, given, training=True).gradients(x, upstream)[1]


def test_an_empty_batch_changes_nothing() -> None:
    network, given, x, upstream, labels = batch(LINES[1], 0)
    program, statistics = Program(network, given, training=True), dict[str, np.ndarray]()
    loss, right, found = program.loss_and_gradients(x, labels, statistics=statistics)
    assert (loss, right, statistics) == (0.0, 0, {})
    moved, more = program.gradients(x, upstream, input_too=True)
    assert moved is not None
    assert moved.shape == x.shape
    for name, value in (found | more).items():
        assert value.shape == given[name].shape
        assert not value.any()
