"""The positions of a sliding window, one after another, and what lies under each: the only place that slides.

Knows the arithmetic of ``network.sizes.Axis`` and nothing of weights; every layer with a window asks here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from convlens.network import Axis

Index = tuple[int, ...]


def windows(axes: Sequence[Axis]) -> Iterator[tuple[Index, list[tuple[Index, Index]]]]:
    """Slide a window and yield, for each position, the pairs (tap, cell) that fall on real input cells.

    Tap t of the window at position p lies on cell ``p * stride - before + t * dilation`` along each axis. Taps that
    fall on padding are not yielded: padding contributes nothing, whatever the weight there is.

    Args:
        axes: one Axis a spatial axis.

    Yields:
        The position and its pairs, both in scan order (the last axis runs fastest).

    >>> for position, seen in windows([Axis(size=3, kernel=2, stride=2, before=1)]):
    ...     print(position, seen)
    (0,) [((1,), (0,))]
    (1,) [((0,), (1,)), ((1,), (2,))]
    """
    along = [[_taps_and_cells(axis, p) for p in range(axis.out)] for axis in axes]
    for position in np.ndindex(*(axis.out for axis in axes)):
        here = [reached[p] for reached, p in zip(along, position, strict=True)]
        taps, cells = product(*(taps for taps, _ in here)), product(*(cells for _, cells in here))
        yield position, list(zip(taps, cells, strict=True))


def _taps_and_cells(axis: Axis, position: int) -> tuple[list[int], list[int]]:
    """Along one axis: the taps of the window that fall on real cells, and those cells."""
    taps, cells = [], []
    for tap in range(axis.kernel):
        cell = axis.first(position) + tap * axis.dilation
        if 0 <= cell < axis.size:
            taps.append(tap)
            cells.append(cell)
    return taps, cells
