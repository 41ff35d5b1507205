"""Functions of the kernels' vocabulary, run over whole arrays: for tests of what happens in one lane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convlens.engine import Target
from convlens.engine.blueprint import blueprint
from convlens.engine.builder import Kernel, Value
from convlens.engine.kernels import activation, loss
from convlens.engine.schedule import aligned

from .compiling import load

FUNCTIONS: dict[str, Callable[[Kernel, Value], Value]] = {
    "exp": activation.exp,
    "sigmoid": activation.sigmoid,
    "tanh": activation.tanh,
    "relu": Kernel.relu,
    "log": loss.log,
}


@blueprint
def over_all(target: Target, function: str, name: str) -> Kernel:
    """Write the kernel ``(x, y, vectors)``: a function of every number."""
    k = Kernel(name, target, ("x", "y"), ("vectors",))
    x, y, vectors = k.arguments
    with k.loop(vectors) as turn:
        k.store(FUNCTIONS[function](k, k.load(x, (turn.index, k.lanes))), y, (turn.index, k.lanes))
    return k


def values(target: Target, function: str, x: np.ndarray) -> np.ndarray:
    """A function of every number of a float32 array, a multiple of the lanes long."""
    source, result = aligned(x.size), aligned(x.size)
    source[:] = x
    load(over_all(target, function, function))(source.ctypes.data, result.ctypes.data, x.size // target.lanes)
    return result
