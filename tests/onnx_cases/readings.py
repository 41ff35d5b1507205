"""Run a converted case on each reading of a network, and compare with what ONNX expects."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import convlens
from convlens import engine
from convlens.network import AvgPool, Conv, Dropout, Flatten, Linear, MaxPool, Network, ReLU, axes, multiply_adds
from convlens.nn import build
from convlens.reference import run

from .convert import Converted

RTOL = 1e-5
"""Of the largest number in the answer. ONNX's answers are float32: sums of up to 288 terms, each off by 2**-24."""

FOUR_DECIMALS = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}
"""Cases whose input and answer stand in ONNX's code with four decimals: a mean is off by 5e-5 on either side."""

MOST = 6_000_000
"""Products or comparisons that loops in Python do for one case, in a few seconds; see ``steps``."""


def steps(network: Network) -> int:
    """What the loops do for one example."""
    found = 0
    for i, layer in enumerate(network.layers):
        found += multiply_adds(layer, network.shapes[i])
        if not isinstance(layer, Conv) and hasattr(layer, "window"):
            window = math.prod(axis.kernel for axis in axes(layer, network.shapes[i]))  # type: ignore[arg-type]
            found += math.prod(network.shapes[i + 1]) * window
    return found


def on_reference(case: Converted) -> tuple[NDArray[Any], int]:
    """The output in float64, and of how many examples: a batch that loops would take minutes for is cut."""
    examples = min(len(case.x), max(1, MOST // max(1, steps(case.network))))
    x = case.x[:examples].astype(np.float64)
    return run(case.network, case.parameters, x)[-1] if case.network.layers else x, examples


def on_nn(case: Converted) -> tuple[NDArray[Any], int]:
    """The output of the PyTorch modules in float32, after training, and of how many examples: all."""
    module = build(case.network).eval()
    given = {name: torch.tensor(np.array(value, np.float32)) for name, value in case.parameters.items()}
    module.load_state_dict(module.state_dict() | given)
    with torch.no_grad():
        y: NDArray[Any] = module(torch.tensor(case.x.astype(np.float32))).numpy()
    return y, len(case.x)


def on_engine(case: Converted) -> tuple[NDArray[Any], int]:
    """The output of the engine in float32, and of how many examples: all. One conv or pool runs as an operator."""
    layers = case.network.layers
    if not layers:
        return case.x, len(case.x)
    if len(layers) > 1 or not isinstance(layers[0], (Conv, MaxPool, AvgPool)):
        return engine.compile(case.network, case.parameters)(case.x), len(case.x)
    layer = layers[0]
    if isinstance(layer, Conv):
        sliding = (layer.stride, layer.padding, layer.dilation, layer.groups)
        weight, bias = case.parameters["0.weight"], case.parameters.get("0.bias")
        return convlens.correlate(case.x, weight, bias, *sliding), len(case.x)
    window = (layer.window, layer.stride, layer.padding)
    if isinstance(layer, MaxPool):
        return convlens.max_pool(case.x, *window, layer.dilation, layer.ceil), len(case.x)
    return convlens.avg_pool(case.x, *window, layer.ceil, layer.count_padding), len(case.x)


READINGS: dict[str, Callable[[Converted], tuple[NDArray[Any], int]]] = {
    "reference": on_reference,
    "nn": on_nn,
    "engine": on_engine,
}


COPYING = (MaxPool, ReLU, Flatten, Dropout)
"""Layers that only compare and copy (dropout after training)."""


def exact(case: Converted) -> bool:
    """Whether no rounding can happen: layers that only copy, or sums and products of small whole numbers."""
    if all(isinstance(layer, COPYING) for layer in case.network.layers):
        return True
    whole = all(np.array_equal(value, np.round(value)) for value in (case.x, *case.parameters.values()))
    return whole and all(isinstance(layer, (Conv, Linear, *COPYING)) for layer in case.network.layers)


def check(case: Converted, reading: str) -> None:
    """Assert that a reading gives what ONNX expects: exactly where no rounding can happen, else within RTOL."""
    y, examples = READINGS[reading](case)
    expected = case.expected[:examples]
    assert y.shape == expected.shape, (str(case.network), y.shape, expected.shape)
    if exact(case):
        np.testing.assert_array_equal(y, expected.astype(np.float64), err_msg=str(case.network))
    else:
        largest = float(np.max(np.abs(expected), initial=0.0))
        bound = 1e-4 if case.name in FOUR_DECIMALS else RTOL * largest
        np.testing.assert_allclose(y, expected, rtol=0, atol=bound, err_msg=str(case.network))
