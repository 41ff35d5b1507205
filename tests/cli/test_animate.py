"""``convlens animate`` as a stranger types it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens.data import atomic
from convlens.filtering.figures.given import given

from .saying import contents, leave

FFMPEG = """#!{python}
import sys
pixels = sys.stdin.buffer.read()
width, height = map(int, sys.argv[sys.argv.index("-s") + 1].split("x"))
open(sys.argv[-1], "w").write(f"{{len(pixels) / (3 * width * height)}} frames")
"""
BROKEN = """#!{python}
import sys
print("Unknown encoder 'h264'", file=sys.stderr)
sys.exit(1)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with things that are slid over, and things that are not."""
    rng = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    np.save("matrix.npy", rng.integers(0, 10, (5, 6)))
    np.save("cube.npy", rng.integers(0, 10, (5, 6, 7)))
    np.save("nan.npy", np.array([1.0, np.nan]))
    Path("matrix.csv").write_text("1,2,3\n4,5,6\n")
    Path("columns.csv").write_text("up,down\n1,4\n2,5\n3,6\n")
    Path("line.csv").write_text("1\n2\n3\n4\n")
    Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).save("colours.png")
    Path("folder").mkdir()
    return tmp_path


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    return leave(monkeypatch, "animate", *words)


def test_every_kind_of_file(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for source, kernel, out, title in (
        ("0 1 2; 3 4 5; 6 7 8", "0 1; 2 3", "a.svg", "1x3x3: conv 1 2  →  1x2x2"),
        ("matrix.npy", "box 3", "made/b.gif", "1x5x6: conv 1 3  →  1x3x4"),
        ("columns.csv", "1 -1", "c.png", "2x3: conv 2 2 groups 2  →  2x2"),
        ("colours.png", "sobel", "d.png", "3x4x5: conv 3 3 groups 3  →  3x2x3"),
    ):
        assert run([source, "--kernel", kernel, "--out", out, "--width", "320"], monkeypatch) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"wrote    {out}: {title}, ")
        assert Path(out).stat().st_size > 1000
    with Image.open("d.png") as picture:
        assert picture.width == 320


def test_photos_sounds_and_comparisons(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (200, 300), dtype=np.uint8)).save("photo.png")
    np.save("long.npy", rng.normal(size=1000))
    small = ["--frames", "6", "--width", "320", "--out"]
    assert run(["photo.png", "--kernel", "sobel", *small, "o.gif"], monkeypatch) == 0
    assert "reduced from 200x300 pixels to 107x160" in capsys.readouterr().out
    with Image.open("o.gif") as film:
        assert film.n_frames == 6  # type: ignore[attr-defined]
    assert run(["long.npy", "--kernel", "gaussian 9", *small, "o.svg"], monkeypatch) == 0
    assert "of 1,000 cells " in capsys.readouterr().out
    assert run(["0 1 1 0", "--with", "1 .5", *small, "o.png"], monkeypatch) == 0
    assert "signals of 4 and 2 cells" in capsys.readouterr().out


def test_what_inputs_are(here: Path) -> None:
    assert given("matrix.csv").tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert given("columns.csv").tolist() == [[1, 2, 3], [4, 5, 6]]
    assert given("line.csv").tolist() == [[1, 2, 3, 4]]
    assert given("colours.png").shape == (3, 4, 5)
    assert given("matrix.npy").shape == (1, 5, 6)
    assert given("1, 2; -3 .5").tolist() == [[[1, 2], [-3, 0.5]]]
    assert given("1 2; 3 4 | 5 6; 7 8").shape == (2, 2, 2)
    assert given(";".join([" ".join(["12"] * 60)] * 60)).shape == (1, 60, 60)  # longer than any file's name


def test_a_video_is_ffmpegs(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["1 2 3 4", "--kernel", "1 -1", "--seconds", "1", "--width", "200", "--out", "o.mp4"]
    monkeypatch.setenv("PATH", str(here))
    assert run(words, monkeypatch) == 2
    assert "an .mp4 is written by ffmpeg, which is not found; install it" in capsys.readouterr().err
    program = here / "ffmpeg"
    program.write_text(FFMPEG.format(python=sys.executable))
    program.chmod(0o755)
    assert run(words, monkeypatch) == 0
    assert Path("o.mp4").read_text() == "120.0 frames"  # three steps and the end, 30 a second
    program.write_text(BROKEN.format(python=sys.executable))
    os.remove("o.mp4")
    assert run(words, monkeypatch) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "convlens: ffmpeg could not write the video: Unknown encoder 'h264'"
    assert not Path("o.mp4").exists()


REFUSED: list[tuple[list[str], str]] = [
    (["1 2; 3", "--kernel", "1"], 'the rows of the input "1 2; 3" have 2 numbers and 1'),
    (["1 2;; 3 4", "--kernel", "1"], 'a row of the input "1 2;; 3 4" is empty'),
    (["1 2", "--kernel", "box 3"], "the kernel 3 is larger than the padded input 2; take a smaller kernel or pad"),
    (["folder", "--kernel", "1"], "folder is a folder"),
    (["gone.png", "--kernel", "1"], "there is no file gone.png"),
    (["1 2 x", "--kernel", "1"], '"1 2 x" is neither rows of numbers nor a file'),
    (["cube.npy", "--kernel", "box 3"], "cube.npy is a volume of 5x6x7; an animation shows signals and pictures"),
    (["nan.npy", "--kernel", "1"], "the input holds 1 NaN or infinite number"),
    (["1 2 3", "--kernel", "gausian"], "do you mean gaussian?"),
    (["1 2 3", "--kernel", "1 nan"], "every number of the kernel"),
    (["1 2 3", "--kernel", "1", "--pad", "-1"], "-1"),
    (["1 2 3", "--kernel", "1", "--stride", "0"], "the stride must be at least 1"),
    (["1 2 3", "--kernel", "1", "--border", "mirror"], 'no border "mirror" to pad with'),
    (["1 2 3", "--kernel", "1", "--out", "o.txt"], 'written as .svg, .gif, .mp4 or .png, not as ".txt"'),
    (["1 2 3", "--kernel", "1", "--out", "folder"], "folder is a folder; name a file such as"),
    (["1 2 3", "--kernel", "1", "--out", "matrix.npy/o.svg"], "o.svg cannot be written"),
    (["1 2 3"], "say what slides: either --kernel, or --with and a second signal"),
    (["1 2 3", "--kernel", "1", "--with", "1 2"], "say what slides: either --kernel, or --with"),
    (["1 2 3", "--with", "1 2; 3 4"], "the other signal has the shape (2, 2); compared are signals of one channel"),
    (["1 2 3", "--kernel", "1", "--step", "4"], "the window has 3 places; there is no step 4"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_is_a_sentence(
    words: list[str], sentence: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(here)
    asked = words if "--out" in words else [*words, "--out", "o.svg"]
    assert run(asked, monkeypatch) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("convlens: ")
    assert contents(here) == before


def test_a_full_disk_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(here.rglob("*"))
    monkeypatch.setattr(atomic.os, "fsync", full)
    assert run(["1 2 3", "--kernel", "1 2", "--out", "o.svg"], monkeypatch) == 2
    assert capsys.readouterr().err == "convlens: o.svg cannot be written: No space left on device\n"
    assert sorted(here.rglob("*")) == before
