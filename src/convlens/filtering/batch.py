"""Filtering files: what is asked, which files become which, and one after another read, filtered and written."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data import nifti_stored, zarr_arrays
from convlens.data.nifti import SUFFIXES as NIFTI
from convlens.data.stored import Stored
from convlens.engine.borders import Border
from convlens.engine.memory import available, spelled

from . import large
from .errors import FilterError
from .forms import ENDINGS, Like, ending
from .gallery import Taps
from .large import MEMORY, Progress, silent
from .lying import Kind, Lying, open_lying
from .media import AXES, Medium, ensure_file, read, suffix, write
from .notation import kernel
from .plan import Plan
from .sliding import filter
from .treatment import Treatment

WHOLE = (".wav", ".csv")
"""Names of what is read as a whole."""
ANY_TYPE = (".npy", ".zarr", *NIFTI)
"""Forms that hold floats as well as whole numbers, and are not there to be looked at."""


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        inputs: files, or patterns such as ``photos/*.png``.
        kernel: its text, see ``kernel``.
        out: a file for one input, or a folder.
        border, stride, dilation, flip: as ``filter`` takes them.
        luminance: whether colour pictures are taken as their lightness.
        memory: bytes of cells beyond which a file is filtered in pieces, which take that much in all.
    """

    inputs: Sequence[str]
    kernel: str
    out: Path
    border: Border = "reflect"
    stride: int = 1
    dilation: int = 1
    flip: bool = False
    luminance: bool = False
    memory: int = MEMORY


@dataclass(frozen=True)
class Done:
    """A file that was filtered: from where, to where, what it is now, how long it took, what is to be said of it."""

    source: Path
    target: Path
    kind: Kind
    shape: str
    dtype: np.dtype[Any]
    seconds: float
    remarks: tuple[str, ...]


def run(request: Request, progress: Progress = silent) -> Iterator[Done]:
    """Filter file by file, each written before the next one is read.

    What takes more than ``request.memory`` is read, filtered and written in pieces, of which ``progress`` is told.

    Raises:
        FilterError: the request cannot be, or does not fit a file.
        DataError: a file cannot be read.
    """
    sources = _sources(request.inputs)
    named = bool(request.out.suffix) and (not request.out.is_dir() or zarr_arrays.is_zarr(request.out))
    whole = len(sources) == 1 and named
    taken: dict[Path, Path] = {}

    def claimed(source: Path, target: Path) -> Path:
        if target.resolve() == source.resolve():
            raise FilterError(f"{source} would be overwritten by its own result; name another file or folder")
        if target in taken:
            raise FilterError(f"{source} and {taken[target]} would both become {target}; filter them one by one")
        taken[target] = source
        return target

    for source in sources:
        lying = _larger(request, source, request.out if whole else None)
        if lying is not None:
            target = request.out if whole else request.out / _grown_name(source)
            yield _in_pieces(request, source, lying, claimed(source, target), progress)
            continue
        medium = read(source)
        begun = time.perf_counter()
        taps = _fitting(request, medium.kind, source)
        found, remarks = _filtered(request, medium, taps, request.out if whole else request.out / source.name)
        seconds = time.perf_counter() - begun
        stem = source.name[: len(source.name) - len(ending(source))]
        target = claimed(source, request.out if whole else request.out / (stem + suffix(found, source)))
        write(found, target)
        shape, dtype = found.shape, found.cells.dtype
        yield Done(source, target, found.kind, shape, dtype, seconds, (*medium.remarks, *remarks))


def _larger(request: Request, source: Path, out: Path | None) -> Lying | None:
    """What is too large to be filtered in memory, opened; None where it is not, or not written in pieces anyway.

    Raises:
        FilterError: it does not fit into memory, and what it is to become is not written in pieces.
    """
    ensure_file(source)
    if source.name.lower().endswith(WHOLE):
        return None
    lying = open_lying(source, request.memory // 3)
    if lying is None or lying.bytes <= request.memory:
        return None
    if out is None or ending(out) in ENDINGS:
        return lying
    if 4 * lying.bytes > available():
        held = f"{source} holds {spelled(lying.bytes)}, which are filtered in pieces"
        raise FilterError(f"{held}; name the result .tif, .npy or .zarr instead of {out.name}")
    return None


def _grown_name(source: Path) -> str:
    """What a large result is called in a folder: as its source, if its form is written in pieces."""
    return source.name if ending(source) in ENDINGS else f"{source.name}.npy"


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


def _fitting(request: Request, kind: Kind, source: Path) -> Taps:
    """The kernel for a kind of file."""
    taps = kernel(request.kernel, AXES[kind])
    if taps.ndim != AXES[kind]:
        count = {1: "one axis", 2: "two axes", 3: "three axes"}
        raise FilterError(
            f"{source} is a {kind}, along {count[AXES[kind]]} of which a kernel slides; "
            f'"{request.kernel}" has {count[taps.ndim]}'
        )
    return taps


def _treated(request: Request, cells: Stored | NDArray[Any], kind: Kind, taps: Taps, target: Path) -> Treatment:
    light = request.luminance and kind == "picture" and len(cells.shape) == 3 and cells.shape[2] == 3
    return Treatment.of(cells.dtype, taps, light=light, any_type=ending(target) in ANY_TYPE)


def _filtered(request: Request, medium: Medium, taps: Taps, target: Path) -> tuple[Medium, tuple[str, ...]]:
    treatment = _treated(request, medium.cells, medium.kind, taps, target)
    cells = treatment.before(medium.cells)
    sums = filter(cells, taps, request.border, request.stride, request.dilation, request.flip)
    tally = treatment.tally(sums)
    like = _like(request, medium.like, taps)
    return medium.holding(treatment.after(sums, tally), like), treatment.told(tally)


def _like(request: Request, like: Like, taps: Taps) -> Like:
    """What a result takes over, set right for where its first cell lies and how far apart its cells are."""
    if like.header is None:
        return like
    first = [0, 0, 0]
    if request.border == "valid":
        first = [request.dilation * ((n - 1 - n // 2) if request.flip else n // 2) for n in taps.shape]
    step = (request.stride,) * 3
    return replace(like, header=nifti_stored.placed(like.header, step, (first[0], first[1], first[2])))


def _in_pieces(request: Request, source: Path, lying: Lying, target: Path, progress: Progress) -> Done:
    """Filter what is larger than the memory that may be taken."""
    begun = time.perf_counter()
    taps = _fitting(request, lying.kind, source)
    treatment = _treated(request, lying.cells, lying.kind, taps, target)
    shape = lying.cells.shape[:-1] if treatment.light else lying.cells.shape
    plan = Plan.of(shape, treatment.sums, taps, request.border, request.stride, request.dilation, request.flip)
    like = _like(request, lying.like, taps)
    tally = large.run(
        large.Job(lying.cells, plan, treatment, target, lying.identity, request.memory * 2 // 3, like), progress
    )
    seconds = time.perf_counter() - begun
    written = "x".join(map(str, plan.result)), treatment.written
    return Done(source, target, lying.kind, *written, seconds, (*lying.remarks, *treatment.told(tally)))
