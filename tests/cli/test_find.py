"""``convlens find``, ``correct`` and ``check`` as a stranger types them, on real coins."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data import Mark, atomic, read_marks, write_marks

from .saying import say

EXAMPLES = Path(__file__).parents[2] / "examples"
COINS = 24


def convlens(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "convlens", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finder of coins, as ``make demo`` learns it."""
    folder = tmp_path_factory.mktemp("coins")
    model = folder / "coins.safetensors"
    words = ("--marks", EXAMPLES / "coins.csv", "--out", folder / "out", "--save-model", model)
    done = convlens("find", EXAMPLES / "coins.png", *words)
    assert done.returncode == 0, done.stderr
    assert f"drawn    {folder / 'out/overlays/coins.png'}" in done.stdout
    return model


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 12 pieces of the coins' picture, the whole in other forms, and three that cannot be searched."""
    folder = tmp_path / "photos"
    folder.mkdir()
    coins = np.asarray(Image.open(EXAMPLES / "coins.png"))
    for at in range(12):
        Image.fromarray(coins[20 * (at % 6) :, 40 * (at // 6) :]).save(folder / f"{at:02}.png")
    tifffile.imwrite(folder / "deep.tif", coins.astype(np.uint16) * 257)
    tifffile.imwrite(folder / "five.tif", np.repeat(coins[None], 5, axis=0), photometric="minisblack", planarconfig=2)
    colours = Image.open(EXAMPLES / "coins.png").convert("RGB")
    colours.convert("RGBA").save(folder / "rgba.png")
    colours.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    tifffile.imwrite(folder / "pages.tif", np.stack([np.asarray(colours)] * 2), photometric="rgb")
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:3000])
    (folder / "empty.png").touch()
    return folder


def test_three_marks_find_the_coins(model: Path) -> None:
    out = model.parent / "out"
    (counted,) = rows(out / "counts.csv")
    assert abs(int(counted["count"]) - COINS) <= 2
    found = rows(out / "found.csv")
    assert len(found) == int(counted["count"])
    for mark in read_marks(EXAMPLES / "coins.csv"):
        x, y = mark.centre
        near = [f for f in found if abs(float(f["x"]) + float(f["w"]) / 2 - x) < 15]
        assert any(abs(float(f["y"]) + float(f["h"]) / 2 - y) < 15 for f in near), mark
    assert "Surest finds" in (out / "report.html").read_text()


def test_a_folder_with_awkward_pictures_runs_through(model: Path, photos: Path) -> None:
    done = convlens("find", "photos", "--model", model, "--out", "out", cwd=photos.parent)
    assert done.returncode == 0, done.stderr
    assert "convlens: empty.png could not be read: it is empty" in done.stderr
    assert "convlens: broken.png could not be read: it is damaged" in done.stderr
    assert "five.tif could not be read: it has 5 channels, and the finder learned from pictures of 1" in done.stderr
    counts = {row["image"]: int(row["count"]) for row in rows(photos.parent / "out/counts.csv")}
    forms = ["cmyk.jpg", "deep.tif", "pages.tif", "rgba.png"]
    assert sorted(counts) == sorted([f"{at:02}.png" for at in range(12)] + forms)
    assert {name: counts[name] for name in forms[1:]} == dict.fromkeys(forms[1:], counts["00.png"])
    assert abs(counts["cmyk.jpg"] - counts["00.png"]) <= 1, "CMYK rounds"
    page = (photos.parent / "out/report.html").read_text()
    assert "broken.png" in page
    assert "remark   frames: the first of 2 pages (pages.tif)" in done.stdout
    assert "<td>frames: the first of 2 pages</td>" in page


def test_killed_in_the_middle_it_goes_on_to_the_same(model: Path, photos: Path) -> None:
    words = ("find", "photos", "--model", str(model), "--out")
    assert convlens(*words, "whole", cwd=photos.parent).returncode == 0
    out = photos.parent / "out"
    line = [sys.executable, "-m", "convlens", *words, "out"]
    with subprocess.Popen(line, cwd=photos.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (out / "counts.csv").exists():
            time.sleep(0.002)
        process.kill()
    done = rows(out / "counts.csv")
    assert done, "what was finished stands"
    stamps = {row["image"]: os.stat(out / "overlays" / f"{Path(row['image']).stem}.png").st_mtime_ns for row in done}
    again = convlens(*words, "out", cwd=photos.parent)
    assert again.returncode == 0, again.stderr
    for name in ("found.csv", "counts.csv", "found.coco.json"):
        assert (out / name).read_bytes() == (photos.parent / "whole" / name).read_bytes(), name
    for image, stamp in stamps.items():
        assert os.stat(out / "overlays" / f"{Path(image).stem}.png").st_mtime_ns == stamp, "it was searched twice"


def test_a_correction_and_a_check(model: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(model.read_bytes())
    marks = [*read_marks(EXAMPLES / "coins.csv"), Mark("coins.png", "object", 316, 156, 62, 62)]
    marks.append(Mark("coins.png", "not", 100, 140, 40, 40))
    write_marks(tmp_path / "marks.csv", marks[:-1])
    write_marks(tmp_path / "more.csv", [marks[-1], replace(marks[0], kind="not")])
    words = ("--marks", tmp_path / "marks.csv", "--out", tmp_path / "out", "--add", tmp_path / "more.csv")
    done = convlens("correct", own, EXAMPLES / "coins.png", *words)
    assert done.returncode == 0, done.stderr
    assert f"marks    1 of kind not added to {tmp_path / 'marks.csv'}" in done.stdout
    assert "not at 23, 34 of coins.png is contrary to a mark" in done.stderr
    assert read_marks(tmp_path / "marks.csv") == marks
    assert own.read_bytes() != model.read_bytes()
    assert (tmp_path / "out/finder.safetensors").read_bytes() == own.read_bytes()
    found = rows(tmp_path / "out/found.csv")
    assert [row["score"] for row in found[:4]] == ["1.000000"] * 4, "what was marked is certain"
    middles = [(float(f["x"]) + float(f["w"]) / 2, float(f["y"]) + float(f["h"]) / 2) for f in found]
    assert all((x - 120) ** 2 + (y - 160) ** 2 > 20**2 for x, y in middles), "and what was rejected is none"
    asked = convlens("check", tmp_path / "out", "--samples", "10")
    assert asked.returncode == 0, asked.stderr
    answers = tmp_path / "out/answers.csv"
    assert f"--answers {answers}" in asked.stdout
    answers.write_text("\n".join(f"{line}yes" if at else line for at, line in enumerate(answers.read_text().split())))
    said = convlens("check", tmp_path / "out", "--samples", "10", "--answers", answers)
    assert said.returncode == 0, said.stderr
    assert "precision 100 %" in said.stdout
    assert "from 10 answers" in said.stdout
    for first in (True, False):
        before = read_marks(tmp_path / "marks.csv")
        again = convlens(*said.args[3:], "--marks", tmp_path / "marks.csv")
        assert again.returncode == 0, again.stderr
        added = read_marks(tmp_path / "marks.csv")[len(before) :]
        told = f"{len(added)} of kind object; convlens correct learns" if first else "nothing, for all"
        assert f"added to {tmp_path / 'marks.csv'}: {told}" in again.stdout
        assert bool(added) == first, "the same answers add nothing"
        assert {(mark.image, mark.kind) for mark in added} <= {("coins.png", "object")}
    wrong = convlens("check", tmp_path / "out", "--marks", tmp_path / "gone.csv")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "gone.csv to add marks to" in wrong.stderr


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ("coins.png,object,23,34,43,forty", "line 2 has h = 'forty', which is no number"),
        (
            "coins.png,object,2300,34,43,40",
            "line 2: the mark has its centre at 2321.5, 54, outside the picture",
        ),
        (
            "other.png,object,23,34,43,40",
            "line 2: the mark names the picture other.png, which is not among",
        ),
        ("coins.png,not,23,34,43,40", "no object is marked"),
    ],
)
def test_wrong_marks_are_told_in_a_sentence(tmp_path: Path, marks: str, said: str) -> None:
    (tmp_path / "marks.csv").write_text(f"image,kind,x,y,w,h\n{marks}\n")
    done = convlens("find", EXAMPLES / "coins.png", "--marks", tmp_path / "marks.csv", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_with_the_file_that_found_no_room(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    words = ("find", str(EXAMPLES / "coins.png"), "--model", str(model), "--out", str(tmp_path / "out"))
    code, shown, said = say(capsys, monkeypatch, *words)
    assert (code, shown) == (2, "")
    finder = tmp_path / "out/finder.safetensors"
    wanted = f"convlens: cannot write {finder} (No space left on device); what was finished is kept: mend that, and the"
    assert wanted in said
    assert not list((tmp_path / "out").iterdir())


def test_a_search_needs_marks_or_a_finder(tmp_path: Path) -> None:
    done = convlens("find", EXAMPLES / "coins.png", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nothing says what to find; give marks (--marks), drawn on the page that convlens mark" in done.stderr


def test_what_does_not_lie_in_its_picture_is_not_added(model: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks.csv"
    marks.write_bytes((EXAMPLES / "coins.csv").read_bytes())
    write_marks(tmp_path / "more.csv", [Mark("coins.png", "not", 5000, 10, 40, 40)])
    words = ("--marks", marks, "--out", tmp_path / "out", "--add", tmp_path / "more.csv")
    wrong = convlens("correct", model, EXAMPLES / "coins.png", *words)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "more.csv, line 2" in wrong.stderr
    assert "outside the picture" in wrong.stderr
    assert marks.read_bytes() == (EXAMPLES / "coins.csv").read_bytes()


def test_a_page_to_mark_on(tmp_path: Path) -> None:
    page, coins = tmp_path / "mark.html", EXAMPLES / "coins.png"
    done = convlens("mark", coins, "--marks", EXAMPLES / "coins.csv", "--out", page)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"page     {page}"
    assert done.stdout.endswith(f"then: convlens find {coins} --marks marks.csv --out found\n")
    assert '["coins.png", "object", "23", "34", "43", "40"]' in page.read_text()
    for words, said in (
        (("gone.png", "--out", page), "gone.png"),
        ((coins, "--out", coins / "page.html"), "page.html"),
        ((coins, "--marks", tmp_path / "gone.csv", "--out", page), "gone.csv"),
    ):
        wrong = convlens("mark", *words)
        assert (wrong.returncode, wrong.stdout) == (2, ""), wrong.stderr
        assert said in wrong.stderr
        assert "Traceback" not in wrong.stderr
