"""Which output cells an input cell belongs to: the taps of a window, looked at from its input.

Along one axis output ``o`` reads input ``o * stride - before + tap * dilation``. Looked at from the input, a cell has
between none and all taps; borders, strides and dilation are settled here, while a kernel is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from convlens.network import Axis

from .layout import Layout, Window

Pairs = tuple[tuple[int, int], ...]


def backward(axis: Axis, cell: int) -> Pairs:
    """The (tap, output) pairs through which input ``cell`` is read.

    >>> backward(Axis(size=5, kernel=3, before=1, after=1), 0)
    ((0, 1), (1, 0))
    """
    found = []
    for tap in range(axis.kernel):
        output, rest = divmod(cell + axis.before - tap * axis.dilation, axis.stride)
        if rest == 0 and 0 <= output < axis.out:
            found.append((tap, output))
    return tuple(found)


def forward_taps(axis: Axis, position: int) -> Pairs:
    """The (tap, input) pairs that the window at ``position`` reads; taps on padding are left out.

    >>> forward_taps(Axis(size=5, kernel=3, before=1, after=1), 0)
    ((1, 0), (2, 1))
    """
    first = axis.first(position)
    cells = ((tap, first + tap * axis.dilation) for tap in range(axis.kernel))
    return tuple((tap, cell) for tap, cell in cells if 0 <= cell < axis.size)


@dataclass(frozen=True)
class Rows:
    """For every input row (depth and height together) the kernel rows and output rows that meet in it.

    ``starts`` has one entry more than there are rows; row r's pairs are ``starts[r]`` to ``starts[r + 1]`` of
    ``weights`` (floats from the start of a kernel) and ``outputs`` (floats from the start of a feature map).
    """

    starts: tuple[int, ...]
    weights: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def of(cls, window: Window, gradient: Layout) -> Rows:
        """The table for a window, with output rows as they lie in ``gradient``."""
        depth, height, width = window.axes
        starts, weights, outputs = [0], [], []
        for d, h in product(range(depth.size), range(height.size)):
            for (kd, od), (kh, oh) in product(backward(depth, d), backward(height, h)):
                weights.append((kd * height.kernel + kh) * width.kernel)
                outputs.append(od * gradient.strides[0] + oh * gradient.strides[1])
            starts.append(len(weights))
        return cls(tuple(starts), tuple(weights), tuple(outputs))


@dataclass(frozen=True)
class Run:
    """Equal tiles of columns, one after another.

    ``pairs`` holds for each column of the first tile its (tap, other) pairs, other being the output or input cell that
    it meets; that moves on by ``step`` with every tile.
    """

    first: int
    columns: int
    times: int
    pairs: tuple[Pairs, ...]
    step: int


def runs(axis: Axis, columns: int) -> list[Run]:
    """Cover the input cells of an axis with tiles of ``columns`` cells, each with the outputs that read it.

    >>> [(run.first, run.columns, run.times) for run in runs(Axis(20, 3, before=1, after=1), 4)]
    [(0, 4, 1), (4, 4, 3), (16, 4, 1)]
    """
    every = [backward(axis, cell) for cell in range(axis.size)]
    return cover(every, columns, lambda count: count // axis.stride if count % axis.stride == 0 else None)


def cover(every: list[Pairs], columns: int, step: Callable[[int], int | None]) -> list[Run]:
    """Cover positions with tiles of ``columns``; neighbours that differ by a shift alone become one run.

    Args:
        every: the (tap, other) pairs of each position.
        columns: positions of a tile.
        step: by how much ``other`` moves over so many positions; None where that is no whole number.
    """
    found: list[Run] = []
    for first in range(0, len(every), columns):
        pairs = tuple(every[first : first + columns])
        count, last = len(pairs), found[-1] if found else None
        moved_by = step(count)
        if last is not None and last.columns == count and moved_by is not None:
            far = moved_by * last.times
            if pairs == tuple(tuple((tap, other + far) for tap, other in column) for column in last.pairs):
                found[-1] = Run(last.first, count, last.times + 1, last.pairs, moved_by)
                continue
        found.append(Run(first, count, 1, pairs, 0))
    return found
