"""One image at a time: the same bits as in a block, on every target, whoever calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convlens.engine import TARGETS, Program, Target, plan, runnable
from convlens.engine.alone import Alone
from convlens.engine.cost import block_cycles, most_alone, single_cycles
from convlens.engine.single import SingleSchedule, single
from convlens.network import Network, zoo

from .compiling import assembly
from .machine_code import assert_wide
from .test_exact import three_images, turns
from .test_program import parameters, runs
from .test_targets import NETWORKS, WIDE

EVERY_TARGET = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
WIDER = {
    **NETWORKS,
    "lenet": zoo.named("lenet"),
    "depthwise": Network.parse("20x9x9: conv 20 3 pad 1 groups 20, relu, conv 40 1, relu"),
    "one channel": Network.parse("1x9x33: conv 1 3, relu, maxpool 2"),
}
NO_KERNEL = ["6x5x5: conv 4 3 groups 2", "1x4x4: dense4d, maxpool 2", "2x3x3: maxpool 2 stride 1, flatten, batchnorm"]


def alone(program: Program) -> Alone | None:
    """Images one by one, whether that pays or not."""
    return program._alone if program._alone.single else None


def blocks(program: Program, x: np.ndarray) -> np.ndarray:
    """What the layout of blocks gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program._alone, "most", 0)
        return program(x)


# ---- exact ----


@pytest.mark.parametrize(("line", "target"), turns(), ids=lambda part: getattr(part, "name", part))
def test_whole_numbers_are_equal_bit_for_bit(line: str, target: Target) -> None:
    given, x, _, outputs, _, _ = three_images(line)
    program = Program(Network.parse(line), given, threads=1, target=target)
    rng = np.random.default_rng(0)
    for n in range(2 * target.lanes + 2):
        order = rng.integers(0, 3, n)
        np.testing.assert_array_equal(program(x[order]), outputs[order], err_msg=f"outputs of {n}")
    if one := alone(program):
        np.testing.assert_array_equal(one(x), outputs)


def test_most_networks_have_the_layout() -> None:
    # a local convolution has none: its weights are read once an image, whatever lies in the lanes
    every = [plan(Network.parse(line), target) for line, target in turns() if "local" not in line]
    assert sum(single(p) is not None for p in every) > 0.75 * len(every)


# ---- the bits of a block ----


@EVERY_TARGET
@pytest.mark.parametrize("line", [*runs(False), *map(str, WIDER.values())])
def test_an_image_has_the_bits_that_it_has_in_a_block(line: str, target: Target) -> None:
    network = Network.parse(line)
    program = Program(network, parameters(network), threads=1, target=target)
    x = np.random.default_rng(1).standard_normal((target.lanes, *network.input_shape)).astype(np.float32)
    if one := alone(program):
        assert np.array_equal(one(x), blocks(program, x))


@EVERY_TARGET
def test_what_is_no_number_stays_where_it_is(target: Target) -> None:
    network = Network.parse("3x6x6: conv 5 3 pad 1, relu, maxpool 2, conv 5 3 groups 5, sigmoid, flatten, linear 3")
    program = Program(network, parameters(network), threads=1, target=target)
    one = alone(program)
    assert one
    for garbage in (np.nan, np.inf, -np.inf, 3e38):
        x = np.random.default_rng(1).standard_normal((2, 3, 6, 6)).astype(np.float32)
        x[0, 1, 2, 3] = garbage
        assert np.array_equal(one(x), blocks(program, x), equal_nan=True)
        assert np.array_equal(one(x[1:]), blocks(program, x)[1:])


@pytest.mark.parametrize("line", NO_KERNEL)
def test_what_has_no_kernel_runs_in_blocks(line: str) -> None:
    network = Network.parse(line)
    program = Program(network, parameters(network), threads=1)
    assert single(program.plan) is None
    assert program(np.ones((2, *network.input_shape))).shape == (2, *network.output_shape)


# ---- when it pays ----


@pytest.mark.parametrize("name", ["lenet", "lenet-relu", "fcn"])
def test_a_single_image_costs_a_fraction_of_a_block(name: str) -> None:
    whole = plan(zoo.named(name), TARGETS["avx2"])
    one = single(whole)
    assert one
    assert single_cycles(one) < block_cycles(whole) / 4
    assert most_alone(whole, one) >= 4


def test_a_lonely_channel_leaves_the_lanes_empty() -> None:
    whole = plan(Network.parse("9x40x40: conv 1 5"), TARGETS["avx512"])
    one = single(whole)
    assert one
    assert most_alone(whole, one) <= 1


@EVERY_TARGET
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_who_runs_alone_leaves_no_trace(threads: int, target: Target) -> None:
    network = zoo.named("lenet")
    program = Program(network, parameters(network), threads=threads, target=target)
    x = np.random.default_rng(2).standard_normal((4 * target.lanes, 1, 28, 28)).astype(np.float32)
    whole = blocks(program, x)
    for n in range(4 * target.lanes):
        assert np.array_equal(program(x[:n]), whole[:n])


# ---- who calls ----


def test_new_parameters_are_seen() -> None:
    network = Network.parse("2x5x5: conv 3 3, batchnorm, relu, flatten, linear 4")
    program, x = Program(network, parameters(network), threads=1), np.ones((1, 2, 5, 5))
    before = program(x)
    program.load(parameters(network, seed=1))
    other = Program(network, parameters(network, seed=1), threads=1)
    assert not np.array_equal(program(x), before)
    assert np.array_equal(program(x), other(x))
    assert np.array_equal(before, Program(network, parameters(network), threads=1)(x))


def test_results_are_the_callers_own() -> None:
    network = Network.parse("3: linear 3 nobias")
    program = Program(network, {"0.weight": np.eye(3)}, threads=1)
    first, second = program(np.full((1, 3), 1.0)), program(np.full((1, 3), 2.0))
    assert (first == 1).all()
    assert (second == 2).all()
    assert first.flags.owndata
    assert first.flags.writeable


def test_many_threads_at_once() -> None:
    network = zoo.named("lenet")
    program = Program(network, parameters(network), threads=2)
    x = np.random.default_rng(3).standard_normal((64, 1, 28, 28)).astype(np.float32)
    wanted = blocks(program, x)

    def some(i: int) -> bool:
        first = i % 60
        return np.array_equal(program(x[first : first + 1 + i % 3]), wanted[first : first + 1 + i % 3])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(some, range(400)))


# ---- the code ----


@pytest.mark.parametrize("target", WIDE)
@pytest.mark.parametrize("name", WIDER)
def test_the_sums_stay_in_wide_registers(name: str, target: str) -> None:
    one = single(plan(WIDER[name], TARGETS[target]))
    if one is None:
        assert "groups" in str(WIDER[name])
        return
    for kernel in {repr(step.kernel): step.kernel for step in SingleSchedule(one).forward()}.values():
        if kernel.facts[-1] not in ("conv_of_one", "linear_of_one"):
            continue
        assert_wide(assembly(kernel), WIDE[target], str(kernel))
