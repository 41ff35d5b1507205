"""Costs: against the book's numbers, and against counting on the shapes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from convlens.network import Network, activation_bytes, costs, multiply_adds, named, parameter_shapes, total
from tests.lines import networks


def test_a_dense_layer_on_a_photo_is_absurd() -> None:
    dense = total(Network.parse("3x3000x4000: flatten, linear 100 nobias"))
    assert dense.parameters == 3_600_000_000
    assert dense.parameter_bytes == 14_400_000_000
    assert total(Network.parse("3x3000x4000: conv 4 5")).parameters == 304


def test_lenet_has_the_known_parameters() -> None:
    # 6*25+6, 16*6*25+16, 120*400+120, 84*120+84, 10*84+10
    assert [c.parameters for c in costs(named("lenet")) if c.parameters] == [156, 2416, 48120, 10164, 850]
    assert total(named("lenet")).parameters == 61706
    # per picture: conv1 6*28*28*25, conv2 16*10*10*150, then the dense layers
    assert total(named("lenet")).multiply_adds == 117600 + 240000 + 48000 + 10080 + 840


def test_the_derivation_sheds_weights() -> None:
    counts = [total(named(name)).parameters for name in ("dense4d", "local", "conv")]
    assert counts == [24 * 24 * 28 * 28 + 24 * 24, 24 * 24 * 25 + 24 * 24, 26]


@given(networks())
def test_totals_are_sums_and_bytes_are_four(network: Network) -> None:
    each = costs(network)
    assert total(network).parameters == sum(c.parameters for c in each)
    assert total(network).multiply_adds == sum(c.multiply_adds for c in each)
    assert activation_bytes(network) == 4 * math.prod(network.input_shape) + sum(c.activation_bytes for c in each)


@pytest.mark.parametrize(
    ("line", "shapes", "adds"),
    [
        ("4x9: conv 6 3 groups 2", {"weight": (6, 2, 3), "bias": (6,)}, 6 * 7 * 2 * 3),
        ("4x9: conv 6 3 groups 2 nobias", {"weight": (6, 2, 3)}, 6 * 7 * 2 * 3),
        ("2x5x6: local 3 2x3 stride 1x3", {"weight": (4, 2, 3, 2, 2, 3), "bias": (3, 4, 2)}, 3 * 4 * 2 * 2 * 6),
        ("1x3x4: dense4d 2x2", {"weight": (2, 2, 3, 4), "bias": (2, 2)}, 48),
        ("7: linear 3", {"weight": (3, 7), "bias": (3,)}, 21),
        ("5x8: batchnorm", {"weight": (5,), "bias": (5,)}, 40),
        ("5x8: maxpool 2", {}, 0),
    ],
)
def test_parameter_shapes(line: str, shapes: dict[str, tuple[int, ...]], adds: int) -> None:
    network = Network.parse(line)
    assert parameter_shapes(network.layers[0], network.input_shape) == shapes
    assert multiply_adds(network.layers[0], network.input_shape) == adds
