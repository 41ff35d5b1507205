"""From the sums of a batch's shares to gradients by name: added in order, and the lanes folded.

Who summed up a share leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from convlens.network import Shape

from . import compile as machine_code
from .arguments import Floats
from .kernels import gradients
from .kernels.convolution import Convolution
from .plan import Dense, Plan
from .schedule import Schedule, aligned

Fold = Callable[[Floats], Floats]


class Sums:
    """The sums of weights and biases that a plan's kernels leave.

    Args:
        plan: the plan.
        schedule: where they lie.
        shapes: of all parameters, by name.
    """

    def __init__(self, plan: Plan, schedule: Schedule, shapes: Mapping[str, Shape]) -> None:
        self._plan, self._schedule, self._shapes = plan, schedule, shapes

    def gathered(self, sums: Floats) -> dict[str, Floats]:
        """The sums of all shares, (shares, floats), as name to gradient; the first share's are overwritten."""
        total = sums[0]
        for more in sums[1:]:
            total += more
        found: dict[str, Floats] = {}
        for group, b, (fold_bias, fold_weight) in zip(
            self._plan.groups, self._schedule.buffers, self._folds, strict=True
        ):
            if group.weight is None:
                continue
            weight = total[b.weight_sums : b.weight_sums + group.weight_sums]
            if isinstance(group.work, Dense):
                weight = weight.reshape(group.work.outputs, -1)[:, : group.work.inputs]
            found[group.weight] = (fold_weight or np.array)(weight).reshape(self._shapes[group.weight])
            if group.bias:
                bias = total[b.bias_sums : b.bias_sums + group.bias_sums]
                found[group.bias] = (fold_bias or np.array)(bias).reshape(self._shapes[group.bias])
        return found

    @cached_property
    def _folds(self) -> list[tuple[Fold | None, Fold | None]]:
        """What adds up the lanes of each group's bias and weight; None where no number a lane is kept."""
        found = []
        for group in self._plan.groups:
            conv = group.weight is not None and isinstance(group.work, Convolution)
            floats = (0 if group.local else group.bias_sums, group.weight_sums if conv and not group.local else 0)
            bias, weight = (self._fold(n // self._plan.target.lanes) if n else None for n in floats)
            found.append((bias, weight))
        return found

    def _fold(self, count: int) -> Fold:
        """Adds up the lanes of ``count`` numbers."""
        call = machine_code.load(gradients.fold(self._plan.target, count, "fold"))

        def fold(sums: Floats) -> Floats:
            numbers = aligned(count)
            call(sums.ctypes.data, numbers.ctypes.data)
            return numbers

        return fold
