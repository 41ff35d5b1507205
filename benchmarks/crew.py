"""The processes of a benchmark, seen from the one that leads: started pinned to one core, asked in lines of JSON."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .measure import Burst
from .peers import MALLOC

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900.0
"""Seconds after which a process that does not answer counts as failed."""


def surroundings(tuned: bool) -> dict[str, str]:
    """The environment of a contender: one thread, and malloc as it is or tuned."""
    bare = {name: value for name, value in os.environ.items() if name not in MALLOC}
    return {**bare, **ONE_THREAD, **(MALLOC if tuned else {})}


def pin(core: int) -> str:
    """Keep this process and all that it starts on one core; says what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system has no way to"
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


class Member:
    """One process.

    Args:
        name: what it is told to be.
        tuned: its malloc.
        log: where its standard error goes.
    """

    def __init__(self, name: str, tuned: bool, log: Path) -> None:
        self.name, self.log = name, log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=surroundings(tuned),
                cwd=ROOT,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """Say a line and wait for the reply; {"failed": WHY} where none comes."""
        try:
            self._in.write(json.dumps({"do": do, **words}) + "\n")
            self._in.flush()
        except BrokenPipeError:
            return {"failed": self._last_words()}
        ready, _, _ = select.select([self._out], [], [], PATIENCE)
        line = self._out.readline() if ready else ""
        if not line:
            reason = self._last_words() if ready else f"no answer within {PATIENCE:.0f} s"
            self.close()
            return {"failed": reason}
        reply: dict[str, Any] = json.loads(line)
        return reply

    def burst(self, seconds: float) -> Burst | None:
        """A burst of the prepared job; None where it failed."""
        reply = self.ask("burst", seconds=seconds)
        return None if "failed" in reply else Burst(reply["calls"], reply["wall"], reply["cpu"])

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"its process ended: {lines[-1][:200] if lines else 'without a word'}"

    def close(self) -> None:
        """End the process."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()


class Crew:
    """The processes that are alive, each started when it is first called for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._members: dict[str, Member] = {}

    def member(self, name: str, tuned: bool = False) -> Member:
        """The process of that name; a dead one is started anew."""
        if name not in self._members or not self._members[name].alive:
            file = "".join(c if c.isalnum() else "-" for c in name)
            self._members[name] = Member(name, tuned, self.folder / f"{file}.log")
        return self._members[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members.values():
            member.close()
