"""Why a place was found: the marked object that it is most like, and where it has to be seen to be taken for one.

The network is asked again with a patch of the place covered by its surroundings' colour, patch by patch: where its
logit falls, there it had found something that speaks for an object (Zeiler and Fergus, 2014). What is found is told,
nothing decided.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens import engine

from .canvas import Block, Canvas, View
from .network import STRIDE, Named, network
from .overlay import rgb
from .templates import Templates

Floats = NDArray[np.float32]

SIDE = 64
"""Working pixels of the square that is looked at: twice an object, and more than the network sees about its middle."""
PATCH, STEP = 12, 6
"""Working pixels of a patch's side, and between neighbouring patches."""
RING = 6
"""Width of the rim whose colour covers: the surroundings of the object."""
SHOWN = 96
"""Pixels of a picture's side."""
DARKEST = 0.15
"""Of its light, what is left of a place that did not matter."""


@dataclass(frozen=True, eq=False)
class Why:
    """What speaks for one place.

    Args:
        mark: the number of the marked object that it is most like, among those that the finder compares with.
        alike: how like it is, -1 to 1, a copy (``likeness.py``).
        fit: how closely that fits when it is laid on the place, 1 a copy (``register.py``).
        turned: by how much it is turned against it, in radians, clockwise.
        firm: the network's logit.
        heat: (SIDE, SIDE) by how much the logit falls where that is covered, the mean over the patches that cover it.
        place: (C, SIDE, SIDE) the place at the working scale.
        example: (C, S, S) the marked object, likewise.
    """

    mark: int
    alike: float
    fit: float
    turned: float
    firm: float
    heat: Floats
    place: Floats
    example: Floats

    def tiles(self) -> NDArray[np.uint8]:
        """The place, the same with what did not matter in the dark, and the marked object: (3, SHOWN, SHOWN, 3)."""
        place, example = _bytes(self.place), _middle(_bytes(self.example))
        light = np.clip(self.heat / max(1e-6, float(self.heat.max())), 0, 1)[..., None]
        lit = (DARKEST + (1 - DARKEST) * light) * place
        shown = [Image.fromarray(tile.astype(np.uint8)) for tile in (place, lit, example)]
        return np.stack([np.asarray(s.resize((SHOWN, SHOWN), Image.Resampling.BILINEAR)) for s in shown])

    def draw(self) -> Image.Image:
        """The tiles side by side."""
        return Image.fromarray(np.concatenate(list(self.tiles()), axis=1))

    def __str__(self) -> str:
        """What speaks for the place, in a line."""
        turned = round(float(np.degrees(self.turned)))
        way = f", turned by {turned} degrees" if turned else ""
        like = f"{self.alike:.2f} like mark {self.mark + 1}{way}, which fits by {self.fit:.2f}"
        return f"{like}; the network says {self.firm:+.1f}"

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.draw().save(content, "PNG")
        return content.getvalue()


class Asker:
    """Asks what speaks for places in a picture.

    Args:
        view: how pictures are seen.
        weights: of the network.
        templates: the marked objects that places are compared with.
    """

    def __init__(self, view: View, weights: Named, templates: Templates) -> None:
        self._templates = templates
        self._program = engine.compile(network(view.channels, SIDE, SIDE), weights)

    def ask(self, canvas: Canvas, places: Floats) -> list[Why]:
        """What speaks for places (N, 2), in the canvas' pixels."""
        likeness, found = self._templates.likeness, []
        alike, variants = likeness.matched(canvas.pixels, places)
        marks, own = alike.argmax(axis=1), np.arange(len(places))
        best = np.full_like(alike, np.nan)
        best[own, marks] = alike[own, marks]
        how = likeness.angles[variants], likeness.scales[variants]
        fits = self._templates.register.lay(canvas.pixels, places, best, *how).fits[own, marks]
        for place, mark, like, fit, variant in zip(
            places, marks, alike[own, marks], fits, variants[own, marks], strict=True
        ):
            square = _square(canvas.pixels, place)
            logits = self._firm(np.concatenate([square[None], _covered(square)]))
            # angles of templates are against the clock
            turned = -float(likeness.angles[variant])
            heat = _heat(logits[0] - logits[1:])
            example = self._templates.examples[mark]
            found.append(Why(int(mark), float(like), float(fit), turned, float(logits[0]), heat, square, example))
        return found

    def _firm(self, squares: Floats) -> Floats:
        """The largest logit of the cells about the middle of each square."""
        middle = SIDE // STRIDE // 2
        found: Floats = self._program(squares)[:, 0, middle - 2 : middle + 2, middle - 2 : middle + 2].max(axis=(1, 2))
        return found


def block_about(view: View, size: tuple[int, int], place: NDArray[np.float64]) -> Block:
    """A part of a picture, (height, width) in working pixels, in which a place in displayed pixels lies."""
    y0, x0 = (min(max(int(at // view.step), 0), n - 1) // SIDE * SIDE for at, n in zip(place[::-1], size, strict=True))
    return Block(y0, x0, min(size[0], y0 + SIDE), min(size[1], x0 + SIDE))


def _square(pixels: Floats, place: Floats) -> Floats:
    """The square about a place, its edge repeated beyond the canvas; it begins where a cell of the network does."""
    corner = np.rint(place / STRIDE).astype(int) * STRIDE - SIDE // 2
    x, y = (np.clip(np.arange(at, at + SIDE), 0, n - 1) for at, n in zip(corner, pixels.shape[:0:-1], strict=True))
    return np.ascontiguousarray(pixels[:, y[:, None], x])


def _patches() -> list[tuple[int, int]]:
    starts = range(0, SIDE - PATCH + 1, STEP)
    return list(product(starts, starts))


def _covered(square: Floats) -> Floats:
    """The square with each patch covered: (patches, C, SIDE, SIDE)."""
    rim = np.ones((SIDE, SIDE), np.bool_)
    rim[RING:-RING, RING:-RING] = False
    colour = np.median(square[:, rim], axis=1)
    covered = np.repeat(square[None], len(_patches()), axis=0)
    for one, (y, x) in zip(covered, _patches(), strict=True):
        one[:, y : y + PATCH, x : x + PATCH] = colour[:, None, None]
    return covered


def _heat(falls: Floats) -> Floats:
    """The mean fall over the patches that cover each pixel."""
    total, times = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for fall, (y, x) in zip(falls, _patches(), strict=True):
        total[y : y + PATCH, x : x + PATCH] += fall
        times[y : y + PATCH, x : x + PATCH] += 1
    found: Floats = np.divide(total, np.maximum(times, 1), dtype=np.float32)
    return found


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture (S, S, 3), as much of it as a square shows."""
    away = max(0, (len(pixels) - SIDE) // 2)
    return pixels[away : len(pixels) - away, away : len(pixels) - away]


def _bytes(pixels: Floats) -> NDArray[np.uint8]:
    """Working pixels (C, H, W), black at -2 and white at 2, as (H, W, 3)."""
    return rgb(np.clip((pixels + 2) * (255 / 4), 0, 255).round().astype(np.uint8))
