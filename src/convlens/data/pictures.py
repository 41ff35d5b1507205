"""One picture file to one array, whatever the format, with every way in which it can be broken turned into a reason.

What is done here and nowhere else: the orientation that the camera wrote down is applied, palettes and single bits are
expanded, transparency is laid over white, CMYK and its like become RGB, and of several frames the first is taken.
What is not done here: resizing, making grey of colour, changing the cell type (`conform.py`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from convlens.data.dataset import Raw
from convlens.data.errors import DataError, PictureError
from convlens.data.tiff import ORIENTATION, SIDEWAYS, is_tiff, read_tiff, tiff_size

# 128 million: below twice Pillow's own warning line, at which it refuses by itself, and above any camera's picture.
PIXELS = 2**27
SMALLER = "make it smaller"

# EPS and the like are missing on purpose: Pillow gives them to another program.  TIFF is the second try after tifffile.
FORMATS = (
    "PNG",
    "JPEG",
    "MPO",
    "GIF",
    "BMP",
    "DIB",
    "WEBP",
    "AVIF",
    "TIFF",
    "PPM",
    "ICO",
    "PCX",
    "SGI",
    "JPEG2000",
    "QOI",
)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, (C, H, W), and what was done to it that may surprise, as (kind of note, what it is) pairs."""

    pixels: Raw
    remarks: tuple[tuple[str, str], ...] = ()


def read_picture(path: str | Path, limit: int = PIXELS, remedy: str = SMALLER) -> Picture:
    """Read one picture.

    Args:
        path: a file; its content decides what it is, not its name.
        limit: pixels above which it is refused before it is decoded.
        remedy: what to do about one that is refused for its size.

    Returns:
        uint8, uint16 (16-bit grey pictures and any 16-bit TIFF) or float32 pixels as (C, H, W): C is 1 or 3, or more
        in a TIFF of many channels.  NaN and infinite pixels are replaced by the mean of the channel, with a remark.

    Raises:
        PictureError: it is missing, forbidden, no file, empty, too large, damaged or no picture.
    """
    path = Path(path)
    with reasons(path, limit, remedy):
        return finite(_read(path, limit, remedy))


def picture_size(path: str | Path) -> tuple[int, int]:
    """The (height, width) of a picture as it is displayed; nothing is decoded, so a damaged one may still have a size.

    Raises:
        PictureError: as `read_picture`, but for its number of pixels.
    """
    path = Path(path)
    with reasons(path), opened(path) as file:
        size = tiff_size(file) if is_tiff(file) else None
        if size is not None:
            return size
        image: Image.Image = Image.open(file, formats=formats())
        turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
        return (image.width, image.height) if turned else (image.height, image.width)


@contextmanager
def reasons(path: Path, limit: int = PIXELS, remedy: str = SMALLER, noun: str = "picture") -> Iterator[None]:
    """Turn whatever a decoder raises within into a PictureError that names the file and gives the reason."""
    try:
        yield
    except PictureError:
        raise
    except DataError as error:
        raise _failure(noun, path, str(error)) from error
    except UnidentifiedImageError as error:
        raise _failure(noun, path, "it is not a picture in a known format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise _failure(noun, path, f"it has more than {limit:,} pixels; {remedy}") from error
    except OSError as error:
        raise _failure(noun, path, _plain(error)) from error
    except Exception as error:  # the decoders of fifteen formats raise what they like on damaged bytes
        raise _failure(noun, path, f"it is damaged ({error or type(error).__name__})") from error


def _failure(noun: str, path: Path, reason: str) -> PictureError:
    return PictureError(f"the {noun} {path} cannot be read: {reason}", reason)


def _plain(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "there is no such file"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you may not read it; change its permissions"
    return error.strerror or f"it is damaged ({error})"


def _read(path: Path, limit: int, remedy: str) -> Picture:
    with opened(path) as file:
        if is_tiff(file):
            decoded = read_tiff(file, limit)
            if decoded is not None:
                return Picture(*decoded)
            file.seek(0)
        return _read_pillow(file, limit, remedy)


def opened(path: Path) -> IO[bytes]:
    """Open an ordinary file that is not empty; DataError for anything else."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise DataError("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no ordinary file")
    if not status.st_size:
        raise DataError("it is empty")
    return path.open("rb")


@cache
def formats() -> list[str]:
    """The formats that Pillow is asked for, as far as it has them."""
    Image.init()  # loads all decoders; an older or a smaller Pillow lacks some
    return [name for name in FORMATS if name in Image.OPEN]


def _read_pillow(file: IO[bytes], limit: int, remedy: str) -> Picture:
    image: Image.Image = Image.open(file, formats=formats())
    if image.width * image.height > limit:
        raise DataError(f"it has {image.width} x {image.height} pixels, more than {limit:,}; {remedy}")
    container = image.format
    remarks = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        remarks.append(("frames", f"the first of {frames} frames"))
    if container == "PNG" and image.mode in ("RGB", "RGBA", "LA"):
        file.seek(24)  # the byte of the header that holds the bits a sample
        if file.read(1) == b"\x10":
            remarks.append(("reduced", "16-bit colour read as 8-bit; save it as TIFF to keep all of it"))
    image.load()
    image = ImageOps.exif_transpose(image)  # Pillow has turned a TIFF already while loading, and taken the tag away
    pixels, transparent = pixels_of(image, whole=container in ("PNG", "PPM"))
    if transparent:
        remarks.append(("transparent", "laid over white"))
    return Picture(np.ascontiguousarray(pixels), tuple(remarks))


def pixels_of(image: Image.Image, whole: bool) -> tuple[Raw, bool]:
    """Pixels as (C, H, W), and whether anything shone through; `whole`: 32-bit cells can only be 16-bit ones."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[None], False
    if image.mode == "I":
        values = np.asarray(image)
        return values.astype(np.uint16 if whole else np.float32)[None], False
    if image.mode == "F":
        return np.asarray(image, np.float32)[None], False
    grey = image.mode in ("1", "L", "LA", "La") or (image.mode in ("P", "PA") and _grey_palette(image))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        transparent = bool((np.asarray(rgba)[:, :, 3] < 255).any())
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        colour = np.asarray(Image.alpha_composite(white, rgba))[:, :, :3]
    elif grey:
        return np.asarray(image.convert("L"))[None].copy(), False
    else:
        transparent, colour = False, np.asarray(image.convert("RGB"))
    planes: NDArray[np.uint8] = np.moveaxis(colour, 2, 0)
    return planes[:1] if grey else planes, transparent


def _grey_palette(image: Image.Image) -> bool:
    colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    if image.mode == "P":
        colours = colours[[index for index, used in enumerate(image.histogram()[: len(colours)]) if used]]
    return bool((colours == colours[:, :1]).all())


def finite(picture: Picture) -> Picture:
    """The same with NaN and infinite pixels replaced by the mean of their channel, which is remarked."""
    pixels = picture.pixels
    if pixels.dtype != np.float32 or np.isfinite(pixels).all():
        return picture
    whole: NDArray[np.float32] = pixels.astype(np.float32)
    good = np.isfinite(whole)
    for plane, there in zip(whole, good, strict=True):
        plane[~there] = plane[there].mean(dtype=np.float64) if there.any() else 0
    text = f"{int((~good).sum()):,} NaN or infinite pixels replaced by the mean"
    return Picture(whole, (*picture.remarks, ("nan", text)))
