"""What holds for every network: whoever runs a block, and whoever lies in the next lane, leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convlens import reference
from convlens.engine import EngineError, Program, Target, runnable
from convlens.network import Network

from .test_program import parameters

MIXED = (
    "1x12x12: conv 4 5 pad 2, relu, maxpool 2, conv 6 3, sigmoid, avgpool 2, maxpool 2 stride 1, flatten, linear 5, "
    "tanh, linear 3"
)
LINEAR = [
    "2x7x6: conv 5 3x2 stride 2x1 pad 2+0x1 dilation 1x2 nobias, avgpool 2, flatten, linear 4 nobias",
    "4x9: conv 8 4 stride 3 pad 5+1 groups 4 nobias, avgpool 3 stride 1 pad 1",
    "1x4x3x5: conv 3 2 pad 1 nobias, conv 2 3x1x2 nobias",
    "17: linear 9 nobias, linear 11 nobias",
    "2x6x7: local 4 3 stride 1x2 pad 1 groups 2 nobias, avgpool 2, local 3 2 nobias",
]
TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)


def given(line: str, n: int, seed: int = 0) -> tuple[Network, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    network, rng = Network.parse(line), np.random.default_rng(seed)
    x = rng.standard_normal((n, *network.input_shape)).astype(np.float32)
    up = rng.standard_normal((n, *network.output_shape)).astype(np.float32)
    return network, parameters(network), x, up


def everything(program: Program, x: np.ndarray, up: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    dx, grads = program.gradients(x, up, input_too=True)
    loss, right, of_loss = program.loss_and_gradients(x, labels)
    assert dx is not None
    return [program(x), dx, *grads.values(), np.float64(loss), np.int64(right), *of_loss.values()]  # type: ignore[list-item]


def assert_same(a: list[np.ndarray], b: list[np.ndarray]) -> None:
    assert len(a) == len(b)
    assert all(np.array_equal(left, right) for left, right in zip(a, b, strict=True))


# ---- who runs it ----


def test_any_number_of_threads_gives_the_same_bits() -> None:
    network, weights, x, up = given(MIXED, 403)
    labels = np.random.default_rng(1).integers(0, 3, 403)
    first, *rest = (
        everything(Program(network, weights, training=True, threads=n), x, up, labels) for n in (1, 2, 3, 7, 16)
    )
    for more in rest:
        assert_same(more, first)


def test_one_program_called_from_eight_threads() -> None:
    network, weights, _, _ = given(MIXED, 0)
    program = Program(network, weights, training=True, threads=2)
    cases = []
    for i in range(8):
        _, _, x, up = given(MIXED, 5 + 13 * i, seed=i)
        cases.append((x, up, np.random.default_rng(i).integers(0, 3, len(x))))
    wanted = [everything(Program(network, weights, training=True, threads=1), *case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for got, right in zip(pool.map(lambda case: everything(program, *case), cases), wanted, strict=True):
                assert_same(got, right)


# ---- neighbours ----


@TARGETS
@pytest.mark.parametrize("line", [MIXED, *LINEAR])
def test_an_image_alone_gives_what_it_gives_in_a_batch(line: str, target: Target) -> None:
    network, weights, x, up = given(line, 2 * target.lanes + 3)
    program = Program(network, weights, training=True, target=target)
    outputs, (dx, _) = program(x), program.gradients(x, up, input_too=True)
    assert dx is not None
    for i in (0, 1, target.lanes - 1, target.lanes, len(x) - 1):
        assert np.array_equal(program(x[i : i + 1]), outputs[i : i + 1])
        alone, _ = program.gradients(x[i : i + 1], up[i : i + 1], input_too=True)
        assert alone is not None
        assert np.array_equal(alone, dx[i : i + 1])


@TARGETS
@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 3e38])
def test_garbage_stays_in_its_image(garbage: float, target: Target) -> None:
    network, weights, x, up = given(MIXED, target.lanes + 3)
    program = Program(network, weights, training=True, target=target)
    outputs, (dx, _) = program(x), program.gradients(x, up, input_too=True)
    assert dx is not None
    for bad in (0, 2, target.lanes, target.lanes + 2):
        spoilt = x.copy()
        spoilt[bad] = garbage
        others = np.arange(len(x)) != bad
        assert np.array_equal(program(spoilt)[others], outputs[others])
        got, _ = program.gradients(spoilt, up, input_too=True)
        assert got is not None
        assert np.array_equal(got[others], dx[others])
    # and nothing of it is left in buffers that are used again
    assert np.array_equal(program(x), outputs)
    again, _ = program.gradients(x, up, input_too=True)
    assert again is not None
    assert np.array_equal(again, dx)


@TARGETS
def test_lanes_without_an_image_give_no_gradient(target: Target) -> None:
    """Weights so large that a lane of zeros overflows: only what images give may reach the sums."""
    network = Network.parse("2: linear 2, relu, linear 2")
    weights = {
        "0.weight": np.array([[1, 0], [0, 1]]),
        "0.bias": np.array([3e38, 3e38]),
        "2.weight": np.array([[3e38, 3e38], [1, 1]]),
        "2.bias": np.zeros(2),
    }
    x = np.array([[-3e38, -3e38]], np.float32)
    program = Program(network, weights, training=True, target=target)
    _, _, grads = program.loss_and_gradients(x, np.array([1]))
    assert all(np.isfinite(value).all() for value in grads.values())


# ---- <Ax, y> = <x, A'y> ----


@TARGETS
@pytest.mark.parametrize("line", LINEAR)
def test_the_input_gradient_is_the_adjoint(line: str, target: Target) -> None:
    network, weights, x, y = given(line, target.lanes + 1)
    program = Program(network, weights, training=True, target=target)
    dx, grads = program.gradients(x, y, input_too=True)
    assert dx is not None
    outputs = program(x).astype(np.float64)
    forth, back = float((outputs * y).sum()), float((x.astype(np.float64) * dx).sum())
    size = float((np.abs(outputs) * np.abs(y)).sum())
    assert forth == pytest.approx(back, abs=1e-5 * size)
    # the outputs are linear in every weight too
    for name, value in grads.items():
        assert float((value.astype(np.float64) * weights[name]).sum()) == pytest.approx(forth, abs=1e-5 * size)


# ---- what is not a number ----


@TARGETS
def test_nan_goes_through(target: Target) -> None:
    for layers in ("maxpool 2", "relu", "sigmoid", "tanh", "relu, maxpool 2", "maxpool 3 stride 1 pad 1", "avgpool 2"):
        network = Network.parse(f"1x4x4: conv 1 1 nobias, {layers}")
        x = np.random.default_rng(0).standard_normal((1, 1, 4, 4)).astype(np.float32)
        for at in (0, 3, 5, 10, 15):
            x_ = x.copy()
            x_.flat[at] = np.nan
            program = Program(network, {"0.weight": np.ones((1, 1, 1, 1))}, training=True, target=target)
            up = np.ones((1, *network.output_shape), np.float32)
            with np.errstate(invalid="ignore"):
                wanted = reference.run(network, {"0.weight": np.ones((1, 1, 1, 1))}, x_)[-1]
                wanted_dx, _ = reference.gradients(network, {"0.weight": np.ones((1, 1, 1, 1))}, x_, up)
            assert np.array_equal(np.isnan(program(x_)), np.isnan(wanted)), layers
            dx, _ = program.gradients(x_, up, input_too=True)
            np.testing.assert_allclose(dx, wanted_dx, rtol=1e-5, atol=1e-5, err_msg=layers)


@TARGETS
def test_a_score_that_is_no_number_makes_the_loss_none_and_is_never_right(target: Target) -> None:
    network = Network.parse("3: linear 3 nobias")
    program = Program(network, {"0.weight": np.eye(3)}, training=True, target=target)
    for place in range(3):
        x = np.zeros((1, 3), np.float32)
        x[0, place] = np.nan
        loss, right, _ = program.loss_and_gradients(x, np.array([place]))
        assert np.isnan(loss)
        assert right == 0


@TARGETS
def test_scores_from_end_to_end(target: Target) -> None:
    network, weights = Network.parse("3: linear 3 nobias"), {"0.weight": np.eye(3, dtype=np.float32)}
    program = Program(network, weights, training=True, target=target)
    for row in (
        [1e30, 0, -1e30],
        [-1e30, -1e30, -1e30],
        [88, -88, 0],
        [1e-38, -1e-38, 0],
        [200, 100, 0],
        [-700, -750, -800],
    ):
        x = np.array([row], np.float32)
        for label in range(3):
            loss, right, grads = program.loss_and_gradients(x, np.array([label]))
            wanted, _, wanted_grads = reference.loss_gradients(network, weights, x, np.array([label]))
            assert loss == pytest.approx(wanted, rel=1e-6, abs=1e-6)
            assert right == (int(np.argmax(x)) == label)
            scale = np.abs(x).max()
            np.testing.assert_allclose(grads["0.weight"], wanted_grads["0.weight"], rtol=1e-5, atol=1e-6 * scale)


# ---- what arrays may look like ----

SHAPED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "uint8": lambda x: x.astype(np.uint8),
    "int64": lambda x: x.astype(np.int64),
    "bool": lambda x: x > 2,
    "big-endian": lambda x: x.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
    "backwards": lambda x: x[::-1, :, ::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "off by a byte": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),
}


@pytest.mark.parametrize("name", SHAPED)
def test_arrays_of_every_kind(name: str) -> None:
    network = Network.parse("2x4x5: conv 3 2, relu, flatten, linear 3")
    rng = np.random.default_rng(0)
    program = Program(network, parameters(network), training=True)
    given = SHAPED[name](rng.integers(0, 5, (11, 2, 4, 5)).astype(np.float32))
    given.flags.writeable = False
    before, plain = given.copy(), np.array(given, np.float32, order="C")
    up, labels = rng.standard_normal((11, 3)), rng.integers(0, 3, 11).astype(np.uint8)
    assert_same(everything(program, given, up, labels), everything(program, plain, up.astype(np.float32), labels))
    assert np.array_equal(given, before)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.zeros((1, 2, 4, 5), complex), "numbers, not complex128"),
        (np.array([["text"]]), "numbers, not <U4"),
        (np.zeros((1, 2, 4, 5), object), "numbers, not object"),
        (np.zeros((2, 4, 5)), "a batch of 2x4x5, not an array of 2x4x5"),
        (np.zeros((1, 2, 5, 4)), "a batch of 2x4x5, not an array of 1x2x5x4"),
        (np.zeros((1, 2, 4, 5, 1)), "a batch of 2x4x5"),
        (np.zeros(40), "a batch of 2x4x5, not an array of 40"),
        (np.float32(3), "a batch of 2x4x5, not an array of one number"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(x: np.ndarray, sentence: str) -> None:
    network = Network.parse("2x4x5: conv 3 2, relu, flatten, linear 3")
    program = Program(network, parameters(network), training=True)
    good, up = np.zeros((1, 2, 4, 5)), np.zeros((1, 3))
    for call in (
        lambda: program(x),
        lambda: program.gradients(x, up),
        lambda: program.loss_and_gradients(x, np.array([0])),
    ):
        with pytest.raises(EngineError, match=sentence):
            call()
    with pytest.raises(EngineError):
        program.gradients(good, x)


@pytest.mark.parametrize(
    "labels", [[0], [0, 3], [-1, 0], [0.0, 1.0], [True, False], [[0, 1]], [2**62, 0], ["a", "b"], np.uint64([2**63, 0])]
)
def test_labels_that_are_no_classes_are_refused(labels: object) -> None:
    network = Network.parse("3: linear 3")
    program = Program(network, parameters(network), training=True)
    with pytest.raises(EngineError, match="label"):
        program.loss_and_gradients(np.zeros((2, 3)), np.asarray(labels))
