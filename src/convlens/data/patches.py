"""Patches of one size, cut from examples of any size whose every cell has a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convlens.data.cell_set import IGNORED, CellSplit
from convlens.data.dataset import Raw


class Patches:
    """Every patch of a size that examples have, by place: a patch is centred on a cell, and moved inside.

    Where all examples have just that size the patches are the examples themselves.

    Args:
        split: the examples.
        size: of a patch, (*spatial). Beyond the border of a smaller example lie its edge cells, without labels.

    >>> split = CellSplit([np.arange(5, dtype=np.uint8)[None]], [np.arange(5, dtype=np.uint8)], ["a"])
    >>> Patches(split, (3,)).read(np.array([0, 3, 4]))[1].tolist()
    [[0, 1, 2], [2, 3, 4], [2, 3, 4]]
    """

    def __init__(self, split: CellSplit, size: Sequence[int]) -> None:
        self._split, self.size = split, tuple(size)
        self.whole = all(y.shape == self.size for y in split.y)

    @property
    def places(self) -> int:
        """How many there are to choose from."""
        return len(self._split) if self.whole else self._split.cells

    def __len__(self) -> int:
        """How many it takes to see about every cell once."""
        return len(self._split) if self.whole else max(1, round(self._split.cells / math.prod(self.size)))

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The places of one pass, in an order of chance: the examples, or as many patches as it takes."""
        return rng.permutation(self.places) if self.whole else rng.integers(0, self.places, len(self))

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """The place of each example's first cell."""
        return np.cumsum([0, *(y.size for y in self._split.y)])

    def read(self, places: NDArray[np.int64]) -> tuple[Raw, NDArray[np.int64]]:
        """Cut the patches at some places: raw cells (n, C, *size), and labels (n, *size) int64."""
        if self.whole:
            x, y = ([of[i] for i in places] for of in (self._split.x, self._split.y))
            return np.stack(x), np.stack(y).astype(np.int64)
        cut = [self._cut(int(place)) for place in places]
        return np.stack([x for x, _ in cut]), np.stack([y for _, y in cut]).astype(np.int64)

    def _cut(self, place: int) -> tuple[Raw, Raw]:
        example = int(np.searchsorted(self._first, place, side="right")) - 1
        x, y = self._split.x[example], self._split.y[example]
        centre = np.unravel_index(place - int(self._first[example]), y.shape)
        window, missing = [], []
        for at, size, room in zip(centre, self.size, y.shape, strict=True):
            start = min(max(int(at) - size // 2, 0), max(0, room - size))
            window.append(slice(start, min(start + size, room)))
            missing.append((0, max(0, size - room)))
        labels = np.pad(y[tuple(window)], missing, constant_values=IGNORED)
        return np.pad(x[(slice(None), *window)], [(0, 0), *missing], mode="edge"), labels
