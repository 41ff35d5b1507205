"""The files of a search: tables of finds and counts, COCO, and the drawn pictures; each replaced in one step."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from convlens.data.atomic import replace
from convlens.data.mark import number
from convlens.data.marks_coco import coco_box, coco_file, coco_image

from .finds import Finds

FOUND, COUNTS, COCO, OVERLAYS = "found.csv", "counts.csv", "found.coco.json", "overlays"
LONGEST = 4096
"""Pixels of a drawn picture along its longer side at most."""


def write_tables(folder: Path, found: Sequence[Finds]) -> None:
    """Write found.csv, counts.csv and found.coco.json.

    Raises:
        OSError: the folder cannot be written.
    """
    replace(folder / FOUND, found_csv(found))
    replace(folder / COUNTS, counts_csv(found))
    replace(folder / COCO, found_coco(found))


def found_csv(found: Sequence[Finds]) -> bytes:
    """``image,x,y,w,h,score``, the highest score first over all pictures.

    >>> print(found_csv([Finds.split("a.png", [[1, 2, 30.25, 4]], [0.9], 0.5)]).decode(), end="")
    image,x,y,w,h,score
    a.png,1,2,30.25,4,0.900000
    """
    rows = sorted(
        (-score, at, box)
        for at, one in enumerate(found)
        for score, box in zip(one.scores.tolist(), one.boxes.tolist(), strict=True)
    )
    lines = (
        [found[at].image, *(number(repr(round(n, 2))) for n in box), f"{-negative:.6f}"] for negative, at, box in rows
    )
    return _table(["image", "x", "y", "w", "h", "score"], lines)


def counts_csv(found: Sequence[Finds]) -> bytes:
    """``image,count,low,high``: a row for each picture that was read; low and high are empty where they are unknown.

    >>> print(counts_csv([Finds.split("a.png", [], [], 0.5, interval=(0, 1))]).decode(), end="")
    image,count,low,high
    a.png,0,0,1
    """
    rows = ([one.image, str(one.count), *(map(str, one.interval) if one.interval else ("", ""))] for one in found)
    return _table(["image", "count", "low", "high"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def found_coco(found: Sequence[Finds]) -> bytes:
    """The finds as COCO annotations with scores and, where it was asked for, ``rotation``: degrees, clockwise.

    >>> import json
    >>> turned = Finds.split("a.png", [[1, 2, 30, 4]], [0.9], 0.5, angles=[np.pi / 2])
    >>> json.loads(found_coco([turned]))["annotations"][0]["rotation"]
    90.0
    >>> '"rotation": 0.0' in found_coco([Finds.split("a.png", [[1, 2, 30, 4]], [0.9], 0.5, angles=[-1e-9])]).decode()
    True
    """
    images = [coco_image(at, one.image, one.size) for at, one in enumerate(found, 1)]
    annotations: list[dict[str, object]] = []
    for at, one in enumerate(found, 1):
        for k, (box, score) in enumerate(zip(one.boxes.tolist(), one.scores.tolist(), strict=True)):
            told = {"score": round(score, 6)}
            if one.angles is not None:
                told["rotation"] = round(float(np.degrees(one.angles[k])), 1) + 0.0  # and no -0.0
            annotations.append(coco_box(len(annotations) + 1, at, 1, [round(n, 2) for n in box]) | told)
    return coco_file(images, [{"id": 1, "name": "object"}], annotations)


def overlay_names(images: Sequence[str]) -> dict[str, str]:
    """Where each picture's drawing goes, from the folder of the outputs.

    >>> list(overlay_names(["day/b.jpg", "c.jpg", "c.png"]).values())
    ['overlays/day/b.png', 'overlays/c.jpg.png', 'overlays/c.png.png']
    """
    short = [str(PurePosixPath(image.lstrip("/")).with_suffix(".png")) for image in images]
    twice = {name for name in short if short.count(name) > 1} if len(set(short)) < len(short) else set()
    return {
        image: f"{OVERLAYS}/{image.lstrip('/') + '.png' if name in twice else name}"
        for image, name in zip(images, short, strict=True)
    }


def write_overlay(path: Path, finds: Finds) -> None:
    """Draw the finds of a picture, reduced where it is large.

    Raises:
        PictureError: its file cannot be read any more.
        OSError: the drawing cannot be written.
    """
    held = io.BytesIO()
    # runs of like differences: of photographs smaller than at the usual level, in a quarter of the time
    finds.draw(longest=LONGEST).save(held, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    replace(path, held.getvalue())
