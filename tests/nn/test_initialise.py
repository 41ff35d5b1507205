"""Initial values: the same for the same generator, and of the distribution that is named."""

from __future__ import annotations

import math

import pytest
import torch

from convlens.network import Network, NetworkError
from convlens.nn import Dense4d, Linear, LocalConv2d, build, initialise

LENET = Network.parse("1x12x12: conv 4 3, batchnorm, relu, local 2 3, flatten, linear 5")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("method", ["default", "xavier", "kaiming"])
def test_a_generator_decides_everything_and_torchs_own_is_left_alone(method: str) -> None:
    state = torch.get_rng_state()
    first, second = build(LENET, seeded()), build(LENET, seeded())
    initialise(second, method, seeded(1))
    third = initialise(build(LENET, seeded(5)), method, seeded(1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(second.parameters(), third.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True))


def test_default_is_what_build_draws() -> None:
    again = initialise(build(LENET, seeded(9)), "default", seeded(4))
    assert all(torch.equal(a, b) for a, b in zip(build(LENET, seeded(4)).parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (Linear(50, 200), 50, 200),
        (Dense4d((5, 10), (20, 10)), 50, 200),
        (LocalConv2d(2, 8, 5, input_size=(14, 14)), 50, 200),
    ],
)
def test_bounds_follow_the_fans_of_one_output_unit(
    layer: Linear | Dense4d | LocalConv2d, fan_in: int, fan_out: int
) -> None:
    assert layer.fans == (fan_in, fan_out)
    count = layer.weight.numel()
    for method, bound, deviation in (
        ("default", 1 / math.sqrt(fan_in), 1 / math.sqrt(3 * fan_in)),
        ("xavier", math.sqrt(6 / (fan_in + fan_out)), math.sqrt(2 / (fan_in + fan_out))),
        ("kaiming", math.inf, math.sqrt(2 / fan_in)),
    ):
        initialise(layer, method, seeded())
        assert layer.weight.abs().max().item() <= bound * (1 + 1e-6)
        # five standard errors of a standard deviation, sigma / sqrt(2 n)
        assert layer.weight.std().item() == pytest.approx(deviation, rel=5 / math.sqrt(2 * count))
        assert layer.bias is not None
        assert bool(layer.bias.any()) == (method == "default")


def test_batchnorm_starts_at_one_and_zero() -> None:
    module = build(LENET, seeded())
    for p in module[1].parameters():
        torch.nn.init.constant_(p, 7)
    initialise(module, "kaiming", seeded())
    assert module[1].weight.tolist() == [1] * 4
    assert module[1].bias.tolist() == [0] * 4


def test_what_it_does_not_know_is_refused_before_anything_is_drawn() -> None:
    module = torch.nn.Sequential(Linear(2, 3), torch.nn.Linear(3, 1))
    before = module[0].weight.clone()
    with pytest.raises(NetworkError, match=r"these parameters belong to no layer of convlens.nn: 1.weight, 1.bias"):
        initialise(module)
    with pytest.raises(NetworkError, match="there is no initialisation 'he'; known: default, xavier, kaiming"):
        initialise(module[0], "he")
    assert torch.equal(before, module[0].weight)
