"""Judge finders on scenes with known truth: ``python -m benchmarks.finding [SCENES]``.

SCENES is a folder of pictures with a truth.json (its form: benchmarks/finding/truth.py); scenes of our own, made once,
when none is named. Per family, finder and seed:
five objects of the first photo are marked, then three rounds of at most five corrections on the first two photos; the
other photos are untouched, and what is found there is the result. No truth chooses a threshold.
"""

from __future__ import annotations

import argparse
import gc
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from convlens.data.fashion_mnist import cache_folder

from .. import machine, table
from ..crew import pin
from .contenders import CONTENDERS, Contender, named
from .empty import NoRoomError, covered
from .judge import Judge, Run
from .protocol import ROUNDS
from .record import content, earlier, joined
from .scenes import make
from .show import show
from .summary import summaries
from .truth import TRUTH, Family, Photo, read

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenes", type=Path, nargs="?", metavar="SCENES", help="a folder with a truth.json")
    parser.add_argument(
        "--family", action="append", default=[], metavar="WORD", help="families with this in their name"
    )
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="finders with this in their name")
    parser.add_argument(
        "--finder", action="append", default=[], metavar="[NAME=]MODULE:CALLABLE", help="another finder to judge"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of corrections")
    parser.add_argument("--empty", action="store_true", help="also look at photos without an instance")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu where others use the core too")
    parser.add_argument("--core", type=int, default=0, help="the core that all run on")
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="FILE",
        help="keep the record in this file; one that is there is gone on with",
    )
    given = parser.parse_args()
    try:
        given.finder = [named(text) for text in given.finder]
    except ValueError as error:
        parser.error(str(error))
    return given


def empty_photos(family: Family) -> tuple[Photo, ...]:
    """The family's own photos without an instance; else its untouched ones with their objects covered, if room is."""
    if family.empty:
        return family.empty
    made = []
    for photo in family.untouched:
        bare = replace(photo, boxes=photo.boxes[:0])
        try:
            bare.__dict__["pixels"] = covered(photo)
        except NoRoomError:
            continue
        made.append(bare)
    return tuple(made)


def judge(family: Family, contender: Contender, given: argparse.Namespace) -> list[Run]:
    """A contender's runs on a family; one run that says why, where it cannot be built."""
    judging = Judge(family, empty_photos(family) if given.empty else (), given.rounds, CLOCKS[given.clock])
    runs = []
    for seed in range(given.seeds):
        try:
            finder = contender.build(family)
        except ImportError as error:
            return [Run(family.name, contender.name, seed, note=f"not installed: {error}")]
        runs.append(judging.run(contender.name, finder, seed))
        del finder
        gc.collect()
    return runs


def own_scenes(seed: int = 0) -> Path:
    """The folder of scenes of our own in this user's cache; made if it is not there."""
    folder = cache_folder() / f"finding-scenes-{seed}"
    if not (folder / TRUTH).exists():
        print(f"making scenes in {folder}")
        for name, reason in make(folder, seed)[1].items():
            print(f"{name}: left out, {reason}")
    return folder


def chosen(given: argparse.Namespace) -> tuple[list[Family], list[Contender]]:
    """The families and finders that the command line names."""
    families = [f for f in read(given.scenes or own_scenes()) if any(word in f.name for word in given.family or [""])]
    finders = [c for c in CONTENDERS if any(word in c.name for word in given.only or [""])] + given.finder
    if not families or not finders:
        raise SystemExit("nothing to judge: no family or no finder has such a name")
    return families, finders


def main() -> None:
    """Judge what the command line names, print the table, keep the record."""
    given = parsed()
    console = Console(width=None if Console().is_terminal else 150, highlight=False)
    families, finders = chosen(given)
    console.print(pin(given.core))
    sheet = machine.sheet(given.core)
    table.show_sheet(console, sheet)
    old = earlier(given.out) if given.out else []
    runs: list[Run] = []
    for family in families:
        for contender in finders:
            runs += judge(family, contender, given)
            found = summaries(runs, given.rounds)
            if found[-1].rounds:
                f1 = " ".join(f"{sum(found[-1].f1(k)) / len(found[-1].runs):.2f}" for k in range(found[-1].rounds))
                console.print(f"{family.name}, {contender.name}: F1 {f1}", markup=False)
            if given.out:  # whole after every finder, so that what was measured survives an interruption
                both = joined(old, runs)
                how = {"scenes": (given.scenes or own_scenes()).name, "rounds": given.rounds, "clock": given.clock}
                table.save(given.out, {**how, "machine": sheet, **content(both, summaries(both, given.rounds))})
    show(console, summaries(joined(old, runs), given.rounds))
    if given.out:
        console.print(f"kept in {given.out}")


if __name__ == "__main__":
    main()
