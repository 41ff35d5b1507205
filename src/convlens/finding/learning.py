"""The loop: batches prepared beside it, gradients on the engine, weights moved, their mean kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convlens import engine

from .crops import Batch, batch
from .network import STRIDE, Named, network
from .objective import centre_weight, focal
from .optimiser import Optimiser
from .plans import SIDE, Material, Mix

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Course:
    """How long and how fast.

    Args:
        steps: batches.
        rate: the largest learning rate; it rises over a tenth of the steps and falls as a cosine.
        looks: after which fractions of the steps the scenes are looked at anew.
        mix: what a batch shows.
        memory: of the running mean of the weights.
    """

    steps: int
    rate: float
    looks: tuple[float, ...] = ()
    mix: Mix = field(default_factory=Mix)
    memory: float = 0.97

    def rates(self) -> list[float]:
        """The learning rate of each step."""
        warm = max(1, self.steps // 10)
        fall = [0.5 * (1 + np.cos(np.pi * (s - warm) / max(1, self.steps - warm))) for s in range(self.steps)]
        return [self.rate * (min((s + 1) / warm, f) if s < warm else max(f, 0.02)) for s, f in enumerate(fall)]


class Learner:
    """Weights that learn."""

    def __init__(self, channels: int, weights: Named) -> None:
        self.weights = weights
        self._program = engine.compile(network(channels, SIDE, SIDE), weights, training=True)

    def run(
        self,
        material: Material,
        course: Course,
        seed: tuple[int, ...],
        look: Callable[[Named], None],
        progress: Callable[[float], None] | None = None,
    ) -> Named:
        """Learn.

        Args:
            material: what crops are cut from.
            course: how long and how fast.
            seed: what the crops are drawn from.
            look: called with the mean weights at the course's looks; it may change the material.
            progress: called with the fraction that is done.

        Returns:
            The mean weights.
        """
        optimiser, rates = Optimiser(self.weights, course.memory), course.rates()
        looks = {round(part * course.steps) for part in course.looks}

        def prepared(step: int) -> Batch:
            return batch(material, course.mix, np.random.default_rng((*seed, step)))

        with ThreadPoolExecutor(1) as beside:
            for first, stop in pairwise(sorted({0, *looks, course.steps})):
                if first in looks:
                    # before the first step they are the weights themselves, with which scenes were perhaps seen
                    look(optimiser.named(mean=True) if first else self.weights)
                coming = beside.submit(prepared, first)
                for step in range(first, stop):
                    now = coming.result()
                    if step + 1 < stop:
                        coming = beside.submit(prepared, step + 1)
                    self._program.load(optimiser.named())
                    optimiser.step(self._gradients(now), rates[step])
                    if progress is not None:
                        progress((step + 1) / course.steps)
        self.weights = optimiser.named(mean=True)
        return self.weights

    def at(self, crops: Floats, spots: Floats, weights: Named) -> Floats:
        """The largest logit of the cells about places in crops.

        Args:
            crops: (N, C, SIDE, SIDE).
            spots: (N, 2) x, y in pixels.
            weights: of the network.
        """
        self._program.load(weights)
        maps = np.pad(self._program(crops)[:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        cells = np.rint((spots - (STRIDE - 1) / 2) / STRIDE).astype(int).clip(0, maps.shape[1] - 3)
        return np.array([m[y : y + 3, x : x + 3].max() for m, (x, y) in zip(maps, cells, strict=True)], np.float32)

    def _gradients(self, now: Batch) -> Named:
        centres = centre_weight(now.target, now.weight)

        def slope(logits: Floats, some: slice) -> Floats:
            return focal(logits, now.target[some], now.weight[some], centres)[1]

        return self._program.outputs_and_gradients(now.crops, slope)[1]
