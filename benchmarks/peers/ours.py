"""convlens: the engine's Program, or its Scan of large pictures; numpy arrays in and out."""

from __future__ import annotations

from itertools import cycle

from convlens import engine
from convlens.network import AvgPool, MaxPool

from ..answers import RATE, Answers, Floats, Problem, after_step
from . import Run


def prepare(problem: Problem) -> Run:
    """A job on one thread."""
    if problem.job.task == "pool":
        return _pool(problem)
    if problem.job.task == "scan":
        return _scan(problem)
    try:
        training = problem.job.task != "infer"
        program = engine.compile(problem.network, problem.parameters, training=training, threads=1)
    except engine.EngineError as error:
        from . import RefusedError

        raise RefusedError(str(error)) from error
    if problem.job.task == "infer":
        x = problem.inputs[0]
        return Run(lambda: program(x), lambda: {"output": program(x)})
    if problem.job.task == "train":
        return _train(problem, program)

    def call() -> Answers:
        program(problem.inputs[0])  # what a forward pass gives; the way back runs again what it reads of it
        moved, found = program.gradients(problem.inputs[0], problem.upstream, input_too=True)
        assert moved is not None
        return {"input": moved, **{f"gradient.{name}": value for name, value in found.items()}}

    return Run(call, call)


def _pool(problem: Problem) -> Run:
    """A pool of an array as it lies, without a network."""
    (layer,), x = problem.network.layers, problem.inputs[0]
    assert isinstance(layer, (MaxPool, AvgPool))

    def call() -> Floats:
        if isinstance(layer, MaxPool):
            return engine.max_pool(x, layer.window, layer.stride, layer.padding, layer.dilation, layer.ceil)
        return engine.avg_pool(x, layer.window, layer.stride, layer.padding, layer.ceil, layer.count_padding)

    return Run(call, lambda: {"output": call()})


def _scan(problem: Problem) -> Run:
    scan, [[picture]] = engine.Scan(problem.network, problem.parameters, threads=1), problem.inputs
    return Run(lambda: scan(picture), lambda: {"output": scan(picture)[None]})


def _train(problem: Problem, program: engine.Program) -> Run:
    batches = cycle(list(zip(problem.inputs, problem.labels, strict=True)))
    parameters: dict[str, Floats] = {name: value.copy() for name, value in problem.parameters.items()}

    def call() -> float:
        loss, _, found = program.loss_and_gradients(*next(batches))
        for name, value in parameters.items():
            gradient = found[name]
            gradient *= RATE
            value -= gradient
        program.load(parameters)
        return loss

    def answers() -> Answers:
        import numpy as np

        return {"loss": np.array(call()), **after_step(problem.parameters, parameters)}

    return Run(call, answers)
