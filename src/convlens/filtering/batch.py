"""Filtering files: what is asked, which files become which, and one after another read, filtered and written."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.engine.borders import Border

from .errors import FilterError
from .gallery import Taps
from .media import Medium, read, suffix, write
from .notation import kernel
from .showing import centred, ended, signed
from .sliding import filter

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue in what a colour's lightness is: ITU-R BT.601, as in Pillow and OpenCV."""


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        inputs: files, or patterns such as ``photos/*.png``.
        kernel: its text, see ``kernel``.
        out: a file for one input, or a folder.
        border, stride, dilation, flip: as ``filter`` takes them.
        luminance: whether colour pictures are taken as their lightness.
    """

    inputs: Sequence[str]
    kernel: str
    out: Path
    border: Border = "reflect"
    stride: int = 1
    dilation: int = 1
    flip: bool = False
    luminance: bool = False


@dataclass(frozen=True)
class Done:
    """A file that was filtered: from where, to where, what it is now, how long it took, what is to be said of it."""

    source: Path
    target: Path
    medium: Medium
    seconds: float
    remarks: tuple[str, ...]


def run(request: Request) -> Iterator[Done]:
    """Filter file by file, each written before the next one is read.

    Raises:
        FilterError: the request cannot be, or does not fit a file.
        DataError: a file cannot be read.
    """
    sources = _sources(request.inputs)
    whole = len(sources) == 1 and bool(request.out.suffix) and not request.out.is_dir()
    taken: dict[Path, Path] = {}
    for source in sources:
        medium = read(source)
        begun = time.perf_counter()
        taps = _fitting(request, medium, source)
        named = request.out if whole else request.out / source.name
        found, remarks = _filtered(request, medium, taps, named)
        seconds = time.perf_counter() - begun
        target = named if whole else request.out / (source.stem + suffix(found, source))
        if target.resolve() == source.resolve():
            raise FilterError(f"{source} would be overwritten by its own result; name another file or folder")
        if target in taken:
            raise FilterError(f"{source} and {taken[target]} would both become {target}; filter them one by one")
        taken[target] = source
        write(found, target)
        yield Done(source, target, found, seconds, (*medium.remarks, *remarks))


def _sources(inputs: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for place in inputs:
        if glob.has_magic(place) and not Path(place).exists():
            matches = [Path(name) for name in sorted(glob.glob(place, recursive=True)) if Path(name).is_file()]
            if not matches:
                raise FilterError(f"no file matches {place}")
            found += matches
        else:
            found.append(Path(place))
    return found


def _fitting(request: Request, medium: Medium, source: Path) -> Taps:
    """The kernel for a medium."""
    taps = kernel(request.kernel, medium.axes)
    if taps.ndim != medium.axes:
        count = {1: "one axis", 2: "two axes", 3: "three axes"}
        raise FilterError(
            f"{source} is a {medium.kind}, along {count[medium.axes]} of which a kernel slides; "
            f'"{request.kernel}" has {count[taps.ndim]}'
        )
    return taps


def _filtered(request: Request, medium: Medium, taps: Taps, target: Path) -> tuple[Medium, tuple[str, ...]]:
    cells = medium.cells
    if request.luminance and medium.kind == "picture" and cells.ndim == 3 and cells.shape[2] == 3:
        light: NDArray[Any] = cells.astype(np.float32) @ np.array(LUMINANCE, np.float32)
        sums, dtype = _slid(request, light, taps), cells.dtype
    elif cells.dtype.kind == "f" or (taps.min() >= 0 and taps.sum() <= 1):
        # floats stay what they are, and a mean of cells is none that its type does not have
        return medium.holding(_slid(request, cells, taps)), ()
    else:
        wide = np.float32 if cells.dtype.itemsize < 4 else np.float64
        sums, dtype = _slid(request, cells.astype(wide), taps), cells.dtype
    if dtype.kind == "f":
        return medium.holding(sums.astype(dtype)), ()
    if signed(taps) and dtype.kind == "u":
        if target.suffix.lower() == ".npy":
            return medium.holding(sums), (f"signed sums of {dtype} are written as {sums.dtype}",)
        cells, said = centred(sums, dtype)
    else:
        cells, said = ended(sums, dtype)
    return medium.holding(cells), (said,) if said else ()


def _slid(request: Request, cells: NDArray[Any], taps: Taps) -> NDArray[Any]:
    return filter(cells, taps, request.border, request.stride, request.dilation, request.flip)
