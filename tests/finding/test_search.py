"""A search writes what it finds as it finds it, goes on where it was stopped, and says which picture went wrong."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from convlens.data import DataError, Mark, MarksError, read_marks, write_marks
from convlens.data.picture_files import picture_files
from convlens.finding import outputs
from convlens.finding.errors import FindingError
from convlens.finding.finds import Finds
from convlens.finding.outputs import overlay_names
from convlens.finding.request import Request, look_up
from convlens.finding.search import correct, search

from .fake import Fake, School, picture
from .pages import data_of

MARKS = [Mark("a.png", "object", 10, 20, 10, 10), Mark("a.png", "object", 55, 65)]


def quiet(stage: str, done: int, total: int) -> None: ...


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    picture(tmp_path / "photos/a.png", [(10, 20, 250), (50, 60, 200), (90, 90, 60)])
    picture(tmp_path / "photos/b.png", [(0, 0, 150)])
    picture(tmp_path / "photos/c.png", [])
    write_marks("marks.csv", MARKS)
    return tmp_path


def ask(**changed: object) -> Request:
    asked = Request(["photos"], Path("out"), Path("marks.csv"), command="convlens find photos")
    return dataclasses.replace(asked, **changed)  # type: ignore[arg-type]


def test_the_outputs(here: Path) -> None:
    outcome = search(ask(save=Path("kept/model")), School(), quiet)
    assert outcome.learned
    assert rows(here / "out/found.csv") == [
        {"image": "a.png", "x": "10", "y": "20", "w": "10", "h": "10", "score": "0.980392"},
        {"image": "a.png", "x": "50", "y": "60", "w": "10", "h": "10", "score": "0.784314"},
        {"image": "b.png", "x": "0", "y": "0", "w": "10", "h": "10", "score": "0.588235"},
    ]
    assert rows(here / "out/counts.csv") == [
        {"image": "a.png", "count": "2", "low": "0", "high": "3"},
        {"image": "b.png", "count": "1", "low": "0", "high": "1"},
        {"image": "c.png", "count": "0", "low": "0", "high": "0"},
    ]
    assert len(read_marks("out/found.coco.json")) == 3
    coco = json.loads(Path("out/found.coco.json").read_text())
    assert [(i["file_name"], i["width"], i["height"]) for i in coco["images"]][2] == ("c.png", 160, 120)
    assert [a["score"] for a in coco["annotations"]] == [0.980392, 0.784314, 0.588235]
    assert sorted(p.name for p in Path("out/overlays").iterdir()) == ["a.png", "b.png", "c.png"]
    assert Path("kept/model").read_bytes() == Path("out/finder.safetensors").read_bytes()


def test_the_report_names_counts_marks_and_failures(here: Path) -> None:
    (here / "photos/empty.jpg").touch()
    search(ask(), School(), quiet)
    page = Path("out/report.html").read_text()
    for said in ("Surest finds", "Near misses", "0.235", "Objects (2)", "overlays/b.png", "empty.jpg", "it is empty"):
        assert said in page, said
    assert page.count('<figure class="tile"') == 1 + 1 + 2, "what was found besides the marks, near misses, marks"
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    data = data_of(Path("out/report.html"))
    assert data["counts"] == {"a.png": 2, "b.png": 1, "c.png": 0}
    assert data["failed"] == {"empty.jpg": "it is empty"}


class Teacher(School):
    """What it teaches takes a square of b.png, and one of a picture that is not there, for objects."""

    def fit(self, *words: Any, **more: Any) -> Fake:
        learned = super().fit(*words, **more)
        learned.taken = Mark("photos/b.png", "object", 0, 0, 10, 10), Mark("gone.png", "object", 0, 0, 10, 10)
        return learned


def test_the_report_shows_what_was_taken_for_objects(here: Path) -> None:
    search(ask(), Teacher(), quiet)
    page = Path("out/report.html").read_text()
    assert "Taken for objects (1)" in page
    assert "Click what is wrong among these." in page
    assert page.count('<figure class="tile"') == 1 + 1 + 2 + 1
    search(ask(out=Path("other")), School(), quiet)
    assert "aken for objects" not in Path("other/report.html").read_text()


def test_the_report_says_why(here: Path) -> None:
    search(ask(), School(), quiet)
    page = Path("out/report.html").read_text()
    assert page.count("0.50 like mark 1, turned by 90 degrees, which fits by 0.75; the network says -1.2") >= 1
    assert page.count("what mattered there") >= 1


def test_what_went_wrong_with_which_picture(here: Path) -> None:
    (here / "photos/empty.jpg").touch()
    (here / "photos/broken.png").write_bytes((here / "photos/a.png").read_bytes()[:100])
    tifffile.imwrite(here / "photos/deep.tif", np.full((40, 40), 5000, np.uint16))
    (here / "photos/notes.txt").write_text("no picture")
    outcome = search(ask(), School(), quiet)
    assert [(r.image, r.reason.split("(")[0]) for r in outcome.failed] == [
        ("broken.png", "it is damaged "),
        ("empty.jpg", "it is empty"),
    ]
    assert [row["image"] for row in rows(here / "out/counts.csv")] == ["a.png", "b.png", "c.png", "deep.tif"]


def test_when_nothing_can_be_read_it_is_told(here: Path) -> None:
    Fake(100).save(Path("model"))
    (here / "photos/empty.jpg").touch()
    with pytest.raises(FindingError, match=r"none of the 1 pictures could be read \(empty\.jpg: it is empty\)"):
        search(ask(places=["photos/empty.jpg"], marks=None, model=Path("model")), School(), quiet)


class Stopped(School):
    """Its finders are interrupted in the second picture."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__()
        self.kind = kind

    def fit(self, *words: object, **more: object) -> Fake:
        finder = super().fit(*words, **more)  # type: ignore[arg-type]
        whole = finder.find

        def find(picture: Path, progress: object = None, *more: object, **angles: object) -> Finds:
            if picture.name == "b.png":
                raise self.kind
            return whole(picture, progress)  # type: ignore[arg-type]

        finder.find = find  # type: ignore[method-assign, assignment]
        return finder


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_stopped_in_the_middle_it_keeps_what_is_done_and_goes_on(here: Path, kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        search(ask(), Stopped(kind), quiet)
    assert [row["image"] for row in rows(here / "out/counts.csv")] == ["a.png"]
    assert len(rows(here / "out/found.csv")) == 2
    assert Path("out/report.html").exists() == (kind is KeyboardInterrupt)
    seen: list[Path] = []
    school = School()
    loaded = school.load

    def load(path: Path) -> Fake:
        finder = loaded(path)
        whole = finder.find

        def find(picture: Path, progress: object = None, *more: object, **angles: object) -> Finds:
            seen.append(picture)
            return whole(picture, progress)  # type: ignore[arg-type]

        finder.find = find  # type: ignore[method-assign, assignment]
        return finder

    school.load = load  # type: ignore[method-assign]
    outcome = search(ask(), school, quiet)
    assert not outcome.learned
    assert school.fitted == []
    assert [path.name for path in seen] == ["b.png", "c.png"]
    assert [one.count for one in outcome.found] == [2, 1, 0]


def test_a_picture_is_drawn_and_written_while_the_next_is_searched(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched, drawn = threading.Event(), outputs.write_overlay

    def write_overlay(path: Path, finds: Finds) -> None:
        if finds.image == "a.png":
            assert searched.wait(20), "b.png is not searched before a.png is drawn"
        drawn(path, finds)

    monkeypatch.setattr(outputs, "write_overlay", write_overlay)
    whole = Fake.find

    def find(self: Fake, picture: Path, *more: Any, **named: Any) -> Finds:
        if picture.name == "b.png":
            assert not Path("out/overlays/a.png").exists()
            searched.set()
        if picture.name == "c.png":
            assert [row["image"] for row in rows(here / "out/counts.csv")][:1] == ["a.png"]
        return whole(self, picture, *more, **named)

    monkeypatch.setattr(Fake, "find", find)
    assert [one.count for one in search(ask(), School(), quiet).found] == [2, 1, 0]


def test_a_drawing_that_cannot_be_written_ends_the_search(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, finds: Finds) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "write_overlay", full)
    school = School()
    with pytest.raises(OSError, match="No space left"):
        search(ask(), school, quiet)
    assert len(list(Path("out/overlays").glob("*"))) == 0


def test_only_what_changed_is_searched_again(here: Path) -> None:
    school = School()
    search(ask(), school, quiet)
    stamps = {p.name: p.stat().st_mtime_ns for p in Path("out/overlays").iterdir()}
    picture(here / "photos/b.png", [(0, 0, 150), (30, 30, 220)])
    picture(here / "photos/d.png", [(0, 0, 255)])
    os.utime(here / "photos/b.png", (1, 1))
    outcome = search(ask(), school, quiet)
    assert [one.count for one in outcome.found] == [2, 2, 0, 1]
    assert len(school.fitted) == 1, "new pictures need no new finder"
    changed = {p.name for p in Path("out/overlays").iterdir() if p.stat().st_mtime_ns != stamps.get(p.name)}
    assert changed == {"b.png", "d.png"}
    search(ask(seed=1), school, quiet)
    write_marks("marks.csv", MARKS[:1])
    search(ask(seed=1), school, quiet)
    assert [len(marks) for _, marks, _ in school.fitted] == [2, 2, 1]


def test_a_result_that_was_meddled_with_is_searched_again(here: Path) -> None:
    first = search(ask(), School(), quiet)
    for file in Path("out/.state").iterdir():
        file.write_text("{")
    again = search(ask(), School(), quiet)
    assert [one.boxes.tolist() for one in again.found] == [one.boxes.tolist() for one in first.found]


def test_from_another_folder_it_goes_on_as_well(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    school = School()
    search(ask(), school, quiet)
    monkeypatch.chdir(here / "photos")
    search(ask(places=["."], out=Path("../out"), marks=here / "marks.csv"), school, quiet)
    assert len(school.fitted) == 1
    assert school.last is not None
    assert school.last.asked == {}


def test_what_an_older_version_learned_is_learned_anew(here: Path) -> None:
    class Later(School):
        def load(self, path: Path) -> Fake:
            raise FindingError(f"{path} is not a finder of this version")

    search(ask(), School(), quiet)
    later = Later()
    assert search(ask(), later, quiet).learned
    assert len(later.fitted) == 1
    with pytest.raises(FindingError, match="of this version"):
        search(ask(model=Path("out/finder.safetensors")), later, quiet)


def test_a_correction_saves_the_model_again_once(here: Path) -> None:
    Fake(100).save(Path("model"))
    write_marks("marks.csv", [*MARKS, Mark("b.png", "not", 0, 0, 10, 10)])
    for learned in (True, False):
        outcome = correct(ask(model=Path("model")), School(), quiet)
        assert outcome.learned == learned
        assert Path("model").read_text() == "160"
        assert [one.count for one in outcome.found] == [2, 0, 0]


def test_the_outputs_hold_the_finder_that_found_them(here: Path) -> None:
    kept = Path("out/finder.safetensors")
    school = School()
    search(ask(), school, quiet)
    assert kept.read_text() == "100"
    Fake(70).save(Path("model"))
    search(ask(marks=None, model=Path("model")), school, quiet)
    assert kept.read_text() == "70"
    write_marks("marks.csv", [*MARKS, Mark("b.png", "not", 0, 0, 10, 10)])
    correct(ask(model=Path("model")), school, quiet)
    assert kept.read_text() == Path("model").read_text() == "130"
    # the same marks do not make a corrected finder one that learned from them alone
    assert search(ask(), school, quiet).learned
    assert kept.read_text() == "100"
    assert correct(ask(model=kept), school, quiet).learned
    assert kept.read_text() == "160"


def test_a_picture_is_searched_with_its_own_marks_and_again_when_they_change(here: Path) -> None:
    Fake(100).save(Path("model"))
    school = School()
    again: list[Mark] = [*MARKS, Mark("b.png", "not", 0, 0, 10, 10)]
    for marks, told in ((MARKS, []), (again, ["not"])):
        write_marks("marks.csv", marks)
        search(ask(model=Path("model")), school, quiet)
        assert school.last is not None
        assert school.last.asked == {"a.png": ["object", "object"], "b.png": told, "c.png": []}
    search(ask(model=Path("model")), school, quiet)
    assert school.last.asked == {}, "nothing has changed"
    search(ask(model=Path("model"), marks=None), school, quiet)
    assert school.last.asked["a.png"] == [], "a name may mean another picture by now"


def test_with_a_saved_finder_places_may_be_rejected_where_no_object_is_marked(here: Path) -> None:
    Fake(100).save(Path("model"))
    write_marks("marks.csv", [Mark("b.png", "not", 0, 0, 10, 10)])
    school = School()
    search(ask(model=Path("model")), school, quiet)
    assert school.last is not None
    assert school.last.asked["b.png"] == ["not"]
    for unlearned in (lambda: search(ask(), school, quiet), lambda: correct(ask(model=Path("model")), school, quiet)):
        with pytest.raises(MarksError, match=r"no object is marked in marks\.csv"):
            unlearned()


def test_how_finds_are_turned_is_told_where_it_is_asked(here: Path) -> None:
    school, drawn = School(), Path("out/overlays/a.png")
    pictures = []
    for angles in (False, True):
        search(ask(angles=angles), school, quiet)
        told = json.loads(Path("out/found.coco.json").read_text())["annotations"]
        assert [one.get("rotation") for one in told] == [45.0 if angles else None] * 3
        assert list(rows(Path("out/found.csv"))[0]) == ["image", "x", "y", "w", "h", "score"]
        pictures.append(drawn.read_bytes())
    assert pictures[0] != pictures[1], "a stroke is drawn"
    assert len(school.fitted) == 1


def test_what_is_learned_from(here: Path) -> None:
    for at in range(20):
        picture(here / f"photos/x{at:02}.png", [])
    (here / "photos/x00.png").write_bytes(b"")
    asked = look_up(ask())
    assert [path.name for path in asked.marked] == ["a.png"]
    assert len(asked.grounds) == 4
    assert not {"a.png", "x00.png"} & {path.name for path in asked.grounds}
    assert [mark.image for mark in asked.marks] == ["photos/a.png"] * 2


def test_marks_may_lie_in_a_picture_that_is_not_searched(here: Path) -> None:
    (here / "elsewhere").mkdir()
    (here / "photos/a.png").rename(here / "elsewhere/a.png")
    write_marks("elsewhere/marks.csv", MARKS)
    asked = look_up(ask(marks=Path("elsewhere/marks.csv")))
    assert list(asked.pictures) == ["b.png", "c.png"]
    assert asked.marked == (Path("elsewhere/a.png"),)


def test_what_cannot_be_asked(here: Path) -> None:
    with pytest.raises(FindingError, match=r"give marks \(--marks\), drawn on .* or a saved finder"):
        look_up(ask(marks=None))
    with pytest.raises(DataError, match=r"there is no picture gone\.png"):
        look_up(ask(places=["gone.png"]))
    (here / "photos/a.png").write_bytes(b"")
    with pytest.raises(MarksError, match=r"marks\.csv, line 2: the mark lies in a picture that cannot be used: .*"):
        look_up(ask())


def test_a_place_that_cannot_be_written_is_told_before_anything_is_learned(here: Path) -> None:
    (here / "file").touch()
    school = School()
    for changed in ({"out": Path("file/out")}, {"save": Path("file/model")}):
        with pytest.raises(FindingError, match=r"cannot write file/.* choose another place"):
            search(ask(**changed), school, quiet)
    with pytest.raises(FindingError, match=r"cannot write photos \(it is a folder\); choose another place"):
        search(ask(save=Path("photos")), school, quiet)
    assert school.fitted == []


def test_which_files_are_meant(here: Path) -> None:
    (here / "photos/out").mkdir()
    picture(here / "photos/out/drawn.png", [])
    picture(here / "photos/.hidden.png", [])
    (here / "photos/notes.txt").touch()
    names = [path.as_posix() for path in picture_files(["photos", "photos/b.png"], without=[Path("photos/out")])]
    assert names == ["photos/a.png", "photos/b.png", "photos/c.png"]
    assert [p.name for p in picture_files(["photos/[bc].png", "photos/notes.txt"])] == ["b.png", "c.png", "notes.txt"]
    with pytest.raises(DataError, match="no file matches"):
        picture_files(["photos/*.gif"])
    (here / "bare").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        picture_files(["bare"])


def test_drawings_of_one_name_do_not_meet() -> None:
    names = overlay_names(["a.png", "a.jpg", "b/a.jpg", "c.tif"])
    assert len(set(names.values())) == 4
    assert names["c.tif"] == "overlays/c.png"


def test_many_objects_are_all_written(here: Path) -> None:
    boxes = np.random.default_rng(0).random((5000, 4)) * 100 + 1

    class Many(School):
        def fit(self, *words: object, **more: object) -> Fake:
            finder = super().fit(*words, **more)  # type: ignore[arg-type]
            finder.find = lambda *words, **angles: Finds.split("", boxes, np.linspace(0.6, 0.9, 5000), 0.5)  # type: ignore[method-assign, misc, assignment]
            return finder

    search(ask(places=["photos/a.png"]), Many(), quiet)
    found = rows(here / "out/found.csv")
    assert len(found) == 5000
    assert [float(r["score"]) for r in found] == sorted((float(r["score"]) for r in found), reverse=True)
