"""How far the slopes of pictures agree with those of one picture, cell by cell of 2x2 samples, each a sample aside.

    x, y         right - left, below - above                          at each sample but the outermost
    energy       the sum of x x + y y over a cell
    strength     1 / sqrt(energy + quiet * (the mean energy of the cells that are not moved, by share) + noise)
    agreement    strength * (the sum of x X + y Y over a cell)        X, Y: the one picture's, times its own strength
    result       the sum over cells of share * (the largest agreement of nine: the cell where it is, and moved)

A vector holds as many cells of a row. What a row of them needs, four rows of slopes, is made anew from the samples, so
nothing but the result is written.
"""

from __future__ import annotations

from functools import reduce

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..target import Target

CELL = 2
"""Samples a side of a cell."""
ASIDE = 1
"""Samples by which a cell is moved, either way."""
SLOPES = CELL + 2 * ASIDE
"""Rows and columns of slopes that a cell is compared with."""
BORDER = 2 * (ASIDE + 1)
"""Samples by which a picture is larger than its cells: they are moved, and slopes have two sides."""


@blueprint
def agreeing(target: Target, size: tuple[int, int], name: str) -> Kernel:
    """Write the kernel ``(pictures, slopes, shares, quiet, result; count)``.

    Args:
        target: the processor; its lanes divide the columns of cells.
        size: rows and columns of cells.
        name: the function's name.

    ``pictures`` are (count, CELL * rows + BORDER, CELL * columns + BORDER), ``slopes`` the one picture's, times the
    strengths of its cells: (rows, CELL, CELL, 2, columns), a cell's samples and axes apart. ``shares`` are (rows,
    columns), ``quiet`` are two numbers: that, and the noise.
    """
    k = Kernel(name, target, ("pictures", "slopes", "shares", "quiet", "result"), ("count",))
    pictures, slopes, shares, quiet, result, count = k.arguments
    rows, columns = size
    height, width = (CELL * n + BORDER for n in size)
    parts = range(CELL)
    moved = range(2 * ASIDE + 1)

    def slopes_at(corner: Value, row: Index, column: Index, down: int, right: int) -> tuple[Value, Value]:
        """Of every cell of a vector the slopes at the sample so far from the first that it is compared with."""

        def samples(y: int, x: int) -> Value:
            return k.every(CELL, corner, (row, CELL * width), (column, CELL), (down + y) * width + right + x)

        return k.b.fsub(samples(1, 2), samples(1, 0)), k.b.fsub(samples(2, 1), samples(0, 1))

    def energy(x: Value, y: Value) -> Value:
        return k.fma(x, x, k.b.fmul(y, y))

    def total(values: list[Value]) -> Value:
        return reduce(k.b.fadd, values)

    def every_lane(vector: Value) -> Value:
        """The sum of a vector's lanes, from the first to the last."""
        return total([k.b.extract_element(vector, k.lane(n)) for n in range(k.lanes)])

    def most(corner: Value, row: Value, column: Value, least: Value) -> Value:
        """The largest agreement of every cell of a vector."""
        seen = {(y, x): slopes_at(corner, row, column, y, x) for y in range(SLOPES) for x in range(SLOPES)}
        energies = {at: energy(*own) for at, own in seen.items()}
        place = k.at(slopes, (row, CELL * CELL * 2 * columns), column)
        wanted = {
            (a, b): [k.load(place, ((a * CELL + b) * 2 + axis) * columns, aligned=False) for axis in range(2)]
            for a in parts
            for b in parts
        }
        best = None
        for down in moved:
            for right in moved:
                products = k.zero()
                for (a, b), axes in wanted.items():
                    for own, other in zip(seen[down + a, right + b], axes, strict=True):
                        products = k.fma(own, other, products)
                strength = k.sqrt(k.b.fadd(total([energies[down + a, right + b] for a, b in wanted]), least))
                agreement = k.b.fdiv(products, strength)
                best = agreement if best is None else k.maximum(best, agreement)
        return best

    with k.loop(count) as picture:
        corner = k.at(pictures, (picture.index, height * width))
        with k.loop(rows, [k.zero()]) as row:
            for first in range(0, columns, k.lanes):
                own = [energy(*slopes_at(corner, row.index, first, ASIDE + a, ASIDE + b)) for a in parts for b in parts]
                share = k.load(shares, (row.index, columns), first, aligned=False)
                row.next[0] = k.fma(share, total(own), row.next[0])
        mean = k.spread(every_lane(row.out[0]))
        least = k.fma(mean, k.splat(quiet), k.splat(quiet, 1))
        with k.loop(rows, [k.zero()]) as row:
            with k.loop(columns, row.values, step=k.lanes) as column:
                best = most(corner, row.index, column.index, least)
                share = k.load(shares, (row.index, columns), column.index, aligned=False)
                column.next = [k.fma(share, best, column.values[0])]
            row.next = column.out
        k.b.store(every_lane(row.out[0]), k.at(result, picture.index), align=k.bytes)
    return k
