"""How long a person waits: ``python -m benchmarks.finding.timings`` on all cores; ``--quick`` once each, no record.

Photos of coffee beans among other seeds, about 32 pixels large, so that the working scale is the pictures' own: one of
2 megapixels, in which five beans are marked and then five more things, another one that was not learned from, one of 12
megapixels, and a folder of photos of 2 megapixels that a saved finder searches with ``convlens find`` (start-up not
counted; files decoded, drawings, tables and the report written). The record, one of
each processor and its vectors, is ``benchmarks/results/finding_timings.json``; ``docs/finding.md`` shows it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from convlens.finding import Finder
from convlens.finding.request import Request
from convlens.finding.search import search

from .. import machine
from ..table import load, save
from .protocol import choose_marks, mark
from .scenes.compose import Light
from .scenes.drawn import coffee_bean
from .scenes.families import QUALITY, SEEDS, Crowd, crowded
from .truth import Photo, Pixels

RECORD = Path(__file__).parents[1] / "results" / "finding_timings.json"
SMALL = Crowd((2000, 1000), (100, 100), 200, (31, 39), 0.85, Light())
LARGE = replace(SMALL, size=(4000, 3000), sought=(600, 600), others=1200)
Result = TypeVar("Result")
FOLDER = 6
"""Photos of the folder."""
WANTED = {"fit and find, 2 megapixels": 8.0, "correct and find, 2 megapixels": 1.5, "find, 12 megapixels": 2.0}
"""Seconds that were promised."""
NAMES = {"avx2": "AVX2", "avx512": "AVX-512", "neon": "ARM", "sse2": "SSE2"}
"""How a page calls the processors' vectors."""


def photo(crowd: Crowd, number: int) -> tuple[Pixels, Photo]:
    """A photo's pixels, and where its beans are."""
    pixels, boxes = crowded(coffee_bean, SEEDS, crowd, True, np.random.default_rng([7, number]), number, True)
    return pixels, Photo(Path(f"{number}.jpg"), boxes)


@dataclass(frozen=True)
class Took:
    """Seconds on the wall, and of the processor on all cores."""

    wall: float
    processor: float

    def __add__(self, other: Took) -> Took:
        return Took(self.wall + other.wall, self.processor + other.processor)


def timed(job: Callable[[], Result]) -> tuple[Took, Result]:
    """What a job took, and what it gave."""
    wall, processor = time.perf_counter(), time.process_time()
    found = job()
    return Took(time.perf_counter() - wall, time.process_time() - processor), found


def runs(times: int) -> Iterator[tuple[str, Took]]:
    """Every job's name and what it took, so many times in turns; what is compiled once has been compiled."""
    pixels, shown = photo(SMALL, 0)
    large, _ = photo(LARGE, 1)
    other, _ = photo(SMALL, 2)
    objects, rejected = choose_marks(shown, 0, 9), np.array([4.0, 4.0, 32.0, 32.0])
    first = [replace(one, image="a") for one in objects[:5]]
    more = [*first, *(replace(one, image="a") for one in objects[5:]), mark("a", "not", rejected)]
    Finder.fit({"a": pixels}, first).find(large[:1200])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "photos").mkdir()
        for number in range(FOLDER):
            kept, _ = photo(SMALL, 2 + number)
            Image.fromarray(kept).save(folder / "photos" / f"{number}.jpg", quality=QUALITY)
        for turn in range(times):
            learned, finder = timed(partial(Finder.fit, {"a": pixels}, first, turn))
            searched, _ = timed(partial(finder.find, pixels))
            yield "find, 2 megapixels", timed(partial(finder.find, other))[0]
            yield "fit and find, 2 megapixels", learned + searched
            corrected, _ = timed(partial(finder.correct, more))
            again, _ = timed(partial(finder.find, pixels))
            yield "correct and find, 2 megapixels", corrected + again
            yield "find, 12 megapixels", timed(partial(finder.find, large))[0]
            finder.save(folder / "model")
            asked = Request([folder / "photos"], folder / f"out {turn}", model=folder / "model")
            all_, _ = timed(partial(search, asked, Finder, lambda *_: None))
            yield "convlens find, each photo of a folder", Took(all_.wall / FOLDER, all_.processor / FOLDER)


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table: a column for each processor and its vectors that it was measured on."""
    kinds = sorted(record)
    jobs = dict.fromkeys(name for kind in kinds for name in record[kind]["took"])
    head = [f"{kind.split(',')[0]}, {record[kind]['machine']['peak_gflops']:.0f} GFLOP/s a core" for kind in kinds]
    rows = [["job", *head, "wanted"], ["---"] * (len(kinds) + 2)]
    for name in jobs:
        took = [record[kind]["took"].get(name) for kind in kinds]
        cells = [f"{_median(one, 'wall')}, {_median(one, 'processor')}" if one else "" for one in took]
        rows.append([name, *cells, f"{WANTED[name]:g} s" if name in WANTED else ""])
    return [f"| {' | '.join(row)} |" for row in rows]


def _median(took: list[dict[str, float]], clock: str) -> str:
    return f"{statistics.median(one[clock] for one in took):.1f} s"


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="runs of each job")
    parser.add_argument("--quick", action="store_true", help="one run, no record")
    given = parser.parse_args()
    sheet = machine.sheet(min(os.sched_getaffinity(0)))
    took: dict[str, list[dict[str, float]]] = {}
    for name, one in runs(1 if given.quick else given.times):
        took.setdefault(name, []).append({clock: round(value, 3) for clock, value in asdict(one).items()})
        print(f"  {name}: {one.wall:.2f} s", flush=True)
    own = {"cores": len(os.sched_getaffinity(0)), "machine": sheet, "took": took}
    kind = NAMES[str(sheet["target"]).split(":")[0]]
    record = {**({} if given.quick else kept()), f"{kind}, {sheet['processor']}": own}
    print("\n".join(lines(record)))
    print(f"FMA peak of one core: {sheet['peak_gflops']:.0f} GFLOP/s")
    if not given.quick:
        save(RECORD, record)
        print(f"kept in {RECORD}")


def kept() -> dict[str, Any]:
    """The record, by the vectors that the engine used and the processor."""
    return load(RECORD) if RECORD.exists() else {}


if __name__ == "__main__":
    main()
