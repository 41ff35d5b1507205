"""A finder that has learned, for the tests that ask it and leave it as it is."""

from __future__ import annotations

import pytest

from convlens.finding import Finder
from convlens.finding import finder as module
from convlens.finding.learning import Course

from .scenes import mark, scene

FIRST, AGAIN = Course(steps=50, rate=3e-3, looks=(0.5,)), Course(steps=15, rate=1.5e-3, looks=(0.0,))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crosses are easy: a third of the steps is enough."""
    monkeypatch.setattr(module, "FIRST", FIRST)
    monkeypatch.setattr(module, "AGAIN", AGAIN)


@pytest.fixture(scope="module")
def learned() -> Finder:
    """Three of eight crosses marked."""
    picture, centres = scene(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST", FIRST)
        return Finder.fit({"a": picture}, [mark("a", c) for c in centres[:3]], seed=1)
