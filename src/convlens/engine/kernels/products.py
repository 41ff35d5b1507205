"""Vectors times a matrix whose columns lie in panels: every sum is taken in the order of the inputs, by itself.

    result[n, o] = sum over i of vectors[n, i] * panels[o / width][i][o % width]

A panel, of two vectors' columns, is read once for a tile of rows, whose sums stay in registers. A last tile or panel
overlaps the one before it, so a row has the same bits among whichever others.
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..target import Target

VECTORS = 2
"""Vectors of a panel: with one, as many numbers would be read of the rows as are multiplied."""
TILES = 10
"""Tiles that a panel is kept for: their rows, and the panel, stay in a second-level cache."""


def width(target: Target) -> int:
    """Columns of a panel."""
    return VECTORS * target.lanes


def tall(target: Target) -> int:
    """Rows of a tile: all registers but for those of the panel's vectors, one splat, and some to spare."""
    return (target.registers - target.spare - VECTORS - 1) // VECTORS


@blueprint
def product(target: Target, inputs: int, name: str) -> Kernel:
    """Write the kernel ``(vectors, panels, result; count, outputs)``.

    Args:
        target: the processor.
        inputs: numbers of a vector.
        name: the function's name.

    ``vectors`` are (count, inputs), ``result`` (count, outputs), at least a panel's columns. Panel p holds the columns
    from p times its width on, the last one those up to the last column.
    """
    k = Kernel(name, target, ("vectors", "panels", "result"), ("count", "outputs"))
    vectors, panels, result, count, outputs = k.arguments
    wide, most = width(target), tall(target)

    def tile(first: Index, panel: Value, column: Value, high: int) -> None:
        rows = k.at(vectors, (first, inputs))
        with k.loop(inputs, [k.zero()] * (high * VECTORS)) as i:
            k.barrier()
            weights = [k.load(panel, (i.index, wide), v * k.lanes, aligned=False) for v in range(VECTORS)]
            for row in range(high):
                number = k.splat(rows, i.index, row * inputs)
                for v, weight in enumerate(weights):
                    n = row * VECTORS + v
                    i.next[n] = k.fma(number, weight, i.values[n])
        place = k.at(result, (first, outputs), column)
        for n, total in enumerate(i.out):
            k.store(total, place, (outputs, n // VECTORS), n % VECTORS * k.lanes, aligned=False)

    def tiles(start: Index, stop: Index, high: int) -> None:
        """All panels for some rows."""
        with k.loop(outputs, start=0, step=wide) as at:
            column = k.lesser(at.index, k.b.sub(outputs, k.index(wide)))
            panel = k.at(panels, (at.index, inputs))
            with k.loop(stop, start=start, step=high) as row:
                tile(k.lesser(row.index, k.b.sub(count, k.index(high))), panel, column, high)

    few = k.b.icmp_signed("<", count, k.index(most))
    with k.b.if_else(few) as (then, otherwise):
        with then:
            tiles(0, count, 1)
        with otherwise, k.loop(count, step=TILES * most) as block:
            tiles(block.index, k.lesser(k.add(block.index, TILES * most), count), most)
    return k
