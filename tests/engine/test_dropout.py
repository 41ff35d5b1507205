"""Dropout on the engine: the reference's numbers under the same masks, the same bits again, masks that look drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convlens import reference
from convlens.engine import Program, Target, runnable
from convlens.network import Network

from .test_program import parameters

LINES = [
    "2x6x7: conv 3 3 pad 1, relu, dropout 0.5, maxpool 2, dropout 0.25, conv 4 2 pad 1, tanh, dropout 0.75, flatten, "
    "linear 5, sigmoid, dropout 0.5, linear 3",
    "3x9: dropout 0.5, conv 4 3 pad 1, sigmoid, avgpool 3, flatten, dropout 0, linear 3, dropout 0.5",
    "1x3x2x3: conv 2 2, dropout 0.5, flatten, dropout 1, linear 3",
    "5: dropout 0.5, dropout 0.5, linear 3",
]
TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)


def batch(line: str, n: int) -> tuple[Network, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    network, rng = Network.parse(line), np.random.default_rng(n)
    x = rng.standard_normal((n, *network.input_shape)).astype(np.float32)
    return network, parameters(network), x, rng.standard_normal((n, *network.output_shape)).astype(np.float32)


@TARGETS
@pytest.mark.parametrize("line", LINES)
def test_gradients_are_the_references_under_the_same_masks(line: str, target: Target) -> None:
    network, given, x, upstream = batch(line, 2 * target.lanes + 3)
    program = Program(network, given, training=True, threads=1, target=target)
    masks = program.kept(len(x), seed=7)
    for i, name in enumerate(network.names):
        if name == "dropout":
            masks.setdefault(i, np.ones((len(x), *network.shapes[i]), bool))
    dx, found = program.gradients(x, upstream, input_too=True, seed=7)
    training = reference.Training(masks)
    wanted_dx, wanted = reference.gradients(network, given, x, upstream, training=training)
    np.testing.assert_allclose(dx, wanted_dx, rtol=1e-4, atol=1e-4)
    for name, value in found.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=2e-4, err_msg=name)
    labels = np.arange(len(x)) % 3
    loss, _, of_loss = program.loss_and_gradients(x, labels, seed=7)
    wanted_loss, _, wanted = reference.loss_gradients(network, given, x, labels, training=training)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    for name, value in of_loss.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-4, err_msg=name)
    # outputs are those of a network that is not trained
    np.testing.assert_array_equal(program(x), Program(network, given, threads=1, target=target)(x))


def test_a_seed_gives_the_same_bits_for_any_number_of_threads() -> None:
    network, given, x, upstream = batch(LINES[0], 203)
    results = [
        Program(network, given, training=True, threads=n).gradients(x, upstream, input_too=True, seed=3)
        for n in (1, 2, 3, 8)
    ]
    for dx, found in results[1:]:
        np.testing.assert_array_equal(dx, results[0][0])
        assert all(np.array_equal(found[name], results[0][1][name]) for name in found)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_masks_look_drawn(p: float) -> None:
    network = Network.parse(f"4x16x16: dropout {p}, dropout {p}")
    program = Program(network, {}, training=True, threads=1)
    first, second = (program.kept(256, seed) for seed in (0, 1))
    # as many kept as a fair draw keeps, within 5 standard deviations: in all, and in every image, cell and pair
    for mask in (first[0], first[1], second[0]):
        for axes in (None, (1, 2, 3), (0,)):
            count = mask.size // np.mean(mask, axis=axes).size
            deviation = math.sqrt(p * (1 - p) / count)
            assert np.abs(np.mean(mask, axis=axes) - (1 - p)).max() < 5.5 * deviation
    both, deviation = (1 - p) ** 2, 5 * math.sqrt((1 - p) ** 2 / first[0].size)
    others = [second[0], first[1], np.roll(first[0], 1, 0), np.roll(first[0], 1, 3), np.roll(first[0], 1, 1)]
    for other in others:
        assert abs(np.mean(first[0] & other) - both) < deviation
    # the mean stays what it was
    dx, _ = program.gradients(np.ones((256, 4, 16, 16)), np.ones((256, 4, 16, 16)), input_too=True, seed=0)
    assert dx is not None
    assert float(dx.mean()) == pytest.approx(1, abs=5 * math.sqrt((1 / (1 - p) ** 2 - 1) / dx.size))
