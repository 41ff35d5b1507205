"""Activations, dense layers, batch norm, dropout and the loss against PyTorch in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convlens.network import NetworkError
from convlens.reference import (
    accuracy,
    batch_norm,
    batch_norm_gradient,
    batch_norm_training_gradient,
    batch_statistics,
    cross_entropy,
    cross_entropy_gradient,
    dropout,
    flatten,
    flatten_gradient,
    linear,
    linear_gradient,
    log_softmax,
    relu,
    relu_gradient,
    sigmoid,
    sigmoid_gradient,
    tanh,
    tanh_gradient,
    updated_statistics,
)

from .bounds import assert_same, assert_sums_agree

RNG = np.random.default_rng(11)
EDGES = [-1000.0, -40.0, -1.0, -1e-300, 0.0, 1e-300, 1.0, 40.0, 1000.0, math.inf, -math.inf, math.nan]


def _close(actual: Any, expected: torch.Tensor) -> None:
    """To a few roundings: exp and tanh of two mathematical libraries differ by one each."""
    np.testing.assert_allclose(actual, expected.detach().numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("forward", "gradient", "witness"),
    [(sigmoid, sigmoid_gradient, torch.sigmoid), (tanh, tanh_gradient, torch.tanh), (relu, relu_gradient, torch.relu)],
)
def test_activations_are_those_of_torch(forward: Any, gradient: Any, witness: Any) -> None:
    for x in (np.array(EDGES), RNG.normal(0, 3, (2, 3, 4)), np.zeros((0, 3))):
        tx = torch.tensor(x, requires_grad=True)
        expected, upstream = witness(tx), RNG.normal(0, 1, x.shape)
        _close(forward(x), expected)
        _close(gradient(x, upstream), torch.autograd.grad(expected, tx, torch.tensor(upstream))[0])


def test_relu_keeps_whole_numbers_whole() -> None:
    assert relu([-3, 4]).dtype == np.int64
    assert sigmoid([1]).dtype == np.float64


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (0, 4, 3), (2, 7, 1)])
def test_linear_is_that_of_torch_exactly_on_whole_numbers(shape: tuple[int, int, int]) -> None:
    n, i, o = shape
    x, weight, bias, up = (RNG.integers(-9, 10, s) for s in ((n, i), (o, i), (o,), (n, o)))
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, weight, bias)]
    expected = F.linear(*tensors)
    assert_same(linear(x, weight, bias), expected.detach().numpy())
    gradients = torch.autograd.grad(expected, tensors, torch.tensor(up, dtype=torch.float64))
    for actual, wanted in zip(linear_gradient(x, weight, up), gradients, strict=True):
        assert_same(actual, wanted.numpy())


def test_flatten_puts_channels_outermost() -> None:
    x = RNG.integers(0, 9, (2, 3, 4, 5))
    assert_same(flatten(x), x.reshape(2, 60))
    assert_same(flatten(x[:, ::-1]), x[:, ::-1].reshape(2, 60))
    assert_same(flatten_gradient(x, x.reshape(2, 60)), x)
    assert flatten(np.zeros((0, 3, 4))).shape == (0, 12)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (1, 2, 3, 3), (2, 1, 2, 2, 3)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_is_that_of_torch(shape: tuple[int, ...], training: bool) -> None:
    channels, eps, momentum = shape[1], 1e-3, 0.3
    x, up = RNG.normal(2, 3, shape), RNG.normal(0, 1, shape)
    weight, bias, mean = (RNG.normal(0, 1, channels) for _ in range(3))
    variance = RNG.uniform(0.1, 3, channels)
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    running = torch.tensor(mean), torch.tensor(variance)
    expected = F.batch_norm(tx, *running, tw, tb, training, momentum, eps)
    dx, dw, db = torch.autograd.grad(expected, (tx, tw, tb), torch.tensor(up))
    if training:
        used = batch_statistics(x)
        actual = batch_norm_training_gradient(x, weight, up, eps)
        for new, wanted in zip(updated_statistics(mean, variance, x, momentum), running, strict=True):
            assert_sums_agree(new, wanted.numpy(), 4 * x.size, 100)
    else:
        used = mean, variance
        actual = batch_norm_gradient(x, weight, mean, variance, up, eps)
    np.testing.assert_allclose(batch_norm(x, weight, bias, *used, eps), expected.detach().numpy(), rtol=1e-12)
    for got, wanted in zip(actual, (dx, dw, db), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-11, atol=1e-12)


def test_batch_norm_refuses_one_value_a_channel_while_training() -> None:
    with pytest.raises(NetworkError, match="at least 2 values a channel while training, not 1"):
        batch_statistics(np.zeros((1, 3)))
    with pytest.raises(NetworkError, match="must be 2, not 3"):
        batch_norm(np.zeros((1, 2)), np.ones(2), np.ones(3), np.ones(2), np.ones(2))


def test_dropout_scales_what_is_kept() -> None:
    x, mask = np.arange(1.0, 7).reshape(2, 3), np.array([[1, 0, 1], [0, 0, 1]], bool)
    assert dropout(x, mask, 0.75).tolist() == [[4, 0, 12], [0, 0, 24]]
    assert not dropout(x, mask, 1.0).any()
    assert not dropout([math.nan], [False], 0.5).any()
    with pytest.raises(NetworkError, match="the mask must be 2x3"):
        dropout(x, mask[:1], 0.5)


@pytest.mark.parametrize("scale", [1.0, 800.0])
def test_cross_entropy_is_that_of_torch(scale: float) -> None:
    logits, labels = RNG.normal(0, scale, (6, 4)), RNG.integers(0, 4, 6)
    tensor = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(tensor, torch.tensor(labels))
    expected.backward()
    assert tensor.grad is not None
    _close(log_softmax(logits), F.log_softmax(tensor, 1))
    assert cross_entropy(logits, labels) == pytest.approx(expected.item(), rel=1e-13)
    _close(cross_entropy_gradient(logits, labels), tensor.grad)


def test_cross_entropy_by_hand() -> None:
    logits = [[math.log(1), math.log(2), math.log(5)]]
    assert cross_entropy(logits, [2]) == pytest.approx(math.log(8 / 5), rel=1e-15)
    np.testing.assert_allclose(cross_entropy_gradient(logits, [2]), [[1 / 8, 2 / 8, -3 / 8]], rtol=1e-14)


def test_logits_beyond_numbers_give_nan_not_an_error() -> None:
    for row in ([math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf], [math.inf, math.inf]):
        expected = F.log_softmax(torch.tensor([row], dtype=torch.float64), 1).numpy()
        np.testing.assert_array_equal(np.isnan(log_softmax([row])), np.isnan(expected))


def test_accuracy_takes_the_first_of_equals() -> None:
    assert accuracy([[1, 1], [0, 2], [5, 3]], [0, 1, 1]) == pytest.approx(2 / 3)
    assert accuracy([[math.nan, 1]], [0]) == 0


@pytest.mark.parametrize("labels", [[0, 4], [0, -1], [0.0, 1.0], [0]])
def test_labels_that_are_no_classes_are_refused(labels: list[Any]) -> None:
    with pytest.raises(NetworkError, match=r"the labels must be 2|labels are whole numbers from 0 to 3"):
        cross_entropy(np.zeros((2, 4)), labels)


def test_an_empty_batch_has_no_mean() -> None:
    with pytest.raises(NetworkError, match="at least one example"):
        cross_entropy(np.zeros((0, 4)), np.zeros(0, int))
