"""``convlens check``: how good the finds are, from a few answers."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.words import command

if TYPE_CHECKING:
    from convlens.finding.check import Check


def check(
    out: Annotated[Path, typer.Argument(help="The folder that convlens find or correct wrote its outputs to.")] = Path(
        "found"
    ),
    samples: Annotated[int, typer.Option(help="Places to look at.")] = 20,
    answers: Annotated[
        Path | None, typer.Option(help="The table answers.csv of the folder, with yes or no in its last column.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    marks: Annotated[
        Path | None, typer.Option(help="A .csv of marks that the answers are added to: yes as object, no as not.")
    ] = None,
) -> None:
    """Look at some finds and near misses, answer yes or no, and learn precision, recall and the true count.

    Without --answers the crops are written as a numbered sheet; on a terminal the questions follow. With --marks the
    finder can learn from the answers: convlens correct takes the marks.
    """
    from convlens.data.marks import append_marks
    from convlens.finding.check import ANSWERS, PAGE, SHEET, Check, sentences

    chosen = Check.of(out, samples, seed)
    if marks is not None:
        append_marks(marks, [])  # what cannot be added to is told before anybody answers
    if answers is not None:
        said = chosen.answers(answers)
    else:
        chosen.show(out)
        print(f"sheet    {out / SHEET}")
        print(f"page     {out / PAGE}")
        print(f"answers  {out / ANSWERS}")
        if not sys.stdin.isatty():
            again = [command(), "--answers", shlex.quote(str(out / ANSWERS))]
            print(f"write yes or no in its last column, then: {' '.join(again)}")
            return
        said = _asked(len(chosen.order))
    if marks is not None:
        _add(chosen, said, marks)
    for sentence in sentences(chosen.judge(said)):
        print(sentence)


def _add(chosen: Check, said: dict[int, bool], marks: Path) -> None:
    from convlens.data.marks import append_marks, read_marks
    from convlens.finding.additions import spelled

    new, contrary = chosen.news(said, read_marks(marks))
    append_marks(marks, new)
    nothing = "nothing, for all of these places bear marks"
    print(f"marks     added to {marks}: {f'{spelled(new)}; convlens correct learns from them' if new else nothing}")
    for at in contrary:
        print(f"convlens: the answer to place {at} is contrary to its mark in {marks}, which stays", file=sys.stderr)


def _asked(places: int) -> dict[int, bool]:
    print("Open the sheet. Is each of these one of those that are sought? y, n, or nothing to pass over; Ctrl-D ends.")
    said: dict[int, bool] = {}
    for at in range(1, places + 1):
        word = ""
        try:
            while (word := input(f"{at:4} of {places}: ").strip().lower()) not in ("", "y", "yes", "n", "no"):
                print("     y, n, or nothing")
        except EOFError:
            print()
            break
        if word:
            said[at] = word.startswith("y")
    return said
