"""A fully convolutional network over a picture of any size, tile by tile, with the bits of the whole.

A tile of the output is computed from the part of the picture that it sees, halo included: every layer makes the region
that the next one needs, by kernels whose lanes are neighbouring columns, and what lies outside a map is filled as its
padding. Sums run in the same order wherever a tile lies, so neither tiles nor threads leave a trace.
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

BYTES = 12 << 20
"""Of the maps of a tile: twice as many save another hundredth of the time on halos."""
AHEAD = 2
"""Tiles a thread that are under way or wait to be taken."""

Progress = Callable[[int, int], None]
Kept = TypeVar("Kept")


class Scan:
    """A fully convolutional network compiled for pictures of any size.

    Args:
        network: the network; the height and width of its input are an example.
        parameters: name to array, named and shaped as in ``nn.build(network).state_dict()``.
        tile: rows and columns of the output that are computed at once, one number for both; None: as many as keep the
            maps of a tile within a few megabytes.
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
        self.tile = self._settled(tile)
        channels = network.input_shape[0]
        self._scale, self._shift = per_channel(scale, channels, "scale"), per_channel(shift, channels, "shift")
        self._pipeline = Pipeline(self._stages, self.tile, network, parameters, self.target)

    def _settled(self, tile: int | Two | None) -> Two:
        """The largest tile, at least a vector wide."""
        lanes = self.target.lanes
        if tile is None:
            # squares waste least on halos, and of two halves of one the wider is the faster
            high, wide = max(1, lanes // 2), lanes
            while map_bytes(self._stages, (high, 2 * wide) if wide == high else (2 * high, wide)) <= BYTES:
                high, wide = (high, 2 * wide) if wide == high else (2 * high, wide)
            return high, wide
        high, wide = (tile, tile) if isinstance(tile, int) else tile
        return _at_least_one(high, "rows of a tile"), max(lanes, _at_least_one(wide, "columns of a tile"))

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

        def keep(tile: Region, result: Floats) -> None:
            (y, x), (h, w) = tile.start, tile.size
            found[:, y : y + h, x : x + w] = result

        for _ in self._each(sweep, keep, progress):
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
        return self._each(sweep, lambda tile, result: (*tile.start, result.copy()), progress)

    def _sweep(self, picture: Source, order: Order | None) -> _Sweep:
        given = Picture(picture, self.network.input_shape[0], order, self._scale, self._shift)
        shape = (self.network.input_shape[0], *given.size)
        return _Sweep(self._pipeline, given, Frame(self.network, self._stages, shape), self.tile)

    def _each(self, sweep: _Sweep, keep: Callable[[Region, Floats], Kept], progress: Progress | None) -> Iterator[Kept]:
        """What ``keep`` makes of every tile, in order."""

        def told() -> Iterator[Kept]:
            total = len(sweep.every)
            for done, kept in enumerate(_ahead(lambda tile: sweep.run(tile, keep), sweep.every, self.threads), 1):
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
    """One picture, cut into tiles of about the same size."""

    def __init__(self, pipeline: Pipeline, picture: Picture, frame: Frame, most: Two) -> None:
        self._pipeline, self._picture, self.frame = pipeline, picture, frame
        cuts = [_cut(size, tile) for size, tile in zip(frame.sizes[-1], most, strict=True)]
        self.every = [Region((y, x), (h, w)) for y, h in cuts[0] for x, w in cuts[1]]

    def run(self, tile: Region, keep: Callable[[Region, Floats], Kept]) -> Kept:
        """Compute a tile, and hand it on."""
        buffers = self._pipeline.lend()
        try:
            return keep(tile, self._computed(tile, buffers))
        finally:
            self._pipeline.take_back(buffers)

    def _computed(self, tile: Region, buffers: Buffers) -> Floats:
        pipeline, frame, (high, wide) = self._pipeline, self.frame, tile.size
        # kernels make whole vectors; what is too much lies outside the picture, and is left out at the end
        regions = frame.regions(Region(tile.start, (high, max(wide, pipeline.target.lanes))))
        self._read(regions[0], pipeline.map(buffers, 0))
        for i, region in enumerate(regions[1:]):
            pipeline.run(i, buffers, region.size, frame.counts(i, region))
            if i + 2 < len(regions) and not region.covered(frame.sizes[i + 1]):
                self._fill(i + 1, region, pipeline.map(buffers, i + 1))
        return pipeline.map(buffers, len(regions) - 1)[:, :high, :wide]

    def _read(self, region: Region, into: Floats) -> None:
        """The part of the picture at ``region``, and padding around it."""
        rows, columns = region.inside(self.frame.sizes[0])
        if rows.start < rows.stop and columns.start < columns.stop:
            y, x = region.start
            part = slice(y + rows.start, y + rows.stop), slice(x + columns.start, x + columns.stop)
            self._picture.read(*part, into[:, rows, columns])
        if not region.covered(self.frame.sizes[0]):
            self._fill(0, region, into)

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


def _at_least_one(number: int, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise EngineError(f"the {what} must be at least 1, not {number!r}")
    return number


def _described(array: object) -> str:
    return f"a {array.dtype} array of {array.shape}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
