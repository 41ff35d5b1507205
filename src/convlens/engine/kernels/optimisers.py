"""An optimiser's step over all weights at once: as they lie in memory, one vector after the other.

The numbers that are the same for every weight come in a small array, for they change from step to step.
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import Kernel, Value
from ..target import Target

ADAMW = ("keep", "rate", "forget_first", "forget_second", "unbias", "eps")
"""What ``adamw`` reads of its numbers, in order."""
MOMENTUM = ("decay", "rate", "momentum")
"""What ``momentum`` reads of its numbers, in order."""


def _spread(k: Kernel, names: tuple[str, ...]) -> dict[str, Value]:
    return {name: k.splat(k.arguments[-2], i) for i, name in enumerate(names)}


@blueprint
def adamw(target: Target, name: str) -> Kernel:
    """Write the kernel ``(weights, gradients, first, second, numbers, vectors)``, for that many vectors.

    first  += forget_first  * (gradient - first)
    second += forget_second * (gradient^2 - second)
    weight  = keep * weight - rate * first / (sqrt(second) * unbias + eps)

    Args:
        target: the processor.
        name: the function's name.
    """
    k = Kernel(name, target, ("weights", "gradients", "first", "second", "numbers"), ("vectors",))
    number = _spread(k, ADAMW)
    with k.loop(k.arguments[-1], maybe_empty=True) as turn:
        weight, gradient, first, second = (k.load(a, (turn.index, k.lanes)) for a in k.arguments[:4])
        first = k.fma(number["forget_first"], k.b.fsub(gradient, first), first)
        second = k.fma(number["forget_second"], k.b.fsub(k.b.fmul(gradient, gradient), second), second)
        size = k.fma(k.sqrt(second), number["unbias"], number["eps"])
        move = k.b.fdiv(k.b.fmul(number["rate"], first), size)
        weight = k.b.fsub(k.b.fmul(number["keep"], weight), move)
        for value, place in zip((weight, first, second), (0, 2, 3), strict=True):
            k.store(value, k.arguments[place], (turn.index, k.lanes))
    return k


@blueprint
def momentum(target: Target, name: str) -> Kernel:
    """Write the kernel ``(weights, gradients, velocity, numbers, vectors)``, for that many vectors.

    velocity = momentum * velocity + gradient + decay * weight
    weight  -= rate * velocity

    Args:
        target: the processor.
        name: the function's name.
    """
    k = Kernel(name, target, ("weights", "gradients", "velocity", "numbers"), ("vectors",))
    number = _spread(k, MOMENTUM)
    with k.loop(k.arguments[-1], maybe_empty=True) as turn:
        weight, gradient, velocity = (k.load(a, (turn.index, k.lanes)) for a in k.arguments[:3])
        velocity = k.fma(number["momentum"], velocity, k.fma(number["decay"], weight, gradient))
        weight = k.b.fsub(weight, k.b.fmul(number["rate"], velocity))
        k.store(weight, k.arguments[0], (turn.index, k.lanes))
        k.store(velocity, k.arguments[2], (turn.index, k.lanes))
    return k
