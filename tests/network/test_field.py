"""Receptive fields: the recurrence against walking back cell by cell."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings

from convlens.network import Network, NetworkError, cells, fields, halo, named, stride
from tests.lines import networks


def test_lenet() -> None:
    found = [f[0] for f in fields(named("lenet"))]
    assert [(f.size, f.jump, f.start) for f in found[:7]] == [
        (1, 1, 0),
        (5, 1, -2),
        (5, 1, -2),
        (6, 2, -2),
        (14, 2, -2),
        (14, 2, -2),
        (16, 4, -2),
    ]
    assert (found[-1].size, found[-1].jump, found[-1].start) == (28, 0, 0)


@given(networks())
@settings(max_examples=200, deadline=None)
def test_every_unit_sees_what_its_field_promises(network: Network) -> None:
    for depth, layer_fields in enumerate(fields(network)):
        shape = network.shapes[depth]
        if len(shape) == 1:
            continue
        corners = itertools.product(*[{0, n - 1, n // 2} for n in shape[1:]])
        for unit in corners:
            for axis, (seen, field) in enumerate(zip(cells(network, unit, depth), layer_fields, strict=True)):
                first, stop = field.span(unit[axis], unit[axis])
                assert all(first <= cell < stop for cell in seen)
                # where the field lies inside the input, its first and last cell are really seen
                if first >= 0 and stop <= network.input_shape[axis + 1] and _never_padded(network, depth):
                    assert seen[0] == first
                    assert seen[-1] == stop - 1


def _never_padded(network: Network, depth: int) -> bool:
    return all(
        getattr(layer, "padding", 0) == 0 and not getattr(layer, "ceil", False) for layer in network.layers[:depth]
    )


@pytest.mark.parametrize(
    ("line", "unit", "seen"),
    [
        ("1x9: conv 1 3", (2,), ((2, 3, 4),)),
        ("1x9: conv 1 3 dilation 2 stride 2 pad 1", (0,), ((1, 3),)),
        ("1x9: conv 1 2 dilation 3, maxpool 2", (1,), ((2, 3, 5, 6),)),
        ("1x7: maxpool 3 ceil", (2,), ((6,),)),
        ("1x4x5: conv 1 3x1", (1, 4), ((1, 2, 3), (4,))),
        ("1x4x5: flatten", (7,), ((1,), (2,))),
        ("2x4x5: flatten, relu", (27,), ((1,), (2,))),
        ("1x5x5: maxpool 2, flatten, linear 1", (0,), ((0, 1, 2, 3), (0, 1, 2, 3))),
        ("1x3x4: dense4d 2x2", (0, 1), ((0, 1, 2), (0, 1, 2, 3))),
    ],
)
def test_cells_by_hand(line: str, unit: tuple[int, ...], seen: tuple[tuple[int, ...], ...]) -> None:
    assert cells(Network.parse(line), unit) == seen


def test_stride_and_halo() -> None:
    network = Network.parse("3x64x64: conv 8 5 pad 2, relu, maxpool 2, conv 16 5 pad 2, relu, maxpool 2, conv 2 1")
    assert stride(network) == (4, 4)
    # 4 cells of a unit's own tile; 16 seen from -6 on: 6 before, 6 after
    assert fields(network)[-1][0].size == 16
    assert halo(network) == ((6, 6), (6, 6))
    with pytest.raises(NetworkError, match="fully convolutional"):
        halo(named("lenet"))


@pytest.mark.parametrize(("unit", "depth"), [((28,), None), ((0, 0, 0), 1), ((28, 0), 1), ((-1, 0), 1), ((0, 0), 99)])
def test_there_is_no_such_unit(unit: tuple[int, ...], depth: int | None) -> None:
    with pytest.raises(NetworkError):
        cells(named("lenet"), unit, depth)
