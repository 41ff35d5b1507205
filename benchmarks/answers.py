"""Inputs, parameters and the answers that every contender must give before it is timed.

The answers come from plain torch modules in float64. The bound follows from the length of the sums: rounding errors of
a float32 sum of L terms grow as sqrt(L), and a network adds those of its layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import Network, halo, multiply_adds, parameter_shapes, stride

from .suites import Job

Floats = NDArray[np.float32]
Answers = dict[str, NDArray[Any]]

BATCHES = 4
"""Batches that training goes through in turn, so that it does not live on one that never leaves the cache."""
RATE = 0.1
"""Learning rate: a step moves parameters far enough to see its gradient in float32."""
BAND = 64
"""Rows of an output that are computed in float64 at once."""
SAFETY = 8
"""Standard deviations of the rounding error that are let pass."""


@dataclass(frozen=True)
class Problem:
    """A job with its numbers: the same for every contender, drawn from the job's seed, never zeros."""

    job: Job

    @cached_property
    def network(self) -> Network:
        """The job's network."""
        return self.job.network

    def _draw(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.job.seed, purpose])

    @cached_property
    def parameters(self) -> dict[str, Floats]:
        """Uniform over plus and minus 1 / sqrt(fan-in), as torch.nn draws them; named as in a Sequential."""
        draw, found = self._draw(0), dict[str, Floats]()
        for i, layer in enumerate(self.network.layers):
            shapes = parameter_shapes(layer, self.network.shapes[i])
            for name, shape in shapes.items():
                limit = 1 / math.sqrt(math.prod(shapes["weight"][1:]))
                found[f"{i}.{name}"] = draw.uniform(-limit, limit, shape).astype(np.float32)
        return found

    @cached_property
    def inputs(self) -> list[Floats]:
        """Normal numbers: one batch, or several for training."""
        count = BATCHES if self.job.task == "train" else 1
        shape = (count, self.job.batch, *self.network.input_shape)
        return list(self._draw(1).standard_normal(shape).astype(np.float32))

    @cached_property
    def labels(self) -> list[NDArray[np.int64]]:
        """Class numbers for every batch."""
        return list(self._draw(2).integers(0, self.network.output_shape[0], (len(self.inputs), self.job.batch)))

    @cached_property
    def upstream(self) -> Floats:
        """A gradient of the outputs."""
        shape = (self.job.batch, *self.network.output_shape)
        return self._draw(3).standard_normal(shape).astype(np.float32)


def expected(problem: Problem) -> Answers:
    """The right answers in float64: "output"; "loss" and "gradient.NAME"; or "input" and "gradient.NAME"."""
    import torch

    from .peers.torch_modules import build, loaded

    module = loaded(build(problem.network), problem.parameters).double()
    x = torch.from_numpy(problem.inputs[0]).double()
    if problem.job.task == "scan":
        return {"output": _in_bands(problem.network, module, problem.inputs[0])}
    if problem.job.inference:
        with torch.inference_mode():
            return {"output": module(x).numpy()}
    if problem.job.task == "train":
        value = torch.nn.functional.cross_entropy(module(x), torch.from_numpy(problem.labels[0]))
        value.backward()  # type: ignore[no-untyped-call]
        found = {"loss": np.array(value.item())}
    else:
        x.requires_grad_()
        module(x).backward(torch.from_numpy(problem.upstream).double())
        assert x.grad is not None
        found = {"input": x.grad.numpy()}
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        found[f"gradient.{name}"] = parameter.grad.numpy()
    return found


def _in_bands(network: Network, module: Any, x: Floats) -> NDArray[np.float64]:
    """The output of a whole picture, so many of its rows at a time that float64 fits into memory."""
    import torch

    ((before, after), _), (jump, _) = halo(network), stride(network)
    found = []
    for first in range(0, network.output_shape[1], BAND):
        stop = min(first + BAND, network.output_shape[1])
        start = max(0, first - -(-before // jump))
        part = torch.from_numpy(x[:, :, start * jump : stop * jump + after]).double()
        with torch.inference_mode():
            found.append(module(part).numpy()[:, :, first - start : stop - start])
    return np.concatenate(found, 2)


def bound(problem: Problem, name: str) -> float:
    """The largest error that rounding explains, as a fraction of the answer's largest number."""
    network, eps = problem.network, float(np.finfo(np.float32).eps)
    longest = 1
    for i, layer in enumerate(network.layers):
        shape, out = network.shapes[i], network.shapes[i + 1]
        if adds := multiply_adds(layer, shape):
            terms = adds // math.prod(out)
            if name.startswith("gradient."):
                terms = max(terms, problem.job.batch * math.prod(out[1:]))
            longest = max(longest, terms, math.prod(out))
    return SAFETY * eps * math.sqrt(longest) * max(2, len(network.layers))


def after_step(before: Mapping[str, Floats], after: Mapping[str, NDArray[Any]]) -> Answers:
    """The gradients that one step of SGD used, from the parameters before and after it."""
    return {
        f"gradient.{name}": (before[name].astype(np.float64) - np.asarray(after[name], np.float64)) / RATE
        for name in before
    }


def faults(problem: Problem, right: Mapping[str, NDArray[Any]], given: Mapping[str, NDArray[Any]]) -> list[str]:
    """What is wrong with a contender's answers: a sentence each; none when all are right."""
    found = [f"gives no {name}" for name in right if name not in given]
    for name in right.keys() & given.keys():
        want, have = right[name], np.asarray(given[name], np.float64)
        if have.shape != want.shape:
            found.append(f"{name} has shape {have.shape} instead of {want.shape}")
            continue
        largest = float(np.abs(want).max(initial=0.0))
        error = float(np.abs(have - want).max(initial=0.0))
        allowed = bound(problem, name) * largest
        if problem.job.task == "train" and name.startswith("gradient."):
            # read off the parameters, which were rounded once on the way
            parameter = problem.parameters[name.removeprefix("gradient.")]
            allowed += float(np.finfo(np.float32).eps) * float(np.abs(parameter).max()) / RATE
        if not error <= allowed:  # a NaN is a fault too
            found.append(f"{name} is wrong by {error:.3g}, where rounding explains {allowed:.3g}")
    return sorted(found)
