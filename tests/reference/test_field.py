"""The receptive field is exactly the input cells whose gradient is not zero, in nets with positive weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convlens.network import AvgPool, Conv, Network, NetworkError, cells, parameter_shapes, total
from convlens.reference import gradients

LINES = [
    "1x9: conv 1 2 dilation 3, avgpool 2",
    "1x13: conv 2 3 stride 2 pad 1, conv 1 3 dilation 2",
    "2x7x6: conv 2 3 pad same groups 2, avgpool 2 ceil, conv 1 2",
    "1x8x9: conv 1 3x2 pad 1+0x0+1 stride 2x3, avgpool 2 stride 1 pad 1 excludepad",
    "1x7x7: local 2 3 stride 2, conv 1 2 pad 1",
    "1x4x4x5: conv 1 2 dilation 2x1x3, avgpool 2x1x1",
    "1x6x5: conv 2 3 dilation 2x1, flatten",
    "1x6x5: conv 2 3 pad 2, avgpool 3 stride 2, flatten, linear 3",
    "1x6x5: dense4d 3x4, conv 1 2",
    "1x5x5: conv 1 1 stride 3, flatten, linear 2, linear 2",
    "1x3: conv 1 3 pad 4",
]
"""Strides that skip cells, holes of dilation, fields cut by the border, and what flatten and linear make of them."""


def _positive(network: Network) -> dict[str, Any]:
    return {
        f"{i}.{name}": np.ones(shape, int)
        for i, layer in enumerate(network.layers)
        for name, shape in parameter_shapes(layer, network.shapes[i]).items()
    }


def _seen(network: Network, unit: tuple[int, ...]) -> Any:
    """Which cells of the input, over all channels, the gradient of a unit (summed over its channels) reaches."""
    upstream = np.zeros((1, *network.output_shape), int)
    upstream[(0, slice(None), *unit) if len(network.output_shape) > 1 else (0, *unit)] = 1
    x = np.zeros((1, *network.input_shape), int)
    dx, _ = gradients(network, _positive(network), x, upstream)
    return (dx[0] != 0).any(axis=0)


def _claimed(network: Network, unit: tuple[int, ...]) -> Any:
    claimed = np.zeros(network.input_shape[1:], bool)
    claimed[np.ix_(*cells(network, unit))] = True
    return claimed


@pytest.mark.parametrize("line", LINES)
def test_every_units_cells_are_those_with_a_gradient(line: str) -> None:
    network = Network.parse(line)
    for unit in np.ndindex(network.output_shape[1:] or network.output_shape):
        assert np.array_equal(_seen(network, unit), _claimed(network, unit)), unit


@st.composite
def linear_networks(draw: st.DrawFn) -> Network:
    """Up to three convs and average pools that fit, cheap enough for loops."""
    rank = draw(st.integers(1, 3))
    high = {1: 16, 2: 8, 3: 5}[rank]
    network = Network((1, *(draw(st.integers(1, high)) for _ in range(rank))), ())
    for _ in range(draw(st.integers(1, 3))):
        window, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        padding = tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(rank))
        if draw(st.booleans()):
            layer: Any = Conv(1, window, stride, padding, draw(st.integers(1, 3)))
        else:
            layer = AvgPool(window, stride, padding, draw(st.booleans()), draw(st.booleans()))
        try:
            longer = Network(network.input_shape, (*network.layers, layer))
        except NetworkError:
            continue
        if total(longer).multiply_adds <= 3000:
            network = longer
    return network


@given(linear_networks(), st.data())
@settings(max_examples=60, deadline=None)
def test_any_units_cells_are_those_with_a_gradient(network: Network, data: st.DataObject) -> None:
    unit = tuple(data.draw(st.integers(0, n - 1)) for n in network.output_shape[1:])
    assert np.array_equal(_seen(network, unit), _claimed(network, unit))
