"""``animate``: a kernel slides over an array, step by step, as a film to look at, to save and to show in a notebook."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.engine.borders import Border
from convlens.network.layers import Padding, Sizes

from .errors import FilterError
from .figures.comparison import comparison, rows
from .figures.curves import curves
from .figures.files import Progress, packed
from .figures.numbers import numbers
from .figures.photo import Sweep, photo, reduced, sweeps
from .figures.scene import Scene, scene
from .figures.shapes import Film
from .media import put
from .notation import kernel as read
from .plan import COLOURS
from .sliding import cells_of

WIDTH = 960
"""Pixels, where nobody says how wide."""
STEPS = 150
"""Steps at most, where nobody says how many."""
SECONDS, BRISK = 1.6, 0.1
"""How long a step lasts: time to read its numbers, or to follow the window."""
SMALL = 40
"""Cells along an axis of an input up to which it is tried to show their numbers."""
LONGEST = 600
"""Cells of a signal that are shown, or four times as many as the kernel has taps."""


@dataclass(frozen=True)
class Animation:
    """A film of a kernel at work; in a notebook it plays by itself.

    Args:
        film: what is seen.
        width: pixels.
        remarks: what was done to the input that may surprise.
    """

    film: Film
    width: int = WIDTH
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.film.stop - self.film.first) * self.film.seconds

    def save(self, path: str | Path, progress: Progress | None = None) -> None:
        """Write a file, in one step: an animated .svg or .gif, an .mp4 (by ffmpeg), or a .png of the last step.

        Raises:
            FilterError: the name says something else, there is no ffmpeg, or the disk does not take the file.
        """
        path = Path(path)
        if path.is_dir():
            raise FilterError(f"{path} is a folder; name a file such as {path / 'step.gif'}")
        put(path, packed(self.film, path.suffix.lower(), self.width, progress))

    def _repr_html_(self) -> str:
        """For notebooks. As a picture, so that its style is nobody else's."""
        source = base64.b64encode(packed(self.film, ".svg", self.width)).decode()
        shown = f'width="{self.width}" style="max-width:100%;height:auto" alt="{self.film.title}"'
        return f'<img {shown} src="data:image/svg+xml;base64,{source}">'


def animate(
    array: ArrayLike,
    kernel: str | ArrayLike,
    pad: Padding | str = 0,
    stride: Sizes | str = 1,
    dilation: Sizes | str = 1,
    flip: bool = False,
    border: Border = "zero",
    add: bool = False,
    step: int | None = None,
    frames: int = STEPS,
    seconds: float | None = None,
    width: int = WIDTH,
) -> Animation:
    """Show how a kernel slides over an array.

    Args:
        array: a signal (N,) or (N, C), or a picture (H, W) or (H, W, C) of up to four channels. Any real numbers. What
            is too large for its numbers to be read is shown as a picture, reduced, or as stairs, an excerpt.
        kernel: its numbers, or text, see ``convlens.filtering.kernel``. A plane more in front, one a channel, and the
            channels are added up, as a network adds them; with one plane each channel is by itself.
        pad, stride, dilation: numbers, one an axis, or text as the notation has it: ``"1x2"``, ``"1+2"``, ``"same"``.
        flip: convolve as mathematics does: the kernel is turned around first, before one's eyes.
        border: what stands in the padding, in numpy.pad's words.
        add: add up the channels though the kernel has one plane.
        step: show one place of the window alone, counted from 1, row by row.
        frames: steps at most; of more places some are shown, evenly spread.
        seconds: how long each step lasts.
        width: pixels.

    Raises:
        FilterError: an argument cannot be; the sentence names it.
        NetworkError: the kernel does not fit, or a size is none.

    >>> found = animate([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    >>> found.film.title
    '1x3x3: conv 1 2  →  1x2x2'
    """
    taps = kernel if isinstance(kernel, str) else cells_of(kernel).astype(np.float64)
    planes = _planes(array, 2 if isinstance(taps, str) else taps.ndim)
    return shown(planes, taps, pad, stride, dilation, flip, border, add, step, frames, seconds, width)


def shown(
    planes: NDArray[Any],
    kernel: str | NDArray[np.float64],
    pad: Padding | str,
    stride: Sizes | str,
    dilation: Sizes | str,
    flip: bool,
    border: Border,
    add: bool,
    step: int | None,
    frames: int,
    seconds: float | None,
    width: int,
) -> Animation:
    """``animate`` of an input whose channels stand in front: (C, N) a signal, (C, H, W) a picture."""
    _check(frames, seconds, width)
    _finite(planes)
    taps = read(kernel, planes.ndim - 1) if isinstance(kernel, str) else kernel
    how = pad, stride, dilation, flip, border, add
    if max(planes.shape[1:]) <= SMALL:
        made = scene(planes.astype(np.float64), taps, *how)
        film = numbers(made, chosen(made, step, frames), seconds or SECONDS)
        if film is not None:
            return Animation(film, width)
    if planes.ndim == 2:
        part, remarks = _excerpt(planes, taps, add)
        made = scene(part, taps, *how)
        return Animation(curves(made, chosen(made, step, frames), seconds or BRISK), width, remarks)
    small = reduced(planes)
    made = scene(small, taps, *how)
    if step is None:
        route = sweeps(made.outputs.shape[1], made.outputs.shape[2], frames)
    else:
        row, column = divmod(chosen(made, step, 1)[0], made.outputs.shape[2])
        route = [Sweep(row, column, row, row)]
    size = f"reduced from {planes.shape[1]}x{planes.shape[2]} pixels to {small.shape[1]}x{small.shape[2]}"
    return Animation(photo(made, route, seconds or BRISK), width, (size,) if small.shape != planes.shape else ())


def compare(
    signal: ArrayLike,
    other: ArrayLike,
    step: int | None = None,
    frames: int = STEPS,
    seconds: float | None = None,
    width: int = WIDTH,
) -> Animation:
    """Show two signals' convolution and cross-correlation and the first one's auto-correlation, below each other.

    Args:
        signal, other: (N,) and (M,) real numbers.
        step, frames, seconds, width: as ``animate`` has them.

    Raises:
        FilterError: an argument cannot be; the sentence names it.

    >>> compare([0, 1, 1, 0], [1, 0.5]).film.title
    'Convolution, cross-correlation, auto-correlation of signals of 4 and 2 cells'
    """
    _check(frames, seconds, width)
    parts: list[NDArray[np.float64]] = []
    remarks: list[str] = []
    for name, given in (("signal", signal), ("other signal", other)):
        x = cells_of(given).astype(np.float64)
        if x.ndim != 1:
            raise FilterError(f"the {name} has the shape {x.shape}; compared are signals of one channel, (N,)")
        _finite(x)
        first, stop = _loudest(x, LONGEST // 2)
        remarks += [f"of the {name}'s {len(x):,} cells {first:,} to {stop - 1:,} are shown"] * (stop - first < len(x))
        parts.append(x[first:stop])
    found = rows(*parts)
    film = comparison(found, chosen(found[0].scene, step, frames), seconds or BRISK)
    return Animation(film, width, tuple(remarks))


# ---- what is asked, and what of it is shown ----


def _finite(x: NDArray[Any]) -> None:
    if bad := int((~np.isfinite(x)).sum()):
        some = "number" if bad == 1 else "numbers"
        raise FilterError(f"the input holds {bad} NaN or infinite {some}, with which there is nothing to add up")


def _excerpt(planes: NDArray[Any], taps: NDArray[np.float64], add: bool) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """A long signal's first channel where it is loudest, and what is to be said of that."""
    remarks = []
    if len(planes) > 1:
        if add or taps.ndim > 1:
            raise FilterError("a signal that is too long for its numbers is shown by one channel, none added; give one")
        remarks.append(f"the first of {len(planes)} channels is shown")
    length = planes.shape[1]
    first, stop = _loudest(planes[0], max(LONGEST, 4 * taps.size))
    if stop - first < length:
        remarks.append(f"of {length:,} cells {first:,} to {stop - 1:,} are shown, where it is loudest")
    return planes[:1, first:stop].astype(np.float64), tuple(remarks)


def _loudest(x: NDArray[Any], cells: int) -> tuple[int, int]:
    """From where to where so many cells of a signal have the largest squares."""
    if len(x) <= cells:
        return 0, len(x)
    energy = np.concatenate([[0.0], ((x - x.mean()) ** 2).cumsum()])
    first = int((energy[cells:] - energy[:-cells]).argmax())
    return first, first + cells


def _check(frames: int, seconds: float | None, width: int) -> None:
    if frames < 1:
        raise FilterError(f"the frames must be 1 at least, not {frames}")
    if seconds is not None and not 0.01 <= seconds <= 3600:
        raise FilterError(f"a step lasts from 0.01 to 3600 seconds, not {seconds:g}")
    if not 160 <= width <= 4096:
        raise FilterError(f"the width must be from 160 to 4096 pixels, not {width}")


def _planes(array: ArrayLike, axes: int) -> NDArray[Any]:
    """An array with its channels in front, or the sentence that says why nothing slides over it."""
    x = cells_of(array)
    channels = (x.ndim == 2 and axes == 1) or (x.ndim == 3 and x.shape[2] <= COLOURS)
    if x.ndim > 2 and not channels:
        raise FilterError(
            f"an array of shape {x.shape} is no signal and no picture: a picture's channels come last, {COLOURS} at "
            "most; give one of its planes"
        )
    return np.moveaxis(x, -1, 0) if channels else x[None]


def chosen(made: Scene, step: int | None, frames: int) -> list[int]:
    """Which of a window's places are shown: one, all, or some that are evenly spread, the first and last among them."""
    if step is not None:
        if not 1 <= step <= made.places:
            raise FilterError(f"the window has {made.places} places; there is no step {step}")
        return [step - 1]
    if made.places <= frames:
        return list(range(made.places))
    return [int(n) for n in np.unique(np.linspace(0, made.places - 1, frames).round())]
