"""Whether a file is this process's alone, where the system has such locks."""

from __future__ import annotations

import sys


def locked(file: int) -> bool:
    """Lock an open file until it is closed or the process ends; False where another one has it."""
    if sys.platform == "win32":
        return True  # two at once are not told there
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
