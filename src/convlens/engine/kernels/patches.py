"""Patches cut out of maps, every so many numbers along rows and columns, and weighed.

    v = weight * number                                     of every plane
    v - weight * (sum of weight * v) / (sum of weight^2)    of the last planes: what their weighted mean leaves

A patch's numbers are added in the same order wherever it lies.
"""

from __future__ import annotations

from functools import reduce

from ..blueprint import blueprint
from ..builder import I64, Kernel, Value
from ..target import Target


@blueprint
def cut(target: Target, size: tuple[int, int], step: int, name: str) -> Kernel:
    """Write the kernel ``(source, starts, weights, result; count, channels, plain, plane, pitch)``.

    Args:
        target: the processor; its lanes divide the columns of a patch.
        size: rows and columns of a patch.
        step: between its numbers along both axes.
        name: the function's name.

    ``starts`` are 64-bit whole numbers: where in the source the first number of each of ``count`` patches lies. Planes
    of the source are ``plane`` numbers apart, rows ``pitch``; the result is (count, channels, *size). The first
    ``plain`` planes keep their mean. Behind the weights stands 1 / (the sum of their squares).
    """
    counts = "count", "channels", "plain", "plane", "pitch"
    k = Kernel(name, target, ("source", "starts", "weights", "result"), counts)
    source, starts, weights, result, count, channels, plain, plane, pitch = k.arguments
    rows, columns = size
    area = rows * columns
    share = k.splat(weights, area)
    with k.loop(count) as patch:
        start = k.at(source, k.entry(k.b.bitcast(starts, I64.as_pointer()), patch.index))
        into = k.at(result, (k.times(patch.index, channels), area))

        def weighed(channel: Value, total: Value | None, start: Value = start, into: Value = into) -> Value | None:
            """Write a plane; add its numbers, times the weights, to the lanes of ``total``."""
            first, place = k.at(start, (channel, plane)), k.at(into, (channel, area))
            with k.loop(rows, [] if total is None else [total]) as row:
                line, own = k.at(first, (k.times(row.index, step), pitch)), k.times(row.index, columns)
                for at in range(0, columns, k.lanes):
                    weight = k.load(weights, own, at, aligned=False)
                    value = k.b.fmul(k.every(step, line, at * step), weight)
                    k.store(value, place, own, at, aligned=False)
                    row.next = [k.b.fadd(sum_, k.b.fmul(value, weight)) for sum_ in row.next]
            return row.out[0] if row.out else None

        with k.loop(plain, maybe_empty=True) as channel:
            weighed(channel.index, None)
        with k.loop(channels, start=plain, maybe_empty=True) as channel:
            total = weighed(channel.index, k.zero())
            every = reduce(k.b.fadd, [k.b.extract_element(total, k.lane(n)) for n in range(k.lanes)])
            less = k.b.fmul(k.spread(every), share)
            place = k.at(into, (channel.index, area))
            with k.loop(area, step=k.lanes) as at:
                weight = k.load(weights, at.index, aligned=False)
                value = k.b.fsub(k.load(place, at.index, aligned=False), k.b.fmul(less, weight))
                k.store(value, place, at.index, aligned=False)
    return k
