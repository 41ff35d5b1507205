"""Operators of torch.library that carry a batch and the parameters to the engine, and bring tensors back.

``convlens::forward``, ``convlens::learn`` and ``convlens::backward`` copy nothing on the way and are pure functions of
their inputs: no activation is kept between them, since the engine computes the forward of a block of images again, in
cache, while it goes backward. ``learn`` is ``forward`` where batch norms learn, and gives the batch's statistics, too.
The engine, and LLVM with it, is imported when the first program is made. What is sent here is for ``compile`` to say.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from convlens.network import BatchNorm, Network, NetworkError, parameter_shapes

if TYPE_CHECKING:
    from convlens.engine import Program

TWICE = "the engine gives first derivatives only: there is no gradient of its gradients; differentiate the torch module"

IDLE = 16
"""Programs kept for their next call: of this many networks, modes and concurrent callers the newest."""


# ---- programs: compiled once, lent to one caller at a time ----


class _Programs:
    """Compiled programs by network, mode and threads; a caller has one to itself, so that its weights stay its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[tuple[str, bool, int], Program]] = []

    @contextmanager
    def lent(self, line: str, parameters: list[Tensor], threads: int, *, training: bool) -> Iterator[Program]:
        """A program with these parameters."""
        threads = threads or torch.get_num_threads()
        key = line, training, threads
        network, names, gathered = _read(line)
        named = {name: tensor.numpy(force=True) for name, tensor in zip(names, parameters, strict=True)}
        if training:  # gradients are of the batch's statistics: no running ones are read
            named |= {name: np.ones(channels, np.float32) for name, channels in gathered}
        with self._lock:
            # the newest: its weights and scratch are still in cache
            at = next((i for i in reversed(range(len(self._idle))) if self._idle[i][0] == key), None)
            program = None if at is None else self._idle.pop(at)[1]
        if program is None:
            from convlens.engine import Program

            program = Program(network, named, training=training, threads=threads)
        else:
            # always: what was changed through .data, numpy or shared memory leaves no mark on a tensor
            program.load(named)
        yield program
        with self._lock:
            self._idle.append((key, program))
            del self._idle[:-IDLE]


PROGRAMS = _Programs()


def _forget() -> None:
    """In a forked process: the parent's lock, and those of its programs, may be held for ever."""
    global PROGRAMS
    PROGRAMS = _Programs()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@lru_cache(maxsize=256)
def _read(line: str) -> tuple[Network, tuple[str, ...], tuple[tuple[str, int], ...]]:
    """A network, the names of its parameters in order, and those of its running statistics with how many they are."""
    network = Network.parse(line)
    shapes = [parameter_shapes(layer, shape) for layer, shape in zip(network.layers, network.shapes, strict=False)]
    norms = [(i, network.shapes[i][0]) for i, layer in enumerate(network.layers) if isinstance(layer, BatchNorm)]
    return (
        network,
        tuple(f"{i}.{name}" for i, found in enumerate(shapes) for name in found),
        tuple((f"{i}.{name}", channels) for i, channels in norms for name in ("running_mean", "running_var")),
    )


# ---- the operators ----

TAGS = (torch.Tag.pt2_compliant_tag,)
torch.library.define(
    "convlens::forward", "(Tensor x, Tensor[] parameters, str network, int threads) -> Tensor", tags=TAGS
)
torch.library.define(
    "convlens::learn", "(Tensor x, Tensor[] parameters, str network, int threads) -> (Tensor, Tensor)", tags=TAGS
)
torch.library.define(
    "convlens::backward",
    "(Tensor x, Tensor[] parameters, Tensor upstream, str network, int threads, bool input_too) -> Tensor[]",
    tags=TAGS,
)


def _forward(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> Tensor:
    with PROGRAMS.lent(network, parameters, threads, training=False) as program:
        return torch.from_numpy(program(x.numpy(force=True)))


def _learn(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> tuple[Tensor, Tensor]:
    """The outputs, and mean and unbiased variance of each batch norm's channels; of an empty batch zeros."""
    with PROGRAMS.lent(network, parameters, threads, training=True) as program:
        outputs, found = program.learning(x.numpy(force=True))
    statistics = [found.get(name, np.zeros(channels, np.float32)) for name, channels in _read(network)[2]]
    return torch.from_numpy(outputs), torch.from_numpy(np.concatenate(statistics))


def _backward(
    x: Tensor, parameters: list[Tensor], upstream: Tensor, network: str, threads: int, input_too: bool
) -> list[Tensor]:
    """The gradient of ``x``, if it is asked for, and then of each parameter."""
    with PROGRAMS.lent(network, parameters, threads, training=True) as program:
        given = x.numpy(force=True), upstream.numpy(force=True)
        moved, gradients = program.gradients(*given, input_too=input_too)
    found = [] if moved is None else [moved]
    return [torch.from_numpy(array) for array in found + [gradients[name] for name in _read(network)[1]]]


def _forward_fake(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> Tensor:
    return x.new_empty((x.shape[0], *_read(network)[0].output_shape))


def _learn_fake(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> tuple[Tensor, Tensor]:
    statistics = x.new_empty((sum(channels for _, channels in _read(network)[2]),))
    return _forward_fake(x, parameters, network, threads), statistics


def _backward_fake(
    x: Tensor, parameters: list[Tensor], upstream: Tensor, network: str, threads: int, input_too: bool
) -> list[Tensor]:
    return [t.new_empty(t.shape) for t in ([x] if input_too else []) + parameters]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, parameters, ctx.network, ctx.threads = inputs
    ctx.save_for_backward(x, *parameters)


def _differentiate(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
    x, *parameters = ctx.saved_tensors
    input_too = ctx.needs_input_grad[0]
    found = torch.ops.convlens.backward(x, parameters, upstream, ctx.network, ctx.threads, input_too)
    return found[0] if input_too else None, found[input_too:], None, None


def _keep_learned(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _keep(ctx, inputs, output[0])
    ctx.mark_non_differentiable(output[1])


def _differentiate_learned(ctx: Any, upstream: Tensor, _: Any) -> tuple[Any, ...]:
    return _differentiate(ctx, upstream)


def _refuse(ctx: Any, *upstreams: Any) -> Any:
    raise NetworkError(TWICE)


torch.library.impl("convlens::forward", "cpu", _forward)
torch.library.impl("convlens::learn", "cpu", _learn)
torch.library.impl("convlens::backward", "cpu", _backward)
torch.library.register_fake("convlens::forward", _forward_fake)
torch.library.register_fake("convlens::learn", _learn_fake)
torch.library.register_fake("convlens::backward", _backward_fake)
torch.library.register_autograd("convlens::forward", _differentiate, setup_context=_keep)
torch.library.register_autograd("convlens::learn", _differentiate_learned, setup_context=_keep_learned)
torch.library.register_autograd("convlens::backward", _refuse)


def forward(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> Tensor:
    """Run a network on a batch through the operator, so that autograd and torch.compile see it.

    Args:
        x: (N, *input_shape) float32 on the CPU.
        parameters: its weights and biases in the order of its layers.
        network: its line of notation.
        threads: how many the engine runs at once; 0: as many as torch.

    Returns:
        (N, *output_shape).
    """
    output: Tensor = torch.ops.convlens.forward(x, parameters, network, threads)
    return output


def learn(x: Tensor, parameters: list[Tensor], network: str, threads: int) -> tuple[Tensor, Tensor]:
    """Run a network whose batch norms learn on a batch.

    Args:
        x, parameters, network, threads: as in ``forward``.

    Returns:
        (N, *output_shape), and one behind the other the batch's mean and unbiased variance of each batch norm, in
        order, a number a channel; zeros for an empty batch.
    """
    output, statistics = torch.ops.convlens.learn(x, parameters, network, threads)
    return output, statistics
