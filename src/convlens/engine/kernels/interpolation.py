"""Numbers between the pixels of a picture, linearly, at places that lie turned and shifted in it.

    x = a X + b Y + e, y = c X + d Y + f                        X, Y the places as they are listed
    x = min(|x|, max(2 last - |x|, 0)), the same for y          mirrored, and clipped beyond the mirror image
    result = ((1 - u) p + u q) (1 - v) + ((1 - u) r + u s) v    of the four pixels around: q right of p, r below p

Products are rounded before they are added, so every processor gives the same bits.
"""

from __future__ import annotations

from llvmlite import ir

from ..blueprint import blueprint
from ..builder import I32, I64, Kernel, Value
from ..target import Target


@blueprint
def interpolated(target: Target, channels: int, name: str) -> Kernel:
    """Write the kernel ``(source, x, y, how, result; width, height, count)``.

    Args:
        target: the processor.
        channels: planes of the source and of the result.
        name: the function's name.

    The source is (channels, height, width), the result (channels, count), a vector of places at least; ``how`` holds
    a, b, e and c, d, f.
    """
    k = Kernel(name, target, ("source", "x", "y", "how", "result"), ("width", "height", "count"))
    source, x, y, how, result, width, height, count = k.arguments
    wide = ir.VectorType(I64, k.lanes)
    # of a plane of a single column or row the neighbour is the pixel itself
    right = k.b.zext(k.b.icmp_signed(">", width, k.index(1)), I64)
    down = k.b.select(k.b.icmp_signed(">", height, k.index(1)), width, k.index(0))
    plane = k.b.mul(width, height)
    with k.loop(count, step=k.lanes) as turn:
        # where the places are no whole vectors, some of the last ones are read twice
        first = k.lesser(turn.index, k.b.sub(count, k.index(k.lanes)))
        listed = [k.load(places, first, aligned=False) for places in (x, y)]
        (column, across), (row, along) = (
            _inside(k, _turned(k, listed, how, 3 * axis), size) for axis, size in enumerate((width, height))
        )
        cells = k.b.add(k.b.mul(k.b.zext(row, wide), k.spread(width)), k.b.zext(column, wide))
        own = [k.b.extract_element(cells, k.lane(i)) for i in range(k.lanes)]
        with k.each(channels) as channel:
            start = k.at(source, k.times(channel, plane))
            p, q, r, s = (_gathered(k, start, own, step) for step in (0, right, down, k.b.add(right, down)))
            upper, lower = _mixed(k, p, q, across), _mixed(k, r, s, across)
            k.store(_mixed(k, upper, lower, along), result, k.times(channel, count), first, aligned=False)
    return k


def _turned(k: Kernel, listed: list[Value], how: Value, row: int) -> Value:
    """A row of the map ``how`` of listed places."""
    x, y = (k.b.fmul(k.splat(how, row + i), places) for i, places in enumerate(listed))
    return k.b.fadd(k.b.fadd(x, y), k.splat(how, row + 2))


def _inside(k: Kernel, places: Value, size: Value) -> tuple[Value, Value]:
    """The cells before places along an axis of ``size`` cells, and how far the places lie behind them."""
    b, last = k.b, k.b.sub(size, k.index(1))
    end = k.spread(b.sitofp(last, k.number))
    away = b.select(b.fcmp_ordered("<", places, k.zero()), b.fsub(k.zero(), places), places)
    image = b.fsub(b.fadd(end, end), away)
    # what is no number fails both comparisons: the first cell is read, and nothing outside
    image = b.select(b.fcmp_ordered(">", image, k.zero()), image, k.zero())
    inside = b.select(b.fcmp_ordered("<", away, image), away, image)
    cell = b.fptosi(inside, ir.VectorType(I32, k.lanes))
    most = k.spread(b.trunc(b.select(b.icmp_signed(">", last, k.index(0)), b.sub(last, k.index(1)), last), I32))
    cell = b.select(b.icmp_signed("<", cell, most), cell, most)
    return cell, b.fsub(inside, b.sitofp(cell, k.vector))


def _gathered(k: Kernel, start: Value, cells: list[Value], step: Value) -> Value:
    found = ir.Constant(k.vector, ir.Undefined)
    for lane, cell in enumerate(cells):
        found = k.b.insert_element(found, k.scalar(start, cell, step), k.lane(lane))
    return found


def _mixed(k: Kernel, a: Value, b: Value, share: Value) -> Value:
    return k.b.fadd(k.b.fmul(k.b.fsub(b, a), share), a)
