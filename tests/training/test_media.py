"""Sounds and texts, from files to a model and back to files: what was learned of them travels in the model."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from convlens.data import DataError
from convlens.data.wav import Sound, packed_wav
from convlens.training import Model, Recipe, Request, TrainingError, evaluate, predict, train
from convlens.training.prediction import lines_of, write_csv

QUICK = Recipe(epochs=30, batch=8, lr=0.05, val=0.0)


def beep(path: Path, pitch: float, rate: int, seconds: float = 0.05) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.sin(2 * np.pi * pitch * np.arange(round(rate * seconds)) / rate)
    path.write_bytes(packed_wav(Sound((wave * 2**15 * 0.9).astype(np.int16)[:, None], rate)))


def test_sounds_there_and_back(tmp_path: Path) -> None:
    for i in range(12):
        for name, pitch in (("high", 1200), ("low", 300)):
            beep(tmp_path / "beeps" / name / f"{i}.wav", pitch + 9 * i, 8000)
    net = "conv 8 9 stride 4, relu, avgpool all, flatten, linear 2"
    outcome = train(Request(str(tmp_path / "beeps"), net=net, recipe=QUICK, out=tmp_path / "run", threads=1, rate=4000))
    assert outcome is not None
    model = Model.load(outcome.folder.model)
    assert (model.preprocessing.rate, model.preprocessing.shape) == (4000, (1, 200))
    for name, pitch in (("high", 1250), ("low", 320)):
        beep(tmp_path / "test" / name / "fine.wav", pitch, 44100, 0.3)
    (tmp_path / "test/cut.wav").write_bytes(b"RIFF")
    rows = list(predict(model, sorted((tmp_path / "test").rglob("*.wav")), "cpu"))
    assert [row.predicted for row in rows] == [None, "high", "low"]
    assert rows[0].error == "it is no .wav file; its first bytes are not those of one"
    assert evaluate(outcome.folder.model, tmp_path / "test")["accuracy"] == 1
    np.savetxt(tmp_path / "test" / "high" / "values.csv", np.arange(9.0))
    for part in ("high", "low"):
        (tmp_path / "series" / part).mkdir(parents=True)
        np.savetxt(tmp_path / "series" / part / "values.csv", np.arange(9.0))
    with pytest.raises(DataError, match="holds no sounds"):
        evaluate(outcome.folder.model, tmp_path / "series")
    page = outcome.folder.report.read_text("utf-8")
    assert page.count('<svg role="img"') >= 24
    assert "high/3.wav" in page
    with pytest.raises(TrainingError, match="sees sounds"):
        lines_of([tmp_path / "test/cut.wav"], model)


def test_texts_there_and_back(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "tongues").mkdir()
    for name, sounds in (("fox", ["ka", "to", "mi"]), ("owl", ["shu", "err", "üh"])):
        said = ["".join(rng.choice(sounds, 4)) for _ in range(40)]
        (tmp_path / "tongues" / f"{name}.txt").write_text("\n".join(said), encoding="utf-8")
    net = "conv 4 1, conv 8 3, relu, maxpool all, flatten, linear 2"
    outcome = train(Request(str(tmp_path / "tongues"), net=net, recipe=QUICK, out=tmp_path / "run", threads=1))
    assert outcome is not None
    model = Model.load(outcome.folder.model)
    assert model.preprocessing.alphabet == "aehikmorstuü"
    (tmp_path / "notes.txt").write_text("katomi\n\nu\u0308hshuerr!\n", encoding="utf-8")
    lines = lines_of([tmp_path / "notes.txt", tmp_path / "nowhere.txt"], model)
    rows = list(predict(model, lines, "cpu"))
    assert [Path(row.file).name for row in rows] == ["notes.txt:1", "notes.txt:3", "nowhere.txt"]
    assert [row.predicted for row in rows] == ["fox", "owl", None]
    (whole,) = predict(model, [tmp_path / "tongues/owl.txt"], "cpu")
    assert whole.predicted == "owl"
    write_csv(tmp_path / "p.csv", rows, model.classes)
    with (tmp_path / "p.csv").open() as file:
        assert [row["error"] for row in csv.DictReader(file)] == [
            "",
            "",
            "it cannot be read: No such file or directory",
        ]
    assert evaluate(outcome.folder.model, tmp_path / "tongues")["accuracy"] > 0.9
    shown = re.findall(r'<q class="said" title="([^"]*)">', outcome.folder.report.read_text("utf-8"))
    said = {line for name in ("fox", "owl") for line in (tmp_path / f"tongues/{name}.txt").read_text("utf-8").split()}
    assert len(shown) >= 24
    assert set(shown) <= said


def test_rows_of_a_table_there_and_back(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(0, 0.3, (60, 9)) + np.arange(9) * np.where(np.arange(60) % 2, 1, -1)[:, None]
    named = [f"{'up' if at % 2 else 'down'},{','.join(map(str, row))}\n" for at, row in enumerate(rows.tolist())]
    (tmp_path / "slopes.csv").write_text("".join(named))
    net = "conv 4 3, relu, flatten, linear 2"
    outcome = train(Request(str(tmp_path / "slopes.csv"), net=net, recipe=QUICK, out=tmp_path / "run", threads=1))
    assert outcome is not None
    np.savetxt(tmp_path / "more.csv", rows[:4], delimiter=",")
    (tmp_path / "short.csv").write_text("1,2\n")
    model = Model.load(outcome.folder.model)
    found = list(predict(model, lines_of([tmp_path / "more.csv", tmp_path / "short.csv"], model), "cpu"))
    assert [row.predicted for row in found] == ["down", "up", "down", "up", None]
    assert [Path(row.file).name for row in found][3:] == ["more.csv:4", "short.csv:1"]
    assert found[4].error == "it has 2 numbers, and 9 are wanted"
    assert evaluate(outcome.folder.model, tmp_path / "slopes.csv", label="first")["accuracy"] > 0.9


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
