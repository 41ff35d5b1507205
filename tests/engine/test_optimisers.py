"""The optimisers: the same steps as PyTorch's, the same bits wherever they are taken up, and sentences for the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convlens import engine
from convlens.engine import EngineError, Optimiser

pytestmark = pytest.mark.usefixtures("forced")

Named = dict[str, NDArray[np.float32]]
SHAPES = {"0.weight": (6, 1, 5, 5), "0.bias": (6,), "7.weight": (3, 37), "7.bias": (3,), "8.weight": (1, 1)}
RATES = (1e-2, 3e-3, 2.5e-3, 1e-4, 0.0, 1e-2)


def drawn(seed: int, scale: float = 1.0) -> Named:
    random = np.random.default_rng(seed)
    return {name: (scale * random.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


def make(kind: str, parameters: Named) -> Optimiser:
    if kind == "adamw":
        return engine.adamw(parameters, betas=(0.9, 0.99), decay=0.05)
    return engine.sgd(parameters, momentum=0.9, decay=0.05)


def torchs(kind: str, parameters: Named) -> tuple[dict[str, torch.Tensor], torch.optim.Optimizer]:
    tensors = {name: torch.from_numpy(array.copy()).requires_grad_() for name, array in parameters.items()}
    groups = [
        {"params": [t for t in tensors.values() if t.dim() > 1], "weight_decay": 0.05},
        {"params": [t for t in tensors.values() if t.dim() <= 1], "weight_decay": 0.0},
    ]
    if kind == "adamw":
        return tensors, torch.optim.AdamW(groups, betas=(0.9, 0.99))
    return tensors, torch.optim.SGD(groups, momentum=0.9)


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_steps_are_those_of_pytorch(kind: str) -> None:
    begun = drawn(0)
    own, (tensors, theirs) = make(kind, begun), torchs(kind, begun)
    for turn, rate in enumerate(RATES):
        gradients = drawn(turn + 1, 10.0 ** (turn - 3))
        own.step(gradients, rate)
        for group in theirs.param_groups:
            group["lr"] = rate
        for name, tensor in tensors.items():
            tensor.grad = torch.from_numpy(gradients[name])
        theirs.step()
    for name, array in own.parameters.items():
        np.testing.assert_allclose(array, tensors[name].detach().numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_what_is_remembered_and_put_back_goes_on_with_the_same_bits(kind: str) -> None:
    whole, first = make(kind, drawn(0)), make(kind, drawn(0))
    for turn, rate in enumerate(RATES):
        whole.step(drawn(turn + 1), rate)
    for turn, rate in enumerate(RATES[:3]):
        first.step(drawn(turn + 1), rate)
    second = make(kind, first.parameters)
    second.steps = first.steps
    for mine, kept in zip(second.remembered, first.remembered, strict=True):
        for name, array in mine.items():
            array[...] = kept[name]
    for turn, rate in enumerate(RATES[3:], 3):
        second.step(drawn(turn + 1), rate)
    for name, array in second.parameters.items():
        assert (array == whole.parameters[name]).all()


def test_what_was_given_stays_as_it_was() -> None:
    begun = drawn(0)
    optimiser = engine.sgd(begun)
    optimiser.step(drawn(1), 0.1)
    assert all((begun[name] == array).all() for name, array in drawn(0).items())
    assert all((optimiser.parameters[name] != begun[name]).any() for name in begun)


def test_biases_do_not_decay() -> None:
    optimiser = engine.adamw(drawn(0), decay=0.5)
    optimiser.step({name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}, 0.1)
    for name, array in optimiser.parameters.items():
        factor = np.float32(0.95) if len(SHAPES[name]) > 1 else np.float32(1)
        np.testing.assert_allclose(array, factor * drawn(0)[name], rtol=1e-6)


def test_nan_in_a_gradient_reaches_its_weight_alone() -> None:
    optimiser, gradients = engine.adamw(drawn(0)), drawn(1)
    gradients["7.weight"][1, 5] = np.nan
    optimiser.step(gradients, 0.1)
    broken = {name: int(np.isnan(array).sum()) for name, array in optimiser.parameters.items()}
    assert broken == {name: int(name == "7.weight") for name in SHAPES}


def test_nothing_to_move() -> None:
    optimiser = engine.adamw({})
    optimiser.step({}, 0.1)
    assert optimiser.parameters == {}
    assert optimiser.steps == 1


def test_what_cannot_be_is_refused() -> None:
    begun = drawn(0)
    with pytest.raises(EngineError, match="the weight decay must be 0 or more, not -1"):
        engine.sgd(begun, decay=-1)
    with pytest.raises(EngineError, match="the momentum must be 0 or more and below 1, not nan"):
        engine.sgd(begun, momentum=float("nan"))
    with pytest.raises(EngineError, match="a beta must be 0 or more and below 1, not 1"):
        engine.adamw(begun, betas=(0.9, 1))
    optimiser = engine.adamw(begun)
    with pytest.raises(EngineError, match=r"the gradient of 7.weight must be an array of \(3, 37\), and is missing"):
        optimiser.step({k: v for k, v in begun.items() if k != "7.weight"}, 0.1)
    with pytest.raises(EngineError, match=r"0.bias must be an array of \(6,\), and is of \(5,\)"):
        optimiser.step(begun | {"0.bias": np.zeros(5, np.float32)}, 0.1)
