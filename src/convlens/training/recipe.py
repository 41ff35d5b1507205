"""How a network is trained, as a value: optimiser, learning rate, schedule, augmentation. Nothing here runs.

Two recipes have names: ``default``, chosen on Fashion-MNIST and kept for everything, and ``d2l``, which trains as the
book Dive into Deep Learning does.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from .errors import TrainingError

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["constant", "cosine", "one-cycle"]
Initialisation = Literal["default", "xavier", "kaiming"]
AUGMENTATIONS = ("shift", "flip", "crop")


@dataclass(frozen=True)
class Recipe:
    """Everything that a training run is told besides the network, the data and the seed.

    Args:
        epochs: passes over the training examples.
        batch: examples a step, over all processes together.
        lr: the peak learning rate.
        optimizer: ``"adamw"`` (Loshchilov and Hutter, 2019) or ``"sgd"`` with momentum.
        momentum: of SGD; AdamW's beta1 stays 0.9.
        weight_decay: decoupled for AdamW, added to the gradient for SGD; never on biases and norms.
        schedule: ``"constant"``, ``"cosine"`` (to 0) or ``"one-cycle"`` (Smith, 2018: up, then down to 0).
        warmup: the fraction of all steps that one-cycle spends on the way up.
        augment: any of ``"shift"``, ``"flip"``, ``"crop"``.
        patience: stop after this many epochs without a better validation accuracy; None never stops early.
        initialise: the distribution of the first weights.
        standardise: whether inputs are shifted and scaled to mean 0 and deviation 1 a channel.
        val: the fraction of the training examples held out when the data brings no validation split.

    Raises:
        TrainingError: a value is out of its range.

    >>> Recipe(epochs=3).batch
    256
    """

    epochs: int = 10
    batch: int = 256
    lr: float = 1e-2
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    weight_decay: float = 0.01
    schedule: Schedule = "one-cycle"
    warmup: float = 0.2
    augment: tuple[str, ...] = ()
    patience: int | None = None
    initialise: Initialisation = "default"
    standardise: bool = True
    val: float = 0.1

    def __post_init__(self) -> None:
        _between("epochs", self.epochs, 1, 1_000_000)
        _between("batch", self.batch, 1, 10_000_000)
        _between("lr", self.lr, 0, 1e6, open_low=True)
        _between("momentum", self.momentum, 0, 1, open_high=True)
        _between("weight-decay", self.weight_decay, 0, 1e6)
        _between("warmup", self.warmup, 0, 1)
        _between("val", self.val, 0, 1, open_high=True)
        if self.patience is not None:
            _between("patience", self.patience, 1, 1_000_000)
        _one_of("optimizer", self.optimizer, get_args(Optimizer))
        _one_of("schedule", self.schedule, get_args(Schedule))
        _one_of("init", self.initialise, get_args(Initialisation))
        for name in self.augment:
            _one_of("augment", name, AUGMENTATIONS)

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain values, in the order of its fields."""
        return {**asdict(self), "augment": list(self.augment)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """The recipe that ``to_json`` wrote; TrainingError where a field is missing, unknown or out of range."""
        known = {f.name for f in fields(cls)}
        if not isinstance(values, dict) or set(values) != known:
            raise TrainingError("the run's recipe was written by another version of convlens; start a new run")
        try:
            return cls(**{**values, "augment": tuple(values["augment"])})
        except TypeError as error:
            raise TrainingError("the run's recipe is damaged; start a new run") from error


def _between(
    name: str, value: float, low: float, high: float, *, open_low: bool = False, open_high: bool = False
) -> None:
    inside = math.isfinite(value) and low <= value <= high
    if not inside or (open_low and value == low) or (open_high and value == high):
        least = f"more than {low:g}" if open_low else f"at least {low:g}"
        most = f"less than {high:g}" if open_high else f"at most {high:g}"
        raise TrainingError(f"--{name} must be {least} and {most}, not {value:g}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise TrainingError(f'--{name} must be one of {", ".join(known)}, not "{value}"')


RECIPES: dict[str, Recipe] = {
    "default": Recipe(),
    # Dive into Deep Learning, 7.6: SGD at 0.9, Xavier, pictures in 0..1, all 60,000 trained on, 10 epochs
    "d2l": Recipe(
        lr=0.9,
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
        initialise="xavier",
        standardise=False,
        val=0.0,
    ),
}


def recipe(name: str = "default", **changes: object) -> Recipe:
    """A named recipe with some fields changed; fields given as None keep the recipe's.

    Raises:
        TrainingError: no such recipe, or a value out of range.

    >>> recipe("d2l", epochs=3, lr=None).lr
    0.9
    """
    _one_of("recipe", name, tuple(RECIPES))
    return replace(RECIPES[name], **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
