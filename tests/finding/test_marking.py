"""A page to mark on: what it holds, and what a person who draws there gets."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data import Mark, MarksError, PictureError, read_marks
from convlens.finding.errors import FindingError
from convlens.finding.marking import PICTURES, write

from .fake import picture
from .pages import data_of, runs

MARKS = [
    Mark("photos/a.png", "object", 12, 40.25, 30, 28),
    Mark("a.png", "not", 120, 30),
    Mark("elsewhere/c.png", "complete", 0, 0, 1234567.5, 100),
]


def test_a_page_holds_the_pictures_and_every_mark(tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png", [(50, 60, 200)])
    tifffile.imwrite(tmp_path / "b & <c>.tif", np.arange(6000, dtype=np.uint16).reshape(60, 100))
    write(tmp_path / "mark.html", {"a.png": a, "b & <c>.tif": tmp_path / "b & <c>.tif"}, MARKS, "convlens find 'a b'")
    page = (tmp_path / "mark.html").read_text()
    assert data_of(tmp_path / "mark.html")["marks"] == [
        ["a.png", "object", "12", "40.25", "30", "28"],
        ["a.png", "not", "120", "30", "", ""],
        ["elsewhere/c.png", "complete", "0", "0", "1234567.5", "100"],
    ]
    assert 'data-picture="a.png" viewBox="0 0 160 120"' in page
    assert 'data-picture="b &amp; &lt;c&gt;.tif" viewBox="0 0 100 60"' in page
    assert "convlens find &#x27;a b&#x27;" in page
    first = base64.b64decode(re.findall(r"data:image/png;base64,([^\"]*)", page)[0])
    with Image.open(io.BytesIO(first)) as kept, Image.open(a) as given:
        np.testing.assert_array_equal(np.asarray(kept.convert("L")), np.asarray(given))
    assert runs(tmp_path / "mark.html")


def test_a_large_picture_is_stored_small_and_marked_in_its_own_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((1000, 8192, 3), np.uint8)).save(tmp_path / "wide.png")
    write(tmp_path / "mark.html", {"wide.png": tmp_path / "wide.png"}, [])
    page = (tmp_path / "mark.html").read_text()
    assert 'viewBox="0 0 8192 1000"' in page
    stored = base64.b64decode(re.findall(r"data:image/jpeg;base64,([^\"]*)", page)[0])
    with Image.open(io.BytesIO(stored)) as image:
        assert image.size == (4096, 500)


def test_what_no_page_can_hold_is_refused(tmp_path: Path) -> None:
    a, page = picture(tmp_path / "a.png", []), tmp_path / "mark.html"
    with pytest.raises(FindingError, match=f"a page takes {PICTURES} pictures at most, not 13; name the few"):
        write(page, {f"{n}.png": a for n in range(PICTURES + 1)}, [])
    with pytest.raises(MarksError, match=r"a\.png, which could be one/a\.png or two/a\.png; write more of its path"):
        write(page, {"one/a.png": a, "two/a.png": a}, [Mark("a.png", "object", 1, 2)])
    (tmp_path / "empty.png").touch()
    with pytest.raises(PictureError, match="it is empty"):
        write(page, {"empty.png": tmp_path / "empty.png"}, [])
    assert not page.exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="a browser is needed to draw")
def test_what_is_drawn_becomes_a_table(tmp_path: Path) -> None:
    browser = pytest.importorskip("playwright.sync_api")
    write(tmp_path / "mark.html", {"a.png": picture(tmp_path / "a.png", [(50, 60, 200)])}, MARKS)
    with browser.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1300, "height": 1400})
        page.goto((tmp_path / "mark.html").as_uri())
        around = page.locator("svg").bounding_box()
        assert around is not None
        wide = around["width"] / 160

        def go(x: float, y: float) -> tuple[float, float]:
            return around["x"] + wide * x, around["y"] + wide * y

        def drag(x: float, y: float, to_x: float, to_y: float) -> None:
            page.mouse.move(*go(x, y))
            page.mouse.down()
            page.mouse.move(*go(to_x, to_y))
            page.mouse.up()

        drag(60, 70, 50, 60)
        page.mouse.click(*go(120, 30))  # takes the rejected place away
        page.keyboard.press("2")
        page.mouse.click(*go(20, 100))
        page.mouse.click(*go(150, 110))
        page.locator("#undo").click()
        page.keyboard.press("3")
        drag(100, 80, 300, 90)  # beyond the border
        assert page.locator("#said").text_content() == "2 object, 1 not, 2 complete"
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(tmp_path / "marks.csv")
        opened.close()
    assert [mark.cells for mark in read_marks(tmp_path / "marks.csv")] == [
        ("a.png", "object", 12, 40.25, 30, 28),
        ("elsewhere/c.png", "complete", 0, 0, 1234567.5, 100),
        ("a.png", "object", 50, 60, 10, 10),
        ("a.png", "not", 20, 100, None, None),
        ("a.png", "complete", 100, 80, 60, 10),
    ]
