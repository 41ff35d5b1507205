"""What things lie on: patterns made of noise, or photographed textures, in a colour of their own."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]


def hue(rng: np.random.Generator, saturation: float = 0.35, value: float = 0.6) -> Floats:
    """A random colour (3,) in 0 .. 255 of roughly this saturation and value."""
    s, v = np.clip(rng.normal((saturation, value), (0.1, 0.08)), 0.02, 0.95)
    return np.array(colorsys.hsv_to_rgb(float(rng.random()), float(s), float(v)), np.float32) * 255


def _enlarged(grid: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(grid.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), np.float32)


def grain(rng: np.random.Generator, size: tuple[int, int], stretch: float = 1.0) -> Floats:
    """Noise of several octaves, (H, W), mean 0 and deviation 1; ``stretch`` draws it out along x like wood."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(2, 8):
        cells = 2**octave
        grid = rng.standard_normal((cells, max(2, round(cells * width / height / stretch))))
        total += _enlarged(grid.astype(np.float32), size) / octave
    return np.asarray((total - total.mean()) / total.std(), np.float32)


def texture(picture: NDArray[np.uint8], rng: np.random.Generator, size: tuple[int, int], zoom: float) -> Floats:
    """A photographed texture, (H, W), mean 0 and deviation 1: enlarged, mirrored over the whole, begun anywhere."""
    tile = Image.fromarray(picture).convert("L")
    tile = tile.resize((round(tile.width * zoom), round(tile.height * zoom)), Image.Resampling.BICUBIC)
    one = np.asarray(tile, np.float32)
    one = one - np.asarray(tile.filter(ImageFilter.GaussianBlur(60)), np.float32)
    four = np.block([[one, one[:, ::-1]], [one[::-1], one[::-1, ::-1]]])
    turns = [-(-side // whole) + 1 for side, whole in zip(size[::-1], four.shape, strict=True)]
    y, x = (int(rng.integers(side)) for side in four.shape)
    cut = np.tile(four, turns)[y : y + size[1], x : x + size[0]]
    return np.asarray((cut - cut.mean()) / max(float(cut.std()), 1e-3), np.float32)


def coloured(pattern: Floats, colour: Floats, contrast: float, rng: np.random.Generator) -> Floats:
    """A surface (H, W, 3): the pattern lightens and darkens a colour, and some of it shifts it."""
    height, width = pattern.shape
    drift = np.stack([grain(rng, (width, height)) for _ in range(3)], 2)
    whole = colour * (1 + contrast * pattern[..., None]) + 4 * drift
    return np.asarray(np.clip(whole, 0, 255), np.float32)
