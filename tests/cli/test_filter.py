"""``convlens filter`` and ``convlens kernels`` as a stranger types them."""

from __future__ import annotations

import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import convlens
from convlens.data import atomic

from .saying import contents, leave


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo, a grey one of 16 bits, a sound, a table, a volume and things that are none of these."""
    rng = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save("photo.png")
    Image.fromarray(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)).save("second.png")
    tifffile.imwrite("grey.tif", rng.integers(0, 65536, (12, 13), dtype=np.uint16))
    tifffile.imwrite("volume.tif", rng.integers(0, 256, (5, 6, 7), dtype=np.uint8))
    with wave.open("sound.wav", "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(rng.integers(-9000, 9000, (50, 2), dtype=np.int16).tobytes())
    Path("table.csv").write_text("up,down\n1,4\n2.5,3\n4,-2\n")
    np.save("line.npy", np.arange(9.0))
    np.save("cube.npy", np.ones((2, 3, 9), np.int64))
    Path("note.txt").write_text("no picture")
    Path("cut.png").write_bytes(Path("photo.png").read_bytes()[:300])
    Path("cut.wav").write_bytes(Path("sound.wav").read_bytes()[:90])
    Path("words.csv").write_text("a,b\n1,2\n3,x\n")
    bomb = bytearray(Path("photo.png").read_bytes())
    bomb[16:24] = (131072).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    Path("bomb.png").write_bytes(bomb)
    np.save("yes.npy", np.ones(3, bool))
    np.save("nan.npy", np.array([[1, np.nan]]))
    Path("folder").mkdir()
    return tmp_path


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    return leave(monkeypatch, *words)


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(name))


def test_photos(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["filter", "photo.png", "--kernel", "gaussian 5", "--out", "out.png"], monkeypatch) == 0
    assert np.array_equal(picture("out.png"), convlens.filter(picture("photo.png"), "gaussian 5"))
    words = ["filter", "*.png", "--kernel", "box 3", "--border", "wrap", "--stride", "2", "--out", "made"]
    for name in ("bomb.png", "cut.png", "out.png"):
        Path(name).unlink()
    assert run(words, monkeypatch) == 0
    assert sorted(path.name for path in Path("made").iterdir()) == ["photo.png", "second.png"]
    assert picture("made/second.png").shape == (4, 5, 3)
    assert run(["filter", "grey.tif", "--kernel", "sharpen", "--out", "sharp.tif"], monkeypatch) == 0
    grey = tifffile.imread("grey.tif")
    assert np.array_equal(tifffile.imread("sharp.tif"), convlens.filter(grey, "sharpen"))
    told = capsys.readouterr().out
    whole = convlens.filter(grey.astype(np.float64), "sharpen")
    assert f"{int((whole < 0).sum())} of 156 sums below 0 became 0, {int((whole > 65535).sum())} above 65,535" in told


def test_signed_sums_have_their_zero_in_the_middle(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["filter", "photo.png", "--kernel", "sobel", "--luminance", "--out", "out.png"], monkeypatch) == 0
    light = picture("photo.png").astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    sums = convlens.filter(light, "sobel")
    step = np.abs(sums).max() / 127
    assert np.abs(picture("out.png") - (sums / step + 128)).max() <= 0.51
    assert f"are shown with 0 as 128 and {step:.3g} a level" in capsys.readouterr().out
    assert run(["filter", "photo.png", "--kernel", "sobel", "--out", "out.npy"], monkeypatch) == 0
    assert np.array_equal(np.load("out.npy"), convlens.filter(picture("photo.png").astype(np.float32), "sobel"))
    assert "signed sums of uint8 are written as float32" in capsys.readouterr().out


def test_sounds_tables_and_volumes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source, target in (
        ("sound.wav", "o.wav"),
        ("table.csv", "o.csv"),
        ("volume.tif", "o.tif"),
        ("line.npy", "o.npy"),
    ):
        assert run(["filter", source, "--kernel", "box 3", "--border", "edge", "--out", target], monkeypatch) == 0
    with wave.open("sound.wav") as before, wave.open("o.wav") as after:
        assert before.getparams() == after.getparams()
        x, y = (np.frombuffer(f.readframes(50), np.int16).reshape(-1, 2) for f in (before, after))
    assert np.array_equal(y, convlens.filter(x, [1 / 3] * 3, "edge"))
    assert Path("o.csv").read_text().splitlines() == [
        "up,down",
        "1.5,3.6666666666666665",
        "2.5,1.6666666666666665",
        "3.5,-0.33333333333333326",
    ]
    assert np.array_equal(tifffile.imread("o.tif"), convlens.filter(tifffile.imread("volume.tif"), "box 3", "edge"))
    assert np.allclose(np.load("o.npy")[1:-1], np.arange(1, 8))
    assert (
        run(["filter", "cube.npy", "--kernel", "2 | 1", "--border", "zero", "--flip", "--out", "o"], monkeypatch) == 0
    )
    assert np.load("o/cube.npy")[:, 0, 0].tolist() == [3, 1]


REFUSED: list[tuple[list[str], str]] = [
    (["folder", "--kernel", "box"], "folder is a folder; name files, or a pattern"),
    (["gone.png", "--kernel", "box"], "there is no file gone.png"),
    (["*.jpeg", "--kernel", "box"], "no file matches *.jpeg"),
    (["note.txt", "--kernel", "box"], "it is not a picture in a known format"),
    (["cut.png", "--kernel", "box"], "cut.png cannot be read: it is damaged"),
    (
        ["bomb.png", "--kernel", "box"],
        "134,217,728 pixels; save it as a TIFF in tiles, plain or deflated, which is filtered",
    ),
    (["cut.wav", "--kernel", "box"], "is cut off: it promises 200 bytes of sound and has 46"),
    (["yes.npy", "--kernel", "box"], "yes.npy holds bool of shape (3,)"),
    (["words.csv", "--kernel", "box"], 'line 3 of words.csv is no row of 2 numbers: "3,x"'),
    (["brain.nii.gz", "--kernel", "box"], "there is no file brain.nii.gz"),
    (
        ["photo.png", "--kernel", "1 | 2"],
        'photo.png is a picture, along two axes of which a kernel slides; "1 | 2" has',
    ),
    (["sound.wav", "--kernel", "1 2; 3 4"], "sound.wav is a signal, along one axis"),
    (["photo.png", "--kernel", "nan.npy"], "holds 1 NaN"),
    (["photo.png", "--kernel", "gausian"], "do you mean gaussian?"),
    (["photo.png", "--kernel", "box", "--border", "mirror"], 'no border "mirror"'),
    (["photo.png", "--kernel", "box", "--stride", "0"], "the stride must be"),
    (["photo.png", "--kernel", "box 99", "--border", "valid"], "a window of 99 cells does not fit"),
    (["photo.png", "--kernel", "box", "--out", "o.gif"], "o.gif cannot hold a picture of 20x30x3 uint8; name it .png"),
    (["sound.wav", "--kernel", "box", "--out", "o.png"], "o.png cannot hold a signal"),
    (["photo.png", "--kernel", "box", "--out", "photo.png"], "would be overwritten by its own result"),
    (["photo.png", "photo.png", "--kernel", "box", "--out", "o"], "would both become"),
    (["photo.png", "--kernel", "box", "--out", "note.txt/o.png"], "note.txt/o.png cannot be written"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_is_a_sentence(
    words: list[str], sentence: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(here)
    asked = words if "--out" in words else [*words, "--out", "o.png"]
    assert run(["filter", *asked], monkeypatch) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    left = contents(here)
    left.pop(here / "o" / "photo.png", None)  # the first of two is complete when the second is refused
    assert left == before


def test_a_full_disk_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(here.rglob("*"))
    monkeypatch.setattr(atomic.os, "fsync", full)
    assert run(["filter", "photo.png", "--kernel", "box", "--out", "o.png"], monkeypatch) == 2
    assert capsys.readouterr().err == "convlens: o.png cannot be written: No space left on device\n"
    assert sorted(here.rglob("*")) == before


def test_a_sheet_has_every_kernel(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["kernels"], monkeypatch) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in convlens.filtering.GALLERY)
    for photo in ("photo.png", "grey.tif"):
        assert run(["kernels", "--on", photo, "--out", "sheet.png"], monkeypatch) == 0
        assert picture("sheet.png").std() > 10
    assert run(["kernels", "--on", "photo.png", "--out", "sheet.npy"], monkeypatch) == 2
    assert run(["kernels", "--on", "note.txt"], monkeypatch) == 2
