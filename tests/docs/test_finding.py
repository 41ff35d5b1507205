"""The tables of docs/finding.md that are figures of speed and size are the benchmarks' records."""

from __future__ import annotations

import pytest
from benchmarks.finding import folder, large, page, timings

from .pages import DOCS

PAGE = (DOCS / "finding.md").read_text(encoding="utf-8").splitlines()


def test_the_seconds_that_a_person_waits_are_as_recorded() -> None:
    lines = timings.lines(timings.kept())
    assert PAGE[PAGE.index(lines[0]) :][: len(lines)] == lines


def test_the_memory_that_a_large_picture_takes_is_as_recorded_and_bounded() -> None:
    record = large.kept()
    lines = large.lines(record)
    assert PAGE[PAGE.index(lines[0]) :][: len(lines)] == lines
    assert record["side"] == large.SIDE
    assert max(found["peak_mb"] for found in record["forms"].values()) < 1000


def test_what_a_folder_and_thousands_come_to_is_as_recorded() -> None:
    record = folder.kept()
    for lines in (folder.kill_lines(record), folder.lines(record), folder.thousands_lines(record)):
        assert PAGE[PAGE.index(lines[0]) :][: len(lines)] == lines
    told, finished = record[folder.FOLDER], record[folder.FOLDER]["finished"]
    assert (told["pictures"], told["killed"], told["as_undisturbed"]) == (folder.PICTURES, True, True)
    assert (told["kept"], told["rows_that_stay"]) == (finished, told["in_the_table"])
    assert sum(bool(kind["named"]) for kind in told["kinds"].values()) == 2


@pytest.mark.parametrize("lines", [page.given(), page.own(), page.unseen()], ids=["given", "own", "unseen"])
def test_how_well_it_finds_is_as_recorded(lines: list[str]) -> None:
    assert len(lines) > 7
    at = PAGE.index(lines[2]) - 2
    assert PAGE[at : at + len(lines)] == lines
