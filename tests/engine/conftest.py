"""A cache of their own for the engine's tests: kernels are compiled as in a fresh clone, and measured honestly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def kernels_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVLENS_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield
