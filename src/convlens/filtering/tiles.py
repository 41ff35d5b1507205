"""A large result in boxes: where they begin and end, and the cells that each is computed from, read from the disk."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.stored import Stored
from convlens.engine.borders import AWAY
from convlens.engine.layout import Three

from .plan import Box, Plan
from .transform import gathered

BLOCK = 24
"""Bytes of temporary numbers for each that a Fourier transform takes in."""


def cost(plan: Plan, size: Three, item: int) -> int:
    """Bytes that a box of so many results takes while it is made, from cells of so many bytes each."""
    kind = plan.kind.itemsize
    slide = zip(size, plan.slide.stride, (plan.slide.reach(axis) for axis in range(3)), strict=True)
    seen = math.prod((n - 1) * stride + 1 + reach for n, stride, reach in slide) * plan.cells[3]
    made = math.prod(size) * plan.cells[3]
    # what is read, the same with a border or in the type of the sums; sums, rounded ones, and cells to be written
    return seen * (2 * item + kind + (BLOCK if plan.way == "fft" else 0)) + made * (3 * kind + item)


def grid(plan: Plan, unit: Three, budget: int, item: int) -> list[Box]:
    """Boxes that make up a result, none of which takes more memory than it may, if that can be.

    Args:
        plan: what is computed.
        unit: results of whose multiples boxes begin: multiples of the plan's grain.
        budget: bytes that a box may take.
        item: bytes of a cell that is read.
    """
    size = [_first(n, step, plan.slide.reach(axis)) for axis, (n, step) in enumerate(zip(plan.out, unit, strict=True))]
    # what lies side by side in the file first
    for axis in (2, 1, 0):
        while size[axis] < plan.out[axis]:
            wider = size.copy()
            wider[axis] = min(plan.out[axis], 2 * size[axis])
            if cost(plan, (wider[0], wider[1], wider[2]), item) > budget:
                break
            size = wider
    spans = [[(at, min(at + n, end)) for at in range(0, end, n)] for n, end in zip(size, plan.out, strict=True)]
    return list(product(*spans))  # type: ignore[arg-type]


def _first(n: int, unit: int, reach: int) -> int:
    """Results of a box along an axis at least: twice as many as windows overlap, so that little is read twice."""
    return min(n, -(-max(1, 2 * reach) // unit) * unit)


def fetched(source: Stored, plan: Plan, box: Box) -> NDArray[Any]:
    """The cells (d, h, w, C) that a box is computed from, border included."""
    tables = plan.seen(box)
    cells = [np.unique(table[table != AWAY]) for table in tables]
    channels = source.shape[plan.axes] if len(source.shape) > plan.axes else 1
    block = np.empty((*(len(one) for one in cells), channels), source.dtype.newbyteorder("="))
    # one box of the source, or two along an axis that begins anew at its other end
    runs = [np.split(np.arange(len(one)), np.flatnonzero(np.diff(one) > 1) + 1) for one in cells]
    for run in product(*runs):
        to = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in run)
        at = [slice(int(where[one[0]]), int(where[one[-1]]) + 1) for where, one in zip(cells, run, strict=True)]
        found = source[(*at[3 - plan.axes :], *([slice(0, channels)] if len(source.shape) > plan.axes else []))]
        block[to] = np.asarray(found).reshape(block[to].shape)
    local = [
        np.where(table == AWAY, AWAY, np.searchsorted(one, table)) for table, one in zip(tables, cells, strict=True)
    ]
    inside = all(np.array_equal(table, np.arange(n)) for table, n in zip(local, block.shape[:3], strict=True))
    return block if inside else gathered(block, local)
