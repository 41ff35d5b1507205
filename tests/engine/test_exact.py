"""Whole numbers that float32 holds exactly: the engine equals the reference bit for bit, on every target, each way.

A batch repeats three images in a random order, so that the reference runs three images however many there are. The
networks take turns with the targets; ``CONVLENS_TEST_NETWORKS=100`` runs all on each, and a larger number makes more.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest

from convlens import reference
from convlens.engine import Program, Target, runnable
from convlens.network import Network
from tests.lines import LINES

from .cases import awkward, drawn, whole, whole_parameters

ASKED = os.environ.get("CONVLENS_TEST_NETWORKS")
COUNT = int(ASKED or "100")
BESIDE_THE_LANES = [
    "1x7: conv {n} 3 pad 1, relu, maxpool 2, flatten, linear {n}",
    "{n}x3x3: conv {n} 2 groups {n}, relu",
    "{n}x2: conv 3 1",
    "{n}: linear {n}, relu, linear 1",
    "1x3x{n}: conv 2 3 pad 1, maxpool 1x2",
    "2x{n}x3: avgpool 2 stride 1 pad 1",
    "1x3x{n}: local {n} 2 pad 1, relu, maxpool 2",
    "{n}x4: local {n} 3 groups {n}",
]
BETWEEN = ["1x4x5: dense4d 3x4, conv 2 3 pad 1", "1x3x3: dense4d, relu, conv 2 2 pad 1+0x1+0, flatten, linear 2"]
"""A dense layer from picture to picture, and borders that the next layer reads."""
EMPTY = ["2x3x3: flatten", "3: dropout 0.5", "2x2x2: dropout 0, flatten"]


@cache
def lines() -> list[str]:
    fixed = [line.format(n=n) for n in (3, 4, 5, 7, 8, 9, 15, 17) for line in BESIDE_THE_LANES]
    made = [*map(Network.parse, [*LINES, *EMPTY, *BETWEEN, *fixed]), *awkward(COUNT), *drawn(COUNT)]
    return list(dict.fromkeys(str(n) for n in map(whole, made) if n is not None))


@cache
def three_images(line: str) -> tuple[list[np.ndarray], ...]:
    """Parameters, and of three images each: input, upstream, output, input gradient, parameter gradients."""
    network, rng = Network.parse(line), np.random.default_rng(len(line))
    parameters = whole_parameters(network, rng)
    exact = {name: value.astype(np.int64) for name, value in parameters.items()}
    x = rng.integers(-2, 3, (3, *network.input_shape))
    up = rng.integers(-1, 2, (3, *network.output_shape))
    outputs = [reference.run(network, exact, x[i : i + 1])[-1] for i in range(3)]
    found = [reference.gradients(network, exact, x[i : i + 1], up[i : i + 1]) for i in range(3)]
    return parameters, x, up, np.concatenate(outputs), np.concatenate([dx for dx, _ in found]), [g for _, g in found]


def turns() -> list[tuple[str, Target]]:
    targets = runnable()
    every = [(line, target) for line in lines() for target in targets]
    return every if ASKED else [(line, targets[i % len(targets)]) for i, line in enumerate(lines())]


@pytest.mark.parametrize(("line", "target"), turns(), ids=lambda part: getattr(part, "name", part))
def test_equal_bit_for_bit(line: str, target: Target) -> None:
    parameters, x, up, outputs, dx, grads = three_images(line)
    program = Program(Network.parse(line), parameters, training=True, threads=1, target=target)
    lanes, rng = target.lanes, np.random.default_rng(0)
    for n in (0, 1, lanes - 1, lanes, lanes + 1, 2 * lanes + 3):
        order = rng.integers(0, 3, n)
        np.testing.assert_array_equal(program(x[order]), outputs[order], err_msg=f"outputs of {n}")
        got_dx, got = program.gradients(x[order], up[order], input_too=True)
        np.testing.assert_array_equal(got_dx, dx[order], err_msg=f"input gradient of {n}")
        assert got.keys() == parameters.keys()
        for name, value in got.items():
            wanted = sum((grads[i][name] for i in order), np.zeros(value.shape))
            np.testing.assert_array_equal(value, wanted, err_msg=f"gradient of {name} of {n}")


def test_there_are_enough_networks() -> None:
    assert len(lines()) >= 200
