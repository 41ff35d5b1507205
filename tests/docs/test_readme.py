"""README's figures are the recorded ones, and what it points at is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import records

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
    rows = records.rows("train") + records.rows("infer")
    assert len(rows) == len(lines)
    for row, job in ((row, _speeds(row)) for row in rows):
        assert sum(all(figure in line for figure in job) for line in lines) == 1, (row["title"], job)


def _speeds(row: records.Entry) -> list[str]:
    """Our speed, the ratio and our share of the peak, as README writes them."""
    ours = records.ours(row)
    return [f"| {records.speed(row, ours, 'µs')} |", f"| {ours['to_best_peer']:.2f}", f"| {records.of_peak(ours)} |"]


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
