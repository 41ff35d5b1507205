"""How far two sums of the same products may differ by rounding alone."""

from __future__ import annotations

from typing import Any

import numpy as np

UNIT = 2.0**-53
"""The unit roundoff of float64."""


def assert_sums_agree(actual: Any, expected: Any, terms: int, largest: float = 1.0) -> None:
    """Assert that two float64 sums of ``terms`` products, each at most ``largest``, agree in any order of summation.

    Each is off by at most ``(terms + 1) * UNIT`` times the sum of the products' sizes (Higham, 2002, section 3.1).
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    bound = 2 * (terms + 1) * UNIT * max(terms, 1) * largest
    assert np.all(np.abs(actual - expected) <= bound), f"{np.max(np.abs(actual - expected))} is beyond {bound}"


def assert_same(actual: Any, expected: Any) -> None:
    """Assert that two arrays are equal in shape and in every number."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.array_equal(actual, expected)
