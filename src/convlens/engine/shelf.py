"""Compiled programs that wait for the next call of their shape, as many as a bounded memory holds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from convlens.network import Network

from .crew import cores
from .parameters import Named
from .program import Program
from .target import Target, host

MOST_BYTES = 1 << 28
"""Bytes of parameters and buffers that wait at most: 256 MB."""
MOST_PROGRAMS = 64
"""Programs that wait at most; one is compiled again, or read from disk, in milliseconds."""

Key = tuple[Network, Target, int]


class Shelf:
    """Programs without work; those that waited longest go first when there are too many.

    Args:
        most_bytes: of their parameters and buffers.
        most_programs: their number.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_programs: int = MOST_PROGRAMS) -> None:
        self.most_bytes, self.most_programs = most_bytes, most_programs
        self._lock = threading.Lock()
        self._waiting: OrderedDict[tuple[Key, int], Program] = OrderedDict()

    @contextmanager
    def borrowed(self, network: Network, parameters: Named) -> Iterator[Program]:
        """A program of one's own with these parameters: calls from several threads do not meet in one."""
        key = network, host(), cores()
        with self._lock:
            place = next((place for place in reversed(self._waiting) if place[0] == key), None)
            program = self._waiting.pop(place) if place else None
        if program is None:
            program = Program(network, parameters, threads=key[2], target=key[1])
        else:
            program.load(parameters)
        yield program
        with self._lock:
            self._waiting[key, id(program)] = program
            while len(self) > self.most_programs or self.bytes > self.most_bytes:
                self._waiting.popitem(last=False)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """Bytes of what waits."""
        return sum(program.bytes for program in self._waiting.values())
