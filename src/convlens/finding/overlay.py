"""Drawing finds on their picture: boxes coloured by score, legible on any ground, in lines that fit the size.

A line is a bright stroke inside a dark one, so that it shows on white, on black and on every colour between.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convlens.data import open_picture
from convlens.data.source import reduced
from convlens.training.report_pictures import stretch

if TYPE_CHECKING:
    from .finds import Finds, Picture

Bytes = NDArray[np.uint8]
DARK = (16, 18, 22)
RAMP = ((255, 84, 54), (255, 205, 56), (38, 232, 190))
"""From the least certain find to the surest: red, yellow, green that is nearly blue, for those who see no red."""
EVEN = 0.5
"""The score of what is as likely an object as not: the least certain colour, unless less certain ones are claimed."""
LEGIBLE = 24
"""Pixels of a find's smaller side, below which its box would cover what is in it: such pictures are enlarged."""
TIMES, ENLARGED = 4, 2048
"""How much at most, and pixels of the longer side then."""


def shown(picture: Picture, longest: int | None = None) -> tuple[Image.Image, float]:
    """A picture as RGB bytes and how much it was shrunk.

    Args:
        picture: a file, which may be larger than memory; an array (H, W) or (H, W, C); or a Pillow image.
        longest: pixels of the longer side at most.

    Returns:
        The image, and its pixels a displayed pixel of the original: 1 or less.
    """
    if isinstance(picture, str | Path):
        with open_picture(picture) as source:
            _, height, width = source.shape
            planes = reduced(source, longest or max(height, width))
    else:
        array = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        planes = np.moveaxis(array[..., None] if array.ndim == 2 else array, -1, 0)
        if planes.dtype not in (np.uint8, np.uint16):
            planes = planes.astype(np.float32)
        height, width = planes.shape[1:]
    image = Image.fromarray(rgb(planes))
    factor = min(1.0, (longest or math.inf) / max(image.size))
    if factor < 1:
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.BOX)
    return image, image.width / width


def rgb(planes: NDArray[np.generic]) -> Bytes:
    """Channels (C, H, W) as bytes (H, W, 3): the first three, or the first as grey."""
    colours = stretch(np.asarray(planes[:3] if len(planes) >= 3 else planes[:1]))
    wide: Bytes = np.repeat(colours, 3, axis=0) if len(colours) == 1 else colours
    return np.ascontiguousarray(np.moveaxis(wide, 0, -1))


def colour(share: float) -> tuple[int, int, int]:
    """A place on the ramp, 0 to 1.

    >>> colour(0.0), colour(0.5), colour(1.0)
    ((255, 84, 54), (255, 205, 56), (38, 232, 190))
    """
    at = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    lower = min(int(at), len(RAMP) - 2)
    red, green, blue = (round(a + (b - a) * (at - lower)) for a, b in zip(RAMP[lower], RAMP[lower + 1], strict=True))
    return red, green, blue


def draw(finds: Finds, picture: Picture, longest: int | None = None) -> Image.Image:
    """The picture with a box around each find, and a stroke from its middle where the angle is known.

    Args:
        finds: what is drawn.
        picture: its pixels.
        longest: pixels of the longer side at most; a picture of finds that are too small to be seen in their boxes is
            enlarged within these. None: it is as large as the picture.
    """
    image, scale = shown(picture, longest)
    if longest is not None and len(finds):
        times = enlarged(max(image.size), float(np.median(finds.boxes[:, 2:].min(axis=1))) * scale, longest)
        if times > 1:
            image, scale = image.resize((times * image.width, times * image.height)), times * scale
    pen = ImageDraw.Draw(image)
    boxes = finds.boxes * scale
    # what is surely an object is no less so where nothing less certain is claimed
    least = min(finds.threshold, EVEN)
    # the least certain first, so that the surest lie on top where boxes overlap
    for at in range(len(finds) - 1, -1, -1):
        x, y, w, h = boxes[at]
        bright = colour((finds.scores[at] - least) / (1 - least))
        width = stroke(max(image.size), min(w, h))
        corners = (x, y, max(x, x + w - 1), max(y, y + h - 1))
        outer = (corners[0] - width, corners[1] - width, corners[2] + width, corners[3] + width)
        pen.rectangle(outer, outline=DARK, width=3 * width)
        pen.rectangle(corners, outline=bright, width=width)
        if finds.angles is not None:
            middle, reach = (x + w / 2, y + h / 2), min(w, h) / 2
            turn = finds.angles[at]
            tip = (middle[0] + reach * math.sin(turn), middle[1] - reach * math.cos(turn))
            pen.line((middle, tip), fill=DARK, width=3 * width)
            pen.line((middle, tip), fill=bright, width=width)
    return image


def enlarged(longer: int, side: float, longest: int) -> int:
    """How many times as large a picture is drawn, so that what is in a box of such a side is seen.

    >>> enlarged(384, 7, 4096), enlarged(1000, 7, 4096), enlarged(1600, 7, 4096), enlarged(384, 40, 4096)
    (4, 2, 1, 1)
    """
    wanted = math.ceil(LEGIBLE / max(side, 1.0))
    return max(1, min(wanted, TIMES, min(longest, ENLARGED) // longer))


def stroke(longest: int, side: float) -> int:
    """Width of a line: a 700th of the picture, but no more than an eighth of the box.

    >>> stroke(1400, 50), stroke(8000, 400), stroke(8000, 16)
    (2, 11, 2)
    """
    return max(1, min(round(longest / 700), round(side / 8)))
