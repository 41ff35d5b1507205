"""The notation lines that every reading of a network is tested on: ``lines.txt``, and a strategy that writes more."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    NetworkError,
    ReLU,
    Sigmoid,
    Tanh,
)

LINES = [
    line for line in Path(__file__).with_name("lines.txt").read_text().splitlines() if line and not line.startswith("#")
]


def _sizes(rank: int, low: int, high: int) -> st.SearchStrategy[object]:
    one = st.integers(low, high)
    return st.one_of(one, st.tuples(*[one] * rank))


def _padding(rank: int, high: int) -> st.SearchStrategy[object]:
    side = st.one_of(st.integers(0, high), st.tuples(st.integers(0, high), st.integers(0, high)))
    return st.one_of(st.integers(0, high), st.tuples(*[side] * rank), st.sampled_from(["same", "valid"]))


@st.composite
def windowed_layers(draw: st.DrawFn, rank: int, channels: int) -> Layer:
    """A conv, local conv or pool that may or may not fit."""
    kind = draw(st.sampled_from([Conv, LocalConv, MaxPool, AvgPool]))
    size, stride = draw(_sizes(rank, 1, 4)), draw(_sizes(rank, 1, 3))
    if kind in (Conv, LocalConv):
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        out = groups * draw(st.integers(1, 2))
        dilation, bias = draw(_sizes(rank, 1, 3)), draw(st.booleans())
        return kind(out, size, stride, draw(_padding(rank, 4)), dilation, groups, bias)
    strides = draw(st.one_of(st.none(), st.just(stride)))
    padding, ceil = draw(_padding(rank, 2)), draw(st.booleans())
    if kind is MaxPool:
        return MaxPool(size, strides, padding, draw(_sizes(rank, 1, 2)), ceil)
    return AvgPool(size, strides, padding, ceil, draw(st.booleans()))


def _pointwise() -> st.SearchStrategy[Layer]:
    return st.one_of(
        st.sampled_from([ReLU(), Sigmoid(), Tanh()]),
        st.floats(0, 1).map(Dropout),
        st.builds(BatchNorm, st.floats(1e-9, 1), st.floats(0, 1)),
    )


@st.composite
def networks(draw: st.DrawFn, depth: int = 4) -> Network:
    """A sound network: layers that do not fit are left out."""
    rank = draw(st.integers(1, 3))
    shape = (draw(st.integers(1, 4)), *(draw(st.integers(1, 9)) for _ in range(rank)))
    network = Network(shape, ())
    for _ in range(draw(st.integers(0, depth))):
        layer = draw(st.one_of(windowed_layers(rank, network.output_shape[0]), _pointwise()))
        try:
            network = Network(shape, (*network.layers, layer))
        except NetworkError:
            continue
    if draw(st.booleans()):
        network = Network(shape, (*network.layers, Flatten(), Linear(draw(st.integers(1, 5)), draw(st.booleans()))))
    return network
