"""An animation's input as people give it: rows of numbers on the command line, or a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..media import read
from ..notation import literal

NUMBERS = re.compile(r"[-+.\d\s,;|/eE]*\d[-+.\d\s,;|/eE]*$")


def given(text: str) -> NDArray[Any]:
    """Read an input.

    Args:
        text: rows of numbers, parted by semicolons, channels by upright strokes; or the name of a file. One row is a
            signal. A table with names in its first row has a signal a column; without, it is a picture as it stands.

    Returns:
        (C, N) a signal or (C, H, W) a picture, of the type that the file has.

    Raises:
        FilterError: it is neither, or a volume.
        DataError: the file cannot be read.

    >>> given("0 1 2; 3 4 5").tolist(), given("1 2 3").tolist(), given("1 2 | 3 4").tolist()
    ([[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]], [[1.0, 2.0, 3.0]], [[1.0, 2.0], [3.0, 4.0]])
    """
    path, there = Path(text), os.path.exists(text)  # which is not troubled by a name that is too long
    if NUMBERS.match(text.strip()) and not there:
        found = literal(text, f'the input "{text}"')
        planes = found if found.ndim == 3 else found[None]
        return planes[:, 0] if planes.shape[1] == 1 else planes
    if not there and (" " in text or not path.suffix):
        wanted = 'write "0 1 2; 3 4 5", or name a .csv, .npy, .wav or photo'
        raise FilterError(f'"{text[:40]}" is neither rows of numbers nor a file; {wanted}')
    medium = read(path)
    if medium.kind == "volume":
        raise FilterError(f"{path} is a volume of {medium.shape}; an animation shows signals and pictures")
    cells = medium.cells
    if medium.kind == "picture":
        return np.moveaxis(cells, -1, 0) if cells.ndim == 3 else cells[None]
    columns = cells if cells.ndim == 2 else cells[:, None]
    table = path.suffix.lower() == ".csv" and not medium.names
    if table and min(columns.shape) > 1:
        return columns[None]
    return columns if table and len(columns) == 1 else columns.T
