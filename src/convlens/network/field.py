"""Receptive fields: which input cells a unit sees, computed from the network alone.

Along one axis a unit with index i sees the cells from ``start + i * jump`` on, ``size`` of them; cells below 0 or past
the end are padding. Recurrence (Araujo, Norris and Sim, 2019): a window of extent e, stride s and padding b before
turns (size, jump, start) into (size + (e - 1) jump, jump s, start - b jump).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import NetworkError
from .layers import AvgPool, Conv, Dense4d, Flatten, Linear, LocalConv, MaxPool
from .network import Network
from .sizes import Shape, axes


@dataclass(frozen=True)
class Field:
    """The receptive field along one axis, in input cells.

    ``size`` cells from the first to the last (dilation may leave holes), ``jump`` cells between neighbouring units (the
    product of the strides; 0 once every unit sees the same), ``start`` the first cell of unit 0, negative in padding.
    """

    size: int
    jump: int
    start: int

    def span(self, first: int, last: int) -> tuple[int, int]:
        """First and past-the-end cell that the units ``first`` to ``last`` (inclusive) see together, padding included.

        >>> Field(size=6, jump=2, start=-2).span(0, 4)
        (-2, 12)
        """
        return self.start + first * self.jump, self.start + last * self.jump + self.size


def fields(network: Network) -> tuple[tuple[Field, ...], ...]:
    """The receptive field of the units after the input and after each layer: one Field an axis of the input.

    Behind linear and dense4d every unit sees the same cells: the whole input but what strides dropped at its end.

    >>> net = Network.parse("1x28x28: conv 6 5 pad 2, avgpool 2, conv 16 5, avgpool 2")
    >>> [f[0].size for f in fields(net)], fields(net)[-1][0]
    ([1, 5, 6, 14, 16], Field(size=16, jump=4, start=-2))
    """
    spatial = network.input_shape[1:]
    current = tuple(Field(1, 1, 0) for _ in spatial)
    found = [current]
    counts: Shape = spatial
    for layer, before, after in zip(network.layers, network.shapes, network.shapes[1:], strict=False):
        if isinstance(layer, (Conv, LocalConv, MaxPool, AvgPool)):
            current = tuple(
                Field(f.size + (axis.extent - 1) * f.jump, f.jump * axis.stride, f.start - axis.before * f.jump)
                for f, axis in zip(current, axes(layer, before), strict=True)
            )
        elif isinstance(layer, (Linear, Dense4d)):
            current = tuple(_union(f, n, size) for f, n, size in zip(current, counts, spatial, strict=True))
        if len(after) > 1:
            counts = after[1:]
        found.append(current)
    return tuple(found)


def _union(field: Field, units: int, size: int) -> Field:
    first, stop = field.span(0, units - 1)
    first, stop = max(first, 0), min(stop, size)
    return Field(stop - first, 0, first)


def stride(network: Network) -> tuple[int, ...]:
    """The stride of the network along each axis: the product of its strides.

    >>> stride(Network.parse("1x32x32: conv 6 5, maxpool 2, conv 16 5, maxpool 2"))
    (4, 4)
    """
    return tuple(f.jump for f in fields(network)[-1])


def halo(network: Network) -> tuple[tuple[int, int], ...]:
    """Cells (before, after) that a tile of input needs around itself, along each axis, to give the whole run's output.

    A tile of ``n`` output units covers ``n * stride`` input cells; unit 0 of the tile is aligned with its first cell.
    Raises NetworkError for a network that is not fully convolutional (its last units see the whole input).

    >>> halo(Network.parse("3x64x64: conv 8 5 pad 2, maxpool 2, conv 1 1"))
    ((2, 2), (2, 2))
    """
    if len(network.output_shape) == 1 or any(f.jump == 0 for f in fields(network)[-1]):
        raise NetworkError(
            "a halo needs a fully convolutional network: no flatten, linear or dense4d", line=str(network)
        )
    return tuple((max(0, -f.start), max(0, f.start + f.size - f.jump)) for f in fields(network)[-1])


def cells(network: Network, unit: tuple[int, ...], depth: int | None = None) -> tuple[tuple[int, ...], ...]:
    """Exactly the input cells that one unit sees: along each axis their sorted indices, holes and borders respected.

    Args:
        network: the network.
        unit: the unit's position along each spatial axis; its index where the output is flat.
        depth: after how many layers the unit stands; None: after the last.

    Returns:
        For each axis of the input the cells; the unit sees their Cartesian product, in every channel of its groups.

    Raises:
        NetworkError: there is no such unit.

    >>> cells(Network.parse("1x9: conv 1 2 dilation 3, maxpool 2"), (1,))
    ((2, 3, 5, 6),)
    """
    depth = len(network.layers) if depth is None else depth
    if not 0 <= depth <= len(network.layers):
        raise NetworkError(f"depth must be 0 to {len(network.layers)}, the number of layers, not {depth}")
    shape = network.shapes[depth]
    _check_unit(unit, shape)
    seen = _start(unit, shape)
    for i in range(depth - 1, -1, -1):
        seen = _through(network, i, seen)
    return tuple(tuple(sorted(axis)) for axis in seen)


def _check_unit(unit: tuple[int, ...], shape: Shape) -> None:
    bounds = shape[1:] or shape
    if len(unit) != len(bounds) or not all(0 <= u < n for u, n in zip(unit, bounds, strict=True)):
        raise NetworkError(f"there is no unit {unit} in an output of {'x'.join(map(str, shape))}")


def _start(unit: tuple[int, ...], shape: Shape) -> list[set[int]]:
    return [{u} for u in unit]


def _through(network: Network, i: int, seen: list[set[int]]) -> list[set[int]]:
    """From the cells of layer i's output to those of its input."""
    layer, before = network.layers[i], network.shapes[i]
    if isinstance(layer, (Conv, LocalConv, MaxPool, AvgPool)):
        return [
            {
                cell
                for position in positions
                for tap in range(axis.kernel)
                if 0 <= (cell := axis.first(position) + tap * axis.dilation) < axis.size
            }
            for positions, axis in zip(seen, axes(layer, before), strict=True)
        ]
    if isinstance(layer, (Linear, Dense4d)):
        return [set(range(n)) for n in (before[1:] or before)]
    if isinstance(layer, Flatten) and len(before) > 1:
        return _unflattened(seen[0], before)
    return seen


def _unflattened(features: set[int], shape: Shape) -> list[set[int]]:
    spatial = shape[1:]
    if len(features) == math.prod(shape):
        return [set(range(n)) for n in spatial]
    found: list[set[int]] = [set() for _ in spatial]
    for feature in features:
        for axis in range(len(spatial) - 1, -1, -1):
            found[axis].add(feature % spatial[axis])
            feature //= spatial[axis]
    return found
