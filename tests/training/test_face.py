"""The names that a person imports, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import convlens
from convlens import Network, training
from convlens.training import Model, Recipe, Request, evaluate, predict, train
from tests.conftest import TINY


def loaded_by(line: str) -> str:
    """Which of the heavy packages a line of Python imports."""
    code = f"import sys; {line}; print(*(m for m in ('numpy', 'torch') if m in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        ("import convlens", ""),
        ("from convlens import Network; Network.parse('1x8: relu')", ""),
        ("import convlens; convlens.network.Network; convlens.training.RECIPES", ""),
        ("from convlens.training import Recipe, TrainingError", ""),
        ("import convlens; convlens.data.load", "numpy"),
        ("import convlens; convlens.nn.build", "numpy torch"),
        ("from convlens.training import train", "numpy torch"),
    ],
)
def test_a_room_is_imported_when_it_is_named(line: str, heavy: str) -> None:
    assert loaded_by(line) == heavy


def test_the_faces_hold_what_they_promise() -> None:
    assert Network is convlens.network.Network
    assert {name for name in training.__all__ if getattr(training, name) is None} == set()
    for face, name in ((convlens, "nothing_like_that"), (training, "nothing_like_that"), (convlens, "__wrapped__")):
        with pytest.raises(AttributeError, match=name):
            getattr(face, name)


def test_a_notebook_trains_judges_and_predicts(bars_file: Path, tmp_path: Path) -> None:
    outcome = train(
        Request(str(bars_file), net=TINY, recipe=Recipe(epochs=2, batch=16), out=tmp_path / "run", threads=1)
    )
    assert outcome is not None
    assert evaluate(outcome.folder.model, bars_file)["accuracy"] == pytest.approx(outcome.result["test_accuracy"])
    (gone,) = predict(Model.load(outcome.folder.model), [tmp_path / "gone.png"])
    assert gone.predicted is None
