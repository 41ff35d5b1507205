"""A batch on its way through a program: blocks of images in shares, and the arrays that they work on.

A batch is cut into blocks of as many images as a vector has lanes, and the blocks into a fixed number of shares. A
share's blocks run one after another on one thread, and the shares' sums are added in order: who ran them leaves no
trace. What runs is linked in ``program``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property

import numpy as np

from .arguments import Floats
from .cost import blocks_a_share
from .crew import share_out
from .kernels.dropout import Dropping, keys
from .norms import Norms
from .plan import Plan
from .schedule import Schedule, aligned
from .sums import Sums

MOST_SHARES = 16
"""As many cores can work on a batch at once."""

BETWEEN = ("inputs", "returned", "measured", "numbers")
"""What lies between two sweeps over a batch, for its norms."""

Run = Callable[[dict[str, int], int, int], None]
"""Machine code for blocks: told where arrays lie, the first block, and the block past the last."""


class Floor:
    """What all batches of a program work with.

    Args:
        schedule: where everything lies.
        parameters: the weights as they were loaded.
        sums: how gradients are gathered.
        threads: how many shares run at once.
    """

    def __init__(self, schedule: Schedule, parameters: Floats, sums: Sums, threads: int) -> None:
        self.schedule, self.parameters, self.sums, self.threads = schedule, parameters, sums, threads
        self._lock, self._free = threading.Lock(), dict[tuple[str, int], list[Floats]]()

    @property
    def plan(self) -> Plan:
        """The program's plan."""
        return self.schedule.plan

    @cached_property
    def blocks_a_share(self) -> int:
        """Blocks that a share of a training batch has at least, so that adding its sums up costs next to nothing."""
        return blocks_a_share(self.plan, self.schedule.sums.floats)

    def borrow(self, use: str, floats: int) -> Floats:
        """An array of one's own for a use, zeros when it is new; give it back, for new memory is slow memory.

        A scratch comes back with its borders still zero, so an array is only lent again for the same use.
        """
        with self._lock:
            if free := self._free.get((use, floats)):
                return free.pop()
        return aligned(floats)

    def give(self, use: str, array: Floats) -> None:
        """Take an array back as it is."""
        with self._lock:
            self._free.setdefault((use, array.size), []).append(array)


class Batch:
    """The arrays of one call, and its shares on the program's threads.

    Args:
        floor: of the program.
        x: (N, *input_shape).
    """

    def __init__(self, floor: Floor, x: Floats) -> None:
        self._floor, self.images = floor, len(x)
        self.lanes = floor.plan.target.lanes
        self.blocks = -(-len(x) // self.lanes)
        self.shares = max(1, min(MOST_SHARES, self.blocks))
        self._arrays: dict[str, Floats] = {"parameters": floor.parameters}
        self._given: dict[str, tuple[Floats, Floats]] = {}
        self._sums: Floats | None = None
        self.read("images", x)

    def read(self, base: str, array: Floats) -> None:
        """Let ``base`` be an array of the caller's, with a row an image."""
        rest = len(array) % self.lanes
        # the images behind the last full block, and zeros up to a block
        tail = np.zeros((self.lanes if rest else 0, *array.shape[1:]), np.float32)
        tail[:rest] = array[len(array) - rest :]
        self._given[base] = array, tail

    def place(self, base: str, floats: int) -> Floats:
        """The array of ``base``: so many floats an image, for whole blocks."""
        if base not in self._arrays:
            self._arrays[base] = aligned(self.blocks * self.lanes * floats)
        return self._arrays[base]

    def keep(self, base: str, array: Floats) -> Floats:
        """Let ``base`` be an array that is there already."""
        self._arrays[base] = array
        return array

    def draw(self, seed: int) -> None:
        """Give every image its keys, where there are dropouts."""
        if any(isinstance(group.work, Dropping) for group in self._floor.plan.groups):
            drawn = keys(seed, self.images, self.lanes).view(np.uint32)
            self.place("draws", 2).view(np.uint32)[: drawn.size] = drawn

    def run_and_sum(self, runs: list[Run], statistics: dict[str, Floats] | None = None) -> dict[str, Floats]:
        """Run every share with sums of its own, sweep by sweep, and add them up: name to gradient."""
        floor = self._floor
        floats = floor.schedule.sums.floats
        self.shares = max(1, min(MOST_SHARES, self.blocks // floor.blocks_a_share))
        flat = floor.borrow("sums", self.shares * floats)
        self._sums = flat.reshape(self.shares, floats)
        norms = self.sweep(runs)
        found = floor.sums.gathered(self._sums)
        floor.give("sums", flat)
        if norms:
            found |= norms.gradients
            if statistics is not None:
                statistics.update(norms.statistics)
        return found

    def sweep(self, runs: list[Run], *, back: bool = True) -> Norms | None:
        """Run every share, sweep by sweep; what the batch norms found on the way, and ``back``."""
        norms = self._norms() if self._floor.schedule.cuts else None
        for sweep, run in enumerate(runs):
            self.run(run, fresh=not sweep)
            if norms and (back or sweep < len(runs) - 1):
                norms.settle(sweep)
        for base in BETWEEN if norms else ():
            self._floor.give(base, self._arrays[base])
        return norms

    def _norms(self) -> Norms:
        """The batch norms, with arrays in which they put aside what they read, block by block."""
        floor, rooms = self._floor, self._floor.schedule
        many = 1 << (self.blocks - 1).bit_length()  # a power of 2, so that batches of many sizes share a few arrays
        for base, room in zip(BETWEEN, (rooms.maps, rooms.maps, rooms.measured, rooms.numbers), strict=True):
            self.keep(base, floor.borrow(base, (1 if base == "numbers" else many) * room.floats))
        self.place("present", 1)[: self.images] = 1.0
        return Norms(floor.plan, rooms, self._arrays, self.images)

    def run(self, run: Run, *, fresh: bool = True) -> None:
        """Run every share; a ``fresh`` one begins with sums of nothing."""
        places = {base: array.ctypes.data for base, array in self._arrays.items()}

        def share(s: int) -> None:
            scratch = self._floor.borrow("scratch", self._floor.schedule.scratch.floats)
            own = {**places, "scratch": scratch.ctypes.data}
            if self._sums is not None:
                own["sums"] = self._sums[s].ctypes.data
                if fresh:  # here, where they come into the cache of the core that adds to them
                    self._sums[s].fill(0.0)
            first, stop = s * self.blocks // self.shares, (s + 1) * self.blocks // self.shares
            full = min(stop, self.images // self.lanes)
            run(own | {base: array.ctypes.data for base, (array, _) in self._given.items()}, first, full)
            if full < stop:
                # the driver counts from the first block: point as far before the tails
                tails = {base: tail.ctypes.data - full * tail.nbytes for base, (_, tail) in self._given.items()}
                run(own | tails, full, stop)
            self._floor.give("scratch", scratch)

        share_out(share, self.shares, self._floor.threads)
