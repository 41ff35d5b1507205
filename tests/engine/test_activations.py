"""exp, sigmoid, tanh and log in one lane, over float32 from end to end, against float64: errors in the last place."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.engine import Target, runnable

from .vectors import values

LEAST = 2.0**-126
"""The least normal number: below it results may be 0."""

BOUNDS = {"exp": 1.5, "sigmoid": 3.0, "tanh": 2.0, "log": 1.0}
"""Units in the last place, as the kernels' docstrings promise."""


def every_few_floats() -> np.ndarray:
    """2**20 float32 of all sizes and both signs, denormals, infinities and NaN among them, and where kernels branch."""
    rng = np.random.default_rng(0)
    bits = np.arange(0, 2**32, 2**12) + rng.integers(0, 2**12, 2**20)
    branches = [0.0, np.inf, np.nan, 0.625, 87.33, 87.34, 87.68, 88.0, 88.37, 88.38, 88.72, 88.73, 89.0, 1e-45, 3.4e38]
    near = [np.nextafter(np.float32(v), np.float32(to)) for v in branches for to in (-np.inf, np.inf)]
    found = np.concatenate(
        [
            bits.astype(np.uint32).view(np.float32),
            rng.uniform(-110, 110, 2**18).astype(np.float32),
            rng.uniform(-2, 2, 2**18).astype(np.float32),
            np.array([*branches, *near, 0.0], np.float32),
            -np.array([*branches, *near, 0.0], np.float32),
        ]
    )
    return np.resize(found, -(-found.size // 16) * 16)


def exactly(function: str, x: np.ndarray) -> np.ndarray:
    """The function in float64, where each is better than float32 needs by far."""
    with np.errstate(all="ignore"):
        if function == "sigmoid":
            small = np.exp(-np.abs(x))
            return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
        found: np.ndarray = {"exp": np.exp, "tanh": np.tanh, "log": np.log}[function](x)
        return found


@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
@pytest.mark.parametrize("function", BOUNDS)
def test_errors_in_the_last_place(target: Target, function: str) -> None:
    x = every_few_floats()
    if function == "log":
        x = np.where(np.isnan(x), x, np.clip(np.abs(x), LEAST, np.float32(3.4e38))).astype(np.float32)
    if function == "exp":
        x = np.where(x > 88.376, np.float32(1), x)
    with np.errstate(invalid="ignore"):  # of signalling NaN
        got, wanted = values(target, function, x), exactly(function, x.astype(np.float64))
    missing = np.isnan(x)
    assert np.isnan(got[missing]).all()
    got, wanted = got[~missing].astype(np.float64), wanted[~missing]
    size = np.abs(wanted)
    unit = np.spacing(np.maximum(size, LEAST).astype(np.float32)).astype(np.float64)
    error = np.abs(got - wanted) / np.where(np.isfinite(wanted), unit, 1)
    assert error[size >= LEAST].max() <= BOUNDS[function]
    assert np.abs(got - wanted)[size < LEAST].max(initial=0) <= LEAST


@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
def test_ends(target: Target) -> None:
    ends = np.resize(np.array([np.inf, -np.inf, 1000, -1000, np.nan, 0.0, -0.0, 89.5], np.float32), 16)
    for function, wanted in {
        "exp": [np.inf, 0, np.inf, 0, np.nan, 1, 1, np.inf],
        "sigmoid": [1, 0, 1, 0, np.nan, 0.5, 0.5, 1],
        "tanh": [1, -1, 1, -1, np.nan, 0, 0, 1],
        "relu": [np.inf, 0, 1000, 0, np.nan, 0, 0, 89.5],
    }.items():
        np.testing.assert_array_equal(values(target, function, ends)[:8], wanted, err_msg=function)


@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
@pytest.mark.parametrize("function", ["exp", "sigmoid", "tanh"])
def test_no_value_is_beyond_the_limits(target: Target, function: str) -> None:
    x = np.sort(every_few_floats()[: 2**20])
    x = x[np.isfinite(x)]
    got = values(target, function, x[: x.size // 16 * 16])
    low, high = {"exp": (0, np.inf), "sigmoid": (0, 1), "tanh": (-1, 1)}[function]
    assert got.min() >= low
    assert got.max() <= high
