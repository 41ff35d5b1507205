"""A picture larger than memory through one kernel: ``python -m benchmarks.filtering_large``, in pieces of two sizes.

A TIFF of 30,000 x 30,000 random words in plain tiles is made in a folder that is removed again, with room for 6 GB, and
filtered by ``convlens filter`` with a random 15 x 15 kernel. Each run is a process of its own, timed from its start to
its end, its largest resident memory as the system counts it. What comes out must be the same whatever the pieces, and
that of ``convlens.filter`` where a band of the picture is filtered as a whole. A copy of the file is timed, too. The
record goes to ``benchmarks/results/filters_large.json``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import convlens
from convlens.data.source import open_picture
from convlens.data.tiff_sink import Form, TiffSink

from . import machine
from .crew import ROOT
from .table import save

RECORD = Path(__file__).with_name("results") / "filters_large.json"
SIDE, TAPS = 30_000, 15
MEMORY = (256, 64)
"""Megabytes that pieces may take, in turn."""
BAND = 1_000
"""Rows that are made and compared at once."""
LIMIT = 600
"""Megabytes of resident memory that no run may take."""


def make(path: Path, side: int) -> None:
    """A square of random words in plain tiles."""
    form = Form((1, side, side, 1), np.dtype(np.uint16), (512, 512))
    sink = TiffSink(path, form)
    for top in range(0, side, 512):
        rows = min(512, side - top)
        cells = np.random.default_rng(top).integers(0, 65536, (1, rows, side, 1), dtype=np.uint16)
        sink.write(((0, 1), (top, top + rows), (0, side)), cells)
    sink.finish([])
    sink.close()


def timed(words: list[str]) -> tuple[float, float]:
    """Seconds of a process from start to end, and its largest resident memory in megabytes."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    # what the system tells of a process that has ended counts its parent's memory, too
    while process.poll() is None:
        most = max(most, _most(process.pid))
        time.sleep(0.02)
    assert process.returncode == 0, f"{words} ended with {process.returncode}"
    return time.perf_counter() - began, most / 1e6


def _most(process: int) -> int:
    """Bytes that a process had in memory at most."""
    try:
        rows = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM"))


def copied(source: Path, target: Path) -> float:
    """Seconds that a copy of a file takes, until it is on the disk."""
    began = time.perf_counter()
    with source.open("rb") as old, target.open("wb") as new:
        while part := old.read(1 << 24):
            new.write(part)
        new.flush()
        os.fsync(new.fileno())
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def check(source: Path, kernel: Path, results: list[Path], side: int) -> None:
    """The results are the same, and in the first rows those of the whole."""
    whole = convlens.filter(_rows(source, 0)[0], np.load(kernel))
    for top in range(0, side, BAND):
        first, *others = (_rows(path, top) for path in results)
        assert all(np.array_equal(first, other) for other in others), f"results differ from row {top} on"
        if top == 0:
            assert np.array_equal(first[0, : BAND // 2], whole[: BAND // 2]), (
                "the first rows are not those of the whole"
            )


def _rows(path: Path, top: int) -> Any:
    with open_picture(path, held=0) as source:
        return source[top : top + BAND, : source.shape[2]]


def measured(side: int, sizes: tuple[int, ...], folder: Path | None) -> dict[str, Any]:
    """Make, filter in pieces of some sizes, compare."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        source, kernel = Path(place) / "in.tif", Path(place) / "kernel.npy"
        drawn = np.random.default_rng(0).random((TAPS, TAPS))
        np.save(kernel, 0.99 * drawn / drawn.sum())
        make(source, side)
        runs, results = [], []
        for memory in sizes:
            out = Path(place) / f"out {memory}.tif"
            words = ["-m", "convlens", "filter", str(source), "--kernel", str(kernel), "--out", str(out)]
            seconds, most = timed([*words, "--memory", str(memory)])
            results.append(out)
            runs.append({"memory": memory, "seconds": round(seconds, 2), "resident": round(most)})
            print(f"  --memory {memory}: {seconds:.1f} s, {most:.0f} MB", flush=True)
        check(source, kernel, results, side)
        results[0].unlink()
        return {"copy": round(copied(source, results[0]), 2), "runs": runs}


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table."""
    head = ["| `--memory` | start to end | resident memory at most | times a copy of the file |", "|---|---|---|---|"]
    return head + [
        f"| {run['memory']} | {run['seconds']:.1f} s | {run['resident']:,} MB | {run['seconds'] / record['copy']:.1f} |"
        for run in record["runs"]
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small picture, no record: whether it works")
    parser.add_argument(
        "--folder", type=Path, help="where the pictures lie meanwhile; without, where temporary ones do"
    )
    given = parser.parse_args()
    side = 3_000 if given.quick else SIDE
    record = {
        "side": side,
        "taps": TAPS,
        "threads": len(os.sched_getaffinity(0)),
        "machine": machine.sheet(min(os.sched_getaffinity(0))),
        **measured(side, (8, 2) if given.quick else MEMORY, given.folder),
    }
    print("\n".join(lines(record)))
    assert all(run["resident"] <= LIMIT for run in record["runs"]), f"more than {LIMIT} MB"
    if not given.quick:
        save(RECORD, record)
        print(f"kept in {RECORD}")


if __name__ == "__main__":
    main()
