"""Parts of a result, bit for bit those of the whole, wherever it is cut."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import convlens
from convlens.engine.borders import BORDERS
from convlens.filtering import transform
from convlens.filtering.plan import BeyondError, Box, Plan
from convlens.filtering.transform import gathered


def numbers(shape: tuple[int, ...], kind: str, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(kind).kind == "f":
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0, 200, shape).astype(kind)


def cuts(n: int, step: int, grain: int) -> list[tuple[int, int]]:
    """An axis in spans of about ``step``, whole grains each."""
    step = max(1, step // grain) * grain
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def in_parts(plan: Plan, x: NDArray[Any], steps: tuple[int, int, int]) -> NDArray[Any]:
    """The result, put together from parts."""
    found = np.zeros((*plan.out, plan.cells[3]), x.dtype)
    cells = x.reshape(plan.cells)
    boxes: list[Box] = list(product(*(cuts(*axis) for axis in zip(plan.out, steps, plan.grain, strict=True))))  # type: ignore[arg-type]
    for box in boxes:
        part = plan.part(gathered(cells, plan.seen(box)), box)
        d, h, w = (slice(*span) for span in box)
        found[d, h, w] = part.reshape(found[d, h, w].shape)
    return found.reshape(plan.result)


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """To the bit: signs of zeros, too."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "int64", "float32", "float64"])
def test_parts_are_those_of_the_whole(kind: str) -> None:
    x = numbers((23, 19, 3), kind)
    for border, taps in product(BORDERS, (np.random.default_rng(1).standard_normal((4, 3)), np.ones((4, 3)) / 12)):
        plan = Plan.of(x.shape, x.dtype, taps, border)
        assert plan.way in ("direct", "separable")
        assert same(in_parts(plan, x, (1, 5, 4)), convlens.filter(x, taps, border))


@pytest.mark.parametrize(
    ("shape", "size", "steps", "more"),
    [
        ((3, 29, 11, 2), (2, 3, 4), (1, 8, 3), {"stride": 3, "flip": True}),
        ((211,), (6,), (1, 1, 50), {"dilation": 3}),
        ((5, 40), (4, 5), (1, 2, 9), {"stride": (1, 2), "flip": True}),
    ],
)
def test_strides_dilations_turned_kernels_and_arrays_hardly_larger(
    shape: tuple[int, ...], size: tuple[int, ...], steps: Any, more: dict[str, Any]
) -> None:
    x = numbers(shape, "float32")
    for border, taps in product(BORDERS, (np.random.default_rng(1).standard_normal(size), np.ones(size) / 12)):
        plan = Plan.of(x.shape, x.dtype, taps, border, **more)
        assert same(in_parts(plan, x, steps), convlens.filter(x, taps, border, **more))


@pytest.mark.parametrize("border", BORDERS)
def test_transforms_of_columns_lie_on_one_grid(border: Any) -> None:
    for kind, size, shape in (
        ("uint8", (9, 9), (200, 90)),
        ("uint16", (16, 11), (171, 47, 3)),
        ("float32", (15, 15), (130, 300)),
        ("float32", (30, 20), (41, 120)),
    ):
        x, taps = numbers(shape, kind), np.random.default_rng(2).standard_normal(size) / 9
        plan = Plan.of(x.shape, x.dtype, taps, border, flip=True)
        assert plan.way == "columns"
        whole = convlens.filter(x, taps, border, flip=True)
        assert same(in_parts(plan, x, (1, 1, 1)), whole)
        assert same(in_parts(plan, x, (1, 110, 1)), whole)


@pytest.mark.parametrize("border", BORDERS)
def test_fourier_transforms_lie_on_one_grid(border: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "SMALL", 20_000)
    for kind, more in (("uint8", {}), ("float32", {"stride": 3}), ("float64", {"stride": 2, "dilation": 2})):
        x, taps = numbers((900, 150), kind), np.random.default_rng(2).standard_normal((60, 57)) / 99
        plan = Plan.of(x.shape, x.dtype, taps, border, **more)
        assert plan.way == "fft"
        assert plan.grain != plan.out
        assert same(in_parts(plan, x, (1, 1, 1)), convlens.filter(x, taps, border, **more))


def test_a_number_that_is_none_spoils_its_windows_alone() -> None:
    x, taps = numbers((150, 90), "float32"), np.random.default_rng(2).standard_normal((11, 11))
    x[70, 5] = np.nan
    plan = Plan.of(x.shape, x.dtype, taps)
    with pytest.raises(BeyondError):
        in_parts(plan, x, (1, 1, 1))
    assert same(in_parts(plan.plainly, x, (1, 20, 30)), convlens.filter(x, taps))
    x[70, 5] = 1e38
    with pytest.raises(BeyondError):
        in_parts(plan, x, (1, 1, 1))


def test_a_nan_in_a_block_of_a_fourier_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "SMALL", 20_000)
    x, taps = numbers((300, 260), "float32"), np.random.default_rng(2).standard_normal((60, 57))
    x[150, 2] = np.nan
    plan = Plan.of(x.shape, x.dtype, taps)
    whole = convlens.filter(x, taps)
    assert same(in_parts(plan, x, (1, 1, 1)), whole)
    assert int(np.isnan(whole).sum()) == 60 * (2 + 29)
