"""The benchmarks' records, and how pages write what stands in them. Knows no page."""

from __future__ import annotations

import json
from typing import Any

from .pages import DOCS

Entry = dict[str, Any]
"""What a contender did, or a row of contenders, as a record holds it."""


def rows(suite: str) -> list[Entry]:
    """The rows of a suite's record."""
    found: list[Entry] = json.loads((DOCS.parent / f"benchmarks/results/{suite}.json").read_text("utf-8"))["rows"]
    return found


def ours(row: Entry) -> Entry:
    """What convlens did."""
    return next(one for one in row["contenders"] if one["ours"])


def peers(row: Entry) -> list[Entry]:
    """What the others did, those that could, the fastest first."""
    found = [one for one in row["contenders"] if one.get("peer") and "seconds" in one]
    return sorted(found, key=median)


def median(one: Entry) -> float:
    """Seconds of a call."""
    return float(one["seconds"]["median"])


def speed(row: Entry, one: Entry, alone: str) -> str:
    """Examples a second; of a single one the time of a call, in ``alone``: s or µs."""
    if row["batch"] > 1:
        return f"{one['examples_per_second']:,.0f}/s"
    return f"{median(one):.3f} s" if alone == "s" else f"{median(one) * 1e6:.1f} µs"


def of_peak(one: Entry) -> str:
    """The share of what the machine can."""
    return f"{one['of_peak']:.0%}".replace("%", " %")
