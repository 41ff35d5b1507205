"""In which of eight directions a picture rises around each of its cells of 2x2 samples, relative to its surroundings.

    x, y         right - left, below - above, of the channel where x x + y y is largest     at each inner sample
    d            x, x + y, y, y - x; the diagonals times sqrt(1/2)                          0, 45, 90, 135 degrees
    cells        the mean of max(d, 0) / 2 over 2x2 samples, then of max(-d, 0) / 2         eight directions
    strength     the root of the sum of their squares
    result       cells / (the mean strength of nine cells, two samples apart, + quiet)
    colours      the mean of each channel over the same 2x2 samples

Samples are the pixels, or the means of 2x2 of them.

It goes down the samples row by row and keeps what rows share in lines, so nothing but the result leaves the caches.
Products are rounded before they are added, so every processor gives the same bits, and so does every place.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..target import Target

DIRECTIONS = 8
CELL = 2
"""Samples a side of a cell, and between those that are compared."""
REACH = 2 * CELL
"""Rows and columns of cells from the first to the last of nine that lie around one."""
BORDER = REACH + CELL + 1
"""Samples by which the result is shorter: the cells around, a cell less one, and a sample's two sides."""
SLOPES, CELLS, STRENGTHS, MEANS = 2, CELL + 1, REACH + 1, 5
"""Rows that are kept of each: as many as are looked back on."""
OWN = 2 * SLOPES + DIRECTIONS * CELLS + STRENGTHS


def lines(channels: int, halved: int) -> int:
    """Lines of scratch memory, each as long as a row of samples."""
    return OWN + MEANS * channels * halved


@blueprint
def oriented(target: Target, name: str, *, halved: bool) -> Kernel:
    """Write the kernel ``(source, quiet, lines, result; channels, plane, pitch, height, width)``.

    Args:
        target: the processor.
        name: the function's name.
        halved: whether a sample is the mean of 2x2 pixels, not a pixel.

    The source is (channels, height, width) samples, its planes ``plane`` numbers apart and its rows ``pitch``; the
    result is (DIRECTIONS + channels, height - BORDER, width - BORDER), its rows a vector at least. ``quiet`` is one
    number, ``lines`` are as many times ``width`` numbers as the function of that name says.
    """
    counts = "channels", "plane", "pitch", "height", "width"
    k = Kernel(name, target, ("source", "quiet", "lines", "result"), counts)
    writer = _Writer(k, halved, *k.arguments)
    # each step is as far behind as the rows reach that it needs
    steps = (CELL, writer.slopes), (CELL + 1, writer.cells), (BORDER, writer.result)
    with k.loop(writer.height) as row:
        if halved:
            writer.means(row.index)
        for lag, write in steps:
            with k.b.if_then(k.b.icmp_signed(">=", row.index, k.index(lag))):
                write(k.b.sub(row.index, k.index(lag)))
    return k


@dataclass(frozen=True)
class _Writer:
    """The kernel under construction: what each of its steps does with a row, counted from 0."""

    k: Kernel
    halved: bool
    source: Value
    quiet: Value
    lines: Value
    found: Value
    channels: Value
    plane: Value
    pitch: Value
    height: Value
    width: Value

    def means(self, row: Value) -> None:
        """Samples that are means of 2x2 pixels."""
        k = self.k
        neighbours = [[(i // k.lanes, i % k.lanes) for i in range(first, 2 * k.lanes, 2)] for first in range(2)]
        with k.loop(self.channels) as channel:
            above = k.at(self.source, (channel.index, self.plane), (k.times(row, 2), self.pitch))
            below = k.at(above, self.pitch)
            line = self._samples(channel.index, row)
            with self._along(0) as at:
                pixels = k.times(at, 2)
                starts = [k.add(pixels, v * k.lanes) for v in range(2)]
                sums = [k.b.fadd(self._read(above, start), self._read(below, start)) for start in starts]
                pairs = [k.pick(sums, places) for places in neighbours]
                k.store(k.b.fmul(k.b.fadd(*pairs), k.constant(0.25)), line, at, aligned=False)

    def slopes(self, row: Value) -> None:
        """How samples rise along x and y, in the channel that changes most."""
        k = self.k
        x_line, y_line = (self._line(0, row, SLOPES, 2, axis) for axis in range(2))
        with self._along(2) as at:

            def slope(channel: Index) -> tuple[Value, Value, Value]:
                above, here, below = (self._samples(channel, k.add(row, down)) for down in range(3))
                x = k.b.fsub(self._read(here, at, 2), self._read(here, at))
                y = k.b.fsub(self._read(below, at, 1), self._read(above, at, 1))
                return x, y, k.b.fadd(k.b.fmul(x, x), k.b.fmul(y, y))

            with k.loop(self.channels, slope(0), start=1, maybe_empty=True) as turn:
                other = slope(turn.index)
                more = k.b.fcmp_ordered(">", other[2], turn.values[2])
                turn.next = [k.b.select(more, b, a) for a, b in zip(turn.values, other, strict=True)]
            k.store(turn.out[0], x_line, at, aligned=False)
            k.store(turn.out[1], y_line, at, aligned=False)

    def cells(self, row: Value) -> None:
        """Cells, and how strong they are together: from the slopes of this row and the next."""
        k, half = self.k, DIRECTIONS // 2
        rows = [[self._line(0, k.add(row, down), SLOPES, 2, axis) for axis in range(2)] for down in range(CELL)]
        cells = [self._cells(row, direction) for direction in range(DIRECTIONS)]
        strengths = self._strengths(row)
        # half the difference over two samples, and a quarter of the sum of four
        straight = 0.5 / CELL**2
        shares = [straight, straight * math.sqrt(0.5)] * (half // 2)
        with self._along(CELL + 1) as at:
            sums: list[Value] = []
            for x_line, y_line in rows:
                for right in range(CELL):
                    x, y = (self._read(line, at, right) for line in (x_line, y_line))
                    rises = [x, k.b.fadd(x, y), y, k.b.fsub(y, x)]
                    each = [k.relu(rise) for rise in rises] + [self._fall(rise) for rise in rises]
                    sums = [k.b.fadd(a, b) for a, b in zip(sums, each, strict=True)] if sums else each
            sums[half:] = [k.b.fsub(k.zero(), fall) for fall in sums[half:]]
            energy = None
            for n, (total, line) in enumerate(zip(sums, cells, strict=True)):
                cell = k.b.fmul(total, k.constant(shares[n % half]))
                k.store(cell, line, at, aligned=False)
                square = k.b.fmul(cell, cell)
                energy = square if energy is None else k.b.fadd(energy, square)
            k.store(k.sqrt(energy), strengths, at, aligned=False)

    def result(self, row: Value) -> None:
        """A row of the result: cells relative to those around, and colours."""
        k = self.k
        wide = k.b.sub(self.width, k.index(BORDER))
        plane = k.times(k.b.sub(self.height, k.index(BORDER)), wide)
        into = k.at(self.found, (row, wide))
        around = [self._strengths(k.add(row, down)) for down in range(0, REACH + 1, CELL)]
        cells = [k.at(self._cells(k.add(row, CELL), direction), CELL) for direction in range(DIRECTIONS)]
        corner = CELL + 1
        with self._along(BORDER) as at:
            columns = [
                self._sum([self._read(line, at, right) for line in around]) for right in range(0, REACH + 1, CELL)
            ]
            mean = k.b.fmul(self._sum(columns), k.constant(1 / len(columns) ** 2))
            share = k.b.fdiv(k.constant(1.0), k.b.fadd(mean, k.splat(self.quiet)))
            for direction, line in enumerate(cells):
                k.store(k.b.fmul(self._read(line, at), share), into, (direction, plane), at, aligned=False)
            with k.loop(self.channels) as channel:
                rows = [self._samples(channel.index, k.add(row, corner + down)) for down in range(CELL)]
                columns = [self._sum([self._read(line, at, corner + right) for line in rows]) for right in range(CELL)]
                mean = k.b.fmul(self._sum(columns), k.constant(1 / CELL**2))
                k.store(mean, into, (k.add(channel.index, DIRECTIONS), plane), at, aligned=False)

    # ---- places ----

    def _samples(self, channel: Index, row: Index) -> Value:
        """A row of samples."""
        k = self.k
        if not self.halved:
            return k.at(self.source, (channel, self.plane), (row, self.pitch))
        turn = k.b.urem(k.index(row), k.index(MEANS))
        return k.at(self.lines, (k.add(k.add(k.times(turn, self.channels), channel), OWN), self.width))

    def _cells(self, row: Index, direction: int) -> Value:
        return self._line(2 * SLOPES, row, CELLS, DIRECTIONS, direction)

    def _strengths(self, row: Index) -> Value:
        return self._line(2 * SLOPES + DIRECTIONS * CELLS, row, STRENGTHS, 1, 0)

    def _line(self, first: int, row: Index, kept: int, of_row: int, which: int) -> Value:
        """One of the lines of a row, of which so many are kept in turns behind the ``first`` lines."""
        k = self.k
        turn = k.b.urem(k.index(row), k.index(kept))
        return k.at(self.lines, (k.add(k.times(turn, of_row), first + which), self.width))

    def _along(self, less: int) -> AbstractContextManager[Index]:
        """The columns of a line so many shorter than the samples, a vector at a time."""
        return self.k.vectors(self.k.b.sub(self.width, self.k.index(less)))

    # ---- numbers ----

    def _read(self, pointer: Value, *terms: tuple[Index, int] | Index) -> Value:
        return self.k.load(pointer, *terms, aligned=False)

    def _fall(self, value: Value) -> Value:
        """min(value, 0)"""
        k = self.k
        return k.b.select(k.b.fcmp_ordered(">", value, k.zero()), k.zero(), value)

    def _sum(self, values: list[Value]) -> Value:
        """From the first to the last."""
        return reduce(self.k.b.fadd, values)
