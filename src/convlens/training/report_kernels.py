"""The first layer's kernels as small multiples: blue for positive weights, orange for negative, nothing for zero.

Zero is transparent, so one picture suits a light and a dark page. Kernels of signals are bars, of volumes slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .report_pictures import sheet

KERNELS = 64
CHANNELS = 4  # input channels drawn of each kernel
PLANES = 12  # pictures of one kernel: channels times slices
BARS = 96  # weights of a signal's kernel drawn as bars
POSITIVE, NEGATIVE = (47, 105, 222), (222, 98, 33)


@dataclass(frozen=True)
class KernelSet:
    """The drawings of one moment: style they need, one element per kernel, and what was left out, in words."""

    css: str
    figures: tuple[str, ...]
    left_out: str


def reach(*weights: np.ndarray | None) -> float:
    """The largest finite size of a weight among the arrays: both ends of the scale, zero in its middle."""
    sizes = [float(np.nan_to_num(np.abs(w), nan=0.0, posinf=0.0).max(initial=0.0)) for w in weights if w is not None]
    return max(sizes, default=0.0) or 1.0


def draw(name: str, weight: np.ndarray, limit: float) -> KernelSet:
    """The kernels (O, C, *kernel) on a scale from -limit to limit; ``name`` is the CSS class of their cells."""
    weight = np.nan_to_num(np.asarray(weight, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if weight.ndim == 2:  # a linear layer's rows: signals of one channel
        weight = weight[:, None]
    shown = weight[:KERNELS, :CHANNELS] if weight.shape[1] > CHANNELS else weight[:KERNELS]
    words = [f"{len(weight) - KERNELS} more kernels"] if len(weight) > KERNELS else []
    if weight.shape[1] > CHANNELS:
        words.append(f"{weight.shape[1] - CHANNELS} more input channels")
    left_out = f" Not drawn: {' and '.join(words)}." if words else ""
    if weight.ndim == 3:
        return KernelSet("", tuple(_figure(at, bars(kernel, limit)) for at, kernel in enumerate(shown)), left_out)
    planes = _planes(shown)
    count, each, height, width = planes.shape
    cells = diverging(planes.reshape(-1, height, width), limit)
    per = each
    if weight.ndim == 4 and weight.shape[1] == 3:  # an RGB input: the three planes together as a colour, in front
        colour = _colour(shown, limit)
        cells = np.concatenate([colour[:, None], cells.reshape(count, each, height, width, 4)], axis=1)
        per, cells = each + 1, cells.reshape(-1, height, width, 4)
    css, places = sheet(name, cells, 44 if per > 1 else 66 if count > 16 else 110)
    pictures = [f'<i class="{name} kernel" {place}></i>' for place in places]
    figures = (_figure(at, "".join(pictures[at * per : (at + 1) * per])) for at in range(count))
    return KernelSet(css, tuple(figures), left_out)


def _figure(at: int, drawing: str) -> str:
    name = f'role="img" aria-label="kernel {at + 1}"'
    return f"<figure {name}><div>{drawing}</div><figcaption>{at + 1}</figcaption></figure>"


def _planes(weight: np.ndarray) -> np.ndarray:
    """Two-dimensional pictures (O, planes, height, width): the channels, and of a volume's kernel their slices."""
    if weight.ndim == 4:
        return weight
    count, channels, depth, height, width = weight.shape
    room = max(1, PLANES // channels)
    slices = np.unique(np.linspace(0, depth - 1, min(depth, room)).round().astype(int))
    return weight[:, :, slices].reshape(count, channels * len(slices), height, width)


def diverging(planes: np.ndarray, limit: float) -> np.ndarray:
    """Values (n, h, w) as RGBA bytes: the sign is the hue, the size is the opacity."""
    share = np.clip(planes / limit, -1, 1)[..., None]
    hue = np.where(share >= 0, np.array(POSITIVE, np.float32), np.array(NEGATIVE, np.float32))
    cells: np.ndarray = np.concatenate([hue, np.abs(share) * 255], axis=-1).round().astype(np.uint8)
    return cells


def _colour(weight: np.ndarray, limit: float) -> np.ndarray:
    """Kernels (O, 3, h, w) as opaque colours: mid-grey is zero."""
    rgb = np.moveaxis(np.clip(weight / limit, -1, 1), 1, -1) * 127.5 + 127.5
    opaque = np.concatenate([rgb, np.full((*rgb.shape[:-1], 1), 255.0)], axis=-1)
    cells: np.ndarray = opaque.round().astype(np.uint8)
    return cells


def bars(kernel: np.ndarray, limit: float) -> str:
    """A signal's kernel (C, width) as bars up and down from zero, one drawing a channel."""
    drawings = []
    for channel in kernel:
        if len(channel) > BARS:
            channel = np.array([part.mean() for part in np.array_split(channel, BARS)])
        heights = np.clip(channel / limit, -1, 1) * 20
        shapes = "".join(
            f'<path class="{"up" if high >= 0 else "down"}" d="M{at + 0.5} 20v{-high:.1f}"/>'
            for at, high in enumerate(heights)
        )
        drawings.append(
            f'<svg class="bars" viewBox="0 0 {len(channel)} 40" preserveAspectRatio="none">'
            f'{shapes}<path class="zero" d="M0 20H{len(channel)}"/></svg>'
        )
    return "".join(drawings)
