"""What the commands say of sounds, texts and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.data.wav import Sound, packed_wav
from tests.cli.saying import say


def test_data_tells_the_rate_and_the_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / "notes" / name).mkdir(parents=True)
        for i in range(3):
            sound = Sound(np.full((4410, 1), 100 * i + ord(name), np.int16), 44100)
            (tmp_path / "notes" / name / f"{i}.wav").write_bytes(packed_wav(sound))
    source = str(tmp_path / "notes")
    code, out, _ = say(capsys, monkeypatch, "data", source, "--rate", "8000")
    assert (code, out.splitlines()[0]) == (0, "notes: signals of 1x800, float32, 8,000 samples a second (0.10 s)")
    assert "6 of 6 sounds were brought to 8,000 samples a second (the rates were 44,100)" in out
    _, out, _ = say(capsys, monkeypatch, "data", source, "--size", "100")
    assert out.startswith("notes: signals of 1x100,")
    assert "6 lose their end" in out
    code, _, err = say(capsys, monkeypatch, "data", source, "--rate", "7")
    assert (code, err) == (2, "convlens: sounds have 100 to 2,000,000 samples a second, not 7; name another rate\n")


def test_data_tells_the_alphabet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no.txt").write_text("bjørn\nhjort\n", encoding="utf-8")
    (tmp_path / "en.txt").write_text("boar\nhart\n", encoding="utf-8")
    code, out, _ = say(capsys, monkeypatch, "data", str(tmp_path), "--val", "0")
    assert code == 0
    assert ': texts of 8x5, uint8, an alphabet of 7 characters and one for the rest: "abhjort"' in out
    assert "rest: 2 characters of 2 kinds" in out


def test_a_table_asks_which_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("1,2,3\n4,5,6\n")
    code, _, err = say(capsys, monkeypatch, "data", str(tmp_path / "t.csv"))
    assert (code, err.count("\n")) == (2, 1)
    assert "say which with --label" in err
    code, out, _ = say(capsys, monkeypatch, "data", str(tmp_path / "t.csv"), "--label", "last", "--val", "0")
    assert (code, out.splitlines()[0]) == (0, "t: signals of 1x2, float32")
