"""Numbers as the reference stores them: float64, or int64 when everything is whole, and shapes that are checked first.

numpy is storage here: an element is read, an element is written. No arithmetic on whole arrays, and no layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.network import NetworkError, Shape
from convlens.network.layers import spell

Array = NDArray[Any]


def numbers(*values: ArrayLike) -> tuple[Array, ...]:
    """Return ``values`` as arrays of one type: int64 when all of them are whole numbers or booleans, float64 otherwise.

    Args:
        values: arrays of any shape, contiguous or not.

    Raises:
        NetworkError: a value is not real (complex, text), or is whole and beyond int64.

    >>> [a.dtype.name for a in numbers([1, 2], [True])], [a.dtype.name for a in numbers([1, 2], [0.5])]
    (['int64', 'int64'], ['float64', 'float64'])
    """
    arrays = tuple(np.asarray(value) for value in values)
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise NetworkError(f"the reference computes with real numbers, not with {array.dtype.name}")
        if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
            raise NetworkError(f"the whole number {array.max()} is beyond int64")
    whole = all(array.dtype.kind in "biu" for array in arrays)
    return tuple(array.astype(np.int64 if whole else np.float64) for array in arrays)


def weighted(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    """``numbers`` of what a layer with a weight and perhaps a bias works on; a bias of None stays None."""
    if bias is None:
        x, weight = numbers(x, weight)
        return x, weight, None
    x, weight, bias = numbers(x, weight, bias)
    return x, weight, bias


def arithmetic(dtype: np.dtype[Any]) -> np.errstate:
    """How sums behave: IEEE 754 without warnings for float64; FloatingPointError where a whole sum leaves int64.

    >>> with arithmetic(np.dtype(np.float64)):
    ...     print(np.float64("inf") * np.float64(0))
    nan
    """
    return np.errstate(all="ignore") if dtype.kind == "f" else np.errstate(over="raise")


def check_shape(array: Array, expected: Shape, what: str) -> None:
    """Raise NetworkError unless ``array`` has the shape ``expected``.

    >>> check_shape(np.zeros((2, 3)), (3, 2), "the weight")
    Traceback (most recent call last):
    ...
    convlens.network.errors.NetworkError: the weight must be 3x2, not 2x3
    """
    if array.shape != tuple(expected):
        raise NetworkError(f"{what} must be {_spelled(expected)}, not {_spelled(array.shape)}")


def check_batch(x: Array, at_least: int = 2) -> None:
    """Raise NetworkError unless ``x`` is a batch (N, C, *spatial) with ``at_least`` axes."""
    if x.ndim < at_least:
        needed = "N, C and at least one axis to slide along" if at_least > 2 else "N and C"
        raise NetworkError(f"a batch has the axes {needed}, not the shape {_spelled(x.shape)}")


def _spelled(shape: Shape) -> str:
    return spell(tuple(shape)) if shape else "a single number"
