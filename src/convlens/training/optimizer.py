"""What moves the weights: PyTorch's optimisers, or the engine's, which need a fifth of their time on small networks.

Both look alike from outside, and keep the same state under the same names: a checkpoint does not tell them apart.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from convlens import engine

from .recipe import Recipe

BETAS = (0.9, 0.999)


class Optimizer(Protocol):
    """As much of ``torch.optim.Optimizer`` as a training loop uses."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters that move alike, with the learning rate in ``lr``."""

    def step(self) -> object:
        """Move every parameter against its gradient."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what another remembered."""


def _parts(module: torch.nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights, which decay, and vectors (biases, and those of norms), which do not."""
    named: dict[str, Tensor] = dict(module.named_parameters())
    weights = {name: p for name, p in named.items() if p.dim() > 1}
    return weights, {name: p for name, p in named.items() if name not in weights}


def on_torch(module: torch.nn.Module, recipe: Recipe) -> Optimizer:
    """The recipe's optimiser, as PyTorch has it."""
    groups = [
        {"params": list(params.values()), "weight_decay": decay}
        for params, decay in zip(_parts(module), (recipe.weight_decay, 0.0), strict=True)
        if params
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=BETAS, fused=True)


class OnEngine:
    """The recipe's optimiser on the engine: the module's parameters become views of the weights that it moves.

    Args:
        module: whose parameters move; on the CPU.
        recipe: how.
    """

    def __init__(self, module: torch.nn.Module, recipe: Recipe) -> None:
        weights, vectors = _parts(module)
        self._parameters = weights | vectors
        begun = {name: p.detach().numpy() for name, p in self._parameters.items()}
        if recipe.optimizer == "sgd":
            self._names: tuple[str, ...] = ("momentum_buffer",)
            self._optimiser = engine.sgd(begun, momentum=recipe.momentum, decay=recipe.weight_decay)
        else:
            self._names = ("exp_avg", "exp_avg_sq")
            self._optimiser = engine.adamw(begun, betas=BETAS, decay=recipe.weight_decay)
        for name, own in self._optimiser.parameters.items():
            self._parameters[name].data = torch.from_numpy(own)
        self.param_groups: list[dict[str, Any]] = [{"params": list(self._parameters.values()), "lr": recipe.lr}]

    def step(self) -> None:
        """Move every parameter against its gradient."""
        gradients = {name: p.grad.numpy() for name, p in self._parameters.items() if p.grad is not None}
        self._optimiser.step(gradients, self.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, by the number of the parameter."""
        steps = torch.tensor(float(self._optimiser.steps))
        state = {
            i: {"step": steps} | {n: torch.from_numpy(m[name]) for n, m in self._remembered()}
            for i, name in enumerate(self._parameters)
        }
        return {"state": state if self._optimiser.steps else {}, "param_groups": self.param_groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what another remembered."""
        for i, name in enumerate(self._parameters):
            for field, memory in self._remembered():
                memory[name][...] = state_dict["state"][i][field].numpy()
            self._optimiser.steps = int(state_dict["state"][i]["step"])

    def _remembered(self) -> list[tuple[str, dict[str, Any]]]:
        return list(zip(self._names, self._optimiser.remembered, strict=True))
