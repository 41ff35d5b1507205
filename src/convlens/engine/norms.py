"""The batch norms of one batch: what they put aside of it, and the numbers that they get between two sweeps over it.

Kernels measure every image alone; here the images are added up, in float64 and in their order, so that neither the
number of threads nor the images that fill the last block leave a trace.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.network import print_layer

from .arguments import Floats
from .errors import EngineError
from .kernels.normalisation import (
    APPLIED,
    INVERSE,
    MEAN,
    MEAN_PRODUCT,
    MEAN_UPSTREAM,
    MEASURED,
    NUMBERS,
    Normalising,
)
from .plan import Group, Plan
from .schedule import Cut, Schedule

Wide = NDArray[np.float64]


class Norms:
    """Statistics and gradients of a batch's norms, sweep by sweep.

    Args:
        plan: of the network.
        schedule: where everything lies.
        arrays: ``inputs``, ``returned`` and ``measured`` of so many blocks or more, ``numbers``, and ``parameters``.
        images: how many the batch has; a batch of none changes nothing, and has the statistics of before.

    Raises:
        EngineError: a norm would have a single value a channel.
    """

    def __init__(self, plan: Plan, schedule: Schedule, arrays: dict[str, Floats], images: int) -> None:
        self._plan, self._schedule, self._images = plan, schedule, images
        self._numbers, self._measured = arrays["numbers"], arrays["measured"]
        self._cuts = [(plan.groups[i], cut) for i, cut in schedule.cuts.items()]
        self.gradients: dict[str, Floats] = {}
        self.statistics: dict[str, Floats] = {}
        for i, cut in schedule.cuts.items():
            work, at = self._work(plan.groups[i]), schedule.buffers[i].weight
            if images * plan.groups[i].source.cells == 1:
                layer = plan.network.layers[work.layer]
                raise EngineError(
                    f"layer {work.layer + 1} ({print_layer(layer)}) cannot train on a single value per channel; take "
                    "more examples a batch"
                )
            applied = APPLIED * work.channels
            self._numbers[cut.numbers : cut.numbers + applied] = arrays["parameters"][at : at + applied]

    def settle(self, sweep: int) -> None:
        """Take what a sweep has measured: those there come first, then those back."""
        many = len(self._cuts)
        with np.errstate(over="ignore", invalid="ignore"):  # of a run that diverges the loss tells
            if sweep < many:
                self._there(*self._cuts[sweep])
            elif sweep < 2 * many:
                self._back(*self._cuts[2 * many - 1 - sweep])

    def _there(self, group: Group, cut: Cut) -> None:
        """The batch's mean and variance: the variance of each image's maps, and of their means."""
        if not self._images:
            return
        work, cells = self._work(group), group.source.cells
        near, differences, squares = self._taken(group, cut)
        means = near + differences / cells
        within = squares - differences**2 / cells
        mean = means.mean(axis=1)
        squared = np.maximum(within, 0).sum(axis=1) + cells * ((means - mean[:, None]) ** 2).sum(axis=1)
        count = cells * self._images
        numbers = self._numbers_of(work, cut)
        numbers[MEAN], numbers[INVERSE] = mean, 1 / np.sqrt(squared / count + work.eps)
        self.statistics[f"{work.layer}.running_mean"] = mean.astype(np.float32)
        self.statistics[f"{work.layer}.running_var"] = (squared / (count - 1)).astype(np.float32)

    def _back(self, group: Group, cut: Cut) -> None:
        """The gradients of shift and gain, which the gradient of the input needs too."""
        work = self._work(group)
        upstream, product, _ = self._taken(group, cut).sum(axis=2)
        count = max(1, group.source.cells * self._images)
        numbers = self._numbers_of(work, cut)
        numbers[MEAN_UPSTREAM], numbers[MEAN_PRODUCT] = upstream / count, product / count
        self.gradients[f"{work.layer}.weight"] = product.astype(np.float32)
        self.gradients[f"{work.layer}.bias"] = upstream.astype(np.float32)

    def _taken(self, group: Group, cut: Cut) -> Wide:
        """What was measured of every image: (3, channels, images)."""
        channels, lanes = group.source.channels, group.source.lanes
        blocks = self._measured.reshape(-1, self._schedule.measured.floats)
        own = blocks[:, cut.measured : cut.measured + channels * MEASURED * lanes]
        return (
            own.reshape(-1, channels, MEASURED, lanes)
            .transpose(2, 1, 0, 3)
            .reshape(MEASURED, channels, -1)[:, :, : self._images]
            .astype(np.float64)
        )

    def _numbers_of(self, work: Normalising, cut: Cut) -> Floats:
        return self._numbers[cut.numbers : cut.numbers + NUMBERS * work.channels].reshape(NUMBERS, work.channels)

    @staticmethod
    def _work(group: Group) -> Normalising:
        assert isinstance(group.work, Normalising)
        return group.work
