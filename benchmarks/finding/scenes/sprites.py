"""Things that packages carry: glyphs of a colour font, clothes of Fashion-MNIST, faces and coins of scikit-image.

Each raises MissingError with the package's name where it is not installed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from convlens.data import ArraySplit, load
from convlens.data.errors import DataError

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
GLYPH = 109
"""The one size of the font's pictures."""


class MissingError(Exception):
    """A package that a family is made of is not installed; says which."""


@cache
def glyph(text: str, font: Path = FONT) -> Image.Image:
    """A glyph of the colour font, RGBA, cut to what can be seen."""
    if not font.is_file():
        raise MissingError(f"needs {font.name}, of Debian's fonts-noto-color-emoji")
    picture = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(picture).text((12, 12), text, font=ImageFont.truetype(font, GLYPH), embedded_color=True)
    seen = picture.getbbox()
    if seen is None:
        raise MissingError(f"{font.name} has no picture for {text}")
    return picture.crop(seen)


@cache
def clothes(kind: int) -> list[Image.Image]:
    """The test pictures of a class of Fashion-MNIST: RGBA, 112 x 112 cut to what can be seen, black is transparent."""
    try:
        data = load("fashion-mnist")
    except DataError as error:
        raise MissingError(f"needs Fashion-MNIST: {error}") from error
    split = data.test
    if not isinstance(split, ArraySplit):
        raise MissingError("needs Fashion-MNIST with its test split")
    return [_cloth(x[0]) for x in split.x[split.y == kind][:300]]


def _cloth(grey: NDArray[np.uint8]) -> Image.Image:
    large = Image.fromarray(grey).resize((112, 112), Image.Resampling.BICUBIC)
    alpha = large.point(lambda v: min(255, max(0, (v - 12) * 12)))
    seen = alpha.point(lambda v: 255 * (v > 127)).getbbox()
    return Image.merge("RGBA", (large, large, large, alpha)).crop(seen)


@cache
def photographs() -> dict[str, NDArray[np.uint8]]:
    """Textures of scikit-image by name."""
    data = _skimage()
    return {name: np.asarray(getattr(data, name)()) for name in ("grass", "gravel", "brick")}


@cache
def faces() -> tuple[list[Image.Image], list[Image.Image]]:
    """A hundred faces (Labeled Faces in the Wild) and a hundred pieces of photos without: RGBA 100 x 100, oval."""
    grey = np.asarray(_skimage().lfw_subset()) * 255
    y, x = np.mgrid[-1:1:100j, -1:1:100j]
    oval = Image.fromarray((255 * np.clip((1 - np.hypot(x / 0.86, y)) / 0.12, 0, 1)).astype(np.uint8))
    found = []
    for one in grey:
        large = Image.fromarray(one.astype(np.uint8)).resize((100, 100), Image.Resampling.BICUBIC)
        found.append(Image.merge("RGBA", (large, large, large, oval)))
    return found[:100], found[100:]


@cache
def coins() -> NDArray[np.uint8]:
    """The photograph of 24 coins, (303, 384)."""
    return np.asarray(_skimage().coins())


def _skimage() -> Any:
    try:
        from skimage import data  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingError("needs scikit-image") from error
    return data
