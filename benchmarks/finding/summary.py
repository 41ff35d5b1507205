"""Runs of one finder on one family, summed up over seeds and untouched photos."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .judge import Look, Run

LOST = 0.5
"""F1 below which a family counts as lost: more is wrong or missing than right."""
AREA = 2e6
"""Pixels to which false finds on empty photos refer."""


@dataclass(frozen=True)
class Summary:
    """Every finished run of a finder on a family.

    Args:
        family, method: which.
        runs: one a seed.
        asked: rounds of corrections that the protocol wanted.
    """

    family: str
    method: str
    runs: tuple[Run, ...]
    asked: int

    @property
    def notes(self) -> list[str]:
        """Why runs did not finish, each reason once."""
        return sorted({run.note for run in self.runs if run.note})

    @property
    def rounds(self) -> int:
        """Rounds that every run reached, round 0 among them."""
        return min((len(run.rounds) for run in self.runs), default=0)

    def f1(self, number: int) -> list[float]:
        """F1 of each seed after so many rounds, a seed's untouched photos together."""
        return [run.rounds[number].score.f1 for run in self.runs]

    def oracle(self, number: int) -> list[float]:
        """F1 of each seed if truth had chosen the threshold."""
        return [run.rounds[number].oracle for run in self.runs]

    @property
    def last(self) -> float | None:
        """Mean F1 after the last round; None where a run did not get there."""
        return statistics.mean(self.f1(self.asked)) if self.rounds > self.asked else None

    @property
    def lost(self) -> bool:
        """Whether the family is lost: below LOST after the last round, or never there."""
        return self.last is None or self.last < LOST

    def looks(self, number: int) -> list[Look]:
        """All looks after so many rounds, of all seeds."""
        return [look for run in self.runs for look in run.rounds[number].looks]

    def first(self, number: int) -> tuple[int, int]:
        """On how many photos, of how many, the surest find is an object."""
        looks = self.looks(number)
        return sum(look.first for look in looks), len(looks)

    def count_error(self, number: int) -> float:
        """Mean of |counted - true| / true over the photos."""
        return statistics.mean(abs(look.counted - look.true) / max(look.true, 1) for look in self.looks(number))

    def coverage(self, number: int) -> tuple[int, int] | None:
        """How many intervals, of how many, held the true count; None where the finder gives none."""
        said = [look.covered for look in self.looks(number) if look.covered is not None]
        return (sum(said), len(said)) if said else None

    def width(self, number: int) -> float | None:
        """Mean width of the intervals in true counts."""
        widths = [
            (look.interval[1] - look.interval[0]) / max(look.true, 1) for look in self.looks(number) if look.interval
        ]
        return statistics.mean(widths) if widths else None

    @property
    def fit_seconds(self) -> float:
        """Median over the seeds."""
        return statistics.median(run.rounds[0].seconds for run in self.runs)

    @property
    def correct_seconds(self) -> float | None:
        """Median over the rounds in which there was something to correct."""
        took = [r.seconds for run in self.runs for r in run.rounds[1:] if r.corrections]
        return statistics.median(took) if took else None

    @property
    def scan_seconds(self) -> float:
        """Median over the photos, a megapixel."""
        looks = [look for run in self.runs for r in run.rounds for look in r.looks]
        return statistics.median(look.seconds / (look.pixels / 1e6) for look in looks)

    def false_when_empty(self) -> dict[int, float]:
        """False finds on AREA pixels of empty photos, by rounds of corrections."""
        found: dict[int, float] = {}
        for number in sorted({void.rounds for run in self.runs for void in run.voids}):
            voids = [void for run in self.runs for void in run.voids if void.rounds == number]
            found[number] = sum(void.false for void in voids) / sum(void.pixels for void in voids) * AREA
        return found

    @property
    def has_empty(self) -> bool:
        """Whether photos without an instance were looked at."""
        return any(run.voids for run in self.runs)


def summaries(runs: Sequence[Run], asked: int) -> list[Summary]:
    """By family and method, in the order in which they ran."""
    by: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        by.setdefault((run.family, run.method), []).append(run)
    return [Summary(family, method, tuple(found), asked) for (family, method), found in by.items()]


def verdict(one: Summary, among: Sequence[Summary]) -> str:
    """How a finder fares in a family against the others, in words: who is ahead, and whether it is lost."""
    words = []
    rivals = [s for s in among if s.family == one.family and s.method != one.method and s.last is not None]
    if rivals and one.last is not None:
        best = max(rivals, key=lambda s: s.last or 0.0)
        behind = (best.last or 0.0) - one.last
        words.append(f"loses {behind:.2f} to {best.method}" if behind > 0 else "best")
    if one.lost:
        words.append("lost")
    return ", ".join(words)
