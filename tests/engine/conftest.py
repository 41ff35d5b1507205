"""A cache of their own for the engine's tests: kernels are compiled as in a fresh clone, and measured honestly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convlens.engine import runnable


@pytest.fixture(scope="package", autouse=True)
def kernels_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVLENS_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@pytest.fixture(params=[target.name for target in runnable()])
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every processor that this one can stand for, one after another: for modules that use this fixture."""
    monkeypatch.setenv("CONVLENS_TARGET", request.param)
