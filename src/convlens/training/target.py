"""What a network is asked for: a class an example, or a class a cell. The one place that tells them apart.

How examples are drawn, how many labels a batch has, and how a split is judged follow from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.data import CellSet, CellSplit, Dataset, Preprocessing, Split
from convlens.data.cell_set import IGNORED
from convlens.data.patches import Patches
from convlens.data.stream import batches
from convlens.network import Network
from convlens.network.layers import spell

from .distributed import World
from .errors import TrainingError
from .judge import Judgement, judge
from .judge_cells import CellJudgement, judge_cells
from .learner import Backend, runner
from .tiles import Tiled, why_not

AT_ONCE = 2**17
"""Cells of the patches of a step at most, where every cell has a label: nine patches of 24x24x24, eight of 128x128."""

Places = NDArray[np.int64]


class Target(Protocol):
    """What is learned from a data set."""

    def check(self, network: Network) -> None:
        """Raise TrainingError where the network cannot learn it."""

    def __len__(self) -> int:
        """Examples of one pass."""

    def steps(self, batch: int) -> int:
        """Optimiser steps of one pass, of so many examples each."""

    def draw(self, rng: np.random.Generator) -> Places:
        """The places of one pass's examples, in an order of chance."""

    def read(self, shares: Sequence[Places], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The examples at some places and their labels, share by share."""

    def labels(self, y: Tensor, examples: int, world: World) -> int:
        """Labels that count in a batch of ``examples``, of which ``y`` is this process's share."""

    def judge(
        self, module: torch.nn.Sequential, network: Network, split: str, world: World, how: How
    ) -> Judgement | CellJudgement:
        """What ``module``, the same at every call, says of the share of a split that is this process's."""


class How:
    """How a split is judged.

    Args:
        preprocessing: what the network is given.
        threads: of the engine.
        backend: that was asked for.
        workers: that decode.
        shared: whether each process judges a part.
    """

    def __init__(
        self, preprocessing: Preprocessing, threads: int, backend: Backend, workers: int, *, shared: bool = False
    ) -> None:
        self.preprocessing, self.threads, self.backend = preprocessing, threads, backend
        self.workers, self.shared = workers, shared

    def share(self, count: int, world: World) -> Places:
        """The places that this process judges."""
        every = np.arange(count)
        return every[world.rank :: world.size] if self.shared else every


class OfExamples:
    """A class an example: the network ends in a score a class."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._runner: torch.nn.Module | None = None

    def check(self, network: Network) -> None:
        data, classes = self._data, len(self._data.classes)
        if network.output_shape != (classes,):
            raise TrainingError(
                f"the network ends in {spell(network.output_shape)}, but {data.name} has {classes} classes; "
                f"end it with linear {classes}"
            )

    def __len__(self) -> int:
        return len(self._data.train)

    def steps(self, batch: int) -> int:
        return -(-len(self) // batch)

    def draw(self, rng: np.random.Generator) -> Places:
        return rng.permutation(len(self))

    def read(self, shares: Sequence[Places], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
        return batches(self._data.train, shares, workers)

    def labels(self, y: Tensor, examples: int, world: World) -> int:
        return examples

    def judge(self, module: torch.nn.Sequential, network: Network, split: str, world: World, how: How) -> Judgement:
        examples: Split = self._data.splits[split]
        mine = how.share(len(examples), world)
        if len(mine) < len(examples):
            examples = examples.take(mine)
        if self._runner is None:
            self._runner = runner(module, network, world.device, how.threads, how.backend)
        return judge(self._runner, examples, how.preprocessing, world.device, workers=how.workers)


class OfCells:
    """A class a cell: the network ends in a score a class on the grid of its input, and learns from patches of it."""

    def __init__(self, data: CellSet, patch: tuple[int, ...]) -> None:
        self._data = data
        self._patches = Patches(data.train, patch)
        self._tiled: Tiled | None = None

    def check(self, network: Network) -> None:
        classes, grid, name = len(self._data.classes), network.input_shape[1:], self._data.name
        out = network.output_shape
        has = f"{name} has a label for every cell"
        if len(out) != len(grid) + 1:
            raise TrainingError(
                f"the network ends in {spell(out)}, but {has}: leave flatten and linear out and end it with "
                f"conv {classes} 1, or say --net dilated"
            )
        if reason := why_not(network):
            raise TrainingError(f"{has}, {reason}")
        if out != (classes, *grid):
            raise TrainingError(
                f"the network ends in {out[0]} channels, but {name} has {classes} classes; end it with conv {classes} 1"
            )

    def __len__(self) -> int:
        return len(self._patches)

    def steps(self, batch: int) -> int:
        return -(-len(self) // min(batch, max(1, AT_ONCE // math.prod(self._patches.size))))

    def draw(self, rng: np.random.Generator) -> Places:
        return self._patches.draw(rng)

    def read(self, shares: Sequence[Places], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
        for places in shares:
            x, y = self._patches.read(places)
            yield torch.from_numpy(x), torch.from_numpy(y)

    def labels(self, y: Tensor, examples: int, world: World) -> int:
        return max(1, int(world.total([float((y != IGNORED).sum())])[0]))

    def judge(self, module: torch.nn.Sequential, network: Network, split: str, world: World, how: How) -> CellJudgement:
        examples: CellSplit = self._data.splits[split]
        examples = examples.take(how.share(len(examples), world))
        if self._tiled is None:
            self._tiled = Tiled(module, network, world.device, how.threads, how.backend)
        return judge_cells(self._tiled, examples, how.preprocessing, len(self._data.classes))


def target(data: Dataset | CellSet, patch: tuple[int, ...]) -> Target:
    """What is learned from a data set by a network whose input has so many cells an axis."""
    return OfCells(data, patch) if isinstance(data, CellSet) else OfExamples(data)
