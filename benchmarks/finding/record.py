"""The record of a judgement: what the table shows and every run, as JSON that can be read back and gone on with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .judge import Look, Round, Run, Void
from .protocol import Score
from .summary import Summary, verdict


def summed(one: Summary, among: Sequence[Summary]) -> dict[str, Any]:
    """A row of the table, by names."""
    numbers = range(one.rounds)
    return {
        "family": one.family,
        "method": one.method,
        "seeds": [run.seed for run in one.runs],
        "f1": [sum(one.f1(k)) / len(one.runs) for k in numbers],
        "worst": [min(one.f1(k)) for k in numbers],
        "by_truth": [sum(one.oracle(k)) / len(one.runs) for k in numbers],
        "first": [one.first(k) for k in numbers],
        "count_error": [one.count_error(k) for k in numbers],
        "coverage": [one.coverage(k) for k in numbers],
        "interval_width": [one.width(k) for k in numbers],
        "fit_seconds": one.fit_seconds if one.rounds else None,
        "correct_seconds": one.correct_seconds,
        "scan_seconds_per_megapixel": one.scan_seconds if one.rounds else None,
        "false_on_2_megapixels_without": one.false_when_empty(),
        "verdict": verdict(one, among),
        "notes": one.notes,
    }


def content(runs: Sequence[Run], found: Sequence[Summary]) -> dict[str, Any]:
    """The runs and their summaries."""
    return {"summary": [summed(one, found) for one in found], "runs": [asdict(run) for run in runs]}


def runs_of(told: dict[str, Any]) -> list[Run]:
    """The runs of a record."""
    return [
        Run(
            one["family"],
            one["method"],
            one["seed"],
            tuple(_round(entry) for entry in one["rounds"]),
            tuple(Void(**entry) for entry in one["voids"]),
            one["note"],
        )
        for one in told["runs"]
    ]


def _round(entry: dict[str, Any]) -> Round:
    return Round(entry["corrections"], entry["seconds"], tuple(map(_look, entry["looks"])), entry["oracle"])


def _look(entry: dict[str, Any]) -> Look:
    interval = entry["interval"]
    return Look(**{**entry, "score": Score(**entry["score"]), "interval": interval and (interval[0], interval[1])})


def earlier(path: Path) -> list[Run]:
    """The runs that a file holds; none where there is no such file."""
    return runs_of(json.loads(path.read_text())) if path.exists() else []


def joined(old: Sequence[Run], new: Sequence[Run]) -> list[Run]:
    """Old runs and new ones, family by family; where a finder ran anew, its old runs of that family are left out."""
    again = {(run.family, run.method) for run in new}
    both = [run for run in old if (run.family, run.method) not in again] + list(new)
    order = {family: i for i, family in enumerate(dict.fromkeys(run.family for run in both))}
    return sorted(both, key=lambda run: order[run.family])
