"""Small pictures of examples: pictures, volumes and signals become thumbnails, thumbnails become one sprite sheet.

A sheet is one PNG (JPEG where colour photographs would make the page heavy) that CSS cuts into cells by offsets, so
a thousand thumbnails are one image. Signals are drawn as vector lines instead: sharp, small, and in the page's colour.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .report_text import text

SIDE = 64  # a thumbnail's longest side, pixels
SHOWN = 96  # the side at which the page shows it, CSS pixels
POINTS = 96  # of a signal, after thinning
TRACE = 40  # height of a signal's drawing, in its own units
SAID = 160  # characters of a text that a tile shows
CHUNK = 64  # examples in memory at once: 64 pictures of 2048x2048x3 bytes are 0.8 GB, and the reader may hold no more
HEAVY = 1_600_000  # bytes of PNG above which colour thumbnails are stored as JPEG
QUALITIES = (88, 75, 60)  # of JPEG, the first that is not heavy

Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Album:
    """The thumbnails of some examples: ``css`` that all of them need, and one element for each, by position."""

    css: str
    elements: tuple[str, ...]
    kind: str  # "signal" | "picture" | "volume" | "text"
    stretched: bool


def album(
    read: Read, indices: np.ndarray, labels: list[str], spell: Callable[[np.ndarray], str] | None = None
) -> Album:
    """Thumbnails of the examples ``indices``, read a few at a time; ``labels`` are their spoken descriptions.

    Texts, which ``spell`` makes of raw examples, are shown as they read.
    """
    if len(indices) == 0:
        return Album("", (), "picture", False)
    if spell is not None:
        return Album(
            "",
            tuple(_quoted(spell(np.asarray(read(indices[at : at + 1]))[0])) for at in range(len(indices))),
            "text",
            False,
        )
    thumbs: list[np.ndarray] = []
    drawings: list[str] = []
    kind, stretched = "picture", False
    for start in range(0, len(indices), CHUNK):
        raw = np.asarray(read(indices[start : start + CHUNK]))
        if raw.ndim not in (3, 4, 5):
            raise ValueError(f"examples must have shape (n, C, *spatial) with 1 to 3 spatial axes, not {raw.shape}")
        kind = {3: "signal", 4: "picture", 5: "volume"}[raw.ndim]
        stretched = stretched or raw.dtype != np.uint8
        if kind == "signal":
            drawings += [trace(one) for one in raw]
        else:
            thumbs += [thumbnail(one) for one in raw]
    if kind == "signal":
        spoken = zip(drawings, labels, strict=True)
        return Album("", tuple(svg.replace("<svg", f"<svg {_spoken(label)}", 1) for svg, label in spoken), kind, True)
    css, places = sheet("pic", np.stack(thumbs), SHOWN)
    pairs = zip(places, labels, strict=True)
    return Album(css, tuple(f'<i class="pic" {_spoken(label)} {at}></i>' for at, label in pairs), kind, stretched)


def _quoted(said: str) -> str:
    """A text in a box: its beginning, the whole of it for the pointer."""
    shown = said if len(said) <= SAID else said[:SAID] + "…"
    return f'<q class="said" title="{text(said)}">{text(shown)}</q>'


def _spoken(label: str) -> str:
    return f'role="img" aria-label="{text(label)}"'


def stretch(values: np.ndarray) -> np.ndarray:
    """Values as bytes: uint8 as it is, anything else between its 0.5 % and 99.5 % percentiles."""
    if values.dtype == np.uint8:
        return values
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(bound) for bound in np.percentile(values, (0.5, 99.5)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scale = 255 / (high - low) if high > low else 0.0
    scaled: np.ndarray = np.clip((values - low) * scale, 0, 255).round().astype(np.uint8)
    return scaled


def thumbnail(example: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) or the three middle slices of a volume (C, D, H, W) as bytes (h, w, 1, 3 or 4)."""
    if example.ndim == 4:
        return _slices(example[0])
    colours = example if len(example) == 3 else example[:1]
    return _shrink(np.moveaxis(stretch(colours), 0, -1))


def _slices(volume: np.ndarray) -> np.ndarray:
    """The middle slices of a volume (D, H, W) across depth, height and width, side by side, one clear pixel apart."""
    depth, height, width = (size // 2 for size in volume.shape)
    grey = stretch(volume)
    cuts = [_shrink(cut[..., None]) for cut in (grey[depth], grey[:, height], grey[:, :, width])]
    tall = max(len(cut) for cut in cuts)
    opaque = [np.concatenate([np.repeat(cut, 3, axis=2), np.full_like(cut, 255)], axis=2) for cut in cuts]
    padded = [np.pad(cut, ((0, tall - len(cut)), (0, 1), (0, 0))) for cut in opaque]
    return np.concatenate(padded, axis=1)[:, :-1]


def _shrink(pixels: np.ndarray) -> np.ndarray:
    """At most SIDE pixels a side; smaller pictures keep every pixel."""
    height, width, channels = pixels.shape
    factor = SIDE / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(np.ascontiguousarray(pixels if channels == 3 else pixels[..., 0]))
    small = np.asarray(picture.resize(size, Image.Resampling.BOX))
    return small.reshape(size[1], size[0], channels)


def sheet(name: str, cells: np.ndarray, shown: int) -> tuple[str, list[str]]:
    """One image of many cells (n, h, w, 1 | 3 | 4 channels), and the style attribute that picks each cell.

    ``.name`` is the class of an element that shows a cell about ``shown`` CSS pixels large. Each cell is surrounded by
    its own edge pixels, so that a zoomed page never shows a neighbour's.
    """
    count, height, width, channels = cells.shape
    columns = max(1, math.ceil(math.sqrt(count * height / width)))
    encoded, kind, margin = _encode(cells, columns), "png", 1
    if channels == 3 and len(encoded) > HEAVY:
        margin = 4 + (-max(height, width) % 8) // 2  # JPEG works in blocks of 8: no block may see two cells
        kind, tries = "jpeg", (_encode(cells, columns, margin, quality) for quality in QUALITIES)
        encoded = next((one for one in tries if len(one) <= HEAVY), b"") or _encode(cells, columns, margin, 40)
    scale: float = shown / max(height, width * (1 if width < 2 * height else 0.5))
    pixelated = scale >= 1.75
    scale = max(1, math.floor(scale)) if pixelated else scale
    pitch = (width + 2 * margin) * scale, (height + 2 * margin) * scale
    css = (
        f":root{{--{name}:{max(width * scale, 100):g}px}}"
        f".{name}{{width:{width * scale:g}px;height:{height * scale:g}px;"
        f"background:url(data:image/{kind};base64,{base64.b64encode(encoded).decode()});"
        f"background-size:{columns * pitch[0]:g}px auto;"
        f"background-position:calc(var(--x)*{-pitch[0]:g}px - {margin * scale:g}px) "
        f"calc(var(--y)*{-pitch[1]:g}px - {margin * scale:g}px);"
        f"image-rendering:{'pixelated' if pixelated else 'auto'}}}"
    )
    return css, [f'style="--x:{at % columns};--y:{at // columns}"' for at in range(count)]


def _encode(cells: np.ndarray, columns: int, margin: int = 1, quality: int = 0) -> bytes:
    """The cells in rows of ``columns``, each with its margin, as PNG; with a ``quality`` as JPEG."""
    count, height, width, channels = cells.shape
    rows = math.ceil(count / columns)
    height, width = height + 2 * margin, width + 2 * margin
    grid = np.zeros((rows * columns, height, width, channels), np.uint8)
    grid[:count] = np.pad(cells, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="edge")
    pixels = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    pixels = pixels.reshape(rows * height, columns * width, channels)
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels))
    buffer = io.BytesIO()
    if not quality:
        # of photographs the highest level makes a twentieth less, in five times the time
        picture.save(buffer, "PNG", compress_level=6)
    else:
        picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def trace(signal: np.ndarray) -> str:
    """A signal (C, W) as lines in an SVG, at most three channels, all on one vertical scale."""
    channels = np.nan_to_num(np.asarray(signal[:3], np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(channels.min()), float(channels.max())
    span = high - low or 1.0
    lines = []
    for number, values in enumerate(channels):
        heights = np.round((high - _thin(values)) / span * TRACE).astype(int)
        steps = "".join(f"l1 {step}" if step >= 0 else f"l1{step}" for step in np.diff(heights))
        lines.append(f'<path class="s{number}" d="M0 {heights[0]}{steps or "h1"}"/>')
    across = max(1, len(_thin(channels[0])) - 1)
    view = f"0 -1 {across} {TRACE + 2}"
    return f'<svg class="trace" viewBox="{view}" preserveAspectRatio="none">{"".join(lines)}</svg>'


def _thin(values: np.ndarray) -> np.ndarray:
    """At most POINTS values: of each stretch its lowest and highest, in turn, so that peaks survive."""
    if len(values) <= POINTS:
        return values
    parts = np.array_split(values, POINTS // 2)
    return np.array([extreme for part in parts for extreme in _extremes(part)], np.float32)


def _extremes(part: np.ndarray) -> tuple[float, float]:
    first, last = sorted((int(part.argmin()), int(part.argmax())))
    return float(part[first]), float(part[last])
