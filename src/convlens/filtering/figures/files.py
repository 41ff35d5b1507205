"""What films become: an animated .svg or .gif, a .png of one moment, an .mp4 where there is ffmpeg."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from PIL import Image as Pillow
from PIL import ImageColor

from ..errors import FilterError
from .gif import COLOURS, Colour, Palette, gif
from .raster import Frame, frames, still
from .shapes import Film, Image
from .svg import svg

Progress = Callable[[str, int, int], None]
BLENDS = 64
"""Colours between two that are written, in a .gif without photos."""
RATE = 30
"""Frames a second of a video."""
GET_FFMPEG = (
    "an .mp4 is written by ffmpeg, which is not found; install it (apt install ffmpeg, brew install ffmpeg, "
    "winget install ffmpeg) or name the file .gif or .svg"
)


def packed(film: Film, suffix: str, width: int, progress: Progress | None = None) -> bytes:
    """A film as the bytes of a file.

    Args:
        film: what is shown.
        suffix: ``.svg``, ``.gif``, ``.png`` (the film's still) or ``.mp4``.
        width: pixels.
        progress: told what is done, how much of it, and of how much.

    Raises:
        FilterError: no such file is made of films, or there is no ffmpeg.
    """
    if suffix == ".svg":
        return svg(film, width).encode()
    if suffix == ".png":
        file = io.BytesIO()
        still(film, width).save(file, "PNG", optimize=True)
        return file.getvalue()
    if suffix == ".gif":
        return gif(_told(film, width, progress), _palette(film, width))
    if suffix == ".mp4":
        return _mp4(film, width, progress)
    raise FilterError(f'an animation is written as .svg, .gif, .mp4 or .png, not as "{suffix}"')


def _told(film: Film, width: int, progress: Progress | None) -> Iterator[Frame]:
    """The frames, and word of each."""
    count = len(film.moments) - 1
    for n, frame in enumerate(frames(film, width), 1):
        if progress is not None:
            progress("drawing", n, count)
        yield frame


# ---- .gif ----


def _palette(film: Film, width: int) -> Palette:
    """The colours that are written exactly, then those of which a few of the film's moments have most need."""
    flat = [ImageColor.getrgb(colour)[:3] for colour in film.colours]
    count, moments = len(film.moments) - 1, film.moments
    picked = sorted({moments[count * n // 6] for n in range(6)} | {film.still})
    some = [still(film, min(width, 640), moment) for moment in picked]
    strip = Pillow.new("RGB", (some[0].width, some[0].height * len(some)))
    for n, picture in enumerate(some):
        strip.paste(picture, (0, n * some[0].height))
    if any(isinstance(play.shape, Image) for play in film.plays):
        reduced = strip.quantize(COLOURS - len(flat), Pillow.Quantize.MEDIANCUT, dither=Pillow.Dither.NONE)
        most = COLOURS
    else:  # blends of two flat colours; few are enough, and fewer are smaller
        reduced, most = strip, BLENDS
    counted = cast(list[tuple[int, Colour]], reduced.convert("RGB").getcolors(strip.width * strip.height))
    frequent = [pixel for _, pixel in sorted(counted, reverse=True)]
    return Palette([*((red, green, blue) for red, green, blue in flat), *frequent[:most]])


# ---- .mp4 ----


def _mp4(film: Film, width: int, progress: Progress | None) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise FilterError(GET_FFMPEG)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "film.mp4"
        size = still(film, width).size
        command = [program, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"]
        command += ["-r", str(RATE), "-i", "-", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(out)]
        with (
            tempfile.TemporaryFile() as complaints,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints) as running,
        ):
            assert running.stdin is not None
            try:
                for pixels, times in _repeated(film, width, progress):
                    for _ in range(times):
                        running.stdin.write(pixels)
                running.stdin.close()
            except BrokenPipeError:
                pass  # it has stopped, and says why
            if running.wait() or not out.exists():
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip().splitlines() or ["it says nothing"]
                raise FilterError(f"ffmpeg could not write the video: {said[-1]}")
        return out.read_bytes()


def _repeated(film: Film, width: int, progress: Progress | None) -> Iterator[tuple[bytes, int]]:
    """Each picture's bytes, and how many frames of the video it lasts; what is rounded away comes in the next."""
    clock, written = 0.0, 0
    for frame in _told(film, width, progress):
        clock += frame.seconds
        times = round(clock * RATE) - written
        written += times
        yield frame.picture.tobytes(), times
