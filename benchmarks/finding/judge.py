"""One finder through the protocol on one family: marks, corrections, and what was found on untouched photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .protocol import ROUNDS, Finder, Finds, Person, Score, choose_marks, oracle, ranked_first, score
from .truth import Family, Photo


@dataclass(frozen=True)
class Look:
    """What was found on one untouched photo.

    Args:
        photo: its name.
        score: of what was claimed.
        first: whether the surest find is an object.
        true: instances that there are.
        counted: instances that the finder says there are.
        interval: between which numbers, as it says.
        seconds: of finding.
        pixels: of the photo.
    """

    photo: str
    score: Score
    first: bool
    true: int
    counted: float
    interval: tuple[float, float] | None
    seconds: float
    pixels: int

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the true count; None where there is no interval."""
        return None if self.interval is None else self.interval[0] <= self.true <= self.interval[1]


@dataclass(frozen=True)
class Round:
    """After how many rounds of corrections, what they and learning from them took, and what was found then.

    Args:
        corrections: marks that were made since the round before; in round 0 the first marks.
        seconds: of learning from them.
        looks: one an untouched photo.
        oracle: the F1 that the best threshold would have given; no result, but the cost of the choice.
    """

    corrections: int
    seconds: float
    looks: tuple[Look, ...]
    oracle: float

    @property
    def score(self) -> Score:
        """Of all untouched photos together."""
        return sum((look.score for look in self.looks), Score())


@dataclass(frozen=True)
class Void:
    """False finds on photos without an instance, after so many rounds."""

    rounds: int
    false: int
    pixels: int


@dataclass(frozen=True)
class Run:
    """One finder on one family from one seed; ``note`` says why rounds are missing."""

    family: str
    method: str
    seed: int
    rounds: tuple[Round, ...] = ()
    voids: tuple[Void, ...] = ()
    note: str = ""


@dataclass
class Judge:
    """Runs finders over a family.

    Args:
        family: photos and truth.
        empty: photos without an instance on which false finds are counted, after the first and after the last round.
        rounds: of corrections.
        clock: what seconds are read from: the wall, or the processor's where others use the core too.
    """

    family: Family
    empty: Sequence[Photo] = field(default_factory=tuple)
    rounds: int = ROUNDS
    clock: Callable[[], float] = time.perf_counter

    def run(self, method: str, finder: Finder, seed: int) -> Run:
        """Mark, fit, judge, correct, judge ...; what a finder raises ends its run and is noted."""
        rounds: list[Round] = []
        voids: list[Void] = []
        note = ""
        try:
            self._run(finder, seed, rounds, voids)
        except Exception as error:
            note = f"{type(error).__name__} after {len(rounds)} rounds: {error}"
        return Run(self.family.name, method, seed, tuple(rounds), tuple(voids), note)

    def _run(self, finder: Finder, seed: int, rounds: list[Round], voids: list[Void]) -> None:
        shown = self.family.shown
        person = Person(shown, choose_marks(shown[0], seed))
        pictures = {photo.name: photo.pixels for photo in shown}
        begun = self.clock()
        finder.fit(pictures, tuple(person.marks), seed)
        rounds.append(self._look(finder, len(person.marks), self.clock() - begun))
        self._void(finder, 0, voids)
        for number in range(1, self.rounds + 1):
            new = person.correct({photo.name: finder.find(photo.pixels) for photo in shown})
            if not new:  # nothing is learned, so nothing changes: what follows is as it is
                rest = [replace(rounds[-1], corrections=0, seconds=0.0)] * (self.rounds - number + 1)
                rounds.extend(rest)
                break
            begun = self.clock()
            finder.correct(tuple(new))
            rounds.append(self._look(finder, len(new), self.clock() - begun))
        if self.rounds:
            self._void(finder, self.rounds, voids)

    def _look(self, finder: Finder, corrections: int, seconds: float) -> Round:
        looks, found = [], []
        for photo in self.family.untouched:
            begun = self.clock()
            finds = finder.find(photo.pixels)
            took = self.clock() - begun
            found.append(finds)
            looks.append(look(photo, finds, took))
        best = oracle([photo.boxes for photo in self.family.untouched], found)
        return Round(corrections, seconds, tuple(looks), best)

    def _void(self, finder: Finder, rounds: int, voids: list[Void]) -> None:
        if self.empty:
            false = [int(finder.find(photo.pixels).claimed.sum()) for photo in self.empty]
            voids.append(
                Void(rounds, sum(false), sum(photo.pixels.shape[0] * photo.pixels.shape[1] for photo in self.empty))
            )


def look(photo: Photo, finds: Finds, seconds: float) -> Look:
    """Judge what was found on a photo."""
    return Look(
        photo.name,
        score(photo.boxes, finds),
        ranked_first(photo.boxes, finds),
        len(photo.boxes),
        finds.counted,
        None if finds.interval is None else (float(finds.interval[0]), float(finds.interval[1])),
        seconds,
        photo.pixels.shape[0] * photo.pixels.shape[1],
    )
