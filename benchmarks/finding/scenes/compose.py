"""Things laid on a surface: places, turning, shadows, light and noise; and the exact boxes of what was laid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..truth import Boxes, Pixels
from .surface import Floats, grain


@dataclass(frozen=True, eq=False)
class Thing:
    """Something to lay down.

    Args:
        picture: RGBA, larger than it will be.
        sought: whether its box is truth.
        side: its longer side in pixels, before it is turned.
        angle: degrees, counter-clockwise.
    """

    picture: Image.Image
    sought: bool
    side: float
    angle: float


@dataclass(frozen=True)
class Light:
    """How a photo is taken.

    Args:
        shadow: how dark shadows are, 0 .. 1.
        uneven: how much the light changes over the photo.
        blur: of the lens, pixels.
        noise: deviation of a pixel.
        gains: how much things differ in brightness.
    """

    shadow: float = 0.35
    uneven: float = 0.12
    blur: float = 0.5
    noise: float = 3.0
    gains: float = 0.06


def laid_out(radii: NDArray[np.float64], size: tuple[int, int], closeness: float, rng: np.random.Generator) -> Boxes:
    """Places (N, 2) for discs: no two centres nearer than ``closeness`` times the sum of the radii, none at the border.

    Raises:
        ValueError: there is no room for all.
    """
    cell = 2 * float(radii.max())
    grid: dict[tuple[int, int], list[int]] = {}
    places = np.zeros((len(radii), 2))
    for i, radius in enumerate(radii):
        for _ in range(4000):
            x, y = rng.uniform(radius + 3, np.array(size) - radius - 3)
            column, row = int(x // cell), int(y // cell)
            near = [j for a in (-1, 0, 1) for b in (-1, 0, 1) for j in grid.get((column + a, row + b), ())]
            if all(math.hypot(*(places[j] - (x, y))) >= closeness * (radius + radii[j]) for j in near):
                break
        else:
            raise ValueError(f"{len(radii)} things of radius {radii.mean():.0f} do not fit in {size[0]} x {size[1]}")
        places[i] = x, y
        grid.setdefault((column, row), []).append(i)
    return places


def turned(thing: Thing) -> Image.Image:
    """The thing's picture at its size and angle, cut to what can be seen; colours do not bleed from transparency."""
    picture = thing.picture
    scale = thing.side / max(picture.size)
    # turned at twice the size and halved: smooth edges at any angle
    double = (max(1, round(2 * scale * picture.width)), max(1, round(2 * scale * picture.height)))
    half = picture.resize(double, Image.Resampling.LANCZOS, reducing_gap=3)
    whole = half.convert("RGBa").rotate(thing.angle, Image.Resampling.BICUBIC, expand=True)
    single = (max(1, round(whole.width / 2)), max(1, round(whole.height / 2)))
    small = whole.resize(single, Image.Resampling.BOX).convert("RGBA")
    seen = small.getchannel("A").point(lambda a: 255 * (a > 127)).getbbox()
    return small.crop(seen) if seen else small


def compose(
    surface: Floats, things: Sequence[Thing], closeness: float, light: Light, rng: np.random.Generator
) -> tuple[Pixels, Boxes]:
    """Lay things on a surface.

    Args:
        surface: (H, W, 3) in 0 .. 255.
        things: what lies there, the lower ones first.
        closeness: 1: discs about the things may touch; less: things may.
        light: how the photo is taken.
        rng: of places and light.

    Returns:
        The photo, and the boxes of what is sought: the smallest about its pixels that are more than half covered.
    """
    height, width = surface.shape[:2]
    pictures = [turned(thing) for thing in things]
    radii = np.array([max(p.size) / 2 for p in pictures])
    # the largest first, as a packer would; what lies on what is as given
    order = np.argsort(-radii, kind="stable")
    places = np.zeros((len(things), 2))
    if len(things):
        places[order] = laid_out(radii[order], (width, height), closeness, rng)
    photo, boxes = surface.copy(), []
    for thing, picture, place in zip(things, pictures, places, strict=True):
        x, y = (round(float(p) - side / 2) for p, side in zip(place, picture.size, strict=True))
        _lay(photo, picture, (x, y), light, rng)
        if thing.sought:
            boxes.append((x, y, *picture.size))
    return developed(photo, light, rng), np.array(boxes, np.float64).reshape(-1, 4)


def _lay(photo: Floats, picture: Image.Image, at: tuple[int, int], light: Light, rng: np.random.Generator) -> None:
    margin = 8
    wide = Image.new("L", (picture.width + 2 * margin, picture.height + 2 * margin))
    wide.paste(picture.getchannel("A"), (margin + 2, margin + 3))
    shade = np.asarray(wide.filter(ImageFilter.GaussianBlur(2.5)), np.float32)[..., None] / 255
    left, top = at[0] - margin, at[1] - margin
    y0, x0 = max(0, top), max(0, left)
    part = photo[y0 : top + shade.shape[0], x0 : left + shade.shape[1]]
    part *= 1 - light.shadow * shade[y0 - top :, x0 - left :][: part.shape[0], : part.shape[1]]
    pixels = np.asarray(picture, np.float32)
    share = pixels[..., 3:] / 255
    gain = float(np.clip(rng.normal(1, light.gains), 0.6, 1.4))
    here = photo[at[1] : at[1] + pixels.shape[0], at[0] : at[0] + pixels.shape[1]]
    here += share * (np.minimum(gain * pixels[..., :3], 255) - here)


def developed(photo: Floats, light: Light, rng: np.random.Generator) -> Pixels:
    """Light that falls unevenly, the lens, the sensor."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    fall = 1 + light.uneven * (np.cos(angle) * x + np.sin(angle) * y) + 0.02 * grain(rng, (width, height))
    lit = np.clip(photo * fall[..., None], 0, 255).astype(np.uint8)
    soft = Image.fromarray(lit).filter(ImageFilter.GaussianBlur(light.blur))
    noisy = np.asarray(soft, np.float32) + light.noise * rng.standard_normal(photo.shape).astype(np.float32)
    return np.asarray(np.clip(noisy + 0.5, 0, 255), np.uint8)
