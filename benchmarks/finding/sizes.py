"""How well boxes fit: ``python -m benchmarks.finding.sizes SCENES``.

Five objects of a family's first photo are marked; every object of its other photos is measured at its true centre, so
that size alone is judged and nothing is learned. The overlap is the intersection over the union of the measured box and
the true one, beside that of the marks' median.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from convlens.finding.canvas import Canvas, View, working_scale
from convlens.finding.extent import breadths, sizes
from convlens.finding.known import boxes, middles
from convlens.finding.lean import UPRIGHT
from convlens.finding.likeness import Likeness, example
from convlens.finding.pictures import source_of
from convlens.finding.scene import patch

from .protocol import choose_marks
from .truth import Boxes, Family, Photo, read


def overlap(found: Boxes, truth: Boxes) -> float:
    """The mean overlap of boxes by their sizes (N, 2) with others of the same centres.

    >>> overlap(np.array([[4.0, 2.0]]), np.array([[2.0, 4.0]]))
    0.3333333333333333
    """
    shared = np.minimum(found, truth).prod(axis=1)
    return float(np.mean(shared / (found.prod(axis=1) + truth.prod(axis=1) - shared)))


def measured(family: Family, seed: int) -> tuple[float, float]:
    """The overlap of the median's box, and of the measured ones."""
    first, others = family.photos[0], family.photos[1:]
    marked = boxes(choose_marks(first, seed), (0, 0))
    box = np.median(marked[:, 2:], axis=0)
    view = View(working_scale(float(np.median(np.sqrt(marked[:, 2:].prod(axis=1))))), 255.0, 3)
    side = float(np.sqrt(box.prod())) * view.scale
    canvas = seen(view, first)
    things = np.concatenate([canvas.inward(middles(marked)), marked[:, 2:] * view.scale], 1).astype(np.float32)
    turn = np.pi if np.radians(family.rotation) > UPRIGHT else UPRIGHT
    likeness = Likeness(np.stack([example(canvas.pixels, t[:2], side) for t in things]), side, turn)
    breadth = breadths([patch(canvas, t) for t in things], drawn=True) / np.float32(view.scale)
    found, truth = [], []
    for photo in others:
        canvas = seen(view, photo)
        found.append(sizes(likeness, breadth, *likeness.matched(canvas.pixels, canvas.inward(middles(photo.boxes)))))
        truth.append(photo.boxes[:, 2:])
    true = np.concatenate(truth)
    return overlap(np.broadcast_to(box, true.shape), true), overlap(np.concatenate(found), true)


def seen(view: View, photo: Photo) -> Canvas:
    """A photo of one block."""
    source = source_of(photo.pixels)
    (block,) = view.blocks(source)
    return view.canvas(source, block)


def main() -> None:
    """Print a line a family."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding.sizes", description=__doc__)
    parser.add_argument("scenes", type=Path, metavar="SCENES", help="a folder with a truth.json")
    parser.add_argument("--family", default="", metavar="WORD", help="families with this in their name")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print(f"{'family':24}{'median':>8}{'measured':>10}")
    for family in read(given.scenes):
        if given.family in family.name:
            rows = np.mean([measured(family, seed) for seed in range(given.seeds)], axis=0)
            print(f"{family.name:24}{rows[0]:8.2f}{rows[1]:10.2f}")


if __name__ == "__main__":
    main()
