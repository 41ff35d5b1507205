"""Which output cells an input cell belongs to: the taps of a window, looked at from its input.

Along one axis output ``o`` reads input ``o * stride - before + tap * dilation``. Looked at from the input, a cell has
between none and all taps; borders, strides and dilation are settled here, while a kernel is written.
"""

from __future__ import annotations

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

    ``pairs`` holds for each column of a tile its (tap, output) pairs; the outputs count from ``output`` in the first
    tile and move on by ``step`` with every tile.
    """

    first: int
    columns: int
    times: int
    pairs: tuple[Pairs, ...]
    step: int


def runs(axis: Axis, columns: int) -> list[Run]:
    """Cover an axis with tiles of ``columns``; neighbours that differ by a shift alone become one run.

    >>> [(run.first, run.columns, run.times) for run in runs(Axis(12, 3, before=1, after=1), 4)]
    [(0, 4, 1), (4, 4, 1), (8, 4, 1)]
    """
    found: list[Run] = []
    for first in range(0, axis.size, columns):
        count = min(columns, axis.size - first)
        pairs = tuple(backward(axis, first + i) for i in range(count))
        last = found[-1] if found else None
        if last is not None and last.columns == count and count % axis.stride == 0:
            step = count // axis.stride
            moved = tuple(tuple((tap, out + step * last.times) for tap, out in column) for column in last.pairs)
            if moved == pairs:
                found[-1] = Run(last.first, count, last.times + 1, last.pairs, step)
                continue
        found.append(Run(first, count, 1, pairs, 0))
    return found
