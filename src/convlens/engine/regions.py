"""Rectangles of maps: which part of every map a tile of the output needs, where it lies in a picture of one size.

Sizes of regions follow from the tile alone; where they begin follows from the picture, whose size says how much each
layer pads. Cells of a region outside its map are padding. Nothing here computes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convlens.network import AvgPool, Conv, MaxPool, Network, Shape, axes

from .kernels.pooling import Pooling
from .parameters import Floats
from .stages import Region, Stage, Two


class Frame:
    """Where the maps of all stages lie in a picture of one size.

    Args:
        network: as it was written, for a picture of any size.
        stages: its stages.
        shape: the picture's, (C, H, W).

    Raises:
        NetworkError: the picture is too small for a layer.
    """

    def __init__(self, network: Network, stages: Sequence[Stage], shape: Shape) -> None:
        self.network = Network(shape, network.layers)
        self._stages = stages
        self._befores = [self._before(stage) for stage in stages]
        # of the source of every stage, and of the last result
        every = [shape, *(self.network.shapes[stage.layers[1]] for stage in stages)]
        self.sizes: list[Two] = [(h, w) for _, h, w in every]
        self._counts = [self._cells(stage) for stage in stages]

    def _before(self, stage: Stage) -> Two:
        layer = self.network.layers[stage.layers[0]]
        if not isinstance(layer, (Conv, MaxPool, AvgPool)):
            return 0, 0
        rows, columns = (axis.before for axis in axes(layer, self.network.shapes[stage.layers[0]]))
        return rows, columns

    def regions(self, tile: Region) -> list[Region]:
        """The region of every stage's source for a tile of the output, and the tile itself at the end."""
        found = [tile]
        for stage, before in zip(reversed(self._stages), reversed(self._befores), strict=True):
            found.insert(0, stage.source(found[0], before))
        return found

    @property
    def halo(self) -> int:
        """Rows of the output that are worth what is made beside a tile's own, above and below it together."""
        one, two = (self.regions(Region((0, 0), (rows, 1)))[0].size[0] for rows in (1, 2))
        return -(-(2 * one - two) // (two - one))

    def counts(self, stage: int, region: Region) -> tuple[Floats, Floats]:
        """The cells by which an average pool divides: in its rows, and in its columns, of a region of its result."""
        found = []
        for start, size, cells in zip(region.start, region.size, self._counts[stage], strict=True):
            one = np.ones(size, np.float32)  # no average that is outside the map is looked at
            first, stop = max(0, -start), max(0, min(size, len(cells) - start))
            one[first:stop] = cells[first + start : stop + start]
            found.append(one)
        return found[0], found[1]

    def _cells(self, stage: Stage) -> tuple[Floats, Floats]:
        work = stage.work
        if not isinstance(work, Pooling) or work.kind == "max":
            return np.ones(0, np.float32), np.ones(0, np.float32)
        layer = self.network.layers[stage.layers[0]]
        assert isinstance(layer, AvgPool)
        rows, columns = (
            np.array([work.cells(axis, position) for position in range(axis.out)], np.float32)
            for axis in axes(layer, self.network.shapes[stage.layers[0]])
        )
        return rows, columns
