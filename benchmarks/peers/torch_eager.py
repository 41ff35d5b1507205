"""PyTorch, eager: torch.nn modules, autograd, torch.optim.SGD in its fused form."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import torch
from torch import Tensor

from ..answers import RATE, Answers, Problem, after_step
from . import Run
from .torch_modules import build, loaded, memory_format

Module = Callable[..., Any]


def prepare(problem: Problem, channels_last: bool = False) -> Run:
    """A job in eager mode."""
    torch.set_num_threads(1)
    return runs(problem, channels_last, lambda module: module)


def runs(problem: Problem, channels_last: bool, wrap: Callable[[Module], Module]) -> Run:
    """A job with a module that ``wrap`` may compile."""
    layout = memory_format(len(problem.network.input_shape) - 1, channels_last)
    module = loaded(build(problem.network), problem.parameters).to(memory_format=layout)  # type: ignore[call-overload]
    tasks = {"infer": _infer, "scan": _infer, "train": _train, "gradients": _gradients, "pool": _pool}
    return tasks[problem.job.task](problem, module, layout, wrap)


def _infer(
    problem: Problem, module: torch.nn.Module, layout: torch.memory_format, wrap: Callable[[Module], Module]
) -> Run:
    x, run = problem.inputs[0], wrap(module.eval())

    def call() -> Any:
        with torch.inference_mode():
            return run(torch.from_numpy(x).to(memory_format=layout)).numpy()

    return Run(call, lambda: {"output": call().copy()})


def _pool(
    problem: Problem, module: torch.nn.Module, layout: torch.memory_format, wrap: Callable[[Module], Module]
) -> Run:
    """The input lies in the layout from the start: what is timed is the pool alone."""
    x, run = torch.from_numpy(problem.inputs[0]).to(memory_format=layout), wrap(module.eval())

    def call() -> Tensor:
        with torch.inference_mode():
            result: Tensor = run(x)
            return result

    return Run(call, lambda: {"output": call().numpy()})


def _train(
    problem: Problem, module: torch.nn.Module, layout: torch.memory_format, wrap: Callable[[Module], Module]
) -> Run:
    pairs = zip(problem.inputs, problem.labels, strict=True)
    batches = cycle([(torch.from_numpy(x).to(memory_format=layout), torch.from_numpy(y)) for x, y in pairs])
    optimiser = torch.optim.SGD(module.parameters(), lr=RATE, fused=True)
    loss = wrap(lambda x, y: torch.nn.functional.cross_entropy(module(x), y))

    def call() -> Tensor:
        x, y = next(batches)
        optimiser.zero_grad(set_to_none=True)
        value: Tensor = loss(x, y)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return value

    def answers() -> Answers:
        value = call().detach().numpy()
        after = {name: p.detach().numpy().copy() for name, p in module.named_parameters()}
        return {"loss": value.copy(), **after_step(problem.parameters, after)}

    return Run(call, answers)


def _gradients(
    problem: Problem, module: torch.nn.Module, layout: torch.memory_format, wrap: Callable[[Module], Module]
) -> Run:
    x = torch.from_numpy(problem.inputs[0]).to(memory_format=layout).requires_grad_()
    upstream = torch.from_numpy(problem.upstream).to(memory_format=layout)
    run, wanted = wrap(module), {"input": x, **{f"gradient.{n}": p for n, p in module.named_parameters()}}

    def call() -> tuple[Tensor, ...]:
        return torch.autograd.grad(run(x), list(wanted.values()), upstream)

    return Run(call, lambda: {n: g.numpy() for n, g in zip(wanted, call(), strict=True)})
