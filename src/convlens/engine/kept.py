"""Memory of large results that nobody holds any more, kept for the next result of its size.

The first touch of fresh memory is dear: the system finds pages and clears them, at a third of the speed at which a core
copies. Memory that has been touched is therefore kept when its array is gone, and marked as free for the taking: the
system has it back without asking when anybody runs short, and what is computed here never depends on what it holds.
"""

from __future__ import annotations

import mmap
import sys
import weakref
from collections import deque
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import EngineError

PAGE = 2 << 20
"""Bytes of a large page, of whose multiples blocks are."""
MOST = 1 << 30
"""Bytes that are kept at most; what has been kept longest goes first."""

# appended and taken in single steps, because arrays end on any thread and in the middle of any line
_left: deque[mmap.mmap] = deque()


class _Lent:
    """What an array and its views hold; when they are gone, so is it, and its block is kept.

    Args:
        block: whose memory it is.
    """

    def __init__(self, block: mmap.mmap) -> None:
        bytes_ = np.frombuffer(block, np.uint8)
        self.__array_interface__ = bytes_.__array_interface__
        # the block stays as long as its finalizer, which the system's end does not wait for
        weakref.finalize(self, _keep, block).atexit = False


def array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array that begins at a page, in memory that was used before where there is any; what it holds is not set.

    Raises:
        EngineError: the system grants no more memory.

    >>> import numpy as np
    >>> first = array((3, 5), np.float32)
    >>> place = first.ctypes.data
    >>> del first
    >>> array((4, 5), np.float32).ctypes.data == place or sys.platform != "linux"
    True
    """
    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    block = _taken(-(-max(1, size) // PAGE) * PAGE)
    return np.asarray(_Lent(block))[:size].view(dtype).reshape(shape)


def forget() -> None:
    """Give all that is kept back to the system."""
    _left.clear()


def _taken(size: int) -> mmap.mmap:
    for _ in range(len(_left)):
        try:
            block = _left.pop()
        except IndexError:  # another thread was faster
            break
        if len(block) == size:
            return block
        _left.appendleft(block)
    try:
        if sys.platform != "linux":
            return mmap.mmap(-1, size)
        # shared with nobody: else it would have neither large pages nor pages that can be marked
        block = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        raise EngineError(
            f"the system does not grant the {size >> 20} MB of a result; take a part of the input"
        ) from None
    with suppress(OSError):  # a system without large pages
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _keep(block: mmap.mmap) -> None:
    if sys.platform == "linux":
        # where memory cannot be marked as free, it is given back: ``block`` ends with this function
        with suppress(OSError):
            block.madvise(mmap.MADV_FREE)
            _left.append(block)
    while sum(len(one) for one in tuple(_left)) > MOST:
        with suppress(IndexError):
            _left.popleft()
