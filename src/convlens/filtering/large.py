"""One kernel over what is larger than memory: box by box, several at once, and on from where it was killed.

The result grows beside its place under another name (``.part``), and a journal (``.part.json``) says which boxes of
it are finished; its own name it gets in one step when it is complete. A kill or Ctrl-C leaves both to be gone on with,
an error neither.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.data.sinks import Note, Sink
from convlens.data.stored import Stored
from convlens.engine.borders import Border
from convlens.engine.crew import cores
from convlens.engine.memory import spelled
from convlens.engine.target import host

from .errors import FilterError
from .forms import Growing, Like, growing
from .journal import Journal
from .plan import BeyondError, Box, Plan, Steps, of_real_numbers
from .showing import Tally
from .tiles import fetched, grid
from .treatment import Treatment

PART, JOURNAL = ".part", ".part.json"
SURVEYING, FILTERING = "looking for the largest sums", "filtering"
MEMORY = 256 << 20
"""Bytes that boxes and pieces of the input may take in all."""
Progress = Callable[[str, int, int], None]
"""Is told a stage, how much of it is done, and of how much."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is computed, from what, and where it goes.

    Args:
        source: the cells.
        plan: of the kernel over what the treatment makes of them.
        treatment: what is made of cells and sums.
        out: the place of the result.
        identity: what tells this state of the source from another; "" where nothing does: it then begins anew.
        memory: bytes that boxes may take in all.
        like: what the result's form takes over from the source's, see ``forms``.
    """

    source: Stored
    plan: Plan
    treatment: Treatment
    out: Path
    identity: str
    memory: int
    like: Like

    def named(self, boxes: int) -> dict[str, Any]:
        """What makes this job another than others, and its boxes other boxes."""
        plan = self.plan
        kernel = hashlib.sha256(np.ascontiguousarray(plan.taps).tobytes()).hexdigest()
        return {
            "input": self.identity,
            "shape": self.source.shape,
            "kernel": [kernel, plan.slide.kernel, plan.slide.anchor],
            "border": plan.slide.border,
            "stride": plan.slide.stride,
            "dilation": plan.slide.dilation,
            "written": [str(self.treatment.written), self.treatment.shown, self.treatment.light],
            "boxes": boxes,
            "memory": self.memory,
            "processor": str(host()),
        }


def run(job: Job, progress: Progress = silent, threads: int | None = None) -> Tally:
    """Filter, and put the result in its place.

    Args:
        job: what is to be done.
        progress: told of every box.
        threads: boxes at once; None: as many as there are cores. The result does not depend on it.

    Raises:
        FilterError: the disk does not take it, or another process is at it.
        DataError: the source cannot be read.
    """
    threads = threads or cores()
    budget = job.memory // (2 * threads)
    form = growing(job.out, job.plan, job.treatment.written, budget, job.like)
    boxes = grid(job.plan, form.unit, budget, job.source.dtype.itemsize + (4 if job.treatment.light else 0))
    with _told(job.out):
        job.out.parent.mkdir(parents=True, exist_ok=True)
        _room(job, form)
        book = Journal(beside(job.out, JOURNAL), job.named(len(boxes)))
    part = beside(job.out, PART)
    try:
        with _told(job.out):
            tally = _Run(job, form, boxes, book, part, threads, progress).all()
            form.publish(part, job.out)
    except Exception:
        remove(part)
        remove(book.path)
        raise
    finally:
        book.close()
    remove(book.path)
    return tally


def filter_into(
    source: Stored,
    kernel: str | ArrayLike,
    out: str | Path,
    border: Border = "reflect",
    stride: Steps = 1,
    dilation: Steps = 1,
    flip: bool = False,
    *,
    memory: int = MEMORY,
    identity: str = "",
    progress: Progress = silent,
    threads: int | None = None,
) -> None:
    """Slide a kernel over an array of any size, and put into a file what ``filter`` would give.

    Args:
        source: whatever has a shape, a type and gives its numbers by slices: a memory map, a Zarr array.
        kernel, border, stride, dilation, flip: as ``filter`` takes them.
        out: ``.npy``, ``.tif``, ``.zarr`` or ``.nii``.
        memory: bytes that pieces may take in all.
        identity: what tells this state of the source from another: with it, a call that was killed is gone on with.
        progress: called with a stage, how many pieces are done, and of how many.
        threads: pieces at once; None: as many as there are cores. The result does not depend on it.

    Raises:
        FilterError: an argument cannot be, or the disk does not take the result.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "out.npy"
    >>> filter_into(np.arange(5.0), [-1, 1], place, border="valid")
    >>> np.load(place).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    of_real_numbers(source.dtype)
    plan = Plan.of(tuple(source.shape), source.dtype, kernel, border, stride, dilation, flip)
    treatment = Treatment(source.dtype, source.dtype)
    run(Job(source, plan, treatment, Path(out), identity, memory, Like()), progress, threads)


def beside(out: Path, ending: str) -> Path:
    """The name of a file that stands beside a result while it grows."""
    return out.with_name(out.name + ending)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """An OSError as a sentence."""
    try:
        yield
    except OSError as error:
        raise FilterError(f"{out} cannot be written: {error.strerror or error}") from error


def _room(job: Job, form: Growing) -> None:
    """Tell at once what the disk would tell after hours."""
    plan, part = job.plan, beside(job.out, PART)
    need = math.prod(plan.result) * job.treatment.written.itemsize
    free = shutil.disk_usage(job.out.parent).free
    if not form.packed and not part.exists() and need > free:
        raise FilterError(f"{job.out} would take {spelled(need)}, but {spelled(free)} of the disk are left")


def remove(path: Path) -> None:
    """Take away a file or a folder that this room made."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class _Run:
    """One run of a job: from its journal on to its last box."""

    def __init__(
        self, job: Job, form: Growing, boxes: list[Box], book: Journal, part: Path, threads: int, progress: Progress
    ) -> None:
        self._job, self._form, self._boxes, self._book, self._part = job, form, boxes, book, part
        self._threads, self._progress = threads, progress
        self._plan, self._reading = job.plan, threading.Lock()

    def all(self) -> Tally:
        """Every stage, and once more product by product where the numbers ask for it."""
        if not self._book.known or not self._job.identity:
            self._anew()
        try:
            return self._stages()
        except BeyondError:
            self._plan = self._job.plan.plainly
            self._anew()
            return self._stages()

    def _anew(self) -> None:
        remove(self._part)
        self._book.begin(self._plan.way)

    def _stages(self) -> Tally:
        if self._book.way != self._plan.way:
            self._plan = self._job.plan.plainly
        known = Tally()
        if self._job.treatment.shown == "centred":
            known = self._stage(SURVEYING, self._surveyed)
        sink = self._form.opened(self._part)
        try:
            done = self._book.done.setdefault(FILTERING, {})
            for n in [n for n, entry in done.items() if not sink.holds(self._boxes[n], entry["note"])]:
                del done[n]
            tally = self._stage(FILTERING, lambda n: self._written(n, sink, known))
            sink.finish([entry["note"] for entry in done.values()])
        finally:
            sink.close()
        return known if known.count else tally

    def _sums(self, n: int) -> NDArray[Any]:
        with self._reading:
            cells = fetched(self._job.source, self._plan, self._boxes[n])
        block = self._job.treatment.before(cells)
        four = block.reshape((*block.shape[:3], -1))
        return self._plan.part(four, self._boxes[n], 1)

    def _surveyed(self, n: int) -> tuple[Note, Tally]:
        return [], self._job.treatment.tally(self._sums(n))

    def _written(self, n: int, sink: Sink, known: Tally) -> tuple[Note, Tally]:
        sums = self._sums(n)
        tally = self._job.treatment.tally(sums)
        cells = self._job.treatment.after(sums, known if known.count else tally)
        size = (stop - start for start, stop in self._boxes[n])
        return sink.write(self._boxes[n], cells.reshape((*size, -1))), tally

    def _stage(self, stage: str, make: Callable[[int], tuple[Note, Tally]]) -> Tally:
        """Make the boxes that the journal does not hold, several at once."""
        done = self._book.done.setdefault(stage, {})
        left = [n for n in range(len(self._boxes)) if n not in done]
        self._progress(stage, len(done), len(self._boxes))
        with ThreadPoolExecutor(self._threads, "convlens-box") as crew:
            running: set[Future[tuple[Note, Tally]]] = set()
            which: dict[Future[tuple[Note, Tally]], int] = {}
            try:
                while left or running:
                    while left and len(running) < self._threads:
                        future = crew.submit(make, left[0])
                        which[future] = left.pop(0)
                        running.add(future)
                    ready, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ready:
                        note, tally = future.result()
                        self._book.add(stage, which.pop(future), note=note, tally=asdict(tally))
                        self._progress(stage, len(done), len(self._boxes))
            except BaseException:
                left.clear()
                crew.shutdown(cancel_futures=True)
                raise
        return sum((Tally(**entry["tally"]) for entry in done.values()), Tally())
