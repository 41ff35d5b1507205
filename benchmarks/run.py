"""Measure convlens against its peers: ``python -m benchmarks.run [SUITE ...]``.

Suites: train, infer, layers, pools, scan, startup; train and infer when none is named. All run on one core, one thread
each, in processes of their own that take turns in bursts; every answer is checked against float64 before it is timed,
and the suite scan also asks how much memory a call takes. Peers that are not installed are named and left out (``pip
install -r benchmarks/requirements.txt``). Records, tables and plots go to benchmarks/results; --quick is for looking
whether it works, and keeps nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.status import Status

from . import machine, table
from .crew import Crew, Member, pin
from .measure import MEMORY, Clock, Entry, Row, race
from .peers import CONTENDERS, Contender
from .plot import plot
from .startup import measured
from .suites import SUITES, Job, jobs
from .worker import COPY, JUDGE, PEAK

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Settings:
    """How long is measured, and whom."""

    rounds: int
    seconds: float
    clock: Clock
    contenders: tuple[Contender, ...]


def measure(job: Job, crew: Crew, settings: Settings, status: Status) -> Row:
    """Prepare and check a job with every contender, then let those that are right race."""

    def tell(text: str) -> None:
        status.update(f"{job.title}: {text}")

    right = crew.folder / "expected.npz"
    tell("the answers in float64")
    crew.member(JUDGE).ask("answer", job=job.fields(), to=str(right))
    entries: list[Entry] = []
    racing: dict[str, Member] = {}
    for contender in settings.contenders:
        peer = contender.module != "ours"
        entry = Entry(contender.name, contender.ours, peer)
        entries.append(entry)
        if job.task not in contender.tasks:
            entry.note = f"has nothing to {job.task} with"
            continue
        tell(contender.name)
        member = crew.member(contender.name, contender.tuned)
        reply = member.ask("prepare", job=job.fields(), expected=str(right))
        if reply.get("ok"):
            racing[contender.name] = member
        else:
            why = next(iter(reply.values()))
            entry.note = why if isinstance(why, str) else "WRONG ANSWER, not timed: " + "; ".join(why)
    limit, amount = (COPY, 2 * machine.COPIED) if job.scale is MEMORY else (PEAK, machine.peak_flop())
    found = race({limit: crew.member(limit), **racing}, settings.rounds, settings.seconds, tell)
    for entry in entries:
        entry.bursts = found.get(entry.name, [])
        if entry.bursts:
            entry.memory = racing[entry.name].ask("memory").get("bytes")
    peaks = [amount / burst.seconds(settings.clock) for burst in found[limit]]
    return Row(job.title, str(job.network), job.batch, job.work, entries, peaks, settings.clock, job.scale)


def run(suite: str, settings: Settings, console: Console, rows_with: str) -> list[Row]:
    """All rows of a suite, each shown when it is done."""
    rows = []
    asked = [job for job in jobs(suite) if rows_with in job.title]
    # what a picture left behind in a process would hide the memory that the next one takes
    crews = [[job] for job in asked] if suite == "scan" else [asked]
    for together in crews:
        with tempfile.TemporaryDirectory() as folder, Crew(Path(folder)) as crew, console.status(suite) as status:
            for job in together:
                rows.append(measure(job, crew, settings, status))
                table.show_row(console, rows[-1])
    return rows


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--core", type=int, default=0, help="the core that all run on")
    parser.add_argument("--rounds", type=int, default=9, help="bursts of each contender")
    parser.add_argument("--seconds", type=float, default=0.25, help="of a burst, at least")
    parser.add_argument("--clock", choices=get_args(Clock), default="wall", help="cpu where others use the core too")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="contenders with this in their name"
    )
    parser.add_argument("--rows", default="", metavar="WORD", help="rows with this in their title")
    parser.add_argument("--out", type=Path, default=None, help=f"folder of the records (default {RESULTS.name})")
    parser.add_argument("--quick", action="store_true", help="few short rounds, without torch.compile, no record")
    given = parser.parse_args()
    if unknown := set(given.suites) - set(SUITES):
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; the suites are {', '.join(SUITES)}")
    return given


def main() -> None:
    """Measure the suites that the command line names."""
    given = parsed()
    console = Console(width=None if Console().is_terminal else 130, highlight=False)
    out: Path | None = given.out or (None if given.quick else RESULTS)
    chosen = tuple(
        c
        for c in CONTENDERS
        if c.ours or (any(word in c.name for word in given.only or [""]) and not (given.quick and c.slow))
    )
    rounds, seconds = (3, 0.05) if given.quick else (given.rounds, given.seconds)
    settings = Settings(rounds, seconds, given.clock, chosen)
    console.print(pin(given.core))
    sheet = machine.sheet(given.core)
    table.show_sheet(console, sheet)
    for suite in given.suites or ["train", "infer"]:
        how: dict[str, object] = {"suite": suite, "rounds": rounds, "burst_seconds": seconds, "machine": sheet}
        if suite == "startup":
            with tempfile.TemporaryDirectory() as folder, console.status(suite) as status:
                starts = measured(Path(folder), rounds, given.quick, status.update)
            table.show_startup(console, starts)
            found: list[dict[str, object]] = [
                {"name": one.name, "note": one.note, "seconds": one.samples} for one in starts
            ]
        else:
            rows = run(suite, settings, console, given.rows)
            table.show_summary(console, suite, rows)
            found = table.record(rows)
            if out:
                out.mkdir(parents=True, exist_ok=True)
                plot(out / f"{suite}.png", suite, rows)
        if out:
            table.save(out / f"{suite}.json", {**how, "rows": found})
            console.print(f"kept in {out / suite}.json")


if __name__ == "__main__":
    main()
