"""What a finder learns from: the pictures' blocks that bear marks as scenes, and a few others, at every working scale.

A marked object is one in the scenes of the scale that suits it. At neighbouring scales, where it looks somewhat like
what is sought, nothing is said of its place; elsewhere it is of the rest: there its size would be told wrongly.
Nothing is learned or searched here; what marks mean to a scene is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark, PictureError
from convlens.data.marks_check import check_marks, pictures_of

from .canvas import Canvas, Floats
from .network import Named
from .pictures import Given, source_of
from .scene import Scene
from .views import NEAR, Views, longer

UNMARKED = 4
"""Blocks without marks that are learned from at each scale, to know more backgrounds."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Pictures that are learned from.

    Args:
        scenes: their blocks with marks, and a few without.
        scales: which of the views each of them is seen at.
        views: how pictures are seen.
        given: the pictures, by the names that marks may use.
        box: width and height of what is marked by a point, in displayed pixels.
        channels: of the pictures that could be read, by name.
    """

    scenes: list[Scene]
    scales: list[int]
    views: Views
    given: dict[str, Given]
    box: tuple[float, float]
    channels: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, views: Views, box: tuple[float, float], given: dict[str, Given], marks: tuple[Mark, ...]) -> Lessons:
        """Make scenes of pictures, and enter the marks.

        Raises:
            MarksError, PictureError, ValueError: a mark names no picture or lies outside, or a picture with marks
                cannot be read.
        """
        lessons, others = cls([], [], views, given, box), cls([], [], views, given, box)
        sizes: dict[str, tuple[int, int]] = {}
        by_name = pictures_of(marks, list(given))
        for name, picture in given.items():
            try:
                with source_of(picture) as source:
                    lessons.channels[name] = source.shape[0]
                    sizes[name] = source.shape[1], source.shape[2]
                    own = np.array([m.centre for m in by_name[name]]).reshape(-1, 2)
                    for scale, view in enumerate(views.suited(source).all):
                        for block in view.blocks(source):
                            at = own / view.step
                            inside = (at >= (block.x0, block.y0)) & (at <= (block.x1, block.y1))
                            if inside.all(axis=1).any():
                                lessons._add(Scene(name, view.canvas(source, block)), scale)
                            elif others.scales.count(scale) < UNMARKED:
                                others._add(Scene(name, view.canvas(source, block)), scale)
            except (PictureError, ValueError):
                if by_name[name]:
                    raise
        check_marks(marks, sizes)
        for scene, scale in zip(others.scenes, others.scales, strict=True):
            lessons._add(scene, scale)
        lessons.enter(marks)
        return lessons

    @property
    def grey(self) -> bool:
        """Whether an object is marked in a grey picture."""
        return any(self.channels[scene.name] == 1 for scene in self.scenes if len(scene.objects))

    def _add(self, scene: Scene, scale: int) -> None:
        self.scenes.append(scene)
        self.scales.append(scale)

    def peaks(self, canvas: Canvas, weights: Named) -> tuple[Floats, Floats] | None:
        """The places and logits that these very weights gave in a scene that shows the same; None if there is none."""
        for scene in self.scenes:
            own = scene.canvas
            if scene.peaks is None or scene.peaks[0] is not weights or own.block != canvas.block:
                continue
            if own.step == canvas.step and np.array_equal(own.pixels, canvas.pixels):
                return scene.peaks[1:]
        return None

    def taken(self) -> tuple[Mark, ...]:
        """What is taken for objects, in displayed pixels; a picture that was given by its path is called so."""
        found: list[Mark] = []
        for scene in self.scenes:
            given = self.given[scene.name]
            name = str(given) if isinstance(given, (str, Path)) else scene.name
            sizes = scene.taken[:, 2:].astype(np.float64) * scene.canvas.step
            corners = scene.canvas.outward(scene.taken[:, :2]) - sizes / 2
            found += [Mark(name, "object", *box) for box in np.concatenate([corners, sizes], 1).round(2).tolist()]
        return tuple(found)

    def enter(self, marks: tuple[Mark, ...]) -> None:
        """Enter marks in the scenes, in place of those that were there."""
        by_name = pictures_of(marks, list(self.given))
        for scene, scale in zip(self.scenes, self.scales, strict=True):
            own, c = by_name[scene.name], scene.canvas
            drawn, wrong = ([m for m in own if m.kind == kind] for kind in ("object", "not"))
            at, suits, near = self._placed(scene, scale, drawn)
            sizes = np.array([(m.w or self.box[0], m.h or self.box[1]) for m in drawn], np.float32)
            sizes = sizes.reshape(-1, 2) * np.float32(1 / c.step)
            scene.objects, scene.taken = np.concatenate([at, sizes], 1)[suits], scene.taken[:0]
            scene.aside = at[near & ~suits]
            scene.touched = bool(c.owns(at).any())
            # what is none at a scale is none at the neighbouring ones; of a point it is not known at which
            at, suits, near = self._placed(scene, scale, wrong)
            scene.nots = at[suits | near | (c.owns(at) & np.array([m.is_point for m in wrong], np.bool_))]
            regions = [(m.x, m.y, m.x + (m.w or 0), m.y + (m.h or 0)) for m in own if m.kind == "complete"]
            scene.complete = c.inward(np.array(regions, np.float64).reshape(-1, 2)).reshape(-1, 4)

    def _placed(
        self, scene: Scene, scale: int, marks: list[Mark]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Where marks lie in a scene (N, 2), which in its block its scale suits, and which there it suits about."""
        at = scene.canvas.inward(np.array([m.centre for m in marks], np.float64).reshape(-1, 2))
        inside, long = scene.canvas.owns(at), np.array([longer(m) for m in marks], np.float64)
        off = np.abs(np.log(self.views.against(long)[:, scale]))
        return at, inside & (self.views.home(long) == scale), inside & (off < np.log(NEAR))
