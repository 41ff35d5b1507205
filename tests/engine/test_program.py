"""Compiled networks against the other readings: outputs, losses and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from convlens import reference
from convlens.engine import EngineError, Program, refusals
from convlens.network import Network, parameter_shapes
from tests.forked import forks, in_a_fork
from tests.lines import LINES

MORE = [
    "3x11x13: conv 6 3 stride 2 pad 1+2x0+1 groups 3, relu, conv 4 3 dilation 2 pad same, sigmoid, avgpool 3x2, "
    "flatten, linear 5",
    "4x8x8: conv 20 1, relu, conv 2 15 pad 7, tanh, flatten, linear 3, relu, linear 4 nobias",
    "2x9x9: conv 4 3 pad 1, batchnorm, relu, maxpool 2, batchnorm, conv 2 3, batchnorm",
    "2x9x8: local 4 3 pad 1 stride 1x2, sigmoid, avgpool 2, local 3 2, tanh, maxpool 3x1, flatten, linear 3",
    "1x9x9: local 3 2, batchnorm, relu, local 2 3 groups 1, maxpool 3 stride 2",
]


def parameters(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for i, layer in enumerate(network.layers):
        for name, shape in parameter_shapes(layer, network.shapes[i]).items():
            found[f"{i}.{name}"] = rng.standard_normal(shape).astype(np.float32) / 2
        if network.names[i] == "batchnorm":
            found[f"{i}.running_mean"] = rng.standard_normal(network.shapes[i][0]).astype(np.float32)
            found[f"{i}.running_var"] = rng.uniform(0.5, 2, network.shapes[i][0]).astype(np.float32)
    return found


def learning(network: Network) -> reference.Training | None:
    """How the reference runs a network whose gradients are compared; of its dropouts there is a test of its own."""
    return reference.Training() if "batchnorm" in network.names else None


def runs(training: bool) -> list[str]:
    return [line for line in LINES + MORE if not refusals(Network.parse(line), training=training)]


@pytest.mark.parametrize("line", runs(False))
@pytest.mark.parametrize("n", [0, 1, 9])
def test_outputs(line: str, n: int) -> None:
    network = Network.parse(line)
    given = parameters(network)
    x = np.random.default_rng(1).standard_normal((n, *network.input_shape)).astype(np.float32)
    got = Program(network, given)(x)
    assert got.shape == (n, *network.output_shape)
    if n:
        wanted = reference.run(network, given, x[-1:])[-1]
        np.testing.assert_allclose(got[-1:], wanted, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("line", runs(True))
def test_gradients(line: str) -> None:
    network = Network.parse(line)
    given = parameters(network)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, *network.input_shape)).astype(np.float32)
    upstream = rng.standard_normal((3, *network.output_shape)).astype(np.float32)
    dx, grads = Program(network, given, training=True).gradients(x, upstream, input_too=True)
    wanted_dx, wanted = reference.gradients(network, given, x, upstream, training=learning(network))
    assert dx is not None
    np.testing.assert_allclose(dx, wanted_dx, rtol=1e-4, atol=1e-4)
    assert grads.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_allclose(grads[name], wanted[name], rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("line", runs(True))
@pytest.mark.parametrize("n", [0, 1, 21])
def test_a_slope_that_is_asked_between_gives_the_bits_of_one_that_is_given(line: str, n: int) -> None:
    network = Network.parse(line)
    if not n and "batchnorm" in network.names:
        pytest.skip("a batch of none has no statistics")
    rng = np.random.default_rng(4)
    x = rng.standard_normal((n, *network.input_shape)).astype(np.float32)
    wanted = rng.standard_normal((n, *network.output_shape)).astype(np.float32)
    try:
        program = Program(network, parameters(network), training=True, threads=3)
        outputs, statistics = program.learning(x, seed=5)
    except EngineError as error:
        pytest.skip(str(error))
    _, given = program.gradients(x, outputs - wanted, seed=5)
    asked, also = list[slice](), dict[str, np.ndarray]()

    def slope(some: np.ndarray, images: slice) -> np.ndarray:
        asked.append(images)
        return some - wanted[images]

    for _ in range(2):  # what scratch held before leaves no trace
        asked.clear()
        same, found = program.outputs_and_gradients(x, slope, seed=5, statistics=also)
        np.testing.assert_array_equal(same, outputs)
        assert found.keys() == given.keys()
        for name, gradient in given.items():
            np.testing.assert_array_equal(found[name], gradient, err_msg=name)
        assert also.keys() == statistics.keys()
        assert sorted(at for one in asked for at in range(n)[one]) == list(range(n))


def test_a_slope_may_run_programs_itself() -> None:
    network = Network.parse("1x6x6: conv 2 3, relu")
    program = Program(network, parameters(network), training=True, threads=2)
    x = np.random.default_rng(6).standard_normal((200, 1, 6, 6)).astype(np.float32)
    found = program.outputs_and_gradients(
        x, lambda _, images: program(np.concatenate([x[images], x]))[: len(x[images])]
    )
    wanted = program.gradients(x, program(x))[1]
    for name, gradient in wanted.items():
        np.testing.assert_array_equal(found[1][name], gradient)


def test_what_a_slope_does_wrong_is_said_and_leaves_the_program_as_it_was() -> None:
    network = Network.parse("2x5x6: conv 3 3 pad 1, relu, maxpool 2")
    program = Program(network, parameters(network), training=True, threads=2)
    x = np.random.default_rng(5).standard_normal((40, 2, 5, 6)).astype(np.float32)
    before = program.outputs_and_gradients(x, lambda y, _: y)
    with pytest.raises(EngineError, match=r"the slope of outputs \(\d+, 3, 2, 3\) has their shape, not \(3,\)"):
        program.outputs_and_gradients(x, lambda y, _: np.ones(3))
    with pytest.raises(ZeroDivisionError):
        program.outputs_and_gradients(x, lambda y, _: np.full(y.shape, 1 // 0))
    with pytest.raises(ValueError, match="read-only"):
        program.outputs_and_gradients(x, lambda y, _: np.multiply(y, 2, out=y))
    with pytest.raises(EngineError, match="without training=True"):
        Program(network, parameters(network)).outputs_and_gradients(x, lambda y, _: y)
    after = program.outputs_and_gradients(x, lambda y, _: y)
    np.testing.assert_array_equal(after[0], before[0])
    for name, gradient in before[1].items():
        np.testing.assert_array_equal(after[1][name], gradient)


@pytest.mark.parametrize("line", [line for line in runs(True) if len(Network.parse(line).output_shape) == 1])
def test_loss(line: str) -> None:
    network = Network.parse(line)
    given = parameters(network)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5, *network.input_shape)).astype(np.float32)
    labels = rng.integers(0, network.output_shape[0], 5)
    loss, right, grads = Program(network, given, training=True).loss_and_gradients(x, labels)
    training = learning(network)
    wanted_loss, _, wanted = reference.loss_gradients(network, given, x, labels, training=training)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert right == int((reference.run(network, given, x, training=training)[-1].argmax(1) == labels).sum())
    for name in wanted:
        np.testing.assert_allclose(grads[name], wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    network = Network.parse("1x12x12: conv 4 5 pad 2, relu, maxpool 2, conv 6 3, sigmoid, avgpool 2, flatten, linear 5")
    given = parameters(network)
    rng = np.random.default_rng(4)
    x, labels = rng.standard_normal((203, 1, 12, 12)).astype(np.float32), rng.integers(0, 5, 203)
    results = [Program(network, given, training=True, threads=n).loss_and_gradients(x, labels) for n in (1, 2, 3, 8)]
    for loss, right, grads in results[1:]:
        assert (loss, right) == results[0][:2]
        assert all(np.array_equal(grads[name], results[0][2][name]) for name in grads)


@forks
def test_a_program_runs_on_in_a_forked_process() -> None:
    # its threads stay behind: one that waited for them would wait for ever
    network = Network.parse("1x8x8: conv 4 3, relu")
    program = Program(network, parameters(network), threads=2)
    x = np.random.default_rng(6).standard_normal((70, 1, 8, 8)).astype(np.float32)
    wanted = program(x)
    assert in_a_fork(lambda: np.array_equal(program(x), wanted))


def test_what_has_no_kernel_is_refused_with_its_reason() -> None:
    network = Network.parse("1x150: conv 2 65, relu, conv 2 66, dropout 0.5, flatten, linear 2")
    with pytest.raises(EngineError) as caught:
        Program(network, parameters(network), training=True)
    for part in ("layer 1 (conv 2 65)", "layer 3 (conv 2 66)"):
        assert part in str(caught.value)
