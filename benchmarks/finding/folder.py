"""A folder that is not all well, and a picture of thousands: ``python -m benchmarks.finding.folder``.

200 small photos of coffee beans among other seeds: a tenth are grey, one has 16 bits a channel, one no bean, one is cut
off in the middle of the file and one has no bytes. Five beans of the first are marked. ``convlens find`` is a process
of its own that is killed once half of the pictures stand in ``counts.csv``; then the same command is given again, and
what it leaves is compared with what the command leaves in another folder where nobody stops it. And the family
*thousands*: what is found of 5,000 beans in one photo. The record goes to ``benchmarks/results/finding_folder.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from convlens.data import write_marks
from convlens.finding.outputs import COUNTS, FOUND
from convlens.finding.search import MODEL, STATE

from .. import machine
from ..crew import ROOT
from ..table import load, save
from .judge import Judge
from .ours import Ours
from .protocol import Score, choose_marks
from .scenes import families
from .scenes.compose import Light
from .scenes.drawn import coffee_bean
from .scenes.families import QUALITY, RECIPES, SEEDS, Crowd, scattered
from .scenes.surface import coloured, grain, hue
from .show import number
from .truth import Photo

RECORD = Path(__file__).parents[1] / "results" / "finding_folder.json"
PICTURES = 200
PART = Crowd((480, 360), (6, 14), 16, (31, 39), 0.85, Light())
COLOUR, GREY, DEEP, NONE, BROKEN, EMPTY = KINDS = (
    "in colour",
    "grey",
    "16 bits a channel",
    "without a bean",
    "cut off",
    "no bytes",
)
DRAWINGS = 36
"""Of each kind of seed."""
PARTS = FOLDER, FAMILY = "folder", "thousands"
RESULT_FILES = "?" * 64 + ".json"
"""One a picture that was finished, in the folder of the state: named by a digest of its path."""


def kind_of(number: int, pictures: int) -> str:
    """What is the matter with a picture of the folder: the odd ones lie in both halves.

    >>> [number for number in range(200) if kind_of(number, 200) not in (COLOUR, GREY)]
    [40, 66, 133, 160]
    """
    odd = {pictures // 5: DEEP, pictures // 3: BROKEN, pictures * 2 // 3: EMPTY, pictures * 4 // 5: NONE}
    return odd.get(number, GREY if number % 10 == 5 else COLOUR)


@cache
def _drawn() -> tuple[list[Image.Image], list[Image.Image]]:
    """Beans and other seeds, of which every picture is laid."""
    rng = np.random.default_rng(11)
    return [coffee_bean(rng) for _ in range(DRAWINGS)], [draw(rng) for draw in SEEDS for _ in range(DRAWINGS)]


def made(folder: Path, number: int, kind: str) -> Photo:
    """Write a picture of the folder; its path, and where its beans are."""
    rng = np.random.default_rng([11, number])
    beans, others = _drawn()
    colour = hue(np.random.default_rng(11), 0.25, 0.55)
    surface = partial(coloured, grain(rng, PART.size, 6.0), colour, 0.05, rng)
    pixels, boxes = scattered(rng, PART, 180, [] if kind == NONE else beans, others, surface)
    path = folder / f"{number:03}{'.tif' if kind == DEEP else '.jpg'}"
    if kind == DEEP:
        # a camera of 12 bits
        tifffile.imwrite(path, pixels.astype(np.uint16) * 16, photometric="rgb")
        return Photo(path, boxes)
    Image.fromarray(pixels).convert("L" if kind == GREY else "RGB").save(path, quality=QUALITY)
    if kind in (BROKEN, EMPTY):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2 if kind == BROKEN else 0])
    return Photo(path, boxes)


@dataclass(frozen=True)
class Ran:
    """A run of the command: seconds of the processor, whether it was killed, and what it said on its standard error."""

    seconds: float
    killed: bool
    said: str


def ran(words: Sequence[str], out: Path, kill_at: int | None = None) -> Ran:
    """Run convlens; kill it once so many pictures stand in the table of counts."""
    begun = _children()
    command = [sys.executable, "-m", "convlens", *words, "--out", str(out)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)
        killed = False
        while process.poll() is None:
            if not killed and kill_at is not None and len(counts(out)) >= kill_at:
                process.kill()
                killed = True
            time.sleep(0.01)
        said.seek(0)
        if process.returncode and not killed:
            raise SystemExit(f"{' '.join(words)} failed: {said.read()}")
        return Ran(_children() - begun, killed, said.read())


def _children() -> float:
    """Seconds of the processor that processes took which this one started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def counts(out: Path) -> dict[str, dict[str, str]]:
    """The rows of the table of counts, by picture; none before there is one."""
    with contextlib.suppress(FileNotFoundError), (out / COUNTS).open(encoding="utf-8", newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}
    return {}


def finished(out: Path) -> dict[str, int]:
    """When each finished picture's result was written, by the result's file."""
    return {path.name: path.stat().st_mtime_ns for path in (out / STATE).glob(RESULT_FILES)}


def named(said: str) -> dict[str, str]:
    """The pictures that a run could not read, and its reasons.

    >>> named("convlens: a.jpg could not be read: it is empty\\n")
    {'a.jpg': 'it is empty'}
    """
    parts = [line.removeprefix("convlens: ").split(" could not be read: ") for line in said.splitlines()]
    return {part[0]: part[1] for part in parts if len(part) == 2}


def judged(photos: Sequence[Photo], rows: dict[str, dict[str, str]], wrong: dict[str, str]) -> dict[str, Any]:
    """Of pictures of one kind: how many objects there are, how many were counted, and how often that was right."""
    read = [(len(photo.boxes), rows[photo.name]) for photo in photos if photo.name in rows]
    bounded = [(true, row) for true, row in read if row["low"]]
    return {
        "pictures": len(photos),
        "named": [wrong[photo.name] for photo in photos if photo.name in wrong],
        "objects": sum(true for true, _ in read),
        "counted": sum(int(row["count"]) for _, row in read),
        "exact": sum(true == int(row["count"]) for true, row in read),
        "off_by": max((abs(true - int(row["count"])) for true, row in read), default=0),
        "held": sum(int(row["low"]) <= true <= int(row["high"]) for true, row in bounded),
        "bounded": len(bounded),
    }


def searched(place: Path, pictures: int) -> dict[str, Any]:
    """Make the folder, search it twice with a kill between, and once more in peace."""
    folder = place / "photos"
    folder.mkdir()
    kinds = [kind_of(number, pictures) for number in range(pictures)]
    photos = [made(folder, number, kind) for number, kind in enumerate(kinds)]
    write_marks(place / "marks.csv", choose_marks(photos[0], 0))
    words = ["find", str(folder), "--marks", str(place / "marks.csv")]
    out, peace = place / "out", place / "peace"
    first = ran(words, out, pictures // 2)
    rows, stood = counts(out), finished(out)
    again = ran(words, out)
    last, kept = counts(out), finished(out)
    ran(words, peace)
    wrong = named(again.said)
    untouched = sum(kept.get(name) == when for name, when in stood.items())
    same = all((out / name).read_bytes() == (peace / name).read_bytes() for name in (FOUND, COUNTS, MODEL))
    return {
        "pictures": pictures,
        "killed": first.killed,
        "in_the_table": len(rows),
        "rows_that_stay": sum(last.get(name) == row for name, row in rows.items()),
        "finished": len(stood),
        "kept": untouched,
        "searched": len(kept) - untouched,
        "as_undisturbed": same,
        "processor_seconds": round(again.seconds, 2),
        "kinds": {
            kind: judged([photo for photo, own in zip(photos, kinds, strict=True) if own == kind], last, wrong)
            for kind in KINDS
        },
    }


def thousands(place: Path, seed: int = 0) -> list[dict[str, Any]]:
    """What is found of 5,000 objects of one picture, at the first marks and after each round of corrections."""
    recipe = next(one for one in RECIPES if one.name == FAMILY)
    (family,), _ = families.make(place, 0, [replace(recipe, empty=0)])
    run = Judge(family).run("convlens", Ours(family), seed)
    if run.note:
        raise SystemExit(run.note)
    return [{"rounds": k, "oracle": one.oracle, **asdict(one.looks[0])} for k, one in enumerate(run.rounds)]


def lines(record: dict[str, Any]) -> list[str]:
    """What was counted in pictures of each kind, as a table."""
    folder = record["folder"]
    head = f"| of {folder['pictures']} pictures | | beans | counted | exactly | off by at most | intervals that hold |"
    rows = [f"| {one['pictures']} | {kind} | {_told(one)} |" for kind, one in folder["kinds"].items()]
    return [head, "|---|---|---|---|---|---|---|", *rows]


def _told(one: dict[str, Any]) -> str:
    if one["named"]:
        return " | ".join((f"named: {', '.join(one['named'])}", *[""] * 4))
    held = f"{one['held']} of {one['bounded']}" if one["bounded"] else "none given"
    return " | ".join(map(str, (one["objects"], one["counted"], one["exact"], one["off_by"], held)))


def kill_lines(record: dict[str, Any]) -> list[str]:
    """What a kill in the middle costs, as a table."""
    folder = record["folder"]
    cells = (
        f"{folder['finished']}, of which {folder['in_the_table']} in the tables",
        folder["finished"] - folder["kept"],
        folder["searched"],
        f"{folder['processor_seconds'] / folder['searched']:.2f} s",
        "the same bytes" if folder["as_undisturbed"] else "others",
    )
    return [
        "| finished when it was killed | of these searched again | searched by the same command "
        "| processor time of each, start-up and report included "
        "| model and tables beside those of a run that nobody stopped |",
        "|---|---|---|---|---|",
        f"| {' | '.join(map(str, cells))} |",
    ]


def thousands_lines(record: dict[str, Any]) -> list[str]:
    """What was found of thousands, as a table."""
    rows = []
    for one in record["thousands"]:
        score, interval = one["score"], one["interval"]
        cells = (
            f"after {one['rounds']} rounds" if one["rounds"] > 1 else ("five marks", "after 1 round")[one["rounds"]],
            f"{score['hits'] + score['false']:,}",
            *(f"{score[name]:,}" for name in ("hits", "false", "missed")),
            f"{interval[0]:,.0f} to {interval[1]:,.0f}" if interval else "none given",
            number(Score(**score).f1),
            number(one["oracle"]),
        )
        rows.append(f"| {' | '.join(cells)} |")
    true, pixels = record["thousands"][0]["true"], record["thousands"][0]["pixels"]
    columns = "found | right | false | missed | interval | F1 | by the best threshold"
    head = f"| {true:,} on {pixels / 1e6:.0f} megapixels | {columns} |"
    return [head, "|---|---|---|---|---|---|---|---|", *rows]


def kept() -> dict[str, Any]:
    """The record."""
    return load(RECORD)


def main() -> None:
    """Make, search, kill, search; print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of the folder; another number keeps no record")
    parser.add_argument("--part", choices=PARTS, help="one of the two alone; the other's record stays")
    given = parser.parse_args()
    sheet = machine.sheet(min(os.sched_getaffinity(0)))
    record: dict[str, Any] = kept() if given.part and RECORD.exists() else {}
    for name in [given.part] if given.part else PARTS:
        with tempfile.TemporaryDirectory() as place:
            record[name] = searched(Path(place), given.pictures) if name == FOLDER else thousands(Path(place))
        print("\n".join(kill_lines(record) + lines(record) if name == FOLDER else thousands_lines(record)), flush=True)
    if given.pictures == PICTURES:
        save(RECORD, {"machine": sheet, **record})
        print(f"kept in {RECORD}")


if __name__ == "__main__":
    main()
