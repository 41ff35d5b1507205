"""The forms in which a large result grows on the disk: which there are, in what pieces, and how it gets its name.

``.npy`` and ``.nii`` are numbers in one row, ``.tif`` is tiles, plain or deflated, ``.zarr`` a folder of pieces.
"""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from convlens.data import nifti_stored, zarr_arrays
from convlens.data.sinks import FlatSink, Four, Sink, ZarrSink
from convlens.data.tiff_sink import SIXTEEN, Form, TiffSink
from convlens.engine.layout import Three

from .errors import FilterError
from .plan import Plan

ENDINGS = (".tif", ".tiff", ".npy", ".zarr", ".nii")
SIDE = 512
"""Cells of a piece's sides at most."""
DEEP = 32
"""Planes of a piece of a volume."""
LONG = 1 << 20
"""Cells of a piece of a signal at most."""
CELL = 32
"""Bytes that a result takes about while a piece is made."""
TIFF_TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


@dataclass(frozen=True)
class Like:
    """What a result takes over from its source.

    Args:
        packed: whether a TIFF's pieces are deflated.
        header: of NIfTI, set right for the result.
        version: of Zarr's form.
        attributes: of a Zarr array.
    """

    packed: bool = False
    header: Any = None
    version: int = 3
    attributes: dict[str, Any] | None = None


@dataclass(frozen=True)
class Growing:
    """A form for one result.

    Args:
        unit: results of whose multiples boxes begin along depth, height and width.
        opened: what writes into a file or folder of a name.
        packed: whether it may take less than its numbers do.
    """

    unit: Three
    opened: Callable[[Path], Sink]
    packed: bool = False

    def publish(self, part: Path, out: Path) -> None:
        """Give a complete result its name, in one step; a Zarr array that has it is put aside first."""
        if not part.is_dir():
            os.replace(part, out)
            return
        old = out.with_name(out.name + ".old")
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(out, old)
        os.rename(part, out)
        shutil.rmtree(old, ignore_errors=True)


def ending(path: Path) -> str:
    """What says how a file is written: its suffix, ``.nii.gz`` in whole.

    >>> ending(Path("a.b/Brain.NII.gz")), ending(Path("scan.tif"))
    ('.nii.gz', '.tif')
    """
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def growing(out: Path, plan: Plan, dtype: np.dtype[Any], budget: int, like: Like) -> Growing:
    """The form that a result of a name grows in.

    Args:
        out: its place.
        plan: what it holds.
        dtype: of its numbers.
        budget: bytes that a box of it may take.
        like: what it takes over from its source.

    Raises:
        FilterError: what the name says cannot hold it, or is not written in pieces.
    """
    form, channels = ending(out), plan.cells[3]
    d, h, w = plan.out
    four: Four = (d, h, w, channels)
    if form not in ENDINGS:
        raise FilterError(f"{out} is not written in pieces; name it .tif, .npy or .zarr")
    if form == ".zarr" and out.exists() and not zarr_arrays.is_zarr(out):
        raise FilterError(f"{out} is there and no Zarr array; name another folder")
    if form == ".npy":
        header = _npy_header(plan.result, dtype)
        return Growing(plan.grain, lambda part: FlatSink(part, header, four, dtype))
    if form == ".nii":
        if plan.axes != 3 or len(plan.shape) > 3 or dtype.name not in nifti_stored.KINDS:
            raise FilterError(f"{out} cannot hold {_told(plan, dtype)}; name it .tif, .npy or .zarr")
        header = nifti_stored.packed_header(like.header, (d, h, w), dtype)
        return Growing(plan.grain, lambda part: FlatSink(part, header, four, dtype.newbyteorder("<")))
    side = _side(budget, channels)
    if form == ".zarr":
        wanted = (1, 1, LONG) if plan.axes == 1 else (1, side, side) if plan.axes == 2 else (DEEP, side, side)
        unit = _unit(plan, wanted)
        chunks = _chunks(plan, unit, wanted)
        more = {"version": like.version, "attributes": like.attributes}
        return Growing(unit, lambda part: ZarrSink(part, plan.result, dtype, chunks, plan.axes, **more), packed=True)
    if plan.axes == 1 or dtype.name not in TIFF_TYPES:
        raise FilterError(f"{out} cannot hold {_told(plan, dtype)}; name it .npy or .zarr")
    tiff = _tiff(plan, four, dtype, side, budget) if like.packed else None
    if tiff is not None:
        return Growing(tiff[1], lambda part: TiffSink(part, tiff[0]), packed=True)
    plain = Form(four, dtype, (side, side), volume=plan.axes == 3)
    return Growing(plan.grain, lambda part: TiffSink(part, plain))


def _told(plan: Plan, dtype: np.dtype[Any]) -> str:
    kind = {1: "a signal", 2: "a picture", 3: "a volume"}[plan.axes]
    return f"{kind} of {'x'.join(map(str, plan.result))} {dtype}"


def _npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    return file.getvalue()


def _side(budget: int, channels: int) -> int:
    """Of pieces, smaller ones where little memory may be taken."""
    side = SIDE
    while side > SIXTEEN and side * side * channels * CELL > budget:
        side //= 2
    return side


def _unit(plan: Plan, wanted: Three) -> Three:
    """Multiples of the grain of about a wanted size."""
    d, h, w = (
        n if grain >= n else min(n, max(1, round(want / grain)) * grain)
        for n, grain, want in zip(plan.out, plan.grain, wanted, strict=True)
    )
    return d, h, w


def _chunks(plan: Plan, unit: Three, wanted: Three) -> tuple[int, ...]:
    """Pieces of a Zarr array: a unit, and parts of an axis that boxes have all of anyway."""
    sizes = [min(step, want) if step == n else step for step, n, want in zip(unit, plan.out, wanted, strict=True)]
    return (*sizes[3 - plan.axes :], *plan.shape[plan.axes :])


def _tiff(plan: Plan, four: Four, dtype: np.dtype[Any], side: int, budget: int) -> tuple[Form, Three] | None:
    """Deflated pieces that begin where boxes may: tiles, or else strips; None where there are none such."""
    _, high, wide = plan.grain
    rows, columns = math.lcm(high, SIXTEEN), math.lcm(wide, SIXTEEN)
    volume, whole = plan.axes == 3, wide >= plan.out[2]
    if (high, wide) == (1, 1):
        return Form(four, dtype, (side, side), packed=True, volume=volume), (1, side, side)
    if whole and rows * plan.out[2] * four[3] * CELL <= budget:
        return Form(four, dtype, (rows, side), packed=True, volume=volume), (1, rows, plan.out[2])
    if whole:
        strip = min(high, plan.out[1])
        return Form(four, dtype, (strip, plan.out[2]), packed=True, volume=volume), (1, strip, plan.out[2])
    if rows * columns * four[3] * CELL <= budget:
        return Form(four, dtype, (rows, columns), packed=True, volume=volume), (1, rows, columns)
    return None
