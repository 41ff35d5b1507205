"""Optimisers on named arrays: all weights lie in one, and a step is one sweep over it.

Weight decay is for weights; vectors, which are biases and the gains and shifts of norms, are left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network.errors import shown

from . import compile as machine_code
from .arguments import Floats, floats
from .errors import EngineError
from .kernels import optimisers
from .parameters import Named
from .schedule import Room, aligned
from .target import host

Numbers = Callable[[int, float, float], tuple[float, ...]]
"""What a kernel reads, from which step it is (the first is 1), the learning rate and the weight decay."""


class Optimiser:
    """Weights that move against gradients, with what is remembered of the gradients; ``adamw`` and ``sgd`` make one.

    Args:
        parameters: name to array, the values that the weights begin with; they are copied.
        decay: the weight decay of arrays of two axes or more.
        kernel: machine code for a step.
        memories: how many numbers it remembers for each weight.
        numbers: what it reads besides.

    Raises:
        EngineError: a parameter is no array of real numbers, or the decay is negative or not finite.
    """

    def __init__(
        self, parameters: Named, decay: float, kernel: machine_code.Call, memories: int, numbers: Numbers
    ) -> None:
        self._decay, self._kernel, self._numbers = _real(decay, "the weight decay", 0.0), kernel, numbers
        self.steps = 0
        """How many were made."""
        arrays = {name: floats(array, name) for name, array in parameters.items()}
        room = Room()
        # weights first and then the vectors: each part begins at a whole vector of the processor's
        ordered = sorted(arrays, key=lambda name: arrays[name].ndim <= 1)
        self._places = {name: (room.take(arrays[name].size), arrays[name].shape) for name in ordered}
        self._split = min((p for p, shape in self._places.values() if len(shape) <= 1), default=room.floats)
        self._flat, self._gradients, *self._memories = (aligned(room.floats) for _ in range(2 + memories))
        self._lanes = host().lanes
        for name, array in self.parameters.items():
            array[...] = arrays[name]

    @property
    def parameters(self) -> dict[str, Floats]:
        """Name to array: views of the weights, which every step moves."""
        return self._views(self._flat)

    @property
    def remembered(self) -> tuple[dict[str, Floats], ...]:
        """What is remembered of the gradients, by name: views, to be kept and put back together with ``steps``."""
        return tuple(self._views(memory) for memory in self._memories)

    def step(self, gradients: Mapping[str, NDArray[Any]], rate: float) -> None:
        """Move the weights.

        Args:
            gradients: name to array, shaped as the parameters.
            rate: the learning rate.

        Raises:
            EngineError: a gradient is missing or of another shape.
        """
        for name, own in self._views(self._gradients).items():
            if name not in gradients or np.shape(gradients[name]) != own.shape:
                given = f"of {np.shape(gradients[name])}" if name in gradients else "missing"
                raise EngineError(f"the gradient of {name} must be an array of {own.shape}, and is {given}")
            own[...] = gradients[name]
        self.steps += 1
        arrays = (self._flat, self._gradients, *self._memories)
        for start, stop, decay in ((0, self._split, self._decay), (self._split, self._flat.size, 0.0)):
            told = np.array(self._numbers(self.steps, rate, decay), np.float32)
            at = (array.ctypes.data + start * array.itemsize for array in arrays)
            self._kernel(*at, told.ctypes.data, (stop - start) // self._lanes)

    def _views(self, flat: Floats) -> dict[str, Floats]:
        return {name: flat[at : at + prod(shape)].reshape(shape) for name, (at, shape) in self._places.items()}


def adamw(
    parameters: Named, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, decay: float = 0.01
) -> Optimiser:
    """AdamW.

    Args:
        parameters: name to array, the values that the weights begin with; they are copied.
        betas: how much of the running means of the gradients and of their squares a step keeps, 0 to below 1.
        eps: added to the root of the mean square.
        decay: the weight decay of arrays of two axes or more, a step and unit of learning rate.

    Returns:
        An Optimiser that remembers both means.

    Raises:
        EngineError: a parameter is no array of real numbers, or a number is out of its range.

    Source: Loshchilov and Hutter, 2019.

    >>> import numpy as np
    >>> optimiser = adamw({"weight": np.ones((1, 2)), "bias": np.zeros(1)}, decay=0.1)
    >>> optimiser.step({"weight": np.array([[3.0, -3.0]]), "bias": np.zeros(1)}, rate=0.01)
    >>> optimiser.parameters["weight"].round(3).tolist()  # 1 - rate * decay, then a rate each
    [[0.9890000224113464, 1.0089999437332153]]
    """
    a, b = (_real(beta, "a beta", 0.0, 1.0) for beta in betas)
    _real(eps, "eps", 0.0)

    def numbers(steps: int, rate: float, decay: float) -> tuple[float, ...]:
        return 1 - rate * decay, rate / (1 - a**steps), 1 - a, 1 - b, 1 / sqrt(1 - b**steps), eps

    return Optimiser(parameters, decay, machine_code.load(optimisers.adamw(host(), "adamw")), 2, numbers)


def sgd(parameters: Named, *, momentum: float = 0.0, decay: float = 0.0) -> Optimiser:
    """Gradient descent with momentum.

    Args:
        parameters: name to array, the values that the weights begin with; they are copied.
        momentum: how much of its velocity a step keeps, 0 to below 1.
        decay: the weight decay of arrays of two axes or more, added to their gradients.

    Returns:
        An Optimiser that remembers the velocity.

    Raises:
        EngineError: a parameter is no array of real numbers, or a number is out of its range.

    >>> import numpy as np
    >>> optimiser = sgd({"weight": np.zeros((1, 1))}, momentum=0.5)
    >>> for _ in range(2):
    ...     optimiser.step({"weight": np.ones((1, 1))}, rate=1.0)
    >>> optimiser.parameters["weight"].tolist()
    [[-2.5]]
    """
    kept = _real(momentum, "the momentum", 0.0, 1.0)

    def numbers(steps: int, rate: float, decay: float) -> tuple[float, ...]:
        return decay, rate, kept

    return Optimiser(parameters, decay, machine_code.load(optimisers.momentum(host(), "momentum")), 1, numbers)


def _real(value: float, what: str, least: float, below: float = float("inf")) -> float:
    """A finite number of ``least`` or more, and less than ``below``."""
    if not least <= value < below:
        limit = f" and below {below:g}" if below != float("inf") else ""
        raise EngineError(f"{what} must be {least:g} or more{limit}, not {shown(value)}")
    return float(value)
