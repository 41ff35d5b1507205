"""Vectors times a matrix: numpy's numbers, and the same bits among whichever others, on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens import engine
from convlens.engine import EngineError
from convlens.engine.kernels.products import product
from convlens.engine.target import TARGETS

from .compiling import assembly
from .guarded import room
from .machine_code import assert_wide

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]


def numbers(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 15, 61, 200])
@pytest.mark.parametrize(("rows", "inputs"), [(1, 1), (3, 50), (32, 7), (33, 65), (100, 9)])
def test_they_are_numpys(count: int, rows: int, inputs: int) -> None:
    matrix, x = numbers(rows, inputs), numbers(count, inputs, seed=1)
    found = engine.Products(matrix)(x)
    assert found.shape == (count, rows)
    exact = x.astype(np.float64) @ matrix.T.astype(np.float64)
    bound = inputs * np.finfo(np.float32).eps * (np.abs(x).astype(np.float64) @ np.abs(matrix.T))
    assert (np.abs(found - exact) <= bound).all()


def test_a_vector_has_the_same_bits_among_whichever_others_on_any_threads() -> None:
    matrix, x = numbers(90, 700), numbers(301, 700, seed=1)
    whole = engine.Products(matrix, threads=1)(x)
    for threads in (2, 3):
        np.testing.assert_array_equal(engine.Products(matrix, threads=threads)(x), whole)
    few = engine.Products(matrix[:5])
    for some in (slice(0, 1), slice(3, 20), slice(250, 290), slice(298, 301)):
        np.testing.assert_array_equal(engine.Products(matrix)(x[some]), whole[some])
        np.testing.assert_array_equal(few(x[some]), whole[some, :5])


def test_vectors_may_have_any_axes() -> None:
    x = numbers(4, 3, 5, 2)
    pairs = engine.Products(numbers(7, 30))
    np.testing.assert_array_equal(pairs(x), pairs(x.reshape(4, 30).astype(float)))
    np.testing.assert_array_equal(pairs(np.moveaxis(x, 1, 3)), pairs(np.moveaxis(x, 1, 3).copy()))


def test_nothing_outside_is_read() -> None:
    x = room((13, 21), np.dtype(np.float32))  # before a page that kills who reads it
    x[:] = 1
    assert (engine.Products(np.ones((19, 21)))(x) == 21).all()


@pytest.mark.parametrize("name", ["avx512", "avx2", "neon"])
def test_the_sums_stay_in_wide_registers(name: str) -> None:
    wide = {"avx512": "zmm", "avx2": "ymm", "neon": "4s"}[name]
    assert_wide(assembly(product(TARGETS[name], 700, "product")), wide, name)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rows": np.ones(3)}, r"Products\(rows=3 float64\): rows must be a matrix"),
        ({"rows": np.ones((0, 3))}, "that is not empty"),
        ({"rows": np.ones((2, 3)), "threads": 0}, r"Products\(threads=0\)"),
    ],
)
def test_what_is_no_matrix_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        engine.Products(**given)


@pytest.mark.parametrize("x", [np.ones((4, 2)), np.float32(3), np.ones((2, 3), complex)])
def test_what_are_no_such_vectors_is_refused(x: Any) -> None:
    with pytest.raises(EngineError, match=r"vectors of 3 numbers|real numbers"):
        engine.Products(np.ones((2, 3)))(x)
