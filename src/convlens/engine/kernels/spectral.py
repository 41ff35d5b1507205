"""A wide kernel slid over a picture: down the columns through a Fourier transform, along the rows product by product.

A transform along the rows would turn the lanes of vectors around; down the columns every lane transforms a column of
its own, with no shuffle at all. What is left of the kernel is then one line of complex taps for each frequency. With 64
rows a block, of a kernel of K x K taps:

    for each block of 64 rows, each pair of strips (one real, one imaginary: the kernel is real, so they stay apart):
      fetch     64 rows of both                                              64 rows make 65 - K rows of the result
      forward   radix 4, the frequencies left in the order in which they come
      lines     total[f, v] = sum over taps j of spectrum[f, j] * panel[f, v + j * step]        4 K products a number
      back      the same steps turned around
      store     the rows of the result

That is about 4 K 64 / (65 - K) products a number and as many as a transform takes, instead of K x K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..target import Target
from .panel import Panel

ROWS = 64
"""Rows of a block: three steps of radix 4."""
MOST_TAPS = 56
"""Rows of a kernel at most: an eighth of a block's rows are then rows of the result."""
STRIP = 256
"""Cells of a strip: two panels of 64 rows and so many cells lie in a second-level cache of 512 KB."""
UNIT = 32
"""Cells of which strips are multiples: four vectors of 8 lanes, two of 16, eight of 4."""
TURN = 4
"""Taps that are written out in a turn of a running loop."""

Complex = tuple[Value, Value]


@dataclass(frozen=True)
class Spectral:
    """What is slid over what.

    Args:
        kind: of the cells, read and written alike: a name among ``cells.KINDS`` but float64.
        kernel: taps along height and width; at most ``MOST_TAPS`` along height.
        step: cells from a column to the next: the channels.
        streamed: whether results go past the caches, as in ``Stencil``.
    """

    kind: str
    kernel: tuple[int, int]
    step: int = 1
    streamed: bool = False

    @property
    def lies(self) -> bool:
        """Whether cells are read where they lie: a transform takes place in a panel."""
        return False

    @property
    def band(self) -> int:
        """Rows of the result that a block makes."""
        return ROWS - self.kernel[0] + 1

    @property
    def reach(self) -> int:
        """Cells of a row that a cell of the result sees, less one."""
        return (self.kernel[1] - 1) * self.step

    @property
    def pitch(self) -> int:
        """Numbers from a row of a panel to the next: an odd number of cache lines, see ``Stencil.pitch``."""
        lines = -(-(STRIP + self.reach + UNIT) // 16)
        return 16 * (lines + 1 - lines % 2)

    @property
    def strips(self) -> tuple[int, int, int]:
        """Cells of a strip at most, of which multiples they are best, and of which they must be."""
        return STRIP, UNIT, UNIT

    @property
    def grain(self) -> int:
        """Rows of the result of whose multiples a part of it must be made."""
        return self.band

    def looked_at(self, rows: int) -> int:
        """Rows of the bordered picture that are looked up for so many of the result."""
        return rows + self.band + ROWS

    @property
    def floats(self) -> int:
        """Numbers of both panels."""
        return 2 * ROWS * self.pitch


def order(count: int = ROWS, first: int = 0, step: int = 1) -> list[int]:
    """The frequencies as the steps of radix 4 leave them.

    >>> order(16)
    [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]
    """
    if count == 1:
        return [first]
    return [f for turn in range(4) for f in order(count // 4, first + turn * step, 4 * step)]


def spectrum(kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """The lines of complex taps (ROWS, kW, 2) of a kernel (kH, kW), one a frequency, as ``forward`` takes them."""
    found = np.conj(np.fft.fft(kernel, ROWS, axis=0))[order()] / ROWS
    return np.stack([found.real, found.imag], -1).astype(np.float32)


@blueprint
def forward(target: Target, s: Spectral, name: str) -> Kernel:
    """Write the kernel whose arguments ``Panel`` names; its weights are a ``spectrum``.

    Args:
        target: the processor.
        s: what is slid.
        name: the function's name.

    ``wide`` is a multiple of ``UNIT``, at most ``STRIP``.
    """
    return _Writer.opened(target, s, name).written()


@dataclass(frozen=True)
class _Writer(Panel[Spectral]):
    """The kernel under construction."""

    def written(self) -> Kernel:
        """The loops over blocks and pairs of strips."""
        k, s, given = self.k, self.s, self.given
        last = k.b.sub(given["right"], given["wide"])
        seen = k.add(given["wide"], s.reach)
        plane = k.entry(given["planes"], 0)
        with k.loop(given["stop"], start=given["first"], step=s.band) as block, k.loop(given["strips"], step=2) as pair:
            begins = [k.times(k.add(pair.index, n), given["wide"]) for n in range(2)]
            lefts = [k.lesser(k.add(given["left"], begin), last) for begin in begins]
            with k.loop(ROWS) as y:
                for left, panel in zip(lefts, self._panels(y.index), strict=True):
                    self.fetched(plane, k.add(block.index, y.index), left, seen, panel)
            self._columns(seen, back=False)
            self._lines()
            self._columns(given["wide"], back=True)
            with k.loop(k.lesser(s.band, k.b.sub(given["stop"], block.index))) as y:
                for left, panel in zip(lefts, self._panels(y.index), strict=True):
                    row = k.at(given["result"], (k.add(block.index, y.index), given["result_pitch"]), left)
                    with k.loop(given["wide"], step=UNIT) as x:
                        sums = [k.load(panel, x.index, v, aligned=False) for v in range(0, UNIT, k.lanes)]
                        self.cells.put(sums, row, x.index, streamed=s.streamed)
        return k

    def _panels(self, row: Index) -> tuple[Value, Value]:
        """Where a row of the real panel begins, and one of the imaginary panel."""
        k, pitch = self.k, self.s.pitch
        real = k.at(self.given["panel"], (row, pitch))
        return real, k.at(real, ROWS * pitch)

    # ---- down the columns ----

    def _columns(self, count: Value, *, back: bool) -> None:
        """Transform so many columns, or back; a few cache lines of all rows at a time stay in the first-level cache."""
        k = self.k
        sizes = [4**n for n in range(1, int(math.log(ROWS, 4)) + 1)]
        with k.loop(count, step=UNIT) as x:
            for size in sizes if back else reversed(sizes):
                for q in range(size // 4):
                    with k.each(ROWS // size) as part, k.loop(UNIT, step=k.lanes) as v:
                        row = k.add(k.times(part, size), q)
                        self._butterfly(row, size, q, k.add(x.index, v.index), back=back)

    def _butterfly(self, row: Index, size: int, q: int, column: Value, *, back: bool) -> None:
        """Four rows a quarter of a transform apart, and the turn by q of ``size`` parts of a circle."""
        k = self.k
        places = [self._panels(k.add(row, n * size // 4)) for n in range(4)]
        a, b, c, d = ((k.load(re, column, aligned=False), k.load(im, column, aligned=False)) for re, im in places)
        if back:
            b, c, d = (self._turned(z, n * q / size) for n, z in ((1, b), (2, c), (3, d)))
        s, t, u, v = self._plus(a, c), self._less(a, c), self._plus(b, d), self._less(b, d)
        # a quarter turn of v: by -i on the way there, by i on the way back
        v = (k.b.fneg(v[1]), v[0]) if back else (v[1], k.b.fneg(v[0]))
        found = [self._plus(s, u), self._plus(t, v), self._less(s, u), self._less(t, v)]
        if not back:
            found[1:] = (self._turned(z, -n * q / size) for n, z in enumerate(found[1:], 1))
        for (real, imaginary), z in zip(places, found, strict=True):
            k.store(z[0], real, column, aligned=False)
            k.store(z[1], imaginary, column, aligned=False)

    def _plus(self, a: Complex, b: Complex) -> Complex:
        return self.k.b.fadd(a[0], b[0]), self.k.b.fadd(a[1], b[1])

    def _less(self, a: Complex, b: Complex) -> Complex:
        return self.k.b.fsub(a[0], b[0]), self.k.b.fsub(a[1], b[1])

    def _turned(self, z: Complex, circle: float) -> Complex:
        """A complex number turned by a part of a circle."""
        k = self.k
        if circle == 0:
            return z
        # six of them in a butterfly, beside its sixteen numbers
        cos, sin = (k.recalled(part(2 * math.pi * circle)) for part in (math.cos, math.sin))
        real = k.fma(z[0], cos, k.b.fneg(k.b.fmul(z[1], sin)))
        return real, k.fma(z[0], sin, k.b.fmul(z[1], cos))

    # ---- along the rows ----

    def _lines(self) -> None:
        """The line of each frequency along its row, in place: a tile reads all it needs before it is written."""
        k, (_, taps) = self.k, self.s.kernel
        vectors = UNIT // k.lanes if k.target.registers > 16 or k.lanes >= 8 else UNIT // k.lanes // 2
        with k.loop(ROWS) as f, k.loop(self.given["wide"], step=vectors * k.lanes) as x:
            real, imaginary = (k.at(panel, x.index) for panel in self._panels(f.index))
            weights = k.at(self.given["weights"], (f.index, 2 * taps))
            turns, rest = divmod(taps, TURN)
            sums = [k.zero()] * (2 * vectors)
            if turns:
                with k.loop(turns, sums) as turn:
                    moved = k.times(turn.index, TURN * self.s.step)
                    place = k.at(weights, (turn.index, 2 * TURN))
                    turn.next = self._taps(turn.values, k.at(real, moved), k.at(imaginary, moved), place, TURN)
                sums = turn.out
            if rest:
                moved = turns * TURN * self.s.step
                place = k.at(weights, 2 * turns * TURN)
                sums = self._taps(sums, k.at(real, moved), k.at(imaginary, moved), place, rest)
            for v in range(vectors):
                k.store(sums[v], real, v * k.lanes, aligned=False)
                k.store(sums[vectors + v], imaginary, v * k.lanes, aligned=False)

    def _taps(self, sums: list[Value], real: Value, imaginary: Value, weights: Value, taps: int) -> list[Value]:
        """Add complex products: the real sums come first, then the imaginary ones."""
        k, half = self.k, len(sums) // 2
        sums = list(sums)
        for tap in range(taps):
            k.barrier()
            re, im = k.splat(weights, 2 * tap), k.splat(weights, 2 * tap + 1)
            for v in range(half):
                place = tap * self.s.step + v * k.lanes
                x, y = k.load(real, place, aligned=False), k.load(imaginary, place, aligned=False)
                sums[v] = k.fma(re, x, sums[v])
                sums[half + v] = k.fma(re, y, sums[half + v])
                sums[v] = k.fma(k.b.fneg(im), y, sums[v])
                sums[half + v] = k.fma(im, x, sums[half + v])
        return sums
