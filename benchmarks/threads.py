"""What a second core gives: ``python -m benchmarks.threads`` runs convlens on one thread and on more, in turns.

The first row is the machine itself: the peak of fused multiply-adds of one core and of all at once, for cores may share
what computes. The others are those of the suites ``train`` and ``infer`` with a batch, and one scan. The arrays are the
same, and so are the bits that come out, which is checked before anything is timed. The record goes to
``benchmarks/results/threads.json``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convlens import engine

from . import machine
from .answers import Problem
from .suites import Job, jobs
from .table import save

RECORD = Path(__file__).with_name("results") / "threads.json"
Call = Callable[[], list[np.ndarray[Any, Any]]]


def rows() -> list[Job]:
    """What is run: enough work a call for more than one core."""
    return [*jobs("train"), *(job for job in jobs("infer") if job.batch > 1), jobs("scan")[0]]


def call(job: Job, threads: int) -> Call:
    """A job as a function that gives all arrays it computes."""
    problem = Problem(job)
    x = problem.inputs[0]
    if job.task == "scan":
        scan = engine.Scan(problem.network, problem.parameters, threads=threads)
        return lambda: [scan(x[0])]
    program = engine.compile(problem.network, problem.parameters, training=job.task == "train", threads=threads)
    if job.task == "infer":
        return lambda: [program(x)]

    def step() -> list[np.ndarray[Any, Any]]:
        loss, _, gradients = program.loss_and_gradients(x, problem.labels[0])
        return [np.array(loss), *gradients.values()]

    return step


def burst(run: Call, seconds: float) -> float:
    """Seconds a call, the mean over so many seconds."""
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        run()
        calls += 1
    return (time.perf_counter() - began) / calls


def measured(job: Job, counts: list[int], rounds: int, seconds: float) -> dict[str, Any]:
    """Seconds a call for every number of threads, in turns.

    Raises:
        AssertionError: the bits depend on the number of threads.
    """
    runs = {count: call(job, count) for count in counts}
    first = runs[counts[0]]()
    for run in runs.values():
        assert all(np.array_equal(a, b) for a, b in zip(first, run(), strict=True)), job.title
    samples: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count, run in runs.items():
            samples[count].append(burst(run, seconds))
    return {"job": job.title, "seconds": {str(count): found for count, found in samples.items()}}


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table: medians, and how many times as fast as one thread."""
    found = ["| job | threads | seconds a call | times one thread |", "|---|---|---|---|"]
    for row in record["rows"]:
        alone, *_ = middles = {count: statistics.median(samples) for count, samples in row["seconds"].items()}
        for count, seconds in middles.items():
            found.append(f"| {row['job']} | {count} | {seconds:.4g} | {middles[alone] / seconds:.2f} |")
    return found


def machine_row(counts: list[int], rounds: int, seconds: float) -> dict[str, Any]:
    """The peak kernel, so often on every thread at once that one thread takes ``seconds``; a thread's share of it."""
    began, times, alone = time.perf_counter(), 0, machine.peak_call()
    while time.perf_counter() - began < seconds:
        alone()
        times += 1
    samples: dict[str, list[float]] = {str(count): [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            samples[str(count)].append(_together(count, times) / count)
    return {"job": "peak of multiply-adds", "seconds": samples}


def _together(count: int, times: int) -> float:
    """Seconds until so many threads have each called the peak kernel so many times."""

    def work(call: Callable[[], None]) -> None:
        for _ in range(times):
            call()

    threads = [threading.Thread(target=work, args=(machine.peak_call(),)) for _ in range(count)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a burst")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    counts = [1, len(cores)]
    record: dict[str, Any] = {
        "machine": machine.sheet(cores[0]),
        "rows": [
            machine_row(counts, given.rounds, given.seconds),
            *(measured(job, counts, given.rounds, given.seconds) for job in rows()),
        ],
    }
    print("\n".join(lines(record)))
    save(RECORD, record)


if __name__ == "__main__":
    main()
