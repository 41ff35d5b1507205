"""A fully convolutional network over a picture of any size, tile by tile, with the bits of the whole.

A tile of the output is computed from the part of the picture that it sees, halo included: every layer makes the region
that the next one needs, by kernels whose lanes are neighbouring columns, and what lies outside a map is filled as its
padding. A tall tile is made strip by strip from its top: of every map the rows that the next strip sees are kept, so
that only a tile's own halo is made twice. Sums run in the same order wherever a tile or a strip lies, so neither they
nor threads leave a trace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import Network

from .crew import cores
from .errors import EngineError
from .parameters import Floats, Named
from .pipeline import Buffers, Pipeline, map_bytes
from .reading import Order, Picture, Source, per_channel
from .regions import Frame
from .stages import Region, Two, stages
from .target import Target, host

BYTES = 16 << 20
"""Of the maps of a strip: with less of them its sides, or the rows that are kept, cost more than caches save."""
FLAT = 4
"""Columns of a strip for each of its rows: its sides are halos of their own, its top is the end of the strip above."""
STRIPS = 16
"""Strips of a tile at most."""
SHARES, WORTH = 4, 4
"""Tiles for each thread, so that all end together, as long as each is so many times as high as its halo."""
AHEAD = 2
"""Tiles a thread that are under way or wait to be taken."""

Progress = Callable[[int, int], None]
Kept = TypeVar("Kept")


class Scan:
    """A fully convolutional network compiled for pictures of any size.

    Args:
        network: the network; the height and width of its input are an example.
        parameters: name to array, named and shaped as in ``nn.build(network).state_dict()``.
        tile: rows and columns of the output that a thread computes at once, one number for both, at most; None: as many
            columns as keep the maps of a few rows within some megabytes, and rows that share a picture out evenly.
        threads: how many run at once; None: the cores this process may use.
        target: the processor; None: this one.
        scale: the picture's numbers are multiplied by it as they are read, in float32; one number, or one a channel.
        shift: and it is added.

    Raises:
        EngineError: a layer cannot be scanned (every reason is named), a parameter is missing or of another shape, or
            an argument is wrong.

    >>> network = Network.parse("1x8x8: conv 1 3 pad 1, relu, maxpool 2")
    >>> scan = Scan(network, {"0.weight": np.ones((1, 1, 3, 3)), "0.bias": np.zeros(1)}, scale=1 / 255)
    >>> scan(np.full((5, 7), 255, np.uint8)).round(3)
    array([[[9., 9., 9.],
            [9., 9., 9.]]], dtype=float32)
    """

    def __init__(
        self,
        network: Network,
        parameters: Named,
        *,
        tile: int | Two | None = None,
        threads: int | None = None,
        target: Target | None = None,
        scale: ArrayLike = 1.0,
        shift: ArrayLike = 0.0,
    ) -> None:
        self.network, self.target = network, target or host()
        self._stages = stages(network, self.target)
        self.threads = cores() if threads is None else _at_least_one(threads, "threads")
        self.tile, self._strip = self._settled(tile)
        self._even = tile is None
        channels = network.input_shape[0]
        self._scale, self._shift = per_channel(scale, channels, "scale"), per_channel(shift, channels, "shift")
        self._pipeline = Pipeline(self._stages, self._strip, network, parameters, self.target)

    def _settled(self, tile: int | Two | None) -> tuple[Two, Two]:
        """The largest tile, at least a vector wide, and its largest strip."""
        lanes = self.target.lanes
        if tile is None:
            high, wide = 1, lanes
            while (
                map_bytes(self._stages, taller := (high, 2 * wide) if wide < FLAT * high else (2 * high, wide)) <= BYTES
            ):
                high, wide = taller
            return (STRIPS * high, wide), (high, wide)
        high, wide = (tile, tile) if isinstance(tile, int) else tile
        high, wide = _at_least_one(high, "rows of a tile"), max(lanes, _at_least_one(wide, "columns of a tile"))
        rows = high
        while rows > 1 and map_bytes(self._stages, (rows, wide)) > BYTES:
            rows = -(-rows // 2)
        return (high, wide), (rows, wide)

    # ---- what it computes ----

    def __call__(
        self,
        picture: Source,
        *,
        out: Floats | None = None,
        channels: Order | None = None,
        progress: Progress | None = None,
    ) -> Floats:
        """The output for a whole picture: what the network written for this size gives.

        Args:
            picture: (C, H, W), (H, W, C) or, for one channel, (H, W): an array or memory map of numbers, or any object
                with ``shape``, ``dtype`` and slices ``[y0:y1, x0:x1]``. It is read a tile at a time.
            out: where the output goes; None: a new array.
            channels: ``"first"`` or ``"last"``; None: first where that fits the network.
            progress: called with the tiles done and their number, after each.

        Returns:
            (C_out, H_out, W_out) float32.

        Raises:
            EngineError: the picture or ``out`` does not fit the network.
            NetworkError: the picture is too small for a layer.
        """
        sweep = self._sweep(picture, channels)
        shape = sweep.frame.network.output_shape
        if out is None:
            out = np.empty(shape, np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.writeable:
            raise EngineError(f"out must be a float32 array of {shape} that can be written, not {_described(out)}")
        found = out

        def run(tile: Region) -> None:
            (y, x), (h, w) = tile.start, tile.size
            sweep.run(tile, found[:, y : y + h, x : x + w])

        for _ in self._each(sweep, run, progress):
            pass
        return found

    def tiles(
        self, picture: Source, *, channels: Order | None = None, progress: Progress | None = None
    ) -> Iterator[tuple[int, int, Floats]]:
        """The output tile by tile, row of tiles by row: what never has to be held as a whole.

        Args:
            picture: as for a call.
            channels: as for a call.
            progress: called with the tiles done and their number, after each.

        Yields:
            The row and column of the output where a tile begins, and the tile, (C_out, rows, columns) float32.

        Raises:
            EngineError: the picture does not fit the network.
            NetworkError: the picture is too small for a layer.
        """
        sweep = self._sweep(picture, channels)

        def run(tile: Region) -> tuple[int, int, Floats]:
            result = np.empty((sweep.frame.network.output_shape[0], *tile.size), np.float32)
            sweep.run(tile, result)
            return (*tile.start, result)

        return self._each(sweep, run, progress)

    def _sweep(self, picture: Source, order: Order | None) -> _Sweep:
        given = Picture(picture, self.network.input_shape[0], order, self._scale, self._shift)
        shape = (self.network.input_shape[0], *given.size)
        frame, tile = Frame(self.network, self._stages, shape), self.tile
        if self._even:
            tile = _shared(frame.sizes[-1], tile, WORTH * frame.halo, self.threads)
        return _Sweep(self._pipeline, given, frame, tile, self._strip[0])

    def _each(self, sweep: _Sweep, run: Callable[[Region], Kept], progress: Progress | None) -> Iterator[Kept]:
        """What ``run`` makes of every tile, in order."""

        def told() -> Iterator[Kept]:
            total = len(sweep.every)
            for done, kept in enumerate(_ahead(run, sweep.every, self.threads), 1):
                if progress is not None:
                    progress(done, total)
                yield kept

        return told()


Item = TypeVar("Item")


def _ahead(run: Callable[[Item], Kept], items: list[Item], threads: int) -> Iterator[Kept]:
    """``run`` of every item in order, a few ahead on threads; whoever stops waits for those under way alone."""
    if threads == 1 or len(items) == 1:
        yield from map(run, items)
        return
    waiting: deque[Future[Kept]] = deque()
    pool = ThreadPoolExecutor(min(threads, len(items)))
    try:
        for item in items:
            waiting.append(pool.submit(run, item))
            if len(waiting) == AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Sweep:
    """One picture, cut into tiles of about the same size, and these into strips of so many rows at most."""

    def __init__(self, pipeline: Pipeline, picture: Picture, frame: Frame, most: Two, strip: int) -> None:
        self._pipeline, self._picture, self.frame, self._strip = pipeline, picture, frame, strip
        cuts = [_cut(size, tile) for size, tile in zip(frame.sizes[-1], most, strict=True)]
        self.every = [Region((y, x), (h, w)) for y, h in cuts[0] for x, w in cuts[1]]

    def run(self, tile: Region, into: Floats) -> None:
        """Compute a tile, strip by strip."""
        pipeline, (top, left), (high, wide) = self._pipeline, tile.start, tile.size
        buffers = pipeline.lend()
        try:
            above: list[Region] | None = None
            for y, rows in _cut(high, self._strip):
                # kernels make whole vectors; what is too much lies outside the picture, and is left out at the end
                strip = Region((top + y, left), (rows, max(wide, pipeline.target.lanes)))
                above = self._made(strip, above, buffers)
                into[:, y : y + rows] = pipeline.map(buffers, len(above) - 1)[:, :rows, :wide]
        finally:
            pipeline.take_back(buffers)

    def _made(self, strip: Region, above: list[Region] | None, buffers: Buffers) -> list[Region]:
        """Make all maps of a strip, and say which regions these are; ``above`` are those of the strip before it."""
        pipeline, frame = self._pipeline, self.frame
        regions = frame.regions(strip)
        for i, region in enumerate(regions):
            cells, made = pipeline.map(buffers, i), region.since(above[i] if above else None)
            if made and above:
                first = region.start[0] - above[i].start[0]
                cells[:, :made] = cells[:, first : first + made]
            if i == 0:
                self._read(region, made, cells)
            else:
                pipeline.run(i - 1, buffers, made, region.size, frame.counts(i - 1, region))
            if i + 1 < len(regions) and not region.covered(frame.sizes[i]):
                self._fill(i, region, cells)
        return regions

    def _read(self, region: Region, made: int, into: Floats) -> None:
        """The part of the picture at ``region``, but for its first ``made`` rows."""
        rows, columns = region.inside(self.frame.sizes[0])
        rows = slice(max(rows.start, made), rows.stop)
        if rows.start < rows.stop and columns.start < columns.stop:
            y, x = region.start
            part = slice(y + rows.start, y + rows.stop), slice(x + columns.start, x + columns.stop)
            self._picture.read(*part, into[:, rows, columns])

    def _fill(self, stage: int, region: Region, cells: Floats) -> None:
        """Make padding of what a stage's source has outside its map."""
        (rows, columns), (high, wide) = region.inside(self.frame.sizes[stage]), region.size
        fill = self._pipeline.fill(stage)
        cells[:, : rows.start, :wide] = fill
        cells[:, rows.stop : high, :wide] = fill
        cells[:, rows, : columns.start] = fill
        cells[:, rows, columns.stop : wide] = fill


def _cut(size: int, most: int) -> list[Two]:
    """Starts and lengths of as few pieces as ``most`` allows, about as long as each other.

    >>> _cut(10, 4)
    [(0, 4), (4, 4), (8, 2)]
    """
    each = -(-size // -(-size // most))
    return [(start, min(each, size - start)) for start in range(0, size, each)]


def _shared(size: Two, most: Two, least: int, threads: int) -> Two:
    """Rows and columns of the tiles in which a picture is shared out: SHARES for each thread or a few more, in full
    turns, but none of less than so many rows for it.

    >>> _shared((400, 500), (256, 256), 36, 2), _shared((50, 40), (256, 256), 36, 2)
    ((100, 256), (50, 256))
    """
    high, across = size[0], -(-size[1] // most[1])
    down = max(-(-high // most[0]), min(-(-SHARES * threads // across), high // max(1, least)))
    while across * down % threads and high // (down + 1) >= least:
        down += 1
    return -(-high // down), most[1]


def _at_least_one(number: int, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise EngineError(f"the {what} must be at least 1, not {number!r}")
    return number


def _described(array: object) -> str:
    return f"a {array.dtype} array of {array.shape}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
