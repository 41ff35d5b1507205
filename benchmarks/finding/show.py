"""What is shown: a table on the terminal, a block a family, in which what lost stays and says so."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .summary import Summary, verdict


def number(value: float) -> str:
    """A share in two digits, as tables take it.

    >>> number(0.974), number(1.0), number(-0.08)
    ('.97', '1.00', '-.08')
    """
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def cells(one: Summary, among: Sequence[Summary]) -> list[str]:
    """A row of the table."""
    if not one.rounds:
        return [one.method, "", "", "", "", "", "", "", "did not run"]
    last = one.rounds - 1
    f1 = [number(sum(one.f1(k)) / len(one.runs)) for k in range(one.rounds)]
    first, covered, correct = one.first(0), one.coverage(last), one.correct_seconds
    oracle = sum(one.oracle(last)) / len(one.runs)
    return [
        one.method,
        " ".join(f1),
        number(min(one.f1(last))),
        number(oracle),
        f"{first[0]}/{first[1]}",
        f"{100 * one.count_error(0):.0f} → {100 * one.count_error(last):.0f} %",
        f"{covered[0]}/{covered[1]}" if covered else "",
        f"{one.fit_seconds:.1f} / {'' if correct is None else f'{correct:.1f}'} / {one.scan_seconds:.2f}",
        verdict(one, among),
    ]


def show(console: Console, found: Sequence[Summary]) -> None:
    """Print the table, a block a family."""
    table = Table(title="untouched photos, mean over seeds", title_justify="left", caption_justify="left")
    table.caption = (
        "F1 after 0, 1, 2 .. rounds of corrections; worst: seed, last round; by truth: the F1 that the best threshold "
        "would have had, no result; first: photos whose surest find is an object, round 0; count: mean error, first → "
        "last round; covered: intervals that held the count; seconds: fit / a correction / scan a megapixel"
    )
    for name in ("family, method", "F1", "worst", "by truth", "first", "count", "covered", "seconds", "verdict"):
        table.add_column(name, no_wrap=name in ("F1", "count", "seconds"), overflow="fold")
    for family in dict.fromkeys(one.family for one in found):
        table.add_section()
        table.add_row(f"[bold]{escape(family)}[/]")
        for one in found:
            if one.family == family:
                table.add_row(*(escape(text) for text in cells(one, found)))
    console.print(table)
    for one in found:
        for note in one.notes:
            console.print(f"  {one.family}, {one.method}: {note}", markup=False, highlight=False)
    if any(one.has_empty for one in found):
        show_empty(console, found)


def show_empty(console: Console, found: Sequence[Summary]) -> None:
    """Print false finds on photos without an instance."""
    table = Table(title="photos without an instance: false finds on 2 megapixels", title_justify="left")
    for name in ("family", "method", "round 0", "last round"):
        table.add_column(name)
    for one in found:
        by = one.false_when_empty()
        if by:
            table.add_row(one.family, one.method, *(f"{by[k]:.1f}" for k in (min(by), max(by))))
    console.print(table)
