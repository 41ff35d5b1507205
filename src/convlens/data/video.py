"""Short videos as volumes: frames are their depth.

Animated pictures and TIFF pages are decoded here; other films by the user's own ffmpeg, if there is one on the PATH.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from convlens.data.dataset import Raw
from convlens.data.errors import DataError
from convlens.data.pictures import formats, opened, pixels_of

ANIMATED = (".gif", ".webp", ".png", ".apng", ".avif")
FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ogv", ".wmv", ".flv")
MOST = 2**29
"""Cells of a film: 27 s of 320 x 240 in colour at 86 frames a second, or 3 s of 1920 x 1080 at 30."""
SMALLER = "make it shorter or smaller, as ffmpeg -i film.mp4 -vf scale=128:-2 small.mp4 does"


def frames_of(path: Path) -> int:
    """How many frames or pages a picture file holds; 0 where it is no picture."""
    try:
        with opened(path) as file, Image.open(file, formats=formats()) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # what it is will be said when it is read
        return 0


def read_animation(path: Path) -> Raw:
    """Read the frames of an animated picture as (C, D, H, W): grey if all are, else RGB.

    Raises:
        DataError: it is too long, or its frames are of several sizes.
        Exception: whatever a decoder raises on damaged bytes.
    """
    with opened(path) as file:
        image = Image.open(file, formats=formats())
        _bounded(getattr(image, "n_frames", 1), image.height, image.width)
        planes = [pixels_of(frame, whole=False)[0] for frame in ImageSequence.Iterator(image)]
    return _stacked(planes)


def read_film(path: Path) -> Raw:
    """Read the frames of a film as (C, D, H, W), by ffmpeg.

    Raises:
        DataError: there is no ffmpeg, or it cannot read the file, or the film is too long.
    """
    opened(path).close()
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise DataError(
            f"{path.suffix} films are read by ffmpeg, which is not on the PATH; install it, or save an animated GIF"
        )
    # file: and the list of protocols: a playlist in disguise may not fetch anything
    source = ["-protocol_whitelist", "file", "-i", f"file:{path}"]
    command = [ffmpeg, "-v", "error", "-nostdin", *source, "-map", "0:v:0", "-f", "image2pipe", "-c:v", "ppm", "-"]
    # what it complains of goes to a file: a full pipe that nobody reads would stop it
    with tempfile.TemporaryFile() as complaints:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints) as run:
            assert run.stdout is not None
            try:
                planes = list(_frames(run.stdout))
            except DataError:
                run.kill()
                raise
        complaints.seek(0)
        said = complaints.read(10_000).decode(errors="replace").strip()
    if run.returncode or not planes:
        raise DataError(f"ffmpeg cannot read it ({said.splitlines()[-1][:200] if said else 'it holds no pictures'})")
    return _stacked(planes)


def _frames(stream: IO[bytes]) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a stream of PPM files, (3, H, W) each."""
    count = 0
    while stream.readline():  # P6
        width, height = map(int, stream.readline().split())
        stream.readline()  # 255
        count += 1
        _bounded(count, height, width)
        cells = stream.read(width * height * 3)
        if len(cells) < width * height * 3:
            raise DataError("ffmpeg stopped in the middle of a frame")
        yield np.moveaxis(np.frombuffer(cells, np.uint8).reshape(height, width, 3), 2, 0)


def _bounded(frames: int, height: int, width: int) -> None:
    if frames * height * width * 3 > MOST:
        raise DataError(
            f"it has {frames}{' or more' if frames > 1 else ''} frames of {width} x {height}, more than "
            f"{MOST:,} numbers; {SMALLER}"
        )


def _stacked(planes: list[Raw]) -> Raw:
    sizes = {plane.shape[1:] for plane in planes}
    if len(sizes) > 1:
        raise DataError(f"its frames have {len(sizes)} sizes; save them alike")
    wide = max(len(plane) for plane in planes)
    cells: Raw = np.stack([np.broadcast_to(plane, (wide, *plane.shape[1:])) for plane in planes], axis=1)
    # a film knows no grey: what is the same in all three channels was
    if wide == 3 and (cells[0] == cells[1]).all() and (cells[0] == cells[2]).all():
        return np.ascontiguousarray(cells[:1])
    return cells
