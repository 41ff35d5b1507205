"""Whole networks: gradients against finite differences, what running means, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

from convlens.network import BatchNorm, Dropout, Network, NetworkError, parameter_shapes, total
from convlens.reference import (
    Training,
    batch_statistics,
    correlate,
    cross_entropy,
    dropout,
    gradients,
    linear,
    loss_gradients,
    relu,
    run,
    updated_statistics,
)

from ..lines import LINES, networks

STEP = 1e-6
"""Of a central difference in float64: the cube root of the roundoff, where its two errors balance."""


ALL = [*LINES, "2x5: conv 3 2, batchnorm, tanh, dropout 0.5, flatten, linear 2"]


def parameters_for(network: Network, rng: np.random.Generator) -> dict[str, Any]:
    """Random parameters, and running statistics for batchnorm."""
    found: dict[str, Any] = {}
    for i, layer in enumerate(network.layers):
        for name, shape in parameter_shapes(layer, network.shapes[i]).items():
            found[f"{i}.{name}"] = rng.uniform(-1, 1, shape)
        if isinstance(layer, BatchNorm):
            found[f"{i}.running_mean"] = rng.uniform(-1, 1, network.shapes[i][0])
            found[f"{i}.running_var"] = rng.uniform(0.5, 2, network.shapes[i][0])
    return found


def training_for(network: Network, examples: int, rng: np.random.Generator) -> Training:
    """A training run that keeps half of what each dropout sees."""
    dropouts = [i for i, layer in enumerate(network.layers) if isinstance(layer, Dropout)]
    return Training({i: rng.random((examples, *network.shapes[i])) < 0.5 for i in dropouts})


@pytest.mark.parametrize(
    ("line", "training"),
    [(line, False) for line in ALL] + [(line, True) for line in ALL if "batchnorm" in line or "dropout" in line],
)
def test_gradients_are_slopes(line: str, training: bool) -> None:
    """Along a random direction in everything at once, the slope is the inner product with the gradient."""
    network, rng = Network.parse(line), np.random.default_rng(8)
    parameters, x = parameters_for(network, rng), rng.uniform(-1, 1, (2, *network.input_shape))
    mode = training_for(network, len(x), rng) if training else None
    up = rng.uniform(-1, 1, (2, *network.output_shape))
    dx, found = gradients(network, parameters, x, up, training=mode)
    learned = [name for name in parameters if "running" not in name]
    assert sorted(found) == sorted(learned)
    way_x, way = rng.uniform(-1, 1, x.shape), {name: rng.uniform(-1, 1, found[name].shape) for name in learned}

    def value(step: float) -> float:
        moved = parameters | {name: parameters[name] + step * way[name] for name in learned}
        return float((up * ([x + step * way_x, *run(network, moved, x + step * way_x, training=mode)][-1])).sum())

    slope = (value(STEP) - value(-STEP)) / (2 * STEP)
    along = (dx * way_x).sum() + sum((found[name] * way[name]).sum() for name in learned)
    assert along == pytest.approx(slope, rel=1e-6, abs=1e-7)


@given(networks())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_every_output_has_the_shape_that_the_network_says_and_every_gradient_its_parameters(network: Network) -> None:
    assume(total(network).multiply_adds + sum(math.prod(shape) for shape in network.shapes) < 5000)
    rng = np.random.default_rng(1)
    parameters, x = parameters_for(network, rng), rng.uniform(-1, 1, (2, *network.input_shape))
    outputs = run(network, parameters, x)
    assert [y.shape for y in outputs] == [(2, *shape) for shape in network.shapes[1:]]
    dx, found = gradients(network, parameters, x, np.ones((2, *network.output_shape)))
    assert dx.shape == x.shape
    assert {name: gradient.shape for name, gradient in found.items()} == {
        name: value.shape for name, value in parameters.items() if "running" not in name
    }


def test_a_network_is_its_layers_in_order() -> None:
    network, rng = (
        Network.parse("2x5x4: conv 3 2 pad 1, relu, dropout 0.25, flatten, linear 2"),
        np.random.default_rng(2),
    )
    parameters, x = parameters_for(network, rng), rng.uniform(-1, 1, (2, 2, 5, 4))
    outputs = run(network, parameters, x)
    y = relu(correlate(x, parameters["0.weight"], parameters["0.bias"], padding=1))
    assert [o.shape[1:] for o in outputs] == list(network.shapes[1:])
    assert np.array_equal(outputs[1], y)
    assert np.array_equal(outputs[2], y)
    assert np.array_equal(outputs[4], linear(y.reshape(2, -1), parameters["4.weight"], parameters["4.bias"]))
    mode = training_for(network, 2, rng)
    assert np.array_equal(run(network, parameters, x, training=mode)[2], dropout(y, mode.masks[2], 0.25))


def test_lenet_is_torchs_and_so_is_its_loss_gradient() -> None:
    line = "1x12x12: conv 2 5 pad 2, sigmoid, avgpool 2, conv 3 3, sigmoid, maxpool 2, flatten, linear 4"
    network, rng = Network.parse(line), np.random.default_rng(3)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 5, padding=2),
        torch.nn.Sigmoid(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(2, 3, 3),
        torch.nn.Sigmoid(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 4),
    ).double()
    parameters = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    x, labels = rng.uniform(-1, 1, (3, 1, 12, 12)), rng.integers(0, 4, 3)
    tx = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(module(tx), torch.tensor(labels))
    expected.backward()
    loss, dx, found = loss_gradients(network, parameters, x, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    assert tx.grad is not None
    np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-9, atol=1e-14)
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(found[name], parameter.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_a_step_against_the_gradient_lowers_the_loss() -> None:
    network, rng = Network.parse("1x6x6: conv 2 3, tanh, avgpool 2, flatten, linear 3"), np.random.default_rng(5)
    parameters, x, labels = parameters_for(network, rng), rng.uniform(-1, 1, (4, 1, 6, 6)), [0, 1, 2, 0]
    losses = []
    for _ in range(5):
        loss, _, found = loss_gradients(network, parameters, x, labels)
        losses.append(loss)
        parameters = {name: value - 0.2 * found[name] for name, value in parameters.items()}
    assert losses == sorted(losses, reverse=True)
    assert cross_entropy(run(network, parameters, x)[-1], labels) < losses[0]


def test_running_statistics_settle_on_those_of_a_batch_that_comes_again_and_again() -> None:
    x = np.random.default_rng(6).normal(3, 2, (5, 2, 2))
    running = np.zeros(2), np.ones(2)
    for _ in range(100):
        running = updated_statistics(*running, x, 0.3)
    mean, variance = batch_statistics(x)
    np.testing.assert_allclose(running[0], mean, rtol=1e-12)
    np.testing.assert_allclose(running[1], variance * 10 / 9, rtol=1e-12)


def test_an_empty_network_is_the_identity_and_an_empty_batch_stays_empty() -> None:
    assert run(Network.parse("3:"), {}, np.ones((2, 3))) == ()
    dx, found = gradients(Network.parse("3:"), {}, np.ones((2, 3)), np.full((2, 3), 7))
    assert dx.tolist() == [[7] * 3] * 2
    assert found == {}
    network = Network.parse("1x6x6: conv 2 3, relu, maxpool 2, flatten, linear 3")
    parameters = parameters_for(network, np.random.default_rng(0))
    assert run(network, parameters, np.zeros((0, 1, 6, 6)))[-1].shape == (0, 3)
    dx, found = gradients(network, parameters, np.zeros((0, 1, 6, 6)), np.zeros((0, 3)))
    assert dx.shape == (0, 1, 6, 6)
    assert not any(gradient.any() for gradient in found.values())


def test_names_torch_adds_are_known() -> None:
    network = Network.parse("2x3: batchnorm")
    state = torch.nn.Sequential(torch.nn.BatchNorm1d(2)).double().eval().state_dict()
    outputs = run(network, {name: tensor.numpy() for name, tensor in state.items()}, np.ones((1, 2, 3)))
    np.testing.assert_allclose(outputs[0], np.full((1, 2, 3), (1 + 1e-5) ** -0.5))


@pytest.mark.parametrize(
    ("line", "parameters", "shape", "sentence"),
    [
        ("2: linear 1", {"0.weight": [[1, 1]]}, (1, 2), "the parameter 0.bias is missing\n  2: linear 1"),
        ("2: linear 1 nobias", {"0.weight": [[1, 1]], "0.bias": [1]}, (1, 2), "0.bias is not one of this network"),
        ("2: linear 1 nobias", {"0.weight": [[1, 1, 1]]}, (1, 2), "the parameter 0.weight must be 1x2, not 1x3"),
        ("2x3: batchnorm", {"0.weight": [1, 1], "0.bias": [1, 1]}, (1, 2, 3), "0.running_mean is missing"),
        ("2x3: relu", {}, (1, 3, 2), "a batch for 2x3: relu must be 1x2x3, not 1x3x2"),
        ("2x3: relu", {}, (2, 3), "must be"),
        ("2x3: relu", {}, (), "must be"),
    ],
)
def test_what_does_not_fit_is_refused(line: str, parameters: Any, shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(NetworkError, match=sentence):
        run(Network.parse(line), parameters, np.zeros(shape))


def test_a_dropout_in_training_needs_its_mask() -> None:
    with pytest.raises(NetworkError, match="give a mask for the dropout at 1"):
        run(Network.parse("2: relu, dropout"), {}, np.ones((1, 2)), training=Training())


def test_an_upstream_of_another_shape_is_refused() -> None:
    with pytest.raises(NetworkError, match="the upstream gradient must be 1x2, not 2x2"):
        gradients(Network.parse("2: relu"), {}, np.ones((1, 2)), np.ones((2, 2)))
