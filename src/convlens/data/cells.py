"""From cells as files hold them (bool, int64, float64 ...) to the three types that a split holds.

uint8 and uint16 stay; everything else becomes float32, and what that loses is noted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Note, Raw
from convlens.data.errors import DataError


def to_cells(x: NDArray[Any], where: str) -> tuple[Raw, list[Note]]:
    """Make cells uint8, uint16 or float32.

    Args:
        x: numbers of any real type and any shape.
        where: what the messages call them.

    Returns:
        The cells, contiguous, and a note if float32 could not hold them exactly.

    Raises:
        DataError: the type is not a real number, or a value is NaN or infinite.

    >>> cells, notes = to_cells(np.array([[1, 2**24 + 1]]), "x")
    >>> cells.dtype.name, notes[0].kind
    ('float32', 'rounded')
    """
    if x.dtype.kind not in "buif":
        raise DataError(f"{where} holds {x.dtype}; save it as whole numbers or floats")
    native = x.dtype.newbyteorder("=")
    if native.name in ("uint8", "uint16"):
        return np.ascontiguousarray(x, dtype=native), []
    with np.errstate(over="ignore"):
        cells = np.ascontiguousarray(x, dtype=np.float32)
    # a float32 sum could overflow by itself; the extremes tell as much, and NaN passes through both
    if cells.size and not (np.isfinite(cells.min()) and np.isfinite(cells.max())):
        bad = int(np.count_nonzero(~np.isfinite(cells)))
        raise DataError(
            f"{where} holds {bad:,} values that are NaN, infinite or too large for float32; fill or remove them first"
        )
    if x.dtype.itemsize > 2 and x.dtype != np.float32:
        changed = int(np.count_nonzero(cells.astype(x.dtype) != x)) if x.dtype.kind == "f" else _changed(cells, x)
        if changed:
            text = f"{where} is {x.dtype} and is kept as float32, which rounds {changed:,} of {x.size:,} values"
            return cells, [Note("rounded", text)]
    return cells, []


def _changed(cells: NDArray[np.float32], x: NDArray[Any]) -> int:
    # 24 bits are exact; beyond them float64 decides, which is exact to 53, and larger integers are surely rounded
    if not cells.size or max(abs(float(cells.min())), abs(float(cells.max()))) < 2**24:
        return 0
    return int(np.count_nonzero((cells.astype(np.float64) != x.astype(np.float64)) | (np.abs(cells) > 2.0**53)))
