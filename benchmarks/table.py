"""What is shown and kept: tables on the terminal, and the record of a suite as JSON with every sample in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .measure import Entry, Row, Summary
from .startup import Startup

LONG = 0.01
"""Seconds from which a call is counted in them."""


def show_sheet(console: Console, sheet: dict[str, Any]) -> None:
    """Print the machine sheet."""
    caches = ", ".join(f"{name} {size}" for name, size in sheet["caches"].items()) or "caches unknown"
    console.print(f"[bold]{sheet['processor']}[/], {sheet['cores']} cores; core {sheet['core']}: {caches}")
    console.print(
        f"{sheet['target']}; FMA peak of one core {sheet['peak_gflops']:.1f} GFLOP/s, "
        f"copy {sheet['copy_gb_per_second']:.1f} GB/s (read + written); load {sheet['load'][0]:.1f}"
    )
    console.print(", ".join(f"{name} {version}" for name, version in sheet["versions"].items()), highlight=False)
    changed = ", with changes since" if sheet["changed_since"] else ""
    console.print(f"convlens at {sheet['revision'] or 'no revision'}{changed}, {sheet['date']}", highlight=False)


def rate(row: Row, seconds: float) -> str:
    """Seconds a call as people say it: microseconds for one, seconds for a large one, examples a second for many.

    >>> rate(Row("", "", 256, 0, [], [], "wall"), 0.01)
    '25,600/s'
    """
    if row.batch == 1 and seconds >= LONG:
        return f"{seconds:.3f} s"
    return f"{seconds * 1e6:,.1f} µs" if row.batch == 1 else f"{row.batch / seconds:,.0f}/s"


def verdict(row: Row, entry: Entry) -> str:
    """How a row fares against the best peer, in words where it loses."""
    ratio = row.ratio(entry)
    if ratio is None:
        return ""
    if not entry.peer:
        return f"{ratio:.2f}x" + (" [red]loses[/]" if ratio < 1 else "")
    return "best peer" if entry is row.best_peer() else f"{ratio:.2f}x"


def show_row(console: Console, row: Row) -> None:
    """Print a row of a suite as a table of its contenders, the fastest first."""
    scale = row.scale
    caption = f"{row.work / 1e6:,.1f} million {scale.count} a call"
    if row.peaks:
        low, high = min(row.peaks) / 1e9, max(row.peaks) / 1e9
        caption += f"; {scale.limit} in these rounds {low:.0f} to {high:.0f} {scale.rate}"
    if row.clock == "cpu":
        caption += "; seconds on the core, not on the wall"
    table = Table(title=row.title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("contender")
    for name in ("median", "best", "spread", scale.rate, "of peak", "to best peer", "core", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    ran = [(entry, summary) for entry in row.entries if (summary := row.summary(entry)) is not None]
    for entry, summary in sorted(ran, key=lambda pair: pair[1].median):
        share = row.share(entry)
        table.add_row(
            f"[bold]{entry.name}[/]" if entry.ours else entry.name,
            rate(row, summary.median),
            rate(row, summary.best),
            f"{100 * summary.spread:.0f} %",
            f"{row.work / summary.median / 1e9:.1f}",
            f"{100 * share:.0f} %" if share is not None else "",
            verdict(row, entry),
            f"{100 * entry.core:.0f} %",
            f"{entry.memory / 1e6:,.0f} MB" if entry.memory is not None else "",
        )
    console.print(table)
    for note in notes(row):
        console.print(note, highlight=False, markup=False)
    console.print()


def notes(row: Row) -> list[str]:
    """Who did not run and why, one line a reason."""
    reasons: dict[str, list[str]] = {}
    for entry in row.entries:
        if not entry.bursts:
            reasons.setdefault(entry.note or "failed while it was timed", []).append(entry.name)
    return [f"  {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def show_summary(console: Console, suite: str, rows: list[Row]) -> None:
    """Print one line a job: ours against the best peer."""
    table = Table(title=f"{suite}: convlens against the best peer", title_justify="left")
    table.add_column("job", overflow="fold")
    for name in ("convlens", "best peer", "which", "ratio", "of bests", "of peak"):
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        best, ours = row.best_peer(), next(entry for entry in row.entries if entry.ours)
        mine, theirs = row.summary(ours), row.summary(best) if best else None
        share = row.share(ours)
        table.add_row(
            row.title,
            rate(row, mine.median) if mine else "did not run",
            rate(row, theirs.median) if theirs else "",
            best.name if best else "",
            verdict(row, ours) if best else "",
            f"{theirs.best / mine.best:.2f}x" if mine and theirs else "",
            f"{100 * share:.0f} %" if share is not None else "",
        )
    console.print(table)


def record(rows: list[Row]) -> list[dict[str, object]]:
    """The rows as JSON takes them: what was summed up, and every burst."""
    return [
        {
            "title": row.title,
            "network": row.line,
            "batch": row.batch,
            row.scale.count: row.work,
            "clock": row.clock,
            f"peaks_{row.scale.key}": [peak / 1e9 for peak in row.peaks],
            "contenders": [_entry(row, entry) for entry in row.entries],
        }
        for row in rows
    ]


def _entry(row: Row, entry: Entry) -> dict[str, object]:
    summary = row.summary(entry)
    if summary is None:
        return {"name": entry.name, "note": entry.note or "failed while it was timed"}
    return {
        "name": entry.name,
        "ours": entry.ours,
        "peer": entry.peer,
        "seconds": asdict(summary),
        "examples_per_second": row.batch / summary.median,
        row.scale.key: row.work / summary.median / 1e9,
        "of_peak": row.share(entry),
        "to_best_peer": row.ratio(entry),
        "core": entry.core,
        "memory": entry.memory,
        "bursts": [asdict(burst) for burst in entry.bursts],
    }


def show_startup(console: Console, found: list[Startup]) -> None:
    """Print the suite ``startup``."""
    table = Table(title="startup: seconds in fresh processes", title_justify="left")
    table.add_column("what")
    for name in ("median", "best", "quartiles"):
        table.add_column(name, justify="right")
    for one in found:
        if not one.samples:
            table.add_row(one.name, one.note)
            continue
        s = Summary.of(one.samples)
        table.add_row(one.name, f"{s.median:.3f} s", f"{s.best:.3f} s", f"{s.low:.3f} to {s.high:.3f} s")
    console.print(table)


def load(path: Path) -> dict[str, Any]:
    """Read a record."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def save(path: Path, content: dict[str, object]) -> None:
    """Write a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
