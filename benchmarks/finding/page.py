"""Judgements as a page shows them: a line a family, convlens with the best of the other finders beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .record import earlier
from .show import number
from .summary import Summary, summaries

RESULTS = Path(__file__).parents[1] / "results"
GIVEN, OWN = (RESULTS / f"finding_{name}.json" for name in ("given", "own"))
"""Records of convlens on scenes that were given and on scenes of our own."""
OTHERS = {GIVEN: RESULTS / "finding_baselines.json", OWN: RESULTS / "finding_baselines_own.json"}
"""Records of the other finders on the same scenes; on our own at the first marks alone."""
UNSEEN = RESULTS / "finding_other_targets.json"
"""Record of convlens on the families *other targets*."""
OURS = "convlens"


def given() -> list[str]:
    """The table of the scenes that were given."""
    return beside_others(GIVEN)


def own() -> list[str]:
    """The table of our own scenes."""
    return beside_others(OWN)


def unseen() -> list[str]:
    """The table of the scenes on which nothing was chosen."""
    return lines(found(UNSEEN))


def beside_others(record: Path) -> list[str]:
    """The table of a record of convlens, with the other finders on the same scenes."""
    return lines([*found(record), *found(OTHERS[record])])


def found(path: Path) -> list[Summary]:
    """The summaries of a record."""
    runs = earlier(path)
    return summaries(runs, max(len(run.rounds) for run in runs) - 1)


def lines(among: Sequence[Summary]) -> list[str]:
    """A Markdown table with a line for every family that convlens was judged on."""
    said = [
        "| family | F1 after 0, 1, 2, 3 rounds | by the best threshold | best other, 0 and 3 | count off by | "
        "intervals that hold | without an instance |",
        "|---|---|---|---|---|---|---|",
    ]
    return said + [_line(one, among) for one in among if one.method == OURS and one.rounds]


def _line(one: Summary, among: Sequence[Summary]) -> str:
    last, mean = one.rounds - 1, [sum(one.f1(k)) / len(one.runs) for k in range(one.rounds)]
    truth = [sum(one.oracle(k)) / len(one.runs) for k in (0, last)]
    held, empty = one.coverage(last), one.false_when_empty()
    cells = (
        one.family,
        " ".join(map(number, mean)),
        " ".join(map(number, truth)),
        _best(one, among),
        f"{100 * one.count_error(last):.0f} %",
        f"{held[0]} of {held[1]}" if held else "none given",
        " → ".join(f"{empty[k]:.1f}" for k in (min(empty), max(empty))) if empty else "",
    )
    return f"| {' | '.join(cells)} |"


def _best(one: Summary, among: Sequence[Summary]) -> str:
    """The other finder that is best at round 0."""
    rivals = [s for s in among if s.family == one.family and s.method != one.method and s.rounds]
    if not rivals:
        return ""
    best = max(rivals, key=lambda s: sum(s.f1(0)) / len(s.runs))
    judged = [number(sum(best.f1(k)) / len(best.runs)) for k in sorted({0, best.rounds - 1})]
    return f"{' '.join(judged)} ({best.method})"
