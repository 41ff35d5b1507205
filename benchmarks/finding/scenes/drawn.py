"""Things that are drawn: seeds and small parts of metal, each a little different, RGBA at several times their size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 160
"""Pixels of a drawing's side."""

Draw = Callable[[np.random.Generator], Image.Image]
Plane = NDArray[np.float64]


def _axes() -> tuple[Plane, Plane]:
    """x, y of every pixel of a drawing, -1 .. 1."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return x, y


def _image(colour: NDArray[np.float64], inside: Plane) -> Image.Image:
    """An RGBA picture of (S, S, 3) in 0 .. 255 and a distance that is negative inside, in half sides."""
    alpha = np.clip(0.5 - inside * SIDE / 2, 0, 1)
    whole = np.dstack([np.clip(colour, 0, 255), 255 * alpha])
    return Image.fromarray((whole + 0.5).astype(np.uint8), "RGBA").crop(_seen(alpha))


def _seen(alpha: Plane) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(alpha.max(1) > 0.5), np.flatnonzero(alpha.max(0) > 0.5)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _painted(colour: tuple[float, float, float], shade: Plane) -> NDArray[np.float64]:
    return np.array(colour) * shade[..., None]


def _tint(rng: np.random.Generator, colour: tuple[int, int, int], spread: float = 0.08) -> tuple[float, float, float]:
    gain = 1 + spread * rng.standard_normal()
    r, g, b = (float(c * gain * (1 + 0.04 * rng.standard_normal())) for c in colour)
    return r, g, b


def _grain_of(rng: np.random.Generator, slim: float, colour: tuple[int, int, int]) -> tuple[Plane, Plane, Plane, Plane]:
    """x, y, distance and shade of an ellipse, ``slim`` times as wide as long, darker toward its rim."""
    x, y = _axes()
    slim *= 1 + 0.06 * rng.standard_normal()
    r = np.hypot(x / 0.95, y / (0.95 * slim))
    return x, y, (r - 1) * 0.95 * slim, 1.12 - 0.45 * np.clip(r, 0, 1) ** 3


def coffee_bean(rng: np.random.Generator) -> Image.Image:
    """A roasted bean with its winding cleft."""
    x, y, distance, shade = _grain_of(rng, 0.72, (0, 0, 0))
    cleft = np.abs(y - 0.13 * np.sin(3.2 * x + rng.normal(0, 0.2)))
    shade = shade * (1 - 0.75 * np.exp(-((cleft / 0.05) ** 2))) + 0.35 * np.exp(-(((cleft - 0.14) / 0.07) ** 2))
    return _image(_painted(_tint(rng, (112, 68, 40)), shade), distance)


def brown_bean(rng: np.random.Generator) -> Image.Image:
    """As a coffee bean, without the cleft."""
    _, y, distance, shade = _grain_of(rng, 0.72, (0, 0, 0))
    return _image(_painted(_tint(rng, (112, 68, 40)), shade + 0.12 * np.exp(-(((y + 0.2) / 0.2) ** 2))), distance)


def date_stone(rng: np.random.Generator) -> Image.Image:
    """Longer than a coffee bean, with a straight furrow."""
    _, y, distance, shade = _grain_of(rng, 0.42, (0, 0, 0))
    return _image(_painted(_tint(rng, (122, 84, 58)), shade * (1 - 0.6 * np.exp(-((y / 0.05) ** 2)))), distance)


def lentil(rng: np.random.Generator) -> Image.Image:
    """Round and reddish."""
    _, _, distance, shade = _grain_of(rng, 1.0, (0, 0, 0))
    return _image(_painted(_tint(rng, (150, 84, 50)), shade), distance)


def pumpkin_seed(rng: np.random.Generator) -> Image.Image:
    """Pale, pointed at one end, with a rim."""
    x, y = _axes()
    half = 0.55 * np.sqrt(np.clip(1 - (x / 0.95) ** 2, 0, 1)) * (1 - 0.35 * x)
    distance = np.abs(y) - half
    shade = 1.0 - 0.25 * np.exp(-(((distance + 0.1) / 0.05) ** 2))
    return _image(_painted(_tint(rng, (214, 200, 160)), shade), np.maximum(distance, np.abs(x) - 0.95))


def _metal(rng: np.random.Generator) -> tuple[float, float, float]:
    return _tint(rng, (168, 170, 178), 0.1)


def _shaft(y: Plane, half: float) -> Plane:
    """Brightness across a rod: light from one side and a dark far edge."""
    t = np.clip(y / half, -1, 1)
    return np.asarray(0.55 + 0.75 * np.exp(-(((t + 0.3) / 0.35) ** 2)) - 0.2 * t**4)


def _rod(rng: np.random.Generator, half: float, head: float, wide: float, thread: float) -> Image.Image:
    """A shaft along x of this half width, a head of this length and half width, and how deep its thread is."""
    x, y = _axes()
    neck = -0.96 + head
    body = np.maximum(np.maximum(neck - x, x - 0.96), np.abs(y) - half * (1 + 0.25 * thread * np.sin(48 * x - 6 * y)))
    if thread:  # the point
        body = np.maximum(body, np.abs(y) - 2.2 * np.clip(0.96 - x, 0, 1))
    top = np.maximum(np.maximum(-0.96 - x, x - neck), np.abs(y) - wide)
    shade = np.where(x > neck, _shaft(y, half) * (1 - 0.4 * thread * (np.sin(48 * x - 6 * y) > 0.2)), _shaft(y, wide))
    return _image(_painted(_metal(rng), shade), np.minimum(body, top))


def screw(rng: np.random.Generator) -> Image.Image:
    """Lying: a wide head, a threaded shaft, a point."""
    return _rod(rng, 0.15, 0.22, 0.36, 1.0)


def nail(rng: np.random.Generator) -> Image.Image:
    """Lying: a thin head, a smooth thin shaft."""
    return _rod(rng, 0.09, 0.08, 0.24, 0.0)


def pin(rng: np.random.Generator) -> Image.Image:
    """A smooth rod."""
    return _rod(rng, 0.15, 0.2, 0.15, 0.0)


def bolt(rng: np.random.Generator) -> Image.Image:
    """Lying: a square head, a smooth shaft as wide as a screw's."""
    return _rod(rng, 0.17, 0.3, 0.34, 0.0)


def _flat(rng: np.random.Generator, sides: int, hole: float, colour: tuple[float, float, float]) -> Image.Image:
    """Seen from above: a disc, or a polygon of so many sides, with a hole."""
    x, y = _axes()
    r = np.hypot(x, y)
    outside = r - 0.95
    if sides:
        turns = 2 * np.pi * np.arange(sides) / sides
        outside = np.max([np.cos(a) * x + np.sin(a) * y for a in turns], 0) - 0.82
    shade = 0.9 + 0.25 * np.exp(-(((r - 0.75) / 0.12) ** 2)) - 0.25 * (r > 0.88)
    return _image(_painted(colour, shade), np.maximum(outside, hole - r))


def nut(rng: np.random.Generator) -> Image.Image:
    """Six sides and a hole."""
    return _flat(rng, 6, 0.45, _metal(rng))


def washer(rng: np.random.Generator) -> Image.Image:
    """A ring of metal."""
    return _flat(rng, 0, 0.4, _metal(rng))


def brass_ring(rng: np.random.Generator) -> Image.Image:
    """A thin ring of brass."""
    return _flat(rng, 0, 0.72, _tint(rng, (206, 160, 70)))


def star(rng: np.random.Generator) -> Image.Image:
    """A lock washer: a ring with teeth."""
    picture = Image.new("RGBA", (SIDE, SIDE))
    pen = ImageDraw.Draw(picture)
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    radii = np.where(np.arange(32) % 2, 0.74, 0.96) * SIDE / 2
    points = [(SIDE / 2 + r * np.cos(a), SIDE / 2 + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]
    colour = tuple(int(min(255, c)) for c in _metal(rng))
    pen.polygon(points, fill=(*colour, 255))
    pen.ellipse([SIDE * 0.28] * 2 + [SIDE * 0.72] * 2, fill=(0, 0, 0, 0))
    return picture
