"""A cache of their own for the kernels that these tests compile."""

from __future__ import annotations

from tests.engine.conftest import kernels_of_our_own

__all__ = ["kernels_of_our_own"]
