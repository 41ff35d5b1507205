"""Pictures larger than memory: ``python -m benchmarks.finding.large`` searches 30,000 x 30,000 pixels in TIFF files.

One in deflated tiles, one as it lies, which is memory-mapped; a photo of coffee beans among other seeds, 64 pixels
large or so, laid side by side. ``convlens find`` with a saved finder is a process of its own; the most memory that it
held (drawing and tables included) and the seconds of the processor go to
``benchmarks/results/finding_large.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from convlens.finding import Finder

from .. import machine
from ..crew import ROOT
from ..table import load, save
from .protocol import choose_marks
from .scenes.compose import Light
from .scenes.families import Crowd
from .timings import photo
from .truth import Pixels

RECORD = Path(__file__).parents[1] / "results" / "finding_large.json"
SIDE, TILE = 30_000, 1024
PART = Crowd((3000, 3000), (300, 300), 600, (62, 78), 0.85, Light())
CHILD = """
import json, resource
from convlens.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([int(peak), used.ru_utime + used.ru_stime]))
"""
"""The command line, and then the most memory that it held, in KB, and its seconds on all cores."""
FORMS = ("deflated tiles", "as it lies")


def band(part: Pixels, side: int, top: int, rows: int) -> Pixels:
    """Rows of the large picture: the part laid side by side."""
    columns = np.arange(side) % part.shape[1]
    return part[(np.arange(top, min(top + rows, side)) % part.shape[0])[:, None], columns]


def tiles(part: Pixels, side: int) -> Iterator[Pixels]:
    """The large picture's tiles, row by row, the last ones filled up."""
    for top in range(0, side, TILE):
        rows = band(part, side, top, TILE)
        rows = np.pad(rows, ((0, TILE - len(rows)), (0, -side % TILE), (0, 0)))
        for left in range(0, rows.shape[1], TILE):
            yield np.ascontiguousarray(rows[:, left : left + TILE])


def write(path: Path, form: str, part: Pixels, side: int) -> None:
    """Write the large picture, a band in memory at a time."""
    shape = (side, side, 3)
    if form == FORMS[0]:
        packed: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 1}}
        tifffile.imwrite(
            path, tiles(part, side), shape=shape, dtype=np.uint8, tile=(TILE, TILE), photometric="rgb", **packed
        )
        return
    mapped = tifffile.memmap(path, shape=shape, dtype=np.uint8, photometric="rgb")
    for top in range(0, side, TILE):
        mapped[top : top + TILE] = band(part, side, top, TILE)
    mapped.flush()


def searched(path: Path, model: Path, out: Path) -> dict[str, float]:
    """What a search of a file took and found."""
    words = ["find", str(path), "--model", str(model), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    peak, seconds = json.loads(done.stdout.splitlines()[-1])
    with (out / "counts.csv").open(encoding="utf-8") as file:
        count = int(next(csv.DictReader(file))["count"])
    return {"peak_mb": round(peak * 1024 / 1e6, 1), "processor_seconds": round(seconds, 1), "count": count}


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table."""
    rows = [
        f"| {form} | {found['peak_mb']:,.0f} MB | {found['processor_seconds']:.0f} s | {found['count']:,} |"
        for form, found in record["forms"].items()
    ]
    return ["| 30,000 x 30,000 | most memory | processor time | found |", "|---|---|---|---|", *rows]


def kept() -> dict[str, Any]:
    """The record."""
    return load(RECORD)


def main() -> None:
    """Make the files, search them, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="of the picture; another keeps no record")
    parser.add_argument("--form", choices=FORMS, help="one of the two alone; the other's record stays")
    given = parser.parse_args()
    sheet = machine.sheet(min(os.sched_getaffinity(0)))
    pixels, shown = photo(PART, 0)
    marks = [replace(one, image="a") for one in choose_marks(shown, 0)]
    forms: dict[str, dict[str, float]] = kept()["forms"] if given.form and RECORD.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        Finder.fit({"a": pixels}, marks).save(folder / "model")
        for form in [given.form] if given.form else FORMS:
            path = folder / "large.tif"
            write(path, form, pixels, given.side)
            forms[form] = searched(path, folder / "model", folder / form.replace(" ", "_"))
            path.unlink()
            print(f"  {form}: {forms[form]}", flush=True)
    objects = round(len(shown.boxes) * (given.side / PART.size[0]) ** 2)
    record = {"side": given.side, "objects": objects, "machine": sheet, "forms": forms}
    print("\n".join(lines(record)), f"of about {objects:,} objects", sep="\n")
    if given.side == SIDE:
        save(RECORD, record)
        print(f"kept in {RECORD}")


if __name__ == "__main__":
    main()
