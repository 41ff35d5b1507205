"""``filter`` of a Dask array: a Dask array, of which nothing is computed until it is asked for, wherever that is.

Chunks see exactly the neighbours that the kernel needs. Where a plan works on blocks, chunks are cut where these are,
so that the result is NumPy's to the bit.
"""

from __future__ import annotations

from importlib import import_module
from itertools import accumulate, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.engine.borders import AWAY, Border
from convlens.engine.kernels.spectral import ROWS

from .errors import FilterError
from .plan import BeyondError, Box, Plan, Span, Steps, of_real_numbers
from .transform import gathered

da: Any = import_module("dask.array")


def filter_lazily(
    array: Any, kernel: str | ArrayLike, border: Border, stride: Steps, dilation: Steps, flip: bool
) -> Any:
    """What ``filter`` makes of a Dask array.

    With a stride of 1 and a border this is ``dask.array.map_overlap``; else every chunk of the result is computed from
    the part of the array that it sees. Chunks are joined where the plan needs it: along rows for wide kernels.

    Raises:
        FilterError: an argument cannot be, or the array's shape is not known yet.
    """
    of_real_numbers(array.dtype)
    if any(np.isnan(n) for n in array.shape):
        raise FilterError("the array's shape is not known yet; call its compute_chunk_sizes() first")
    if not array.ndim or not array.size:
        raise FilterError(f"the array must hold cells, but its shape is {array.shape}")
    plan = Plan.of(tuple(int(n) for n in array.shape), array.dtype, kernel, border, stride, dilation, flip)
    if plan.slide.stride == (1, 1, 1) and border != "valid":
        return _overlapping(array, plan)
    return _cut_out(array, plan)


def _cuts(plan: Plan, chunks: tuple[tuple[int, ...], ...], least: tuple[int, ...]) -> list[list[Span]]:
    """Where chunks of the result begin and end: about where the array's do, at multiples of the grain."""
    found: list[list[Span]] = [[(0, 1)] for _ in range(3 - plan.axes)]
    for axis in range(3 - plan.axes, 3):
        n, grain, stride = plan.out[axis], plan.grain[axis], plan.slide.stride[axis]
        ends, last = [0], n
        for place in accumulate(chunks[axis - 3 + plan.axes]):
            end = -(-place // stride) // grain * grain
            if end - ends[-1] >= max(1, least[axis]) and last - end >= least[axis] and end < last:
                ends.append(end)
        found.append(list(zip(ends, [*ends[1:], n], strict=True)))
    return found


def _overlapping(array: Any, plan: Plan) -> Any:
    before = [plan.slide.before(axis) for axis in range(3)]
    after = [plan.slide.reach(axis) - plan.slide.before(axis) for axis in range(3)]
    if plan.way == "columns" and plan.slide.border == "wrap":
        # the last block of rows may reach further around
        after[1] += -plan.out[1] % (ROWS + 1 - plan.slide.kernel[1])
    # a chunk's border is mirrored from its own cells, and its neighbours see no further than it
    least = tuple(max(b, a) + 1 for b, a in zip(before, after, strict=True))
    cuts = _cuts(plan, array.chunks, least)
    own = range(3 - plan.axes, 3)
    sizes = [tuple(stop - start for start, stop in cuts[axis]) for axis in own]
    array = array.rechunk((*sizes, *((n,) for n in plan.shape[plan.axes :])))
    depth: dict[int, Any] = {}
    boundary: dict[int, Any] = {}
    for at, axis in enumerate(own):
        around = plan.slide.border == "wrap" and len(cuts[axis]) > 1
        # Dask wants both sides alike where an array begins anew at its other end
        both = max(before[axis], after[axis])
        depth[at] = 0 if len(cuts[axis]) == 1 else both if around else (before[axis], after[axis])
        boundary[at] = "periodic" if around else "none"
    if len(plan.shape) > plan.axes:
        depth[plan.axes], boundary[plan.axes] = 0, "none"
    return da.map_overlap(
        _chunk,
        array,
        depth=depth,
        boundary=boundary,
        trim=False,
        allow_rechunk=False,
        dtype=plan.dtype,
        meta=np.empty((0,) * array.ndim, plan.dtype),
        chunks=array.chunks,
        plan=plan,
        cuts=cuts,
        depths=[0] * (3 - plan.axes) + [depth[at] for at in range(plan.axes)],
    )


def _chunk(
    block: NDArray[Any], plan: Plan, cuts: list[list[Span]], depths: list[Any], block_info: Any = None
) -> NDArray[Any]:
    """A chunk of the result from that of the array with its neighbours' sides."""
    place = (0,) * (3 - plan.axes) + tuple(block_info[0]["chunk-location"])[: plan.axes]
    box = tuple(cuts[axis][place[axis]] for axis in range(3))
    local = []
    for axis, table in enumerate(plan.seen((box[0], box[1], box[2]))):
        start, depth = box[axis][0], depths[axis]
        if isinstance(depth, int) and depth:
            # begun anew at the other end already
            local.append(np.arange(len(table)) + depth - plan.slide.before(axis))
        else:
            low = max(0, start - depth[0]) if depth else 0
            local.append(np.where(table == AWAY, AWAY, table - low))
    return _made(block, plan, (box[0], box[1], box[2]), local)


def _made(block: NDArray[Any], plan: Plan, box: Box, local: list[NDArray[np.int64]]) -> NDArray[Any]:
    channels = block.shape[plan.axes] if block.ndim > plan.axes else 1
    own = np.asarray(block).reshape((*(1,) * (3 - plan.axes), *block.shape[: plan.axes], channels))
    seen = gathered(own, local)
    try:
        return plan.part(seen, box)
    except BeyondError:
        return plan.plainly.part(gathered(own, _plain(plan, box, local)), box)


def _plain(plan: Plan, box: Box, local: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The tables without the rows that only whole blocks see."""
    return [table[: len(seen)] for table, seen in zip(local, plan.plainly.seen(box), strict=True)]


def _cut_out(array: Any, plan: Plan) -> Any:
    """Every chunk of the result from the part of the array that it sees."""
    cuts = _cuts(plan, array.chunks, (1, 1, 1))
    own = range(3 - plan.axes, 3)
    parts = np.empty([len(cuts[axis]) for axis in own], object)
    for place in product(*(range(len(cuts[axis])) for axis in own)):
        spans = [cuts[axis][at] for axis, at in zip(own, place, strict=True)]
        whole: list[Span] = [(0, 1)] * (3 - plan.axes) + spans
        parts[place] = _part(array, plan, (whole[0], whole[1], whole[2]))
    return da.block(parts.tolist() if len(plan.shape) == plan.axes else _nested(parts.tolist()))


def _nested(parts: Any) -> Any:
    """One level more, for channels, which are not parted."""
    return [_nested(part) for part in parts] if isinstance(parts, list) else [parts]


def _part(array: Any, plan: Plan, box: Box) -> Any:
    local = []
    for axis, table in enumerate(plan.seen(box)):
        cells = np.unique(table[table != AWAY])
        local.append(np.where(table == AWAY, AWAY, np.searchsorted(cells, table)))
        if axis < 3 - plan.axes:
            continue
        at = axis - 3 + plan.axes
        runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1)
        pieces = [array[(slice(None),) * at + (slice(int(run[0]), int(run[-1]) + 1),)] for run in runs]
        array = da.concatenate(pieces, at) if len(pieces) > 1 else pieces[0]
    return array.rechunk(-1).map_blocks(
        _made,
        plan,
        box,
        local,
        dtype=plan.dtype,
        chunks=plan.part_shape(box),
        meta=np.empty((0,) * array.ndim, plan.dtype),
    )
