"""What is known of a picture while a finder learns: its canvas, the marks on it, and the places that were looked at.

All positions are in the canvas' pixels. Unmarked is unknown: only objects, rejected places and declared regions are
certain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Floats
from .network import Named
from .warp import matrices, sample


def _none(columns: int) -> Floats:
    return np.zeros((0, columns), np.float32)


@dataclass(eq=False)
class Scene:
    """A picture, or a block of a large one, that is learned from.

    Args:
        name: of the picture.
        canvas: its pixels, or a block of them.
        objects: (N, 4) centre x, y, width and height of the marked objects.
        nots: (N, 2) centres of what was rejected.
        complete: (N, 4) x, y, x, y: regions in which every object is marked.
        unknown: (N, 2) places that may be unmarked objects.
        hard: (N, 2) places that look like objects and are taken for none.
        taken: (N, 4) centre x, y, width and height of what is taken for unmarked objects (``taken.py``).
        aside: (N, 2) centres of marked objects that another working scale suits better, and this one about.
        touched: whether objects that any scale suits are marked on it.
        peaks: the weights with which it was last searched, and the places and logits that were found with them.
    """

    name: str
    canvas: Canvas
    objects: Floats = field(default_factory=lambda: _none(4))
    nots: Floats = field(default_factory=lambda: _none(2))
    complete: Floats = field(default_factory=lambda: _none(4))
    unknown: Floats = field(default_factory=lambda: _none(2))
    hard: Floats = field(default_factory=lambda: _none(2))
    taken: Floats = field(default_factory=lambda: _none(4))
    aside: Floats = field(default_factory=lambda: _none(2))
    touched: bool = False
    peaks: tuple[Named, Floats, Floats] | None = field(default=None, repr=False)

    @property
    def marked(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.touched or len(self.objects) or len(self.nots) or len(self.complete))

    @property
    def known(self) -> Floats:
        """(N, 2) the places of which the marks say what they are."""
        return np.concatenate([self.objects[:, :2], self.nots])

    @property
    def shown(self) -> Floats:
        """(N, 4) all that is shown as objects: the marked ones, and what is taken for such."""
        return np.concatenate([self.objects, self.taken])


@dataclass(frozen=True, eq=False)
class Patch:
    """A marked thing cut out with its surroundings, to be laid elsewhere.

    Args:
        pixels: (C + 1, S, S): the channels and, last, how much of the thing covers each pixel: a tight mask.
        soft: the same with a mask that follows the box alone.
        size: width and height of its box.
    """

    pixels: Floats
    soft: Floats
    size: tuple[float, float]


REACH = 0.75
"""Half a patch's side in sides of its box."""


def patch(canvas: Canvas, box: Floats) -> Patch:
    """Cut a thing out of a canvas; ``box`` is its centre x, y, width and height."""
    width, height = float(box[2]), float(box[3])
    side = 2 * int(np.ceil(REACH * max(width, height))) + 1
    turn = matrices(np.zeros(1, np.float32), np.ones(1, np.float32))
    pixels = sample([canvas.pixels], side, box[None, :2], turn)[0].reshape(-1, side, side)
    radius = _radius(side, (width, height))
    within = np.clip((1.15 - radius) / 0.2, 0, 1)
    tight = within * unlike(pixels, _ring(radius))
    if tight[radius < 1].mean() < 0.15:
        tight = within
    return Patch(_with(pixels, tight), _with(pixels, within), (width, height))


def outline(thing: Patch) -> NDArray[np.bool_]:
    """Which pixels (S, S) of a patch are of the thing: unlike its surroundings, up to the corners of its box."""
    side = thing.pixels.shape[1]
    x, y = _offsets(side, thing.size)
    found = (unlike(thing.pixels[:-1], _ring(_radius(side, thing.size))) > 0.5) & (x < 1.05) & (y < 1.05)
    whole: NDArray[np.bool_] = found if found[(x < 1) & (y < 1)].mean() > 0.15 else thing.pixels[-1] > 0.5
    return whole


def _offsets(side: int, size: tuple[float, float]) -> tuple[Floats, Floats]:
    """How far the columns (1, S) and the rows (S, 1) of a square are from its middle, in halves of a box in it."""
    ramp = np.abs(np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2))
    return ramp[None, :] / np.float32(size[0] / 2), ramp[:, None] / np.float32(size[1] / 2)


def _radius(side: int, size: tuple[float, float]) -> Floats:
    """1 on the superellipse of the fourth degree in a box, which is nearer to the box than an ellipse is."""
    x, y = _offsets(side, size)
    found: Floats = (x**4 + y**4) ** 0.25
    return found


def _ring(radius: Floats) -> NDArray[np.bool_]:
    return (radius > 1.05) & (radius < 1.45)


def _with(pixels: Floats, mask: NDArray[np.floating]) -> Floats:
    return np.concatenate([pixels, mask[None].astype(np.float32)])


def unlike(pixels: Floats, ring: NDArray[np.bool_]) -> Floats:
    """How unlike the pixels of a ring each pixel is: 0 to 1."""
    around = pixels[:, ring]
    if not around.size:
        return np.ones(pixels.shape[1:], np.float32)
    middle = np.median(around, axis=1)[:, None]
    spread = 1.5 * np.median(np.abs(around - middle), axis=1)[:, None] + 0.08
    distance = np.sqrt((((pixels - middle[..., None]) / spread[..., None]) ** 2).mean(axis=0))
    found: Floats = np.clip((distance - 1.5) / 2.0, 0, 1).astype(np.float32)
    return found
