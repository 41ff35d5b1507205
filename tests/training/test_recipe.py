"""Recipes and schedules: ranges, round trips, shapes of the learning rate."""

from __future__ import annotations

import json

import pytest

from convlens.training.errors import TrainingError
from convlens.training.recipe import RECIPES, Recipe, recipe
from convlens.training.schedule import rate


@pytest.mark.parametrize("name", RECIPES)
def test_round_trip(name: str) -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPES[name].to_json()))) == RECIPES[name]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch", 0),
        ("batch", -5),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("momentum", 1.0),
        ("weight_decay", -0.1),
        ("warmup", 1.5),
        ("val", 1.0),
        ("patience", 0),
        ("optimizer", "adam"),
        ("schedule", "linear"),
        ("augment", ("blur",)),
        ("initialise", "zeros"),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(TrainingError, match="must be"):
        recipe(**{field: value})  # type: ignore[arg-type]


def test_unknown_recipe_and_damaged_json() -> None:
    with pytest.raises(TrainingError, match="default, d2l"):
        recipe("book")
    with pytest.raises(TrainingError, match="another version"):
        Recipe.from_json({"epochs": 3})


def test_constant_and_cosine() -> None:
    assert {rate(Recipe(lr=0.5, schedule="constant"), s, 7) for s in range(7)} == {0.5}
    rates = [rate(Recipe(lr=1.0, schedule="cosine"), s, 100) for s in range(101)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
def test_one_cycle_rises_then_falls(warmup: float) -> None:
    rates = [rate(Recipe(lr=2.0, warmup=warmup), s, 200) for s in range(200)]
    peak = rates.index(max(rates))
    assert max(rates) <= 2.0
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert peak == pytest.approx(200 * warmup, abs=1)
    if warmup < 1:
        assert max(rates) == pytest.approx(2.0)
