"""How much memory an array may take: what this process can still have, for what is promised beyond it ends in a kill.

Linux grants any size and ends the process when it writes there; so a size is compared before anything is allocated.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import kept
from .errors import EngineError

SMALL = 1 << 26
"""Bytes that are taken without asking how much there is: 64 MB, granted in less time than the question costs."""
LINE = 64
"""Bytes of a cache line, and of the widest vector."""
MEMINFO, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that this process can still have: what the system has left, within what its control group allows, less an
    eighth for whatever else happens meanwhile.

    >>> available() > 0
    True
    """
    return max(0, min(_of_system(), _of_group())) * 7 // 8


def _of_system() -> int:
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 1 << 62  # a system that does not say


def _of_group() -> int:
    try:
        limit = int((GROUP / "memory.max").read_text())
        used = int((GROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        return limit - used + int(cached["file"])  # pages of files are given back when they are wanted
    except (OSError, KeyError, ValueError):
        return 1 << 62  # no group, or one without a limit


def spelled(count: int) -> str:
    """Bytes as people say them.

    >>> spelled(3_200_000_000), spelled(10**30)
    ('3.2 GB', '1e+18 TB')
    """
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array that begins at a cache line; what it holds is not set.

    >>> aligned((3, 5), np.uint8).ctypes.data % LINE
    0
    """
    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    raw = np.empty(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def ensure(count: int, what: str, remedy: str) -> None:
    """Raise EngineError where ``count`` bytes are more than there are.

    Args:
        count: bytes that are about to be used.
        what: for what, as the sentence begins: "the output".
        remedy: what to do instead.
    """
    if count <= SMALL:
        return
    if count > available():
        kept.forget()  # what waits for a next result of its size does not count as left everywhere
    if count > (most := available()):
        raise EngineError(f"{what} would take {spelled(count)}, but {spelled(most)} of memory are left; {remedy}")
