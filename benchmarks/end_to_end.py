"""One whole job against plain PyTorch: ``python -m benchmarks.end_to_end`` trains LeNet on Fashion-MNIST, ten epochs.

``convlens train fashion-mnist --net lenet`` against ``plain_lenet.py``, which does the same without convlens, in both
of PyTorch's layouts: same batch, optimiser, learning rates and validation. Each run is a process of its own on the same
cores, timed from its start to its end: imports, reading, training, judging, and what convlens writes besides (model,
checkpoints, report). Runs take turns. The record goes to ``benchmarks/results/end_to_end.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convlens.data.fashion_mnist import FILES, SYSTEM, cache_folder

from . import machine
from .crew import ROOT
from .table import save

RECORD = Path(__file__).with_name("results") / "end_to_end.json"
Runner = Callable[[int, int, int], dict[str, float]]


def folder() -> Path:
    """Where the four files lie; the first run of ``convlens train fashion-mnist`` fetches them.

    Raises:
        FileNotFoundError: they are nowhere yet.
    """
    name = FILES["train"][0].name
    for place in (cache_folder() / "fashion-mnist", SYSTEM):
        if any((place / f).is_file() for f in (name, f"{name}.gz")):
            return place
    raise FileNotFoundError("Fashion-MNIST is not here yet: convlens data fashion-mnist fetches it")


def timed(words: list[str]) -> tuple[float, str]:
    """Seconds on the wall of a process from start to end, and the last line that it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *words], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - began, done.stdout.strip().splitlines()[-1]


def convlens(seed: int, epochs: int, threads: int) -> dict[str, float]:
    """A run of ``convlens train``."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        options = ["--epochs", str(epochs), "--seed", str(seed), "--threads", str(threads), "--out", str(out)]
        seconds, _ = timed(["-m", "convlens", "train", "fashion-mnist", "--net", "lenet", *options])
        result = json.loads((out / "result.json").read_text())
    return {"seconds": seconds, **{key: result[key] for key in ("test_accuracy", "training_seconds")}}


def plain(*layout: str) -> Runner:
    """Runs of ``plain_lenet.py``."""

    def run(seed: int, epochs: int, threads: int) -> dict[str, float]:
        options = ["--epochs", str(epochs), "--seed", str(seed), "--threads", str(threads), *layout]
        seconds, line = timed([str(Path(__file__).with_name("plain_lenet.py")), str(folder()), *options])
        return {"seconds": seconds, **json.loads(line)}

    return run


RUNNERS: dict[str, Runner] = {
    "convlens train": convlens,
    "plain PyTorch": plain(),
    "plain PyTorch, channels_last": plain("--channels-last"),
}


def measured(epochs: int, seeds: int, threads: int) -> dict[str, list[dict[str, float]]]:
    """Every runner once a seed, in turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNNERS}
    for seed in range(seeds):
        for name, run in RUNNERS.items():
            found[name].append(run(seed, epochs, threads))
            last = found[name][-1]
            print(f"  seed {seed}, {name}: {last['seconds']:.1f} s, accuracy {last['test_accuracy']:.4f}", flush=True)
    return found


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table."""
    rows = {
        name: [statistics.median(run[key] for run in runs) for key in ("seconds", "training_seconds")]
        + [statistics.mean(run["test_accuracy"] for run in runs)]
        for name, runs in record["runs"].items()
    }
    best = min(values[0] for name, values in rows.items() if name != "convlens train")
    head = ["| run | start to end | training alone | test accuracy | best PyTorch / it |", "|---|---|---|---|---|"]
    return head + [
        f"| {name} | {values[0]:.1f} s | {values[1]:.1f} s | {values[2]:.4f} | {best / values[0]:.2f} |"
        for name, values in rows.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, no record: whether it works")
    given = parser.parse_args()
    epochs, seeds = (1, 1) if given.quick else (given.epochs, given.seeds)
    record = {
        "epochs": epochs,
        "threads": given.threads,
        "machine": machine.sheet(min(os.sched_getaffinity(0))),
        "runs": measured(epochs, seeds, given.threads),
    }
    print("\n".join(lines(record)))
    if not given.quick:
        save(RECORD, record)
        print(f"kept in {RECORD}")


if __name__ == "__main__":
    main()
