"""How times are taken and summed up: bursts in turn, round after round, and what a row of them says.

Nothing here knows what is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Clock = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Burst:
    """So many calls, in so many seconds on the wall and on the core."""

    calls: int
    wall: float
    cpu: float

    def seconds(self, clock: Clock = "wall") -> float:
        """Seconds a call."""
        return (self.wall if clock == "wall" else self.cpu) / self.calls


class Racer(Protocol):
    """Whoever can run a burst."""

    def burst(self, seconds: float) -> Burst | None:
        """Run for at least so long; None where it failed."""


def race(
    racers: Mapping[str, Racer], rounds: int, seconds: float, tell: Callable[[str], None] = lambda _: None
) -> dict[str, list[Burst]]:
    """Let all run bursts in turn; every round begins one further on, so that nobody always follows the same one.

    One that fails is left out from then on.
    """
    found: dict[str, list[Burst]] = {name: [] for name in racers}
    running = list(racers)
    for turn in range(rounds):
        tell(f"round {turn + 1} of {rounds}")
        start = turn % max(1, len(running))
        for name in [*running[start:], *running[:start]]:
            if (burst := racers[name].burst(seconds)) is None:
                running.remove(name)
                found[name].clear()
            else:
                found[name].append(burst)
    return found


@dataclass(frozen=True)
class Summary:
    """Seconds a call over the rounds: median, best, and the quartiles between which half of them lie."""

    median: float
    best: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: list[float]) -> Summary:
        """Sum samples up.

        >>> Summary.of([1.0, 2.0, 3.0, 4.0, 9.0])
        Summary(median=3.0, best=1.0, low=2.0, high=4.0)
        """
        if len(samples) == 1:
            return cls(samples[0], samples[0], samples[0], samples[0])
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, min(samples), low, high)

    @property
    def spread(self) -> float:
        """The interquartile range as a fraction of the median."""
        return (self.high - self.low) / self.median


def paired(first: list[float], second: list[float]) -> float:
    """The median over rounds of first / second: what slows a whole round cancels.

    >>> paired([2.0, 20.0, 2.0], [1.0, 10.0, 1.0])
    2.0
    """
    return statistics.median(a / b for a, b in zip(first, second, strict=False))


@dataclass
class Entry:
    """A contender in a row: what it ran and the bytes that it needed, or why it did not."""

    name: str
    ours: bool
    peer: bool
    note: str = ""
    memory: int | None = None
    bursts: list[Burst] = field(default_factory=list)

    def samples(self, clock: Clock) -> list[float]:
        """Seconds a call, a round each."""
        return [burst.seconds(clock) for burst in self.bursts]

    @property
    def core(self) -> float:
        """The median share of the core that it got: below 1 somebody else ran there too."""
        return statistics.median(burst.cpu / burst.wall for burst in self.bursts)


@dataclass(frozen=True)
class Scale:
    """What the work of a row is counted in, and the machine's limit that it is held against.

    Args:
        count: of a call: "flop" or "bytes".
        rate: a thousand million of them a second.
        key: the rate's name in the record.
        limit: of the machine, measured in every round.
    """

    count: str
    rate: str
    key: str
    limit: str


ARITHMETIC = Scale("flop", "GFLOP/s", "gflops", "FMA peak")
MEMORY = Scale("bytes", "GB/s", "gb_per_second", "copy of large arrays")


@dataclass
class Row:
    """A job and how all fared with it; ``work`` is that of a call, ``peaks`` the machine's limit in every round."""

    title: str
    line: str
    batch: int
    work: int
    entries: list[Entry]
    peaks: list[float]
    clock: Clock
    scale: Scale = ARITHMETIC

    def summary(self, entry: Entry) -> Summary | None:
        """Seconds a call, or None where it did not run."""
        samples = entry.samples(self.clock)
        return Summary.of(samples) if samples else None

    def best_peer(self) -> Entry | None:
        """The peer with the smallest median."""
        ran = [entry for entry in self.entries if entry.peer and entry.bursts]
        return min(ran, key=lambda e: statistics.median(e.samples(self.clock)), default=None)

    def ratio(self, entry: Entry) -> float | None:
        """How many times as fast as the best peer, median over the rounds."""
        best = self.best_peer()
        if best is None or not entry.bursts:
            return None
        return paired(best.samples(self.clock), entry.samples(self.clock))

    def share(self, entry: Entry) -> float | None:
        """The fraction of the machine's limit, median over the rounds."""
        if not entry.bursts or not self.peaks:
            return None
        return paired([self.work / s for s in entry.samples(self.clock)], self.peaks)
