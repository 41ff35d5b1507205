"""What a window does as it slides: at each of its places the cells under it, the products, the sums, the output.

Sizes and places are ``convlens.network``'s, sums are ``convlens.filter``'s. Nothing here knows how it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convlens.engine.borders import AWAY, BORDERS, Border, cells
from convlens.network import Axis, Conv, Network, axes
from convlens.network.layers import Padding, Sizes, spell

from ..errors import FilterError
from ..gallery import Taps
from ..sliding import filter

Floats = NDArray[np.float64]
ALONE = Axis(1, 1)
"""The rows of a signal: it has one."""


@dataclass(frozen=True, eq=False)
class Step:
    """The window at one place.

    Args:
        index: how many places come before it, row by row.
        place: row and column of the output.
        rows, columns: of the padded input, on which the taps lie.
        window: (C, h, w) what lies there.
        products: (C, h, w) that times the taps.
        parts: (C,) their sums, each channel by itself, as ``convlens.filter`` has them.
    """

    index: int
    place: tuple[int, int]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    window: Floats
    products: Floats
    parts: Floats

    @property
    def running(self) -> Floats:
        """(C, h) of each channel the sum of the products, as far as to the end of each of the kernel's rows."""
        found: Floats = self.products.sum(axis=2).cumsum(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Scene:
    """A kernel, what it slides over, and what comes out; a signal is a picture of one row.

    Args:
        network: the layer that does the same, in a network of its own; it does not flip.
        cells: (C, H, W).
        padded: (C, H', W') with the border.
        real: (H', W') whether a cell is the input's, not the border's.
        given: (C, h, w) the kernel as it is written.
        parts: (C, H'', W'') each channel's sums.
        summed: whether the channels are added up to one output.
        flip: whether the kernel is turned around first.
        border: what lies outside.
    """

    network: Network
    cells: Floats
    padded: Floats
    real: NDArray[np.bool_]
    given: Floats
    parts: Floats
    summed: bool
    flip: bool
    border: Border

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """How the window slides down, and along the rows."""
        found = axes(cast(Conv, self.network.layers[0]), self.network.input_shape)
        return (ALONE, found[0]) if len(found) == 1 else (found[0], found[1])

    @property
    def signal(self) -> bool:
        """Whether it is one row."""
        return len(self.network.input_shape) == 2

    @cached_property
    def taps(self) -> Floats:
        """(C, h, w) the kernel as it slides."""
        return self.given[:, ::-1, ::-1] if self.flip else self.given

    @cached_property
    def outputs(self) -> Floats:
        """(O, H'', W'') what comes out: one plane where the channels are added, else one a channel."""
        return self.parts.sum(axis=0, keepdims=True) if self.summed else self.parts

    @property
    def places(self) -> int:
        """How many places the window has."""
        return math.prod(self.parts.shape[1:])

    def step(self, index: int) -> Step:
        """The window at one of its places, counted row by row."""
        row, column = divmod(index, self.parts.shape[2])
        rows, columns = (
            tuple(axis.first(at) + axis.before + tap * axis.dilation for tap in range(axis.kernel))
            for axis, at in zip(self.axes, (row, column), strict=True)
        )
        window = self.padded[:, rows][:, :, columns]
        return Step(index, (row, column), rows, columns, window, window * self.taps, self.parts[:, row, column])

    def reached(self) -> NDArray[np.bool_]:
        """(H', W') whether some window has a tap on a cell."""
        found = np.zeros(self.real.shape, bool)
        lines = []
        for axis in self.axes:
            taps = np.arange(axis.out)[:, None] * axis.stride + np.arange(axis.kernel) * axis.dilation
            lines.append(np.unique(taps))
        found[np.ix_(*lines)] = True
        return found


def scene(
    array: Floats,
    taps: Taps,
    pad: Padding | str = 0,
    stride: Sizes | str = 1,
    dilation: Sizes | str = 1,
    flip: bool = False,
    border: Border = "zero",
    summed: bool = False,
) -> Scene:
    """Lay out what a kernel does as it slides.

    Args:
        array: (C, W) a signal or (C, H, W) a picture.
        taps: as many axes as the array without its channels, or one more in front, for a plane a channel: these are
            added up.
        pad, stride, dilation: numbers, one an axis, or text as the notation has it: ``"1x2"``, ``"1+2"``, ``"same"``.
        flip: turn the kernel around, as the convolution of mathematics does.
        border: what stands in the padding.
        summed: add up the channels though the kernel has one plane.

    Raises:
        NetworkError: the kernel does not fit, or a size is none.
        FilterError: the kernel has other axes or channels than the array, or there is no such border.

    >>> found = scene(np.arange(9.0).reshape(1, 3, 3), np.array([[0.0, 1], [2, 3]]))
    >>> str(found.network), found.outputs[0].tolist()
    ('1x3x3: conv 1 2 nobias', [[19.0, 25.0], [37.0, 43.0]])
    >>> found.step(1).products[0].tolist(), found.step(1).running[0].tolist()
    ([[0.0, 2.0], [8.0, 15.0]], [2.0, 25.0])
    """
    channels, rank = len(array), array.ndim - 1
    planes = _planes(taps, channels, rank)
    summed = summed or taps.ndim > rank or channels == 1
    if border not in BORDERS or border == "valid":
        raise FilterError(f'there is no border "{border}" to pad with; choose one of {", ".join(BORDERS[:5])}')
    network = _network(array.shape, planes.shape[1:], pad, stride, dilation, 1 if summed else channels)
    layer = cast(Conv, network.layers[0])
    padded, real = array, np.ones((1, *array.shape[1:]))
    for n, axis in enumerate(axes(layer, array.shape), 1):
        places = np.arange(-axis.before, axis.size + axis.after)
        padded = _taken(padded, cells(places, axis.size, border), n)
        real = _taken(real, cells(places, axis.size, "zero"), n)
    parts = np.stack(
        [
            filter(plane, kernel, "valid", _each(layer.stride, rank), _each(layer.dilation, rank), flip)
            for plane, kernel in zip(padded, planes, strict=True)
        ]
    )
    if rank == 1:
        array, padded, real, parts, planes = (one[:, None] for one in (array, padded, real, parts, planes))
    return Scene(network, array, padded, real[0] > 0, planes, parts, summed, flip, border)


def _planes(taps: Taps, channels: int, rank: int) -> Floats:
    """The kernel, a plane a channel."""
    if not np.isfinite(taps).all():
        raise FilterError("the kernel holds NaN or infinite numbers; a tap is a number")
    if taps.ndim == rank:
        return np.repeat(taps[None], channels, axis=0).astype(np.float64)
    if taps.ndim != rank + 1:
        what = "a signal" if rank == 1 else "a picture"
        raise FilterError(f"a kernel of {taps.ndim} axes does not slide over {what}, which has {rank}")
    if len(taps) != channels:
        raise FilterError(
            f"the kernel has {len(taps)} planes, but the input {channels} channel{'s' * (channels > 1)}; "
            "give one plane for all, or a plane for each"
        )
    return taps.astype(np.float64)


def _network(
    shape: Sequence[int],
    kernel: Sequence[int],
    pad: Padding | str,
    stride: Sizes | str,
    dilation: Sizes | str,
    groups: int,
) -> Network:
    words = [f"conv {groups} {spell(tuple(kernel))}"]
    for name, value in (("pad", pad), ("stride", stride), ("dilation", dilation)):
        word = value if isinstance(value, str) else spell(value)
        if len(word.split()) != 1 or "," in word:
            raise FilterError(f'the {name} is a number, or one an axis such as 1x2, not "{word}"')
        words.append(f"{name} {word}")
    whole = Network.parse(f"{spell(tuple(shape))}: {' '.join(words)} groups {groups} nobias")
    return Network(whole.input_shape, tuple(layer.canonical(len(shape) - 1) for layer in whole.layers))


def _taken(array: Floats, places: NDArray[np.int64], axis: int) -> Floats:
    """The array with cells picked along one axis, zeros where there is none."""
    found = array.take(places.clip(0), axis=axis)
    away = (places == AWAY).reshape([-1 if n == axis else 1 for n in range(array.ndim)])
    return np.where(away, 0.0, found)


def _each(value: Any, rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value)
