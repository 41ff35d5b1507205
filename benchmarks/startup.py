"""The suite ``startup``: seconds until something is there, each sample in a fresh process on the same core.

Imports are timed inside the process, so the interpreter's own start is not in them. A first training step is timed from
after the imports to its gradients; "cold" starts with an empty cache, "cached" with what a run before left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .crew import ROOT, surroundings
from .suites import Job

IMPORTS = ("numpy", "convlens", "convlens.engine", "torch", "jax", "onnxruntime", "openvino")
CACHES = ("CONVLENS_CACHE", "TORCHINDUCTOR_CACHE_DIR")
JOB = Job("train", "lenet", 256)
TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


@dataclass
class Startup:
    """Something that has to start, and the seconds it took; or why it did not."""

    name: str
    once: Callable[[Path], float]
    note: str = ""
    samples: list[float] = field(default_factory=list)


class AbsentError(Exception):
    """It cannot start here; the message says why."""


def things(quick: bool) -> list[Startup]:
    """What is timed, in order."""
    found = [Startup(f"import {name}", partial(_imported, name)) for name in IMPORTS]
    steps = [("convlens", True), ("convlens", False), ("torch eager", True), ("JAX jit, NHWC", True)]
    if not quick:
        steps += [("torch.compile", True), ("torch.compile", False)]
    for name, cold in steps:
        cached = name in ("convlens", "torch.compile")
        label = f"first LeNet training step, {name}" + (f", {'cold' if cold else 'cached'}" if cached else "")
        found.append(Startup(label, partial(_first, name, cold)))
    return found


def _imported(name: str, _: Path) -> float:
    done = _run([sys.executable, "-c", TIMED.format(name)], "", {})
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise AbsentError("not installed" if "ModuleNotFoundError" in done.stderr else lines[-1][:200])
    return float(done.stdout.splitlines()[-1])


def _first(name: str, cold: bool, folder: Path) -> float:
    """Seconds from after the imports to the first gradients; cold empties nothing, it uses a new folder."""
    place = folder / (f"cold{len(list(folder.iterdir()))}" if cold else f"kept-{name}")
    place.mkdir(exist_ok=True)
    words = json.dumps({"do": "first", "job": JOB.fields()}) + "\n"
    command = [sys.executable, "-m", "benchmarks.worker", name]
    done = _run(command, words, dict.fromkeys(CACHES, str(place)))
    if not done.stdout:
        raise AbsentError("its process ended: " + (done.stderr.strip().splitlines() or ["without a word"])[-1][:200])
    reply = json.loads(done.stdout)
    if "first" not in reply:
        raise AbsentError(str(next(iter(reply.values()))))
    return float(reply["first"])


def _run(command: list[str], text: str, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    surrounding = {**surroundings(tuned=False), **more}
    return subprocess.run(
        command, input=text, capture_output=True, text=True, env=surrounding, cwd=ROOT, check=False, timeout=900
    )


def measured(folder: Path, rounds: int, quick: bool, tell: Callable[[str], None]) -> list[Startup]:
    """All of them in turn, round after round; the round before the first fills caches and is not counted."""
    os.makedirs(folder, exist_ok=True)
    found = things(quick)
    for turn in range(rounds + 1):
        for one in found:
            if one.note:
                continue
            tell(f"{one.name}, round {turn} of {rounds}")
            try:
                seconds = one.once(folder)
            except AbsentError as error:
                one.note = str(error)
                one.samples.clear()
                continue
            if turn:
                one.samples.append(seconds)
    return found
