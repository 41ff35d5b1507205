"""Work is shared out whole: each number runs once, errors reach the caller, and nobody waits for himself."""

from __future__ import annotations

import threading
import time

import pytest

from convlens.engine.crew import share_out


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_each_number_runs_once(count: int, threads: int) -> None:
    seen: list[int] = []
    share_out(seen.append, count, threads)
    assert sorted(seen) == list(range(count))


def test_the_caller_works_too_and_so_many_at_once() -> None:
    together = threading.Barrier(3, timeout=10)
    seen: set[int] = set()

    def meet(n: int) -> None:
        together.wait()
        seen.add(threading.get_ident())

    share_out(meet, 3, 3)
    assert len(seen) == 3
    assert threading.get_ident() in seen


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_reaches_the_caller_when_all_have_stopped(threads: int) -> None:
    at_work, begun = list[int](), list[int]()

    def work(n: int) -> None:
        begun.append(n)
        at_work.append(n)
        time.sleep(0.01)
        at_work.remove(n)
        if n == 2:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        share_out(work, 50, threads)
    assert at_work == []
    assert len(begun) < 10


def test_work_within_work_ends() -> None:
    seen: list[tuple[int, int]] = []
    share_out(lambda n: share_out(lambda m: seen.append((n, m)), 4, 3), 5, 3)
    assert sorted(seen) == [(n, m) for n in range(5) for m in range(4)]


def test_several_callers_at_once() -> None:
    seen: list[int] = []
    callers = [threading.Thread(target=share_out, args=(seen.append, 50, 2)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert sorted(seen) == sorted([*range(50)] * 4)
