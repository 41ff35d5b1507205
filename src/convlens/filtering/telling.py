"""A learned kernel in words, and in files that ``--kernel`` reads again, or that show it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from convlens.data.series import packed_series

from .alike import resembling
from .errors import FilterError
from .gallery import Taps
from .learning import Learned
from .media import packed_npy, packed_picture, put

PRODUCT = 0.9999
"""Of a kernel's squares, what a product of lines must make of it to be called one."""
ALIKE = 0.9
"""From which cosine on a named kernel is told of."""
WIDEST = 11
"""Taps of a row at most that are printed."""
CELL = 24
"""Pixels of a tap's side in the picture."""


def lines(learned: Learned, *, whole: bool) -> list[str]:
    """What was learned, a label and what there is to say in each line.

    Args:
        learned: what is told of.
        whole: whether the result held whole numbers, which were rounded.
    """
    left = f"; {learned.cut:,} results at the end of their type are left out" if learned.cut else ""
    found = [f"compared {learned.windows:,} windows{left}"]
    rows = learned.kernel.reshape(-1, learned.kernel.shape[-1])
    if rows.shape[1] <= WIDEST and len(rows) <= 2 * WIDEST:
        digits = _digits(learned)
        width = max(len(f"{tap:.{digits}f}") for tap in rows.ravel())
        for n, row in enumerate(rows):
            found.append(("kernel   " if n == 0 else " " * 9) + "  ".join(f"{tap:{width}.{digits}f}" for tap in row))
    found.append(f"bias     {learned.bias:.4g}")
    rounding = f"; rounding to whole numbers alone leaves {1 / math.sqrt(12):.3f}" if whole else ""
    share = "" if math.isnan(learned.explained) else f", {100 * learned.explained:.4g} % of the variance explained"
    found.append(f"residual {learned.residual:.3g} (root of the mean square){share}{rounding}")
    found.append(f"descent  {learned.steps:,} steps; no tap is further than {learned.apart:.2g} from least squares")
    found.append(f"known    {_known(learned)}")
    found.append(f"product  {_product(learned)}")
    like = resembling(learned.kernel)
    if like is not None and like.alike >= ALIKE:
        found.append(f"like     {like.text}: cosine {like.alike:.4f}")
    else:
        found.append("like     none of the kernels that have names")
    return found


def _digits(learned: Learned) -> int:
    """Digits behind the point, as many as mean something."""
    doubt = learned.doubt if 0 < learned.doubt < math.inf else 1e-4 * float(np.abs(learned.kernel).max() or 1.0)
    return min(8, max(0, 1 - math.floor(math.log10(doubt))))


def _known(learned: Learned) -> str:
    if learned.loose:
        of = f"{learned.loose} of {learned.kernel.size} directions of the taps"
        return f"badly: {of} are not determined; take pictures with more in them"
    return f"every tap to within {learned.doubt:.2g} (two standard errors)"


def _product(learned: Learned) -> str:
    if learned.kernel.ndim == 1:
        return "a line of taps"
    share = f"{100 * learned.product:.4g} % of it is a product of one line an axis"
    return f"yes, {share}" if learned.product >= PRODUCT else f"no, {share}"


def write(learned: Learned, path: Path) -> None:
    """Write the kernel as .npy or .csv, which ``convlens filter --kernel`` reads, or as a picture, .png.

    Raises:
        FilterError: the name says none of these, the kernel has an axis too many, or the disk does not take it.
    """
    taps, form = learned.kernel, path.suffix.lower()
    if form not in (".npy", ".csv", ".png"):
        raise FilterError(f"{path} cannot hold a kernel; name it .npy, .csv or .png")
    if form != ".npy" and taps.ndim > 2:
        raise FilterError(f"{path} cannot hold a kernel of three axes; name it .npy")
    rows = np.atleast_2d(taps)
    if form == ".npy":
        content = packed_npy(taps)
    elif form == ".csv":
        content = packed_series(rows, ())
    else:
        content = packed_picture(np.kron(_bytes(rows), np.ones((CELL, CELL), np.uint8)), "PNG")
    put(path, content)


def _bytes(taps: Taps) -> np.ndarray:
    """Taps as grey, 0 in the middle."""
    most = float(np.abs(taps).max()) or 1.0
    grey: np.ndarray = np.rint(128 + 127 * taps / most).astype(np.uint8)
    return grey
