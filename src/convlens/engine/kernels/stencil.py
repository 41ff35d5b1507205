"""One kernel slid over a picture as it lies, its channels beside each other: the lanes of a vector along a row.

A row of columns x channels numbers is one line of cells in which a tap's neighbour is ``step`` cells on, so colours
need not be taken apart. The loops it stands for:

    for each strip of columns, each band of rows below each other in it:
      fetch   the rows that the band sees and the last one did not, as floats, with the border   -> panel
      for each tile of rows and vectors of columns:
        total[r, v] = sum over depth, rows i, taps j of weight[d, i, j] * panel[d, r + i, v + j * step]
        store total, rounded and clipped if cells are whole numbers

A panel stays in the second-level cache, so every cell is read from memory and converted once, whatever the kernel's
size, and no padded copy of the picture is ever made: what lies outside is looked up row by row and cell by cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Three
from ..target import Target
from ..tiles import cycles, fits
from .convolution import outer
from .panel import COUNTS, POINTERS, Panel

READS = 2.0
"""Loads that a vector of the panel costs, see ``rows.READS``."""
MOST_ROWS = 4
"""Rows of sums in a tile at most: more save few loads, and the first and last rows of a kernel few rows share."""
UNROLLED = 16
"""Taps of a kernel's row that are written out; of more, eight at a time are, in a running loop."""
TURN = 8
STRIP, NARROWEST = 4096, 512
"""Cells of a strip, at most and at least: the wider, the longer memory is read in one go."""
PANEL_BYTES = 300 << 10
"""Of a panel: more than half of a second-level cache of 512 KB."""
FEW = 12
"""Rows of the result that a panel gives at least: a multiple of the rows of every tile."""
LINE = 64
"""Bytes that come from memory together."""


@dataclass(frozen=True)
class Stencil:
    """What is slid over what.

    Args:
        kind: of the cells, read and written alike: a name among ``cells.KINDS``.
        kernel: taps along depth, height and width.
        dilation: rows and columns between neighbouring taps along height and width.
        step: cells from a column to the next: the channels.
        stride: rows between neighbouring rows of the result.
        lined: whether the kernel is the product of a line along the row, which rows are filtered with as they are
            fetched, and of taps along depth and height.
        streamed: whether results go past the caches: a large array would only drive out what is needed. Its rows and
            strips must then begin at multiples of a vector's bytes.
    """

    kind: str
    kernel: Three
    dilation: tuple[int, int] = (1, 1)
    step: int = 1
    stride: int = 1
    lined: bool = False
    streamed: bool = False

    @property
    def double(self) -> bool:
        """Whether sums are taken in float64."""
        return self.kind == "float64"

    @property
    def across(self) -> int:
        """Taps along the row that the panel is seen through."""
        return 1 if self.lined else self.kernel[2]

    @property
    def rows(self) -> int:
        """Rows that a row of the result sees."""
        return (self.kernel[1] - 1) * self.dilation[0] + 1

    @property
    def reach(self) -> int:
        """Cells of a row that a cell of the result sees, less one."""
        return (self.kernel[2] - 1) * self.dilation[1] * self.step

    @property
    def kept(self) -> int:
        """Rows of a panel that the next band sees, too."""
        return max(0, self.rows - self.stride)

    @property
    def strip(self) -> int:
        """Cells of a strip at most: as many as leave room for twice the rows that bands share, and for a few more."""
        strip = STRIP
        rows = self.kept + max(FEW, self.kept) * self.stride
        while strip > NARROWEST and self.kernel[0] * rows * self.bytes * (strip + self.reach) > PANEL_BYTES:
            strip //= 2
        return strip

    @property
    def bytes(self) -> int:
        """Of a number of a panel."""
        return 8 if self.double else 4

    @property
    def pitch(self) -> int:
        """Numbers from a row of a panel to the next."""
        # whole cache lines, an odd number of them: rows that lie a power of two apart would share the sets of a cache
        lines = -(-(self.strip + self.reach) // 16)
        return 16 * (lines + 1 - lines % 2)

    @property
    def band(self) -> int:
        """Rows of the result that are made of one panel."""
        held = PANEL_BYTES // (self.pitch * self.bytes) // self.kernel[0]
        return max(FEW, (held - self.kept) // self.stride // FEW * FEW)

    @property
    def panel(self) -> int:
        """Rows of the panel of one plane."""
        return self.kept + self.band * self.stride

    @property
    def strips(self) -> tuple[int, int, int]:
        """Cells of a strip at most, of which multiples they are best, and of which they must be."""
        return self.strip, 64, 1

    @property
    def grain(self) -> int:
        """Rows of the result of whose multiples a part of it must be made."""
        return 1

    def looked_at(self, rows: int) -> int:
        """Rows of the bordered picture that are looked up for so many of the result: one band more is asked for, and
        the rows that a stride leaves out behind the last one."""
        return (rows + self.band) * self.stride + self.kept

    @property
    def floats(self) -> int:
        """Numbers of the panels of all planes, and of a row before its line."""
        return (self.kernel[0] * self.panel + self.lined) * self.pitch

    def tile(self, target: Target) -> tuple[int, int]:
        """Rows and vectors of a tile: the fewest cycles a product, and of those the fewest rows."""
        together = self.stride == self.dilation[0] == 1
        most = min(MOST_ROWS, self.kernel[1]) if together else 1
        every = [(r, v) for r in range(1, most + 1) for v in range(1, target.registers) if fits(target, r, 1, v)]
        cost = {(r, v): round(cycles(r, 1, v, READS) / (r * v), 3) for r, v in every}
        return min(every, key=lambda tile: (cost[tile], tile[0], -tile[1]))


@blueprint
def forward(target: Target, s: Stencil, name: str) -> Kernel:
    """Write the kernel ``(source, result, weights, panel, rows, columns, planes; counts)``.

    Args:
        target: the processor.
        s: what is slid.
        name: the function's name.

    ``rows[y]`` says for a row of the picture with its border around it which row of the source that is, or ``AWAY``,
    and ``columns[x]`` the same for the cells of a row, but for the ``inner`` ones behind the first ``before``, which
    are the source's own; ``planes[d]`` how many cells into the source depth tap d begins. The source has ``pitch``
    cells a row. Written are the rows ``first`` to ``stop`` of the result, in ``strips`` of ``wide`` cells from ``left``
    on, the last one so that it ends at ``right``; ``wide`` is at least a vector, at most ``s.strip``.
    """
    k = Kernel(name, target, POINTERS, COUNTS, double=s.double)
    return _Writer(k, s.kind, s).written()


@dataclass(frozen=True)
class _Writer(Panel):
    """The kernel under construction."""

    s: Stencil

    def written(self) -> Kernel:
        """The loops over strips and bands."""
        k, s, given = self.k, self.s, self.given
        last = k.b.sub(given["right"], given["wide"])
        with k.loop(given["strips"]) as strip:
            left = k.lesser(k.add(given["left"], k.times(strip.index, given["wide"])), last)
            if s.kept:
                self._fetched(k.times(given["first"], s.stride), left, 0, s.kept)
            with k.loop(given["stop"], start=given["first"], step=s.band) as band:
                high = k.lesser(s.band, k.b.sub(given["stop"], band.index))
                new = k.times(high, s.stride)
                self._fetched(k.times(band.index, s.stride), left, s.kept, k.add(new, s.kept))
                self._made(band.index, left, high)
                if s.kept:
                    self._moved(new)
        return k

    # ---- the panel ----

    def _fetched(self, above: Index, left: Value, start: Index, stop: Index) -> None:
        """Bring rows ``start`` to ``stop`` of every panel in; row 0 is row ``above`` of the bordered picture."""
        k, s, given = self.k, self.s, self.given
        with k.each(s.kernel[0]) as d, k.loop(stop, start=start) as y:
            into = k.at(given["panel"], (d, s.panel * s.pitch), (y.index, s.pitch))
            line = k.at(given["panel"], s.kernel[0] * s.panel * s.pitch) if s.lined else into
            width = k.add(given["wide"], s.reach)
            self.fetched(k.entry(given["planes"], d), k.add(above, y.index), left, width, line)
            if s.lined:
                self._lined(line, into)

    def _lined(self, line: Value, into: Value) -> None:
        """A row of the panel: the sums of the line along a row of the bordered picture."""
        k, s, wide = self.k, self.s, self.given["wide"]
        weights, vectors = k.at(self.given["weights"], s.kernel[0] * s.kernel[1]), k.target.registers // 2
        done = k.times(k.b.udiv(wide, k.index(vectors * k.lanes)), vectors * k.lanes)

        def some(x: Value, count: int) -> None:
            sums = self._taps([k.zero()] * count, k.at(line, x), weights, s.kernel[2], range(1), count)
            for v, value in enumerate(sums):
                k.store(value, into, x, v * k.lanes, aligned=False)

        with k.loop(done, step=vectors * k.lanes, maybe_empty=True) as x:
            some(x.index, vectors)
        with k.loop(wide, start=done, step=k.lanes, maybe_empty=True) as x:
            some(k.lesser(x.index, k.b.sub(wide, k.index(k.lanes))), 1)

    def _moved(self, down: Index) -> None:
        """Bring the rows that the next band sees, too, up to the top of the panel."""
        k, s = self.k, self.s
        with k.each(s.kernel[0]) as d, k.loop(s.kept) as y, k.loop(s.pitch, step=k.lanes) as x:
            place = k.at(self.given["panel"], (d, s.panel * s.pitch), (y.index, s.pitch), x.index)
            k.store(k.load(place, (down, s.pitch), aligned=False), place, aligned=False)

    # ---- the sums ----

    def _made(self, row: Value, left: Value, high: Value) -> None:
        """The rows of the result that a panel gives."""
        k, (most, vectors) = self.k, self.s.tile(self.k.target)
        done: Index = 0
        if most > 1:
            done = k.times(k.b.udiv(high, k.index(most)), most)
            with k.loop(done, step=most, maybe_empty=True) as y:
                self._across(row, left, y.index, most, vectors)
        with k.loop(high, start=done, maybe_empty=True) as y:
            self._across(row, left, y.index, 1, vectors)

    def _across(self, row: Value, left: Value, y: Value, high: int, vectors: int) -> None:
        """A row of tiles, ``high`` rows of sums each; the last vectors of a row overlap those before them."""
        k, wide = self.k, self.given["wide"]
        done = k.times(k.b.udiv(wide, k.index(vectors * k.lanes)), vectors * k.lanes)
        with k.loop(done, step=vectors * k.lanes, maybe_empty=True) as x:
            self._tile(row, left, y, x.index, high, vectors)
        with k.loop(wide, start=done, step=k.lanes, maybe_empty=True) as x:
            self._tile(row, left, y, k.lesser(x.index, k.b.sub(wide, k.index(k.lanes))), high, 1)

    def _tile(self, row: Value, left: Value, y: Value, x: Index, high: int, vectors: int) -> None:
        k, s, given = self.k, self.s, self.given
        sums = [k.zero()] * (high * vectors)
        panel = k.at(given["panel"], (y, s.stride * s.pitch), x)
        self._asked_for(k.add(row, y), k.add(left, x), high, vectors)
        if s.kernel[0] == 1:
            sums = self._plane(sums, panel, given["weights"], high, vectors)
        else:
            with k.loop(s.kernel[0], sums) as plane:
                cells = k.at(panel, (plane.index, s.panel * s.pitch))
                weights = k.at(given["weights"], (plane.index, s.kernel[1] * s.across))
                plane.next = self._plane(plane.values, cells, weights, high, vectors)
            sums = plane.out
        # past the caches whole vectors are written, which begin where vectors do
        whole = vectors > 1 and vectors * k.lanes * self.cells.bytes % k.target.vector_bytes == 0
        for r in range(high):
            place = k.at(given["result"], (k.add(k.add(row, y), r), given["result_pitch"]), left)
            self.cells.put(sums[r * vectors : (r + 1) * vectors], place, x, streamed=s.streamed and whole)

    def _asked_for(self, row: Value, column: Value, high: int, vectors: int) -> None:
        """Ask for the cells that the next band fetches where this one makes a tile: memory then works meanwhile."""
        k, s, given = self.k, self.s, self.given
        plane = k.entry(given["planes"], s.kernel[0] - 1)
        size = np.dtype(s.kind).itemsize
        for r in range(high * s.stride):
            y = k.entry(given["rows"], k.add(k.times(row, s.stride), r + s.kept + s.band * s.stride))
            place = k.at(given["source"], plane, (y, given["pitch"]), column)
            for line in range(0, vectors * k.lanes * size, LINE):
                k.prefetch(place, line // size)

    def _plane(self, sums: list[Value], cells: Value, weights: Value, high: int, vectors: int) -> list[Value]:
        """Add a depth tap: row of the panel by row, each read once for all rows of sums that see it.

        Row j of the panel meets kernel row j - r in the sums of row r; the first rows and the last are seen by few.
        """
        k, s = self.k, self.s
        taps, across = s.kernel[1], s.across

        def row(sums: list[Value], j: Index, seen: range) -> list[Value]:
            place = k.at(cells, (j, s.dilation[0] * s.pitch))
            return self._taps(sums, place, k.at(weights, (j, across)), across, seen, vectors)

        for j in range(high - 1):
            sums = row(sums, j, range(j + 1))
        if taps - high + 1 == 1:
            sums = row(sums, high - 1, range(high))
        else:
            with k.loop(taps, sums, start=high - 1) as turn:
                turn.next = row(turn.values, turn.index, range(high))
            sums = turn.out
        for j in range(taps, taps + high - 1):
            sums = row(sums, j, range(j - taps + 1, high))
        return sums

    def _taps(
        self, sums: list[Value], cells: Value, weights: Value, across: int, seen: range, vectors: int
    ) -> list[Value]:
        """Add the products of a row of cells with ``across`` taps, those of kernel row -r for row r of the sums."""
        k, far = self.k, self.s.dilation[1] * self.s.step

        def some(sums: list[Value], taps: int, cells: Value, weights: Value) -> list[Value]:
            total = {(r, 0, v): sums[r * vectors + v] for r, v in product(range(len(sums) // vectors), range(vectors))}
            for tap in range(taps):
                k.barrier()
                outer(
                    k,
                    {r: (weights, tap - r * across) for r in seen},
                    {(0, v): (cells, tap * far + v * k.lanes) for v in range(vectors)},
                    {(r, (0, v)): (r, 0, v) for r, v in product(seen, range(vectors))},
                    total,
                    lambda pointer, offset: k.load(pointer, offset, aligned=False),
                )
            return list(total.values())

        if across <= UNROLLED:
            return some(sums, across, cells, weights)
        turns, rest = divmod(across, TURN)
        with k.loop(turns, sums) as turn:
            place, weight = k.at(cells, (turn.index, TURN * far)), k.at(weights, (turn.index, TURN))
            turn.next = some(turn.values, TURN, place, weight)
        return some(turn.out, rest, k.at(cells, turns * TURN * far), k.at(weights, turns * TURN)) if rest else turn.out
