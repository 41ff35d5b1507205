"""A spot check from the folder of a search: the sheet, the table of answers, and what is said of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from convlens.cli.check import _asked as asked
from convlens.data import Mark, write_marks
from convlens.finding.check import Check, sentences
from convlens.finding.errors import FindingError
from convlens.finding.request import Request
from convlens.finding.search import search

from .fake import School, picture


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for at in range(3):
        squares = [(x, 10 * at, 60 + x) for x in range(0, 160, 20)]
        picture(tmp_path / f"{at}.png", squares)
    write_marks("marks.csv", [Mark("0.png", "object", 140, 0, 10, 10)])
    search(Request(["*.png"], Path("out"), Path("marks.csv")), School(), lambda *told: None)
    return tmp_path / "out"


def answered(path: Path, word: str) -> None:
    with path.open() as file:
        rows = list(csv.reader(file))
    for row in rows[1:]:
        row[-1] = word
    with path.open("w") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def test_a_check_from_first_to_last(out: Path) -> None:
    chosen = Check.of(out, 10, seed=0)
    chosen.show(out)
    assert [len(s.samples) for s in chosen.strata] == [0, 5, 5], "what was marked is known"
    with Image.open(out / "check.png") as image:
        assert image.size == (8 * 104 + 8, 2 * 124 + 8)
    assert (out / "check.html").read_text().count('<figure class="tile">') == 10
    assert chosen.answers(out / "answers.csv") == {}
    answered(out / "answers.csv", " Yes")
    again = Check.of(out, 10, seed=0)
    said = again.answers(out / "answers.csv")
    assert said == dict.fromkeys(range(1, 11), True)
    verdict = again.judge(said)
    assert verdict.precision.value == 1
    assert verdict.count.value == 24
    assert sentences(verdict)[2].startswith("count     24  (")
    again.show(out)
    assert again.answers(out / "answers.csv") == said, "answers that were given are not written over"


def test_a_sheet_shows_the_places_themselves(out: Path) -> None:
    chosen = Check.of(out, 10, seed=0)
    chosen.show(out)
    sheet = Image.open(out / "check.png").convert("L")
    for at, candidate in enumerate(chosen.candidates):
        middle = 8 + at % 8 * 104 + 48, 8 + at // 8 * 124 + 20 + 48
        value = sheet.getpixel(middle)
        assert isinstance(value, int)
        assert abs(value - (60 + candidate.box[0])) <= 2, (at, candidate)


def test_answers_to_another_check_are_refused(out: Path) -> None:
    Check.of(out, 10, seed=0).show(out)
    with pytest.raises(FindingError, match="answers another check; give the same --samples and --seed"):
        Check.of(out, 12, seed=0).answers(out / "answers.csv")
    answered(out / "answers.csv", "perhaps")
    with pytest.raises(FindingError, match=r"answers\.csv, line 2 has the answer 'perhaps'; say yes or no"):
        Check.of(out, 10, seed=0).answers(out / "answers.csv")
    with pytest.raises(FindingError, match="there is no file"):
        Check.of(out, 10, seed=0).answers(out / "gone.csv")


def test_answers_become_marks_where_there_are_none_yet(out: Path) -> None:
    chosen = Check.of(out, 48, seed=0)  # all places there are
    said = {at: c.found for at, c in enumerate(chosen.candidates, 1)}
    marks = [
        Mark("0.png", "object", 125, 5),  # the point in the middle of a find: the answer is yes
        Mark("photos/1.png", "not", 140, 10, 10, 10),  # contrary to the answer
        Mark("2.png", "complete", 0, 0, 160, 120),
        Mark("elsewhere.png", "not", 140, 20, 10, 10),
    ]
    new, contrary = chosen.news(said, marks)
    assert len(new) == len(said) - 2
    (at,) = contrary
    assert (chosen.candidates[at - 1].picture, chosen.candidates[at - 1].box) == (1, (140, 10, 10, 10))
    assert {m.kind for m in new} == {"object", "not"}
    for mark in new:
        at = next(
            at
            for at, c in enumerate(chosen.candidates, 1)
            if (mark.image, c.box) == (f"{c.picture}.png", mark.cells[2:])
        )
        assert mark.kind == ("object" if said[at] else "not")
    assert chosen.news(said, [*marks, *new]) == ([], contrary), "answers count once"
    assert chosen.news({}, marks) == ([], [])


def test_the_end_of_the_answers_ends_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["y", "perhaps", "n", "", EOFError()])

    def typed(prompt: str) -> str:
        answer = next(answers)
        if isinstance(answer, EOFError):
            raise answer
        return answer

    monkeypatch.setattr("builtins.input", typed)
    assert asked(20) == {1: True, 2: False}


def test_a_search_of_which_nothing_stands(out: Path) -> None:
    for at in range(3):
        picture(Path(f"{at}.png"), [(0, 0, 200 + at)], size=(60, 60))
    with pytest.raises(FindingError, match=r"no result in .*out is of a picture as it is now; search them again"):
        Check.of(out, 10, seed=0)


def test_a_folder_without_a_search(tmp_path: Path) -> None:
    with pytest.raises(FindingError, match="holds no search; make one with convlens find --out"):
        Check.of(tmp_path, 10, seed=0)
