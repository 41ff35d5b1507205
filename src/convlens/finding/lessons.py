"""What a finder learns from: the pictures' blocks that bear marks as scenes, and a few others.

Nothing is learned or searched here; what marks mean to a scene is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark, PictureError
from convlens.data.marks_check import check_marks, pictures_of

from .canvas import Canvas, Floats, View
from .network import Named
from .pictures import Given, source_of
from .scene import Scene

UNMARKED = 4
"""Blocks without marks that are learned from, to know more backgrounds."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Pictures that are learned from.

    Args:
        scenes: their blocks with marks, and a few without.
        names: of all pictures, as marks may name them.
        box: width and height of what is marked by a point, in displayed pixels.
    """

    scenes: list[Scene]
    names: list[str]
    box: tuple[float, float]

    @classmethod
    def read(cls, view: View, box: tuple[float, float], given: dict[str, Given], marks: tuple[Mark, ...]) -> Lessons:
        """Make scenes of pictures, and enter the marks.

        Raises:
            MarksError, PictureError, ValueError: a mark names no picture or lies outside, or a picture with marks
                cannot be read.
        """
        scenes, others = list[Scene](), list[Scene]()
        sizes: dict[str, tuple[int, int]] = {}
        by_name = pictures_of(marks, list(given))
        for name, picture in given.items():
            try:
                with source_of(picture) as source:
                    sizes[name] = source.shape[1], source.shape[2]
                    own = np.array([m.centre for m in by_name[name]]).reshape(-1, 2)
                    seen = view.suited(source)
                    for block in seen.blocks(source):
                        at = own / view.step
                        inside = (at >= (block.x0, block.y0)) & (at <= (block.x1, block.y1))
                        if inside.all(axis=1).any():
                            scenes.append(Scene(name, seen.canvas(source, block)))
                        elif len(others) < UNMARKED:
                            others.append(Scene(name, seen.canvas(source, block)))
            except (PictureError, ValueError):
                if by_name[name]:
                    raise
        check_marks(marks, sizes)
        lessons = cls(scenes + others, list(given), box)
        lessons.enter(marks)
        return lessons

    def peaks(self, canvas: Canvas, weights: Named) -> tuple[Floats, Floats] | None:
        """The places and logits that these very weights gave in a scene that shows the same; None if there is none."""
        for scene in self.scenes:
            own = scene.canvas
            if scene.peaks is None or scene.peaks[0] is not weights or own.block != canvas.block:
                continue
            if own.step == canvas.step and np.array_equal(own.pixels, canvas.pixels):
                return scene.peaks[1:]
        return None

    def enter(self, marks: tuple[Mark, ...]) -> None:
        """Enter marks in the scenes, in place of those that were there."""
        by_name = pictures_of(marks, self.names)
        for scene in self.scenes:
            own, c = by_name[scene.name], scene.canvas
            drawn = [m for m in own if m.kind == "object"]
            objects = c.inward(_centres(drawn))
            sizes = np.array([(m.w or self.box[0], m.h or self.box[1]) for m in drawn], np.float32)
            sizes = sizes.reshape(-1, 2) * np.float32(1 / c.step)
            scene.objects = np.concatenate([objects, sizes], 1)[c.owns(objects)]
            nots = c.inward(_centres([m for m in own if m.kind == "not"]))
            scene.nots = nots[c.owns(nots)]
            regions = [(m.x, m.y, m.x + (m.w or 0), m.y + (m.h or 0)) for m in own if m.kind == "complete"]
            scene.complete = c.inward(np.array(regions, np.float64).reshape(-1, 2)).reshape(-1, 4)


def _centres(marks: list[Mark]) -> NDArray[np.float64]:
    return np.array([m.centre for m in marks], np.float64).reshape(-1, 2)
