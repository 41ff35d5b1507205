"""Back through pool and activation: from the gradient of what a layer stored to that of its sums, and of its bias.

gradient of a cell = upstream of its window * activation's slope     max: only where the maximum was taken
                                                                     avg: divided by the cells of the window
"""

from __future__ import annotations

from itertools import product

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..target import Target
from .activation import Activation, slope
from .convolution import Pool
from .normalisation import summed


@blueprint
def through(
    target: Target,
    filters: int,
    activation: Activation,
    pool: Pool | None,
    result: Layout,
    stored: Layout,
    kept: Layout,
    gradient: Layout,
    name: str,
    *,
    shared: bool = True,
) -> Kernel:
    """Write the kernel ``(upstream, stored, kept, where, gradient, bias)``.

    Args:
        target: the processor.
        filters: feature maps.
        activation: of the layer.
        pool: behind it, or None.
        result: the layout of ``upstream``, without borders.
        stored: of what the layer stored, perhaps with the borders of the next layer.
        kept: of the activations before an average pool.
        gradient: of the sums' gradient, without borders; cells that no window holds are left alone.
        name: the function's name.
        shared: whether all positions of a feature map share a bias; if not, ``bias`` is left alone.
    """
    k = Kernel(name, target, ("upstream", "stored", "kept", "where", "gradient", "bias"))
    depth, height, width = result.size
    with k.each(filters) as o:
        total = k.load(k.arguments[5], (o, k.lanes)) if shared else k.zero()
        with k.loop(depth, [total]) as z, k.loop(height, z.values) as y, k.loop(width, y.values) as x:
            at = (o, z.index, y.index, x.index)
            upstream = k.load(k.arguments[0], *_cell(result, at))
            values = _window(k, activation, pool, stored, kept, at, upstream)
            sum_ = x.values[0]
            for place, value in zip(_places(pool), values, strict=True):
                k.store(value, k.arguments[4], *_cell(gradient, at, pool.window if pool else (1, 1, 1), place))
                sum_ = k.b.fadd(sum_, value)
            x.next = [sum_]
            y.next = x.next
            z.next = x.next
        if shared:
            k.store(z.out[0], k.arguments[5], (o, k.lanes))
    return k


@blueprint
def totals(target: Target, filters: int, result: Layout, name: str) -> Kernel:
    """Write the kernel ``(upstream, bias)``: the gradient of a bias that nothing lies behind.

    Args:
        target: the processor.
        filters: feature maps.
        result: the layout of ``upstream``, without borders.
        name: the function's name.
    """
    k = Kernel(name, target, ("upstream", "bias"))
    with k.each(filters) as o:
        source = k.at(k.arguments[0], (o, result.channel))
        start = k.load(k.arguments[1], (o, k.lanes))
        (total,) = summed(k, result.cells, [start], lambda at: [k.load(source, at)])
        k.store(total, k.arguments[1], (o, k.lanes))
    return k


def _places(pool: Pool | None) -> list[tuple[int, int, int]]:
    depth, height, width = pool.window if pool else (1, 1, 1)
    return list(product(range(depth), range(height), range(width)))


def _cell(
    layout: Layout,
    at: tuple[Index, Index, Index, Index],
    scale: tuple[int, int, int] = (1, 1, 1),
    place: tuple[int, int, int] = (0, 0, 0),
) -> list[tuple[Index, int] | Index]:
    inside = sum(p * s for p, s in zip(place, layout.strides, strict=True))
    moved = [(index, n * s) for index, n, s in zip(at[1:], scale, layout.strides, strict=True)]
    return [layout.origin + inside, (at[0], layout.channel), *moved]


def _window(
    k: Kernel,
    activation: Activation,
    pool: Pool | None,
    stored: Layout,
    kept: Layout,
    at: tuple[Index, Index, Index, Index],
    upstream: Value,
) -> list[Value]:
    """The gradient of every cell of one window."""
    if pool is None:
        return [slope(k, activation, k.load(k.arguments[1], *_cell(stored, at)), upstream)]
    if pool.kind == "avg":
        share = k.b.fmul(upstream, k.constant(1.0 / pool.cells))
        return [
            slope(k, activation, k.load(k.arguments[2], *_cell(kept, at, pool.window, place)), share)
            if activation
            else share
            for place in _places(pool)
        ]
    # behind relu the place already says where nothing flows
    if activation in ("sigmoid", "tanh"):
        upstream = slope(k, activation, k.load(k.arguments[1], *_cell(stored, at)), upstream)
    where = k.load(k.arguments[3], *_cell(stored, at))
    return [
        k.b.select(k.b.fcmp_ordered("==", where, k.constant(float(i))), upstream, k.zero()) for i in range(pool.cells)
    ]
