"""``convlens check``: how good the finds are, from a few answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def check(
    out: Annotated[Path, typer.Argument(help="The folder that convlens find or correct wrote its outputs to.")] = Path(
        "found"
    ),
    samples: Annotated[int, typer.Option(help="Places to look at.")] = 20,
    answers: Annotated[
        Path | None, typer.Option(help="The table answers.csv of the folder, with yes or no in its last column.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Look at some finds and near misses, answer yes or no, and learn precision, recall and the true count.

    Without --answers the crops are written as a numbered sheet; on a terminal the questions follow.
    """
    from convlens.finding.check import ANSWERS, PAGE, SHEET, Check, sentences

    chosen = Check.of(out, samples, seed)
    if answers is not None:
        said = chosen.answers(answers)
    else:
        chosen.show(out)
        print(f"sheet    {out / SHEET}")
        print(f"page     {out / PAGE}")
        print(f"answers  {out / ANSWERS}")
        if not sys.stdin.isatty():
            print(f"write yes or no in its last column, then: convlens check {out} --answers {out / ANSWERS}")
            return
        said = _asked(len(chosen.order))
    for sentence in sentences(chosen.judge(said)):
        print(sentence)


def _asked(places: int) -> dict[int, bool]:
    print("Open the sheet. Is each of these one of those that are sought? y, n, or nothing to pass over.")
    said: dict[int, bool] = {}
    for at in range(1, places + 1):
        word = ""
        while (word := input(f"{at:4} of {places}: ").strip().lower()) not in ("", "y", "yes", "n", "no"):
            print("     y, n, or nothing")
        if word:
            said[at] = word.startswith("y")
    return said
