"""The threads that kernels run on: one crew of each size for the whole process, a new one after a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def share_out(run: Callable[[int], None], count: int, threads: int) -> None:
    """``run`` of 0 to ``count`` - 1, on so many threads: on the caller's own where one is enough.

    The caller waits until all have run, and meets what ``run`` raised first. On one of the crew's threads all runs
    there: if they waited for each other, none would be left to work.
    """
    if threads == 1 or count == 1 or _hand.busy:
        for n in range(count):
            run(n)
    else:
        list(_crew(threads).map(run, range(count)))


class _Hand(threading.local):
    """Whether the thread that asks is of a crew."""

    busy = False


_hand = _Hand()


@cache
def _crew(threads: int) -> ThreadPoolExecutor:
    """So many threads; they start when they are first given work."""
    return ThreadPoolExecutor(threads, "convlens", _hired)


def _hired() -> None:
    _hand.busy = True


if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: a child that kept the crew would wait for nobody
    os.register_at_fork(after_in_child=_crew.cache_clear)
