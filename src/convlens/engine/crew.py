"""The threads that kernels run on: one crew of each size for the whole process, a new one after a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def share_out(run: Callable[[int], None], count: int, threads: int) -> None:
    """``run`` of 0 to ``count`` - 1, on so many threads, of which the caller's own is one.

    Whoever is free takes the next number. The caller waits until all have run, and meets what ``run`` raised first. On
    one of the crew's threads all runs there: if they waited for each other, none would be left to work.
    """
    # taken from a list, because that is one step even where threads have no lock in common
    left = list(range(count - 1, -1, -1))

    def work() -> None:
        while left:
            try:
                n = left.pop()
            except IndexError:  # another one was faster
                return
            try:
                run(n)
            except BaseException:
                left.clear()
                raise

    helpers = 0 if _hand.busy else min(threads, count) - 1
    # each is asked once: to be woken takes as long as a small share
    others = [_crew(threads - 1).submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        wait(others)
    for other in others:
        other.result()


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
