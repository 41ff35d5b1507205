"""One kernel slid over a picture as it lies, its channels beside each other: the lanes of a vector along a row.

A row of columns x channels numbers is one line of cells in which a tap's neighbour is ``step`` cells on, so colours
need not be taken apart. The loops it stands for:

    for each strip of columns, each band of rows below each other in it:
      find    the rows that the band sees and the last one did not, as floats, with the border   -> table
      for each tile of rows and vectors of columns:
        total[r, v] = sum over depth, rows i, taps j of weight[d, i, j] * table[d, r + i][v + j * step]
        store total, rounded and clipped if cells are whole numbers

Floats inside a picture are read where they stand. Other cells are converted once, into a row of a panel in the
second-level cache, whatever the kernel's size; rows of the panel are used in turns, and what moves from band to band is
the table of where rows stand. No padded copy of the picture is ever made: what lies outside is looked up row by row and
cell by cell. The order of a sum never depends on where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Three
from ..target import Target
from ..tiles import cycles, fits
from .convolution import outer
from .panel import Panel

READS = 2.0
"""Loads that a vector of the panel costs, see ``rows.READS``."""
MOST_ROWS = 4
"""Rows of sums in a tile at most: more save few loads, and the first and last rows of a kernel few rows share."""
SUMS = 12
"""Vectors of sums in a tile at most: two multiply-adds begin a cycle and take four, so more would save few loads, and
where there are 32 registers LLVM loads ahead of its use and puts sums on the stack."""
UNROLLED = 16
"""Taps of a kernel's row that are written out; of more, eight at a time are, in a running loop."""
TURN = 8
LINED = 8
"""Vectors of sums of a line at once: two multiply-adds begin a cycle, and take four."""
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
    def lies(self) -> bool:
        """Whether cells are the numbers that are summed: those of a row that lie in a picture are read there."""
        return self.kind in ("float32", "float64")

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
        """Numbers of the panels of all planes, of a row before its line, and of where rows stand, 64 bits each."""
        planes, rows = self.kernel[0], self.panel
        return (planes * rows + self.lined) * self.pitch + planes * rows * 8 // self.bytes

    def tile(self, target: Target) -> tuple[int, int]:
        """Rows and vectors of a tile: the fewest cycles a product, and of those the fewest rows."""
        together = self.stride == self.dilation[0] == 1
        most = min(MOST_ROWS, self.kernel[1]) if together else 1
        every = [(r, v) for r in range(1, most + 1) for v in (1, 2, 4, 8) if r * v <= SUMS and fits(target, r, 1, v)]
        cost = {(r, v): round(cycles(r, 1, v, READS) / (r * v), 3) for r, v in every}
        return min(every, key=lambda tile: (cost[tile], tile[0], -tile[1]))


@blueprint
def forward(target: Target, s: Stencil, name: str) -> Kernel:
    """Write the kernel whose arguments ``Panel`` names; its weights are the taps, and then those of the line.

    Args:
        target: the processor.
        s: what is slid.
        name: the function's name.

    ``wide`` is at least a vector, at most ``s.strip``.
    """
    return _Writer.opened(target, s, name).written()


@dataclass(frozen=True)
class _Writer(Panel[Stencil]):
    """The kernel under construction."""

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

    @property
    def _table(self) -> Value:
        """Where the rows that the running band sees stand, behind the panel: the rows of each plane."""
        k, s = self.k, self.s
        behind = k.at(self.given["panel"], (s.kernel[0] * s.panel + s.lined) * s.pitch)
        return k.b.bitcast(behind, k.number.as_pointer().as_pointer())

    def _fetched(self, above: Index, left: Value, start: Index, stop: Index) -> None:
        """Find rows ``start`` to ``stop`` of every plane, or bring them in; row 0 is row ``above`` of the bordered
        picture. A row that is brought in takes the place of one that no band needs any more."""
        k, s, given = self.k, self.s, self.given
        width = k.add(given["wide"], s.reach)
        with k.each(s.kernel[0]) as d, k.loop(stop, start=start) as y:
            row = k.add(above, y.index)
            turn = k.b.urem(k.index(row), k.index(s.panel))
            room = k.at(given["panel"], (d, s.panel * s.pitch), (turn, s.pitch))
            line = k.at(given["panel"], s.kernel[0] * s.panel * s.pitch) if s.lined else room
            place = self.found(k.entry(given["planes"], d), row, left, width, line)
            if s.lined:
                self._lined(place, room)
                place = room
            k.b.store(place, k.at(self._table, (d, s.panel), y.index))

    def _lined(self, line: Value, into: Value) -> None:
        """A row of the panel: the sums of the line along a row of the bordered picture."""
        k, s, wide = self.k, self.s, self.given["wide"]
        weights, vectors = k.at(self.given["weights"], s.kernel[0] * s.kernel[1]), LINED
        done = k.times(k.b.udiv(wide, k.index(vectors * k.lanes)), vectors * k.lanes)

        def some(x: Value, count: int) -> None:
            sums = self._taps([k.zero()] * count, k.at(line, x), weights, s.kernel[2], range(1), count)
            for v, value in enumerate(sums):
                k.store(value, into, x, v * k.lanes, aligned=False)

        with k.loop(done, step=vectors * k.lanes, maybe_empty=True) as x:
            some(x.index, vectors)
        with k.vectors(wide, done, maybe_empty=True) as first:
            some(first, 1)

    def _moved(self, down: Index) -> None:
        """Name the rows that the next band sees, too, as its first."""
        k, s, table = self.k, self.s, self._table
        with k.each(s.kernel[0]) as d, k.loop(s.kept) as y:
            place = k.at(table, (d, s.panel), y.index)
            k.b.store(k.entry(place, down), place)

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
        k, s, given, wide = self.k, self.s, self.given, self.given["wide"]
        rows = k.at(self._table, (y, s.stride))
        results = k.at(given["result"], (k.add(row, y), given["result_pitch"]), left)
        asked = self._next(k.times(k.add(row, y), s.stride), left, high * s.stride)
        done = k.times(k.b.udiv(wide, k.index(vectors * k.lanes)), vectors * k.lanes)
        with k.loop(done, step=vectors * k.lanes, maybe_empty=True) as x:
            for cells in asked:
                for line in range(0, vectors * k.lanes * self.cells.bytes, LINE):
                    k.prefetch(cells, x.index, line // self.cells.bytes)
            self._tile(rows, results, x.index, high, vectors)
        with k.vectors(wide, done, maybe_empty=True) as first:
            self._tile(rows, results, first, high, 1)

    def _next(self, row: Value, left: Value, count: int) -> list[Value]:
        """Where the cells begin that the next band fetches: asked for while tiles are made, memory works meanwhile."""
        k, s, given = self.k, self.s, self.given
        plane = k.entry(given["planes"], s.kernel[0] - 1)
        every = [k.entry(given["rows"], k.add(row, r + s.kept + s.band * s.stride)) for r in range(count)]
        return [k.at(given["source"], plane, (y, given["pitch"]), left) for y in every]

    def _tile(self, rows: Value, results: Value, x: Index, high: int, vectors: int) -> None:
        k, s, given = self.k, self.s, self.given
        # past the caches whole vectors are written, which begin where vectors do
        whole = vectors > 1 and vectors * k.lanes * self.cells.bytes % k.target.vector_bytes == 0

        def finished(r: int, sums: list[Value]) -> None:
            place = k.at(results, (r, given["result_pitch"]))
            self.cells.put(sums, place, x, streamed=s.streamed and whole)

        sums = [k.zero()] * (high * vectors)
        if s.kernel[0] == 1:
            self._plane(sums, rows, x, given["weights"], high, finished)
            return
        with k.loop(s.kernel[0], sums) as plane:
            weights = k.at(given["weights"], (plane.index, s.kernel[1] * s.across))
            seen = k.at(rows, (plane.index, s.panel))
            plane.next = self._held(self._plane(plane.values, seen, x, weights, high))
        for r in range(high):
            finished(r, plane.out[r * vectors : (r + 1) * vectors])

    def _held(self, sums: list[Value]) -> list[Value]:
        """Sums that the next turn of a loop goes on with, each where it was."""
        for value in sums:
            self.k.hold(value, in_order=True)
        return sums

    def _plane(
        self,
        sums: list[Value],
        rows: Value,
        x: Index,
        weights: Value,
        high: int,
        finished: Callable[[int, list[Value]], None] = lambda r, sums: None,
    ) -> list[Value]:
        """Add a depth tap: row of cells by row, each read once for all rows of sums that see it.

        Row j meets kernel row j - r in the sums of row r; the first rows and the last are seen by few. Rows of sums are
        ``finished`` when the last row that they see has been added: what is written early needs no register.
        """
        k, s = self.k, self.s
        taps, across, vectors = s.kernel[1], s.across, len(sums) // high

        def row(sums: list[Value], j: Index, seen: range) -> list[Value]:
            place = k.at(k.entry(rows, k.times(j, s.dilation[0])), x)
            found = self._taps(sums, place, k.at(weights, (j, across)), across, seen, vectors)
            # where loads come ahead of their use, products that are put off from row to row would need registers
            return self._held(found) if k.target.spare else found

        for j in range(high - 1):
            sums = row(sums, j, range(j + 1))
        if taps - high + 1 == 1:
            sums = row(sums, high - 1, range(high))
        else:
            with k.loop(taps, sums, start=high - 1) as turn:
                turn.next = self._held(row(turn.values, turn.index, range(high)))
            sums = turn.out
        finished(0, sums[:vectors])
        for r in range(1, high):
            sums = row(sums, taps - 1 + r, range(r, high))
            finished(r, sums[r * vectors : (r + 1) * vectors])
        return sums

    def _taps(
        self, sums: list[Value], cells: Value, weights: Value, across: int, seen: range, vectors: int
    ) -> list[Value]:
        """Add the products of a row of cells with ``across`` taps, those of kernel row -r for row r of the sums."""
        k, far = self.k, self.s.dilation[1] * self.s.step
        places = [r * vectors + v for r, v in product(seen, range(vectors))]

        def some(some_sums: list[Value], taps: int, cells: Value, weights: Value) -> list[Value]:
            total = {(r, 0, v): some_sums[n] for n, (r, v) in enumerate(product(seen, range(vectors)))}
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

        added = [sums[n] for n in places]
        turns, rest = divmod(across, TURN) if across > UNROLLED else (0, across)
        if turns:
            with k.loop(turns, added) as turn:
                place, weight = k.at(cells, (turn.index, TURN * far)), k.at(weights, (turn.index, TURN))
                turn.next = self._held(some(turn.values, TURN, place, weight))
            added = turn.out
        if rest:
            added = some(added, rest, k.at(cells, turns * TURN * far), k.at(weights, turns * TURN))
        found = dict(zip(places, added, strict=True))
        return [found.get(n, value) for n, value in enumerate(sums)]
