"""Networks for the engine's tests, generated, with numbers that float32 holds exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from convlens.engine import refusals
from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    NetworkError,
    ReLU,
    Shape,
    Sigmoid,
    Tanh,
    axes,
    parameter_shapes,
)
from tests.lines import networks

SHAPES = [
    *((1, 1), (2, 17), (4, 13), (9, 8), (3, 5), (8, 3)),
    *((1, 7, 5), (2, 9, 2), (3, 1, 9), (4, 5, 5), (7, 3, 2), (8, 2, 7), (9, 1, 1), (3, 8, 3)),
    *((1, 3, 5, 2), (2, 2, 2, 5), (4, 5, 1, 3), (3, 1, 3, 3)),
]
"""Few, so that kernels that carry images in and out are shared."""

EXACT = 2**24
"""Whole numbers below it are float32."""


def drawn(count: int) -> list[Network]:
    """Networks from the strategy that all readings share; the same every time."""
    found: list[Network] = []

    @settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def keep(network: Network) -> None:
        found.append(network)

    keep()
    return found


def awkward(count: int, seed: int = 0) -> list[Network]:
    """Sizes 1 and primes, channels beside the lanes, strides and padding beyond kernels, groups, 1 to 3 axes."""
    rng = np.random.default_rng(seed)
    return list(islice(_awkward(rng), count))


def _awkward(rng: np.random.Generator) -> Iterator[Network]:
    while True:
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        rank = len(shape) - 1
        layers: tuple[Layer, ...] = ()
        try:
            for _ in range(2 if rng.random() < 0.15 else 1):
                given = Network(shape, layers).output_shape
                layers = (*layers, _conv(rng, given), *_behind(rng, rank))
                yielded = Network(shape, layers)
            if rng.random() < 0.2:
                flat = (Flatten(), Linear(int(rng.choice([1, 3, 7, 8, 9, 17])), bool(rng.random() < 0.5)))
                yielded = Network(shape, (*layers, *flat))
        except NetworkError:
            continue
        yield yielded


def _conv(rng: np.random.Generator, shape: Shape) -> Conv | LocalConv:
    rank = len(shape) - 1

    def per_axis(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, rank))

    groups = int(rng.choice([g for g in (1, 1, 2, 3, shape[0]) if shape[0] % g == 0]))
    filters = groups * int(rng.choice([1, 2, 3] if groups > 1 else [1, 2, 5, 7, 9]))
    kernel, most = per_axis(1, 5), 3 if rank == 3 else 6
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, most, (rank, 2)))
    kind = LocalConv if rng.random() < 0.2 else Conv
    return kind(filters, kernel, per_axis(1, 6 if rng.random() < 0.2 else 3), padding, per_axis(1, 3), groups)


def _behind(rng: np.random.Generator, rank: int) -> tuple[Layer, ...]:
    found: list[Layer] = []
    if rng.random() < 0.6:
        found.append(ReLU())
    chance = rng.random()
    window = tuple(int(n) for n in rng.choice([1, 2, 2, 3], rank))
    if chance < 0.3:
        found.append(MaxPool(window))
    elif chance < 0.5:
        found.append(AvgPool(tuple(int(n) for n in rng.choice([1, 2, 4], rank))))
    elif chance < 0.6:
        found.append(MaxPool(window, 1, tuple((w // 2, 0) for w in window)))
    return tuple(found)


# ---- exact numbers ----


def whole(network: Network) -> Network | None:
    """The network with relu for every activation and averages over powers of two, or None where it computes more."""
    layers: list[Layer] = []
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        if isinstance(layer, (Sigmoid, Tanh)):
            layer = ReLU()
        elif isinstance(layer, (BatchNorm, Dropout)):
            continue
        elif isinstance(layer, AvgPool):
            layer = replace(layer, count_padding=True)
            cells = [a.kernel for a in axes(layer, shape)]
            cut = any((a.out - 1) * a.stride + a.extent > a.before + a.size + a.after for a in axes(layer, shape))
            if cut or math.prod(cells) & (math.prod(cells) - 1):
                return None
        layers.append(layer)
    try:
        found = Network(network.input_shape, tuple(layers))
    except NetworkError:
        return None
    return None if refusals(found, training=True) or magnitude(found) > EXACT else found


def magnitude(network: Network, images: int = 32) -> float:
    """A bound of every sum of a run, in units of its last place, with inputs up to 2, weights and slopes up to 1."""
    forward, bits = [2.0], [0]
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        terms, fraction = _terms(layer, shape)
        forward.append(
            forward[-1] * terms + (1 if terms > 1 or isinstance(layer, (Conv, LocalConv, Linear, Dense4d)) else 0)
        )
        bits.append(bits[-1] + fraction)
    largest, back = forward[-1] * 2.0 ** bits[-1], 1.0
    for i in reversed(range(len(network.layers))):
        layer, shape = network.layers[i], network.shapes[i]
        cells = math.prod(network.shapes[i + 1])
        if isinstance(layer, (Conv, LocalConv, Linear, Dense4d)):
            largest = max(largest, back * forward[i] * cells * images * 2.0 ** bits[-1])
            back *= cells
        elif isinstance(layer, (MaxPool, AvgPool)):
            back *= math.prod(a.kernel for a in axes(layer, shape))
        largest = max(largest, back * 2.0 ** bits[-1])
    return largest


def _terms(layer: Layer, shape: Shape) -> tuple[int, int]:
    """How many terms a sum of the layer has, and the bits that it adds behind the point."""
    if isinstance(layer, (Conv, LocalConv, Linear, Dense4d)):
        weight = parameter_shapes(layer, shape)["weight"]
        if isinstance(layer, LocalConv):
            weight = weight[len(shape) - 1 :]
        return math.prod(weight) // (weight[0] if not isinstance(layer, Dense4d) else 1), 0
    if isinstance(layer, AvgPool):
        return 1, math.prod(a.kernel for a in axes(layer, shape)).bit_length() - 1
    return 1, 0


def whole_parameters(network: Network, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights -1, 0 and 1."""
    return {
        f"{i}.{name}": rng.integers(-1, 2, shape).astype(np.float32)
        for i, layer in enumerate(network.layers)
        for name, shape in parameter_shapes(layer, network.shapes[i]).items()
    } | {
        f"{i}.{name}": np.full(network.shapes[i][:1], value, np.float32)
        for i, layer in enumerate(network.layers)
        if isinstance(layer, BatchNorm)
        for name, value in (("running_mean", 1), ("running_var", 2))
    }
