"""The tables of docs/speed.md are the benchmarks' records."""

from __future__ import annotations

import json
import statistics

import pytest

from benchmarks import end_to_end, threads

from . import records
from .pages import DOCS, section, table

PAGE = (DOCS / "speed.md").read_text(encoding="utf-8")


def shown(row: records.Entry, column: str) -> dict[str, str]:
    """A row of a record as the page shows it."""
    ours, best = records.ours(row), records.peers(row)[0]
    ratio = f"{ours['to_best_peer']:.2f}" + (", loses" if ours["to_best_peer"] < 1 else "")

    def speed(one: records.Entry) -> str:
        return records.speed(row, one, "s")

    def memory(one: records.Entry) -> str:
        return f"{one['memory'] / 1e6:,.0f} MB"

    found = {
        column: row["network"],
        "convlens": speed(ours),
        "best peer": f"{speed(best)} ({best['name'].removesuffix(', malloc tuned')})",
        "ratio": ratio,
        "of peak": records.of_peak(ours),
    }
    return found if row["batch"] > 1 else {**found, "memory": f"{memory(ours)}; {memory(best)}"}


@pytest.mark.parametrize(
    ("suite", "heading", "column"),
    [("layers", "Single convolutions, forward and backward", "layer"), ("scan", "Large pictures", "network")],
)
def test_the_table_is_the_record(suite: str, heading: str, column: str) -> None:
    rows = table(section(PAGE, heading))
    assert rows == [shown(row, column) for row in records.rows(suite)]


def test_more_threads_are_as_recorded() -> None:
    told = table("\n".join(threads.lines(json.loads(threads.RECORD.read_text()))))
    for row in table(section(PAGE, "Two cores")):
        found = [(one["threads"], one["times one thread"]) for one in told if one["job"].startswith(row["job"])]
        assert found == [("1", "1.00"), ("2", row["times one thread"])], row


def test_a_whole_run_is_as_recorded() -> None:
    assert set(end_to_end.lines(json.loads(end_to_end.RECORD.read_text()))) <= set(PAGE.splitlines())


def test_starting_is_as_recorded() -> None:
    rows = {row["what"]: row["seconds"] for row in table(section(PAGE, "Starting"))}
    assert rows == {
        row["name"]: f"{statistics.median(row['seconds']):.3f}" for row in records.rows("startup") if row["seconds"]
    }
