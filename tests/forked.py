"""What a forked process finds: it has the memory of its parent, and of its threads only the one that forked."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable

import pytest

SECONDS = 30
"""After which a process that waits for a thread that is not there is given up."""


def forks(test: Callable[[], None]) -> Callable[[], None]:
    """Mark a test that forks, and whose process has threads meanwhile."""
    here = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    meant = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    return here(meant(test))


def in_a_fork(right: Callable[[], bool]) -> bool:
    """Whether ``right`` is so in a forked process, and known in time."""
    process = multiprocessing.get_context("fork").Process(target=_leave, args=(right,))
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    process.kill()
    return code == 0


def _leave(right: Callable[[], bool]) -> None:
    os._exit(0 if right() else 1)
