"""The learning rate at every step: a pure function of the recipe and the step, so that a resumed run agrees."""

from __future__ import annotations

import math

from .recipe import Recipe

START = 1 / 25
"""One-cycle starts at this fraction of the peak (the default of Smith's schedule in PyTorch)."""


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of step ``step`` (from 0) out of ``steps``.

    ``constant``: lr. ``cosine``: lr (1 + cos(pi t)) / 2 with t = step / steps (Loshchilov and Hutter, 2017).
    ``one-cycle``: straight from lr / 25 up to lr over the first ``warmup`` of the steps, then the cosine down to 0.

    >>> [round(rate(Recipe(lr=1.0, warmup=0.5), s, 4), 3) for s in range(4)]
    [0.04, 0.52, 1.0, 0.5]
    """
    if recipe.schedule == "constant":
        return recipe.lr
    t = step / max(1, steps)
    if recipe.schedule == "cosine":
        return recipe.lr * (1 + math.cos(math.pi * t)) / 2
    if t < recipe.warmup:
        return recipe.lr * (START + (1 - START) * t / recipe.warmup)
    return recipe.lr * (1 + math.cos(math.pi * (t - recipe.warmup) / max(1e-12, 1 - recipe.warmup))) / 2
