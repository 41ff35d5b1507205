"""Small things that several commands read or write alike."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from convlens.network import ZOO
from convlens.training.errors import TrainingError

SOURCES = (
    "fashion-mnist, a folder of class folders (pictures, volumes, videos, sounds, series, texts), a folder of .txt "
    "files, a .npz, a .ts, a .csv or .tsv, or a folder of idx files."
)
LABEL = "The column of classes in a .csv or .tsv: first, last, its name or number. [default: found out]"
SCHEDULER = "The address of a dask.distributed scheduler whose workers do it, such as tcp://host:8786."
NAMED = f"A named network ({', '.join(ZOO)})"


def sizes(text: str, option: str) -> tuple[int, ...]:
    """Read ``32``, ``32x48`` or ``16x32x48`` from an option; TrainingError where it is something else.

    >>> sizes("32", "--size"), sizes("32x48", "--size")
    ((32,), (32, 48))
    """
    parts = text.split("x")
    if not 1 <= len(parts) <= 3 or not all(p.isascii() and p.isdigit() and 0 < int(p[:9]) < 2**20 for p in parts):
        raise TrainingError(f'{option} must be a size such as 32 or 32x48, not "{text}"')
    return tuple(int(p) for p in parts)


def command() -> str:
    """The command line that this process was started with, fit to be pasted."""
    name = Path(sys.argv[0]).name
    first = "python -m convlens" if name == "__main__.py" else name
    return f"{first} {shlex.join(sys.argv[1:])}"


def scaled(count: float, unit: str = "") -> str:
    """A large number as a person says it.

    >>> scaled(3_600_000_100), scaled(14_400_000_400, "B"), scaled(61706), scaled(950)
    ('3.6 billion', '14.4 GB', '61,706', '950')
    """
    if unit:
        for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if count >= size:
                return f"{count / size:.3g} {name}{unit}"
        return f"{count:.0f} {unit}"
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:.3g} {name}"
    return f"{count:,.0f}"
