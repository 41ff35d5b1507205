"""Memory that large results leave behind: who gets it next, and when it goes."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import convlens
from convlens.engine import kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is kept")
BLOCK = kept.PAGE


@pytest.fixture(autouse=True)
def nothing_before() -> None:
    gc.collect()
    kept.forget()


def waiting() -> list[int]:
    return [len(block) for block in kept._left]


def test_a_block_waits_from_the_end_of_the_last_view_to_the_next_array_of_its_size() -> None:
    array = kept.array((3, 5), np.float32)
    place, view = array.ctypes.data, array[1:].T
    assert place % kept.PAGE == 0 or place % 4096 == 0
    del array
    assert waiting() == []
    del view
    assert waiting() == [BLOCK]
    other = kept.array((BLOCK + 1,), np.uint8)
    assert waiting() == [BLOCK]
    again = kept.array((BLOCK,), np.uint8)
    assert again.ctypes.data == place
    assert waiting() == []
    again[:], other[:] = 1, 2
    assert again.sum() == BLOCK


def test_what_has_waited_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3 * BLOCK)
    for blocks in (1, 2):
        kept.array((blocks * BLOCK,), np.uint8)
    assert waiting() == [BLOCK, 2 * BLOCK]
    kept.array((BLOCK, 3), np.uint8)
    assert waiting() == [3 * BLOCK]
    kept.forget()
    assert waiting() == []


def test_results_of_filters_do_not_change_when_others_are_made() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    first = convlens.filter(photo, "box 3")
    copy = first.copy()
    second = convlens.filter(photo, "sharpen")
    assert np.array_equal(first, copy)
    assert not np.array_equal(first, second)
    place = first.ctypes.data
    del first
    third = convlens.filter(photo, "box 3")
    assert third.ctypes.data == place
    assert np.array_equal(third, copy)
