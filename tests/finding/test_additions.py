"""Corrections: clicked in a report, saved as rows of marks, added to those that there are."""

from __future__ import annotations

import csv
import dataclasses
import io
import shutil
from pathlib import Path

import pytest

from convlens.data import Mark, MarksError, read_marks, write_marks
from convlens.finding.additions import add, fresh
from convlens.finding.places import Place
from convlens.finding.request import Request
from convlens.finding.search import search
from convlens.finding.tiles import Tile

from .fake import School, picture
from .pages import data_of, runs

OBJECT, NOT = Mark("a.png", "object", 10, 10, 20, 20), Mark("a.png", "not", 10, 10, 20, 20)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search of which two finds are no marks, and one is a near miss."""
    monkeypatch.chdir(tmp_path)
    Path("my photos").mkdir()
    picture(Path("my photos/a.png"), [(0, 0, 250), (50, 60, 200), (90, 20, 150), (20, 90, 60)])
    write_marks("marks.csv", [Mark("a.png", "object", 0, 0, 10, 10)])
    search(Request(["my photos"], Path("out"), Path("marks.csv")), School(), lambda *told: None)
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("mark", "new", "contrary"),
    [
        (Mark("a.png", "object", 12, 8, 20, 20), False, False),
        (Mark("a.png", "not", 12, 8, 20, 20), False, True),
        (Mark("a.png", "not", 31, 10, 20, 20), True, False),
        (Mark("a.png", "object", 21, 19), False, False),
        (Mark("a.png", "object", 45, 19), True, False),
        (Mark("b.png", "not", 10, 10, 20, 20), True, False),
        (Mark("a.png", "complete", 0, 0, 50, 50), False, False),
        (Mark("a.png", "complete", 0, 0, 50, 51), True, False),
    ],
)
def test_a_place_that_bears_a_mark_is_not_marked_again(mark: Mark, new: bool, contrary: bool) -> None:
    old = [Mark("photos/a.png", "object", 10, 10, 20, 20), Mark("a.png", "complete", 0, 0, 50, 50)]
    old.append(Mark("elsewhere.png", "not", 10, 10, 20, 20))
    assert fresh([mark], old, ["a.png", "b.png"]) == ([0] if new else [], [0] if contrary else [])


def test_marks_are_added_once(tmp_path: Path) -> None:
    write_marks(tmp_path / "marks.csv", [OBJECT])
    kept = tmp_path / "marks.csv"
    kept.write_text(kept.read_text().replace("h\n", "h,who\n").replace("20\n", "20,me\n"))
    more = [NOT, Mark("a.png", "not", 70, 10, 20, 20), Mark("a.png", "object", 10, 70, 20, 20)]
    write_marks(tmp_path / "more.csv", more)
    assert add(tmp_path / "more.csv", kept, ["a.png"]) == (more[1:], [NOT])
    assert kept.read_text().splitlines()[1] == "a.png,object,10,10,20,20,me", "other columns stay"
    assert read_marks(kept)[1:] == more[1:]
    assert add(tmp_path / "more.csv", kept, ["a.png"]) == ([], [NOT])
    before = kept.read_bytes()
    with pytest.raises(MarksError, match=r"names the picture a\.png, which is not among the pictures \(b\.png\)"):
        add(tmp_path / "more.csv", kept, ["b.png"])
    assert kept.read_bytes() == before


def test_the_report_gives_rows_for_what_can_be_clicked(out: Path) -> None:
    page = (out / "report.html").read_text()
    rows = data_of(out / "report.html")["corrections"]
    assert rows == [
        ["a.png", "not", "50.00", "60.00", "10.00", "10.00"],
        ["a.png", "not", "90.00", "20.00", "10.00", "10.00"],
        ["a.png", "object", "20.00", "90.00", "10.00", "10.00"],
    ]
    assert [f'data-at="{at}"' in page for at in range(4)] == [True, True, True, False]
    said = "convlens correct out/finder.safetensors 'my photos' --marks marks.csv --out out --add corrections.csv"
    assert said.replace("'", "&#x27;") in page
    assert runs(out / "report.html")


def test_where_nothing_was_found_nothing_can_be_clicked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture(Path("a.png"), [(0, 0, 250)])
    write_marks("marks.csv", [Mark("a.png", "object", 0, 0, 10, 10)])
    search(Request(["a.png"], Path("out"), Path("marks.csv")), School(), lambda *told: None)
    page = Path("out/report.html").read_text()
    assert data_of(Path("out/report.html"))["corrections"] == []
    assert 'id="corrections"' not in page
    assert "<script></script>" in page


def test_a_name_that_is_no_text_becomes_no_row() -> None:
    tile = Tile(Place(Path("a.png"), (1, 2, 3, 4)), "0.9", "a.png", "not")
    assert dataclasses.replace(tile, image="\udcff.png").row is None
    assert dataclasses.replace(tile, correction=None).row is None


@pytest.mark.skipif(shutil.which("chromium") is None, reason="a browser is needed to click")
def test_what_is_clicked_becomes_a_file(out: Path, tmp_path: Path) -> None:
    browser = pytest.importorskip("playwright.sync_api")
    with browser.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = opened.new_page()
        page.goto((out / "report.html").as_uri())
        for at in (2, 0, 1, 1):  # the last one is taken back
            page.locator(f'[data-at="{at}"]').click()
        assert page.locator("#said").text_content() == "2 corrections"
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(tmp_path / "corrections.csv")
        opened.close()
    rows = list(csv.reader(io.StringIO((tmp_path / "corrections.csv").read_text())))
    assert rows[1:] == [data_of(out / "report.html")["corrections"][at] for at in (0, 2)]
