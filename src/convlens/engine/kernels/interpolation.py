"""Numbers between the pixels of a picture, linearly, at places that lie turned and shifted in it.

    x = a X + b Y + e, y = c X + d Y + f                        X, Y the places as they are listed
    x = min(|x|, max(2 last - |x|, 0)), the same for y          mirrored, and clipped beyond the mirror image
    result = ((1 - u) p + u q) (1 - v) + ((1 - u) r + u s) v    of the four pixels around: q right of p, r below p

Products are rounded before they are added, so every processor gives the same bits.
"""

from __future__ import annotations

from itertools import product

from llvmlite import ir

from ..blueprint import blueprint
from ..builder import I32, I64, Index, Kernel, Value
from ..target import Target

AHEAD = 192
"""Places by which cells are asked for before they are read: of a turned piece no processor guesses its next lines."""

SOURCE = ("address", "width", "height", "line", "plane")
"""What is told of a picture: where it lies, its size, and how many numbers lie between two rows and two channels."""


@blueprint
def interpolated(target: Target, channels: int, name: str, *, covers: bool) -> Kernel:
    """Write the kernel ``(sources, x, y, how, result; count, pictures)``.

    Args:
        target: the processor.
        channels: planes of the source and of the result.
        name: the function's name.
        covers: whether the last plane is 0 outside, and not mirrored.

    ``sources`` are 64-bit whole numbers, of each picture those of ``SOURCE``; a row of one number has another behind.
    Of each picture the result is (channels, count), a vector of places at least; ``how`` holds a, b, e and c, d, f.
    """
    k = Kernel(name, target, ("sources", "x", "y", "how", "result"), ("count", "pictures"))
    sources, x, y, how, result, count, pictures = k.arguments
    records = k.b.bitcast(sources, I64.as_pointer())
    with k.loop(pictures) as picture:
        told = [k.entry(records, k.offset((picture.index, len(SOURCE)), i)) for i in range(len(SOURCE))]
        own = k.at(how, (picture.index, 6)), k.at(result, k.times(k.times(picture.index, channels), count))
        _picture(k, channels, told, (x, y), *own, count, covers=covers)
    return k


def _picture(
    k: Kernel,
    channels: int,
    told: list[Value],
    at: tuple[Value, Value],
    how: Value,
    result: Value,
    count: Value,
    *,
    covers: bool,
) -> None:
    """Read one picture, of which ``SOURCE`` is told."""
    address, width, height, line, plane = told
    source = k.b.inttoptr(address, k.number.as_pointer())
    wide = ir.VectorType(I64, k.lanes)
    # of a plane of a single row the neighbour is the pixel itself
    down = k.b.select(k.b.icmp_signed(">", height, k.index(1)), line, k.index(0))
    last = k.b.sub(count, k.index(k.lanes))

    def seen(first: Index) -> tuple[Value, list[Value], list[Value]]:
        """The cells before the places from ``first`` on; along each axis how far these lie behind, and if inside."""
        listed = [k.load(places, first, aligned=False) for places in at]
        (column, across, left), (row, along, below) = (
            _inside(k, _turned(k, listed, how, 3 * axis), size) for axis, size in enumerate((width, height))
        )
        cells = k.b.add(k.b.mul(k.b.zext(row, wide), k.spread(line)), k.b.zext(column, wide))
        return cells, [across, along], [left, below]

    # where the places are no whole vectors, some of the last ones are read twice
    with k.vectors(count) as first:
        coming, _, _ = seen(k.lesser(k.add(first, AHEAD), last))
        # of two neighbours one: on a steep line each lies in a cache line of its own
        for lane, channel in product(range(0, k.lanes, 2), range(channels)):
            k.prefetch(source, k.b.extract_element(coming, k.lane(lane)), k.times(channel, plane))
        cells, (across, along), inside = seen(first)
        own = [k.b.extract_element(cells, k.lane(i)) for i in range(k.lanes)]

        def read(channel: Index) -> Value:
            start = k.at(source, k.times(channel, plane))
            (p, q), (r, s) = (_pairs(k, start, own, step) for step in (0, down))
            return _mixed(k, _mixed(k, p, q, across), _mixed(k, r, s, across), along)

        mirrored = channels - 1 if covers else channels
        if mirrored:
            with k.each(mirrored) as channel:
                k.store(read(channel), result, k.times(channel, count), first, aligned=False)
        if covers:
            cover = k.b.select(k.b.and_(*inside), read(mirrored), k.zero())
            k.store(cover, result, k.times(mirrored, count), first, aligned=False)


def _turned(k: Kernel, listed: list[Value], how: Value, row: int) -> Value:
    """A row of the map ``how`` of listed places."""
    x, y = (k.b.fmul(k.splat(how, row + i), places) for i, places in enumerate(listed))
    return k.b.fadd(k.b.fadd(x, y), k.splat(how, row + 2))


def _inside(k: Kernel, places: Value, size: Value) -> tuple[Value, Value, Value]:
    """The cells before places along an axis of ``size`` cells, how far these lie behind them, and whether inside."""
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
    within = b.and_(b.fcmp_ordered(">=", places, k.zero()), b.fcmp_ordered("<=", places, end))
    return cell, b.fsub(inside, b.sitofp(cell, k.vector)), within


def _pairs(k: Kernel, start: Value, cells: list[Value], step: Value) -> tuple[Value, Value]:
    """The numbers at some cells, a step on, and those behind them: read two at a time, then sorted."""
    pair = ir.VectorType(k.number, 2).as_pointer()
    every = k.joined([k.b.load(k.b.bitcast(k.at(start, cell, step), pair), align=k.bytes) for cell in cells])
    first, second = (k.pick([every], [(0, lane) for lane in range(odd, 2 * k.lanes, 2)]) for odd in (0, 1))
    return first, second


def _mixed(k: Kernel, a: Value, b: Value, share: Value) -> Value:
    return k.b.fadd(k.b.fmul(k.b.fsub(b, a), share), a)
