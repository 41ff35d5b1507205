"""Output sizes: counted by sliding a window cell by cell, and hostile numbers refused at once."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convlens.network import (
    AvgPool,
    Axis,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    NetworkError,
    axes,
    output_shape,
)

axis_values = st.builds(
    Axis,
    size=st.integers(1, 20),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 7),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    dilation=st.integers(1, 4),
    ceil=st.booleans(),
).filter(lambda a: a.extent <= a.padded and not (a.ceil and a.after >= a.extent))


@given(axis_values)
@settings(max_examples=500)
def test_out_counts_the_positions_of_the_window(axis: Axis) -> None:
    positions = 0
    while True:
        first = positions * axis.stride
        inside = first + axis.extent <= axis.padded
        # with ceil a window may hang over the end if something is left for it and it starts on or before the last cell
        left = positions == 0 or first - axis.stride + axis.extent < axis.padded
        if not (inside or (axis.ceil and left and first < axis.before + axis.size)):
            break
        positions += 1
    assert axis.out == positions


@given(axis_values)
def test_dropped_counts_the_real_cells_behind_the_last_window(axis: Axis) -> None:
    last_tap = (axis.out - 1) * axis.stride + axis.extent - 1 - axis.before
    assert axis.dropped == sum(cell > last_tap for cell in range(axis.size))


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 13])
def test_same_gives_the_input_size_over_the_stride_rounded_up(size: int, kernel: int, stride: int) -> None:
    (axis,) = axes(Conv(1, kernel, stride, "same"), (1, size))
    assert axis.out == -(-size // stride)
    assert axis.after - axis.before in (0, 1)


HOSTILE = [0, -1, 2**31, 2**62, 2**63 - 1, 2**64, True, 1.0, float("nan"), "5", None, (), (1, 2, 3, 4), ((1,),), b"1"]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        lambda v: Conv(v, 3),
        lambda v: Conv(1, v),
        lambda v: Conv(1, 3, v),
        lambda v: Conv(1, 3, dilation=v),
        lambda v: Conv(1, 3, groups=v),
        lambda v: LocalConv(v, 3),
        lambda v: MaxPool(v),
        lambda v: MaxPool(2, dilation=v),
        lambda v: AvgPool(v),
        lambda v: Linear(v),
        lambda v: Conv(1, 3, bias=v) if v is not True else Conv(0, 3),
        lambda v: Conv(1, 3, padding=v) if v != 0 else Conv(0, 3),
        lambda v: Dropout(v) if v not in (0, True, 1.0) else Dropout(-1),
        lambda v: BatchNorm(eps=v) if v != 1.0 or v is True else BatchNorm(eps=0),
    ],
)
def test_hostile_fields_are_refused_with_a_sentence(make: object, value: object) -> None:
    started = time.perf_counter()
    with pytest.raises(NetworkError) as caught:
        make(value)  # type: ignore[operator]
    assert str(caught.value)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("shape", [(), (0,), (1, -1), (1, 2, 3, 4, 5), "abc", None, (1.5,), (2**31,), (2**30,) * 4])
def test_hostile_inputs_are_refused(shape: object) -> None:
    with pytest.raises(NetworkError):
        Network(shape, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line", ["1x3: maxpool 2 stride 3 pad 1 dilation 4", "1x1: maxpool 2 stride 1 pad 2 dilation 4"]
)
def test_a_window_must_see_a_real_cell(line: str) -> None:
    with pytest.raises(NetworkError, match="nothing but padding"):
        Network.parse(line)


@pytest.mark.parametrize("value", [np.array([2, 2]), np.zeros(3), 10**400])
def test_arrays_and_huge_numbers_are_refused_too(value: object) -> None:
    for make in (MaxPool, AvgPool, Dropout, Linear):
        with pytest.raises(NetworkError):
            make(value)  # type: ignore[arg-type]


def test_largest_legal_numbers_cost_no_time() -> None:
    started = time.perf_counter()
    big = 2**31 - 1
    network = Network((1, big), (Conv(1, big), Conv(1, big, padding=big), MaxPool(2, big)))
    assert network.shapes == ((1, big), (1, 1), (1, big + 2), (1, 2))
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("layer", "shape", "out"),
    [
        (Conv(6, 5, padding=2), (1, 28, 28), (6, 28, 28)),
        (Conv(6, (3, 5), (2, 3), (0, 1), (1, 2)), (1, 28, 28), (6, 13, 8)),
        (LocalConv(2, 3, padding=((1, 0), (0, 2))), (4, 5, 5), (2, 4, 5)),
        (Dense4d((3, 2)), (1, 9, 8), (1, 3, 2)),
        (MaxPool(3, 2, ceil=True), (5, 8, 9), (5, 4, 4)),
        (AvgPool(2, 3), (1, 4, 5, 9), (1, 1, 2, 3)),
        (Linear(3), (9,), (3,)),
    ],
)
def test_worked_by_hand(layer: Layer, shape: tuple[int, ...], out: tuple[int, ...]) -> None:
    assert output_shape(layer, shape) == out
