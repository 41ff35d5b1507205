"""README's figures are the recorded ones, and what it points at is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_table_of_results_is_the_record() -> None:
    record = json.loads((ROOT / "benchmarks" / "accuracy.json").read_text())
    for name, row in record.items():
        figure = f"{row['mean']:.4f} ± {row['sd']:.4f}"
        lines = [line for line in README.splitlines() if figure in line]
        assert len(lines) == 1, name
        assert all(word in lines[0] for word in row["command"].split()[3:]), lines[0]


def test_the_table_of_speeds_is_the_record() -> None:
    section = README.split("## How fast")[1].split("## Where")[0]
    lines = [line for line in section.splitlines() if "/s |" in line or "µs |" in line]
    rows = [
        row
        for suite in ("train", "infer")
        for row in json.loads((ROOT / "benchmarks" / "results" / f"{suite}.json").read_text())["rows"]
    ]
    assert len(rows) == len(lines)
    for row, job in ((row, _speeds(row)) for row in rows):
        assert sum(all(figure in line for figure in job) for line in lines) == 1, (row["title"], job)


def _speeds(row: dict[str, Any]) -> list[str]:
    """Our speed, our share of the peak and the ratio, as README writes them."""
    ours = next(c for c in row["contenders"] if c["ours"])
    speed = f"{ours['examples_per_second']:,.0f}/s" if row["batch"] > 1 else f"{ours['seconds']['median'] * 1e6:.1f} µs"
    return [f"| {speed} |", f"| {ours['to_best_peer']:.2f}", f"| {ours['of_peak']:.0%} |".replace("%", " %")]


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
