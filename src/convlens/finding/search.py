"""A whole search: learn, or take what was learned; look through every picture; write what was found as it is found.

A picture is drawn and its results are written while the next one is searched.

Killed at any moment, what was finished stands, and the same request goes on: what was learned and every picture's
result are kept in the folder of the outputs, and used again where nothing that they depend on has changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from convlens.data import Mark
from convlens.data.atomic import replace, writable
from convlens.data.workers import ensure_workers

from . import outputs, report
from .errors import FindingError
from .finds import Finds
from .look import Look, draw, looked_at_afar, seek
from .places import Box
from .request import Asked, Request, look_up
from .results import Result, Results
from .why import Why

Progress = Callable[[str, int, int], None]
"""Is told a stage, how much of it is done, and of how much."""
Part = Callable[[float], None]
"""Is told which part of one thing is done."""

STATE, MODEL, REPORT = ".state", "finder.safetensors", "report.html"
LEARNING, SEARCHING = "learning", "searching"
PARTS = 1000
"""Steps that a picture is divided into when progress is told."""


class Seeker(Protocol):
    """What a search needs of a finder."""

    taken: tuple[Mark, ...]

    def find(
        self, picture: Path, progress: Part | None = None, marks: Sequence[Mark] = (), *, angles: bool = False
    ) -> Finds:
        """What is found in a picture whose own marks are these; DataError where it cannot be searched."""

    def correct(
        self, marks: Sequence[Mark], pictures: Sequence[Path] | None = None, progress: Part | None = None
    ) -> object:
        """Go on learning from the whole new list of marks."""

    def why(self, picture: Path, boxes: list[Box]) -> Sequence[Why]:
        """What speaks for places in a picture."""

    def save(self, path: Path) -> None:
        """Write it in one step."""


class School(Protocol):
    """Where finders come from."""

    def fit(
        self, pictures: Sequence[Path], marks: Sequence[Mark], seed: int = 0, progress: Part | None = None
    ) -> Seeker:
        """Learn a finder."""

    def load(self, path: Path) -> Seeker:
        """Read a saved one."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to: a result for each picture, in order, and whether the finder was learned now."""

    results: tuple[Result, ...]
    learned: bool
    report: Path

    @property
    def found(self) -> list[Finds]:
        return [result.finds for result in self.results if result.finds is not None]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.finds is None]


def search(request: Request, school: School, progress: Progress) -> Outcome:
    """Learn from marks, or take a saved finder, and search every picture.

    Args:
        request: what is asked.
        school: where finders come from.
        progress: told of every step.

    Raises:
        DataError, FindingError: what is asked cannot be; nothing has been written.
        OSError: an output cannot be written.
    """
    asked = look_up(request, learns=request.model is None)
    if request.scheduler:
        ensure_workers(request.scheduler)
    for place in (request.out / MODEL, *([request.save] if request.save else [])):
        _make_room(place)
    state = request.out / STATE
    if request.model is not None:
        seeker, model, learned = school.load(request.model), request.model, False
    else:
        model, digest = request.out / MODEL, asked.digest(request.seed)
        kept = _kept(school, state, digest, model)
        learned = kept is None
        seeker = kept or school.fit(asked.lessons, asked.marks, request.seed, _learning(progress))
        if learned:
            seeker.save(model)
            _note(state, digest, model)
    if request.save is not None:
        seeker.save(request.save)
    return _look_through(request, asked, school, seeker, model, learned, progress)


def correct(request: Request, school: School, progress: Progress) -> Outcome:
    """Let a saved finder learn from a longer list of marks, save it again in its place, and search every picture.

    Raises:
        DataError, FindingError: what is asked cannot be; the model is as it was.
        OSError: an output cannot be written.
    """
    if request.model is None or request.marks is None:
        raise FindingError("a correction needs a saved finder and the whole list of marks")
    asked = look_up(request)
    for place in (request.out / MODEL, request.model):
        _make_room(place)
    # what is learned on top of a finder is not what its marks alone teach
    state, digest = request.out / STATE, f"corrected {asked.digest(request.seed)}"
    seeker = school.load(request.model)
    learned = not _is_known(state, digest, request.model)
    if learned:
        seeker.correct(asked.marks, asked.lessons, _learning(progress))
        seeker.save(request.model)
        _note(state, digest, request.model)
    return _look_through(request, asked, school, seeker, request.model, learned, progress)


def _learning(progress: Progress) -> Part:
    return lambda part: progress(LEARNING, round(PARTS * part), PARTS)


def _make_room(place: Path) -> None:
    """Tell at once where a file could not be written after the work is done."""
    try:
        writable(place)
    except OSError as error:
        raise FindingError(f"cannot write {place} ({error.strerror or error}); choose another place") from error


def _fingerprint(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()


def _keep(model: Path, place: Path) -> None:
    """The outputs' finder is the one that found them, wherever it came from."""
    if not place.exists() or _fingerprint(place) != _fingerprint(model):
        replace(place, model.read_bytes())


def _is_known(state: Path, digest: str, model: Path) -> bool:
    """Whether this model is what was learned from this before."""
    try:
        known = json.loads((state / "learned.json").read_bytes())
        return bool(known == {"asked": digest, "model": _fingerprint(model)})
    except (OSError, ValueError):
        return False


def _kept(school: School, state: Path, digest: str, model: Path) -> Seeker | None:
    """What was learned from this before; None where nothing was, or by a version whose finders are no more read."""
    try:
        return school.load(model) if _is_known(state, digest, model) else None
    except FindingError:
        return None


def _note(state: Path, digest: str, model: Path) -> None:
    replace(state / "learned.json", json.dumps({"asked": digest, "model": _fingerprint(model)}).encode())


def _look_through(
    request: Request, asked: Asked, school: School, seeker: Seeker, model: Path, learned: bool, progress: Progress
) -> Outcome:
    done: list[Result] = []
    _keep(model, request.out / MODEL)
    # a picture's own marks count in its answer, those of a search with a saved finder too
    results = Results(request.out / STATE, f"{_fingerprint(model)} {asked.said} {request.angles}")
    tables = Tables(request.out, len(asked.pictures))
    drawings = outputs.overlay_names(list(asked.pictures))
    total = PARTS * len(asked.pictures)
    results.begin(asked.pictures)
    known = {name: results.kept(name, path) for name, path in asked.pictures.items()}
    looks = {
        name: Look(name, path, request.out / drawings[name], asked.marks_of(path), request.angles)
        for name, path in asked.pictures.items()
        if not _stands(known[name], request.out / drawings[name])
    }
    afar = looked_at_afar(school, model, list(looks.values()), request.scheduler) if request.scheduler else None

    def finish(name: str, result: Result) -> None:
        if name in looks:
            result = draw(looks[name], result) if afar is None else result
            results.keep(result)
        done.append(result)
        tables.write(done)

    try:
        with _Beside() as beside:
            for at, name in enumerate(asked.pictures):

                def inner(part: float, at: int = at) -> None:
                    progress(SEARCHING, at * PARTS + round(PARTS * part), total)

                inner(0.0)
                result = known[name]
                if name in looks:
                    result = seek(seeker, looks[name], inner) if afar is None else next(afar)
                assert result is not None
                beside.do(partial(finish, name, result))
        progress(SEARCHING, total, total)
    except KeyboardInterrupt:
        _publish(request, asked, done, seeker)
        raise
    _publish(request, asked, done, seeker)
    outcome = Outcome(tuple(done), learned, request.out / REPORT)
    if not outcome.found:
        first = f"{outcome.failed[0].image}: {outcome.failed[0].reason}"
        raise FindingError(f"none of the {len(done):,} pictures could be read ({first}); see {outcome.report}")
    return outcome


class _Beside:
    """Does jobs in order on a thread of its own, the last one while the next one is prepared; all are done at its end.

    What a job raises is raised when the next one is given, or at the end, unless something else went wrong.
    """

    def __init__(self) -> None:
        self._pool, self._last = ThreadPoolExecutor(1), Future[None]()
        self._last.set_result(None)

    def do(self, job: Callable[[], None]) -> None:
        """Do it as soon as the one before is done."""
        self._last.result()
        self._last = self._pool.submit(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._last.result()


def _stands(result: Result | None, drawing: Path) -> bool:
    """Whether a picture need not be searched again."""
    return result is not None and (result.finds is None or drawing.exists())


class Tables:
    """Writes the tables after each picture, unless that took more than a tenth of the time since it was last done."""

    def __init__(self, folder: Path, pictures: int) -> None:
        self._folder, self._pictures = folder, pictures
        self._last, self._cost = time.monotonic(), 0.0

    def write(self, done: Sequence[Result]) -> None:
        start = time.monotonic()
        if len(done) < self._pictures and start - self._last < 10 * self._cost:
            return
        outputs.write_tables(self._folder, [result.finds for result in done if result.finds is not None])
        self._last = time.monotonic()
        self._cost = self._last - start


def _again(request: Request) -> str:
    """The command that learns from corrections; none without a table that they can be added to."""
    if request.marks is None or request.marks.suffix.lower() != ".csv":
        return ""
    model = request.save or request.model or request.out / MODEL
    words = ["convlens", "correct", model, *request.places, "--marks", request.marks, "--out", request.out]
    words += ["--angles"] if request.angles else []
    return shlex.join([str(word) for word in (*words, "--add", report.CORRECTIONS)])


def _publish(request: Request, asked: Asked, done: Sequence[Result], seeker: Seeker) -> None:
    """The tables once more, for an interruption between two of theirs, and the page."""
    found = [result.finds for result in done if result.finds is not None]
    outputs.write_tables(request.out, found)
    names = {str(path): name for name, path in asked.pictures.items()}
    marks, taken = (
        [(dataclasses.replace(m, image=names.get(m.image, Path(m.image).name)), Path(m.image)) for m in some]
        for some in (asked.marks, seeker.taken)
    )
    sides = sorted(float(max(w, h)) for one in found for _, _, w, h in one.boxes.tolist())
    page = report.FindReport(
        title=next(iter(asked.pictures)) if len(asked.pictures) == 1 else request.out.resolve().name,
        command=request.command,
        marks=marks,
        # of a finder that was not taught here no picture need be there
        taken=[one for one in taken if one[1] in asked.lessons],
        results=done,
        waiting=len(asked.pictures) - len(done),
        point=sides[len(sides) // 2] if sides else 32.0,
        why=seeker.why,
        again=_again(request),
    )
    report.write(page, request.out / REPORT)
