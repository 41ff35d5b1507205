"""The tables of docs/speed.md are the benchmarks' records."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest

from benchmarks import end_to_end

from .pages import DOCS, section, table

PAGE = (DOCS / "speed.md").read_text(encoding="utf-8")


def record(suite: str) -> list[dict[str, Any]]:
    """The rows of a suite's record."""
    rows: list[dict[str, Any]] = json.loads((DOCS.parent / f"benchmarks/results/{suite}.json").read_text())["rows"]
    return rows


def shown(row: dict[str, Any], column: str) -> dict[str, str]:
    """A row of a record as the page shows it."""
    ours = next(one for one in row["contenders"] if one["ours"])
    best = min((one for one in row["contenders"] if one.get("peer")), key=lambda one: one["seconds"]["median"])
    ratio = f"{ours['to_best_peer']:.2f}" + (", loses" if ours["to_best_peer"] < 1 else "")
    many = row["batch"] > 1

    def speed(one: dict[str, Any]) -> str:
        return f"{one['examples_per_second']:,.0f}/s" if many else f"{one['seconds']['median']:.3f} s"

    def memory(one: dict[str, Any]) -> str:
        return f"{one['memory'] / 1e6:,.0f} MB"

    found = {
        column: row["network"],
        "convlens": speed(ours),
        "best peer": f"{speed(best)} ({best['name'].removesuffix(', malloc tuned')})",
        "ratio": ratio,
        "of peak": f"{ours['of_peak']:.0%}".replace("%", " %"),
    }
    return found if many else {**found, "memory": f"{memory(ours)}; {memory(best)}"}


@pytest.mark.parametrize(
    ("suite", "heading", "column"),
    [("layers", "Single convolutions, forward and backward", "layer"), ("scan", "Large pictures", "network")],
)
def test_the_table_is_the_record(suite: str, heading: str, column: str) -> None:
    rows = table(section(PAGE, heading))
    assert rows == [shown(row, column) for row in record(suite)]


def test_more_threads_are_as_recorded() -> None:
    record_ = json.loads((DOCS.parent / "benchmarks/results/threads.json").read_text())["rows"]
    for row in table(section(PAGE, "Two cores")):
        times = [found for found in record_ if found["job"].startswith(row["job"])]
        assert len(times) == 1, row
        one, two = (sorted(times[0]["seconds"][count])[len(times[0]["seconds"][count]) // 2] for count in ("1", "2"))
        assert row["times one thread"] == f"{one / two:.2f}"


def test_a_whole_run_is_as_recorded() -> None:
    record_ = json.loads(end_to_end.RECORD.read_text())
    assert set(end_to_end.lines(record_)) <= set(PAGE.splitlines())


def test_starting_is_as_recorded() -> None:
    rows = {row["what"]: row["seconds"] for row in table(section(PAGE, "Starting"))}
    assert rows == {
        row["name"]: f"{statistics.median(row['seconds']):.3f}" for row in record("startup") if row["seconds"]
    }
