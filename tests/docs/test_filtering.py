"""What docs/filtering.md says of pictures larger than memory is the benchmark's record."""

from __future__ import annotations

import json

from benchmarks import filtering_large

from .pages import DOCS, section

PAGE = (DOCS / "filtering.md").read_text(encoding="utf-8")
RECORD = json.loads(filtering_large.RECORD.read_text(encoding="utf-8"))


def test_the_table_of_large_pictures_is_the_record() -> None:
    shown = section(PAGE, "Larger than memory").splitlines()
    assert [line for line in shown if line.startswith("|")] == filtering_large.lines(RECORD)


def test_no_run_took_more_memory_than_it_may() -> None:
    assert (RECORD["side"], RECORD["taps"]) == (filtering_large.SIDE, filtering_large.TAPS)
    assert [run["memory"] for run in RECORD["runs"]] == list(filtering_large.MEMORY)
    assert max(run["resident"] for run in RECORD["runs"]) < filtering_large.LIMIT
