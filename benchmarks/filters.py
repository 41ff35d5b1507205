"""How fast filters are: ``python -m benchmarks.filters``, convlens beside OpenCV and SciPy, and a copy of the photo.

One process on one core, one thread each, in turns: a call each a round, the same photo for all. Kernels are random, and
no product of lines but where the row says separable. Answers are checked against SciPy in float64 before anything is
timed. SciPy is timed on a band of the photo's rows, as long as the whole would take by that. Sounds and volumes have
rows of their own. The record goes to ``benchmarks/results/filters.json``.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import convlens

from . import machine
from .crew import pin
from .measure import Summary
from .table import load, save

RECORD = Path(__file__).with_name("results") / "filters.json"
SIZES = (3, 5, 7, 11, 15, 31)
PHOTO, BAND = (3000, 4000, 3), 100
SAMPLES, TAPS = 10**8, 63
SIDE = 512
SLOW = 2.0
"""Seconds of a call from which a contender runs in the first two rounds alone."""
OURS, COPY, OPENCV, KEPT = "convlens", "copy", "OpenCV", "OpenCV, memory kept"

Call = Callable[[], Any]
Array = NDArray[Any]


@dataclass
class Contest:
    """A row: what everyone does, who does it, and of how much more than they are given theirs counts for."""

    title: str
    calls: dict[str, Call]
    check: Callable[[Array], None]
    scale: dict[str, float] = field(default_factory=dict)


def photo(kind: str) -> Array:
    """Random cells: no two rows alike, nothing that a branch could guess."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, PHOTO, dtype=np.uint8) if kind == "uint8" else rng.random(PHOTO, dtype=np.float32)


def kernels(size: int) -> tuple[Array, Array, Array]:
    """A random kernel, and two lines; the sizes of each add up to 1."""
    rng = np.random.default_rng(size)
    drawn = (rng.standard_normal(shape) for shape in ((size, size), size, size))
    one, two, three = (np.float32(k / np.abs(k).sum()) for k in drawn)
    return one, two, three


def title(kind: str, size: int, separable: bool) -> str:
    """What a photo's row is called."""
    return f"{kind} {size}x{size}" + (" separable" if separable else "")


def photos(kind: str, size: int, separable: bool) -> Contest:
    """A photo through one kernel."""
    from scipy import ndimage

    x, (kernel, column, row) = photo(kind), kernels(size)
    part = np.ascontiguousarray(x[:BAND])
    if separable:
        kernel = np.outer(column, row)

    def between(output: Any) -> Any:
        return np.float64 if output == np.float64 else np.float32

    def theirs(given: Array, output: Any) -> Array:
        out = np.empty(given.shape, output)
        for c in range(3):
            if separable:
                lines = ndimage.correlate1d(given[..., c], row, 1, between(output), "mirror")
                ndimage.correlate1d(lines, column, 0, out[..., c], "mirror")
            else:
                ndimage.correlate(given[..., c], kernel, out[..., c], "mirror")
        return out

    def check(found: Array) -> None:
        reach = size // 2
        sums = theirs(part.astype(np.float64), np.float64)[: BAND - reach]
        wrong = np.abs(found[: BAND - reach] - (np.rint(sums).clip(0, 255) if kind == "uint8" else sums)).max()
        allowed = 1 if kind == "uint8" else (size * size + 2) * float(np.finfo(np.float32).eps)
        assert wrong <= allowed, f"{kind} {size}: wrong by {wrong}"

    to = np.empty_like(x)
    calls: dict[str, Call] = {
        OURS: lambda: convlens.filter(x, kernel),
        COPY: lambda: np.copyto(to, x),
        "SciPy": lambda: theirs(part, x.dtype),
    }
    cv2 = _opencv()
    if cv2 is not None:
        # with and without a result of its own: memory that is touched for the first time costs more than a small kernel
        for name, out in ((OPENCV, None), (KEPT, to)):
            if separable:
                calls[name] = partial(cv2.sepFilter2D, x, -1, row, column, out, borderType=cv2.BORDER_REFLECT_101)
            else:
                calls[name] = partial(cv2.filter2D, x, -1, kernel, out, borderType=cv2.BORDER_REFLECT_101)
    return Contest(title(kind, size, separable), calls, check, {"SciPy": PHOTO[0] / BAND})


def sound() -> Contest:
    """A long signal through a line."""
    from scipy import ndimage, signal

    x = np.random.default_rng(0).standard_normal(SAMPLES, np.float32)
    taps = kernels(TAPS)[1]

    def check(found: Array) -> None:
        right = np.correlate(x[:5000].astype(np.float64), taps, "same")
        assert np.abs(found[100:4900] - right[100:4900]).max() < 1e-5

    calls: dict[str, Call] = {
        OURS: lambda: convlens.filter(x, taps),
        "SciPy": lambda: signal.oaconvolve(x, taps[::-1], "same"),
        "SciPy, correlate1d": lambda: ndimage.correlate1d(x, taps),
    }
    return Contest(f"signal of {SAMPLES:,}, {TAPS} taps", calls, check)


def volume() -> Contest:
    """A volume through a cube."""
    from scipy import ndimage

    x = np.random.default_rng(0).random((SIDE,) * 3, np.float32)
    taps = np.random.default_rng(1).standard_normal((3, 3, 3)).astype(np.float32) / 27

    def check(found: Array) -> None:
        right = ndimage.correlate(x[:8].astype(np.float64), taps, mode="mirror")
        assert np.abs(found[:7] - right[:7]).max() < 1e-5

    part = np.ascontiguousarray(x[: SIDE // 8])
    calls: dict[str, Call] = {
        OURS: lambda: convlens.filter(x, taps),
        "SciPy": lambda: ndimage.correlate(part, taps, mode="mirror"),
    }
    if (torch := _found("torch")) is not None:
        torch.set_num_threads(1)
        weight = torch.from_numpy(taps)[None, None]
        calls["PyTorch"] = lambda: torch.nn.functional.conv3d(torch.from_numpy(x)[None, None], weight, padding=1)
    return Contest(f"volume {SIDE}^3 float32, 3x3x3", calls, check, {"SciPy": 8.0})


def _found(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _opencv() -> Any:
    cv2 = _found("cv2")
    if cv2 is not None:
        cv2.setNumThreads(1)
    return cv2


def contests() -> dict[str, Callable[[], Contest]]:
    """Every row by its title."""
    found: dict[str, Callable[[], Contest]] = {}
    for separable in (False, True):
        for kind in ("uint8", "float32"):
            for size in SIZES:
                found[title(kind, size, separable)] = partial(photos, kind, size, separable)
    return {**found, "signal": sound, "volume": volume}


def measured(contest: Contest, rounds: int) -> dict[str, Any]:
    """Seconds of every contender, a call a round; every round begins with the next one."""
    contest.check(contest.calls[OURS]())
    samples: dict[str, list[float]] = {name: [] for name in contest.calls}
    names = list(contest.calls)
    for turn in range(rounds):
        for name in [*names[turn % len(names) :], *names[: turn % len(names)]]:
            if turn > 1 and samples[name] and min(samples[name]) > SLOW:
                continue
            began = time.perf_counter()
            contest.calls[name]()
            samples[name].append((time.perf_counter() - began) * contest.scale.get(name, 1.0))
    return {"row": contest.title, "seconds": samples}


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """How many times as long as convlens the others take, by their medians."""
    ours = statistics.median(row["seconds"][OURS])
    return {name: statistics.median(found) / ours for name, found in row["seconds"].items() if name != OURS}


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The rows of a record as a table of the page."""
    found = [
        "| job | convlens | times OpenCV | its memory kept | times SciPy | times a copy | times PyTorch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = ratios(row)
        scipy = min((ratio for name, ratio in times.items() if name.startswith("SciPy")), default=None)
        every = [times.get(OPENCV), times.get(KEPT), scipy, times.get(COPY), times.get("PyTorch")]
        shown = ["" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}" for ratio in every]
        found.append(f"| {row['row']} | {statistics.median(row['seconds'][OURS]):.3f} s | {' | '.join(shown)} |")
    return found


def show(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print a line a row: our time, and how many times as long the others take."""
    table = Table(title="filters: how many times as long as convlens", title_justify="left")
    for name in ("row", OURS, "spread", "others"):
        table.add_column(name)
    for row in rows:
        ours = Summary.of(row["seconds"][OURS])
        others = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios(row).items())
        table.add_row(row["row"], f"{ours.median:.4f} s", f"{100 * ours.spread:.0f} %", others)
    console.print(table)


def main() -> None:
    """Measure the rows that are asked for, and keep them all where none is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", action="append", default=[], metavar="WORD", help="rows with this in their name")
    parser.add_argument(
        "--add", action="store_true", help="put the rows into the record, in place of those of their name"
    )
    given = parser.parse_args()
    console = Console(width=130, highlight=False)
    console.print(pin(given.core))
    sheet = machine.sheet(given.core)
    console.print(f"FMA peak {sheet['peak_gflops']:.1f} GFLOP/s, copy {sheet['copy_gb_per_second']:.1f} GB/s")
    rows: list[dict[str, Any]] = []
    if given.add and RECORD.exists():
        rows = load(RECORD)["rows"]
    for name, made in contests().items():
        if given.rows and not any(word in name for word in given.rows):
            continue
        row = measured(made(), given.rounds)
        show(console, [row])
        places = [i for i, old in enumerate(rows) if old["row"] == row["row"]]
        if places:
            rows[places[0]] = row
        else:
            rows.append(row)
        if given.add or not given.rows:
            save(RECORD, {"machine": sheet, "rows": rows})


if __name__ == "__main__":
    main()
