"""A contender's own process: it prepares jobs, checks their answers and runs bursts, as lines of JSON tell it to.

    {"do": "prepare", "job": {...}, "expected": FILE}   -> {"ok": true}, or {"missing", "refused" or "wrong": WHY}
    {"do": "burst", "seconds": S}                       -> {"calls": N, "wall": SECONDS, "cpu": SECONDS}
    {"do": "memory"}                                    -> {"bytes": what a call needs at most, None where unknown}
    {"do": "answer", "job": {...}, "to": FILE}          -> {"ok": true}; what the right answers are, in float64
    {"do": "first", "job": {...}}                       -> {"imports": SECONDS, "first": SECONDS}

Replies go where standard output went at the start; whatever a library prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .answers import Problem, expected, faults
from .peers import CONTENDERS, Contender, RefusedError, Run, prepare
from .suites import Job

PEAK, COPY, JUDGE = "peak", "copy", "judge"
"""Three that are no contenders: the machine's own limits, of arithmetic and of memory, and who knows the answers."""
WARM = 0.03
"""Seconds of calls before a burst that are not counted: caches fill and the clock settles after the others' turns."""
SLICE = 0.002
"""Seconds between two looks at the clock, about."""


def burst(call: Callable[[], object], seconds: float) -> dict[str, float]:
    """Call for at least so many seconds, after a warm-up: calls, and seconds on the wall and on the core."""
    begun, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - begun < WARM:
        call()
        calls += 1
    each = max(1, int(SLICE * calls / (time.perf_counter() - begun)))
    calls, wall, cpu = 0, time.perf_counter(), time.process_time()
    while True:
        for _ in range(each):
            call()
        calls += each
        if time.perf_counter() - wall >= seconds:
            return {"calls": calls, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def resident(which: str) -> int | None:
    """Bytes of this process that lie in memory now (VmRSS), or lay there at most (VmHWM); None where none can say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(which)), None)


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


class Worker:
    """What one process holds: its contender, and the job it is prepared for."""

    def __init__(self, name: str) -> None:
        self.contender: Contender | None = next((c for c in CONTENDERS if c.name == name), None)
        self.run: Run | None = None
        self.before: int | None = None
        if name == PEAK:
            from .machine import peak_call

            self.run = Run(peak_call(), dict)
        if name == COPY:
            from .machine import copy_call

            self.run = Run(copy_call(), dict)

    def prepare(self, job: dict[str, Any], expected: str) -> dict[str, object]:
        """Prepare a job and check its answers."""
        assert self.contender is not None
        self.run = None
        gc.collect()
        problem = Problem(Job(**job))
        drawn = problem.parameters, problem.inputs  # before the memory is looked at
        try:
            import_module(f"benchmarks.peers.{self.contender.module}")
            self.before = resident("VmRSS")
            run = prepare(self.contender, problem)
            given = run.answers()
        except ImportError as error:
            return {"missing": f"not installed ({error.name or error})"}
        except RefusedError as error:
            return {"refused": str(error)}
        with np.load(expected) as right:
            if found := faults(problem, dict(right), given):
                return {"wrong": found}
        del drawn
        self.run = run
        return {"ok": True}

    def burst(self, seconds: float) -> dict[str, float]:
        """Run the prepared job."""
        assert self.run is not None
        return burst(self.run.call, seconds)

    def memory(self) -> dict[str, object]:
        """How far a call of the prepared job raises what this process holds over what it held before preparing it."""
        assert self.run is not None
        forget_peak()
        self.run.call()
        peak = resident("VmHWM")
        return {"bytes": None if peak is None or self.before is None else peak - self.before}

    def answer(self, job: dict[str, Any], to: str) -> dict[str, object]:
        """Write the right answers of a job to a file."""
        np.savez(to, **expected(Problem(Job(**job))))  # type: ignore[arg-type]
        return {"ok": True}

    def first(self, job: dict[str, Any]) -> dict[str, object]:
        """Seconds of the contender's imports, and then until its first answers are there."""
        assert self.contender is not None
        problem = Problem(Job(**job))
        drawn = problem.parameters, problem.inputs, problem.labels  # outside what is timed
        assert all(drawn)
        begun = time.perf_counter()
        try:
            import_module(f"benchmarks.peers.{self.contender.module}")
        except ImportError as error:
            return {"missing": f"not installed ({error.name or error})"}
        imported = time.perf_counter()
        try:
            prepare(self.contender, problem).answers()
        except RefusedError as error:
            return {"refused": str(error)}
        return {"imports": imported - begun, "first": time.perf_counter() - imported}


def main() -> None:
    """Answer lines until they end."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        words = json.loads(line)
        try:
            reply = getattr(worker, words.pop("do"))(**words)
        except Exception as error:  # a row that says so, not the end of the benchmark
            traceback.print_exc()
            reply = {"failed": f"{type(error).__name__}: {error}".split("\n")[0][:300]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
