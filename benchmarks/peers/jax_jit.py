"""JAX on the CPU: one jitted function a job, in NHWC or NCHW."""

from __future__ import annotations

import os
from itertools import cycle
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from convlens.network import AvgPool, Conv, Flatten, Linear, MaxPool, Network, ReLU, Sigmoid, Tanh, axes

from ..answers import RATE, Answers, Problem, after_step
from . import RefusedError, Run

Parameters = dict[str, Any]
ACTIVATIONS = {ReLU: jax.nn.relu, Sigmoid: jax.nn.sigmoid, Tanh: jnp.tanh}


def prepare(problem: Problem, channels_last: bool = False) -> Run:
    """A job, compiled for exactly its shapes."""
    network, last = problem.network, channels_last
    for layer in network.layers:
        if not isinstance(layer, (Conv, MaxPool, AvgPool, Linear, Flatten, *ACTIVATIONS)):
            raise RefusedError(f"the benchmark does not write {type(layer).__name__} in JAX")
    parameters = {name: jnp.asarray(value) for name, value in problem.parameters.items()}
    if problem.job.inference:
        run = jax.jit(lambda p, x: _apply(network, last, p, x))
        x = problem.inputs[0]

        def call() -> Any:
            y = np.asarray(run(parameters, _placed(x, last)))
            return np.moveaxis(y, -1, 1) if last and y.ndim > 2 else y

        return Run(call, lambda: {"output": call()})
    if problem.job.task == "train":
        return _train(problem, parameters, last)
    inputs, upstream = jnp.asarray(_placed(problem.inputs[0], last)), jnp.asarray(_placed(problem.upstream, last))

    @jax.jit
    def both(p: Parameters, x: Any, g: Any) -> Any:
        out, back = jax.vjp(lambda p, x: _apply(network, last, p, x), p, x)
        return out, back(g)

    def answers() -> Answers:
        _, (found, moved) = both(parameters, inputs, upstream)
        moved = np.moveaxis(np.asarray(moved), -1, 1) if last else np.asarray(moved)
        return {"input": moved, **{f"gradient.{n}": np.asarray(g) for n, g in found.items()}}

    return Run(lambda: _ready(both(parameters, inputs, upstream)), answers)


def _train(problem: Problem, parameters: Parameters, last: bool) -> Run:
    pairs = zip(problem.inputs, problem.labels, strict=True)
    batches = cycle([(jnp.asarray(_placed(x, last)), jnp.asarray(y)) for x, y in pairs])

    def loss(p: Parameters, x: Any, y: Any) -> Any:
        scores = jax.nn.log_softmax(_apply(problem.network, last, p, x))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    def step(p: Parameters, x: Any, y: Any) -> Any:
        value, found = jax.value_and_grad(loss)(p, x, y)
        return value, {name: p[name] - RATE * found[name] for name in p}

    jitted, now = jax.jit(step, donate_argnums=0), dict(parameters)

    def call() -> Any:
        nonlocal now
        value, now = jitted(now, *next(batches))
        return _ready(value)

    def answers() -> Answers:
        value = np.asarray(call())
        return {"loss": value, **after_step(problem.parameters, {n: np.asarray(p) for n, p in now.items()})}

    return Run(call, answers)


def _ready(value: Any) -> Any:
    return jax.block_until_ready(value)  # type: ignore[no-untyped-call]


def _placed(x: Any, last: bool) -> Any:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if last and x.ndim > 2 else x


def _apply(network: Network, last: bool, p: Parameters, x: Any) -> Any:
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Flatten):
            # channels outermost, as the notation says
            x = (jnp.moveaxis(x, -1, 1) if last and x.ndim > 2 else x).reshape(x.shape[0], -1)
        elif isinstance(layer, Linear):
            x = x @ p[f"{i}.weight"].T + p[f"{i}.bias"]
        elif type(layer) in ACTIVATIONS:
            x = ACTIVATIONS[type(layer)](x)
        else:
            x = _windowed(network, i, last, p, x)
    return x


def _windowed(network: Network, i: int, last: bool, p: Parameters, x: Any) -> Any:
    layer = network.layers[i]
    assert isinstance(layer, (Conv, MaxPool, AvgPool))
    found = axes(layer, network.shapes[i])
    kernel, strides = tuple(a.kernel for a in found), tuple(a.stride for a in found)
    pads = [(a.before, a.after) for a in found]
    if isinstance(layer, Conv):
        letters = "DHW"[-len(found) :]
        data = f"N{letters}C" if last else f"NC{letters}"
        numbers = lax.conv_dimension_numbers(x.shape, p[f"{i}.weight"].shape, (data, f"OI{letters}", data))
        out = lax.conv_general_dilated(
            x,
            p[f"{i}.weight"],
            strides,
            pads,
            rhs_dilation=tuple(a.dilation for a in found),
            dimension_numbers=numbers,
            feature_group_count=layer.groups,
        )
        bias = p[f"{i}.bias"]
        return out + (bias if last else bias.reshape(-1, *[1] * len(found)))
    window = (1, *kernel, 1) if last else (1, 1, *kernel)
    steps = (1, *strides, 1) if last else (1, 1, *strides)
    around = [(0, 0), *pads, (0, 0)] if last else [(0, 0), (0, 0), *pads]
    if isinstance(layer, MaxPool):
        return lax.reduce_window(x, -jnp.inf, lax.max, window, steps, around)
    return lax.reduce_window(x, 0.0, lax.add, window, steps, around) / float(np.prod(kernel))
