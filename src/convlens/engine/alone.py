"""Images that run one at a time: calls whose buffers are there, for what Python spends around a call counts here.

A call takes a record with the addresses of everything off a list, or makes one, and puts it back: as many threads may
call at once as like.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import compile as machine_code
from .cost import most_alone
from .driver import RECORD, driver
from .plan import Plan
from .schedule import aligned
from .single import Single, SingleSchedule, single

Floats = NDArray[np.float32]
Loaded = Iterable[tuple[Floats, Floats | None]]


class Alone:
    """Single images of a plan, compiled when the first one comes.

    Args:
        plan: the plan of blocks.
        loaded: gives every group's weight and bias when they are asked for.
    """

    def __init__(self, plan: Plan, loaded: Callable[[], Loaded]) -> None:
        self._plan, self._loaded = plan, loaded
        self._lock, self._stale = threading.Lock(), True
        self._code: _Code | None = None
        self._idle: list[_Call] = []

    @cached_property
    def single(self) -> Single | None:
        """How an image runs alone; None where a layer has no kernel for it."""
        return single(self._plan)

    @cached_property
    def most(self) -> int:
        """As many images run one by one for less than a block; 0 where none does."""
        return most_alone(self._plan, self.single) if self.single else 0

    def forget(self) -> None:
        """The parameters are others now: read them anew when they are needed."""
        self._stale = True

    def __call__(self, x: NDArray[np.generic]) -> Floats:
        """Run images (N, *input_shape) of any number type one by one; returns (N, *output_shape)."""
        if self._stale or not self._code:
            self._code = self._prepared()
        try:
            call = self._idle.pop()
        except IndexError:
            call = _Call(self._plan, self._code)
        found = call.run(x)
        self._idle.append(call)
        return found

    def _prepared(self) -> _Code:
        """The machine code, with the parameters of now."""
        with self._lock:
            if self._code is None:
                assert self.single, "the plan has no layout of a single image"
                self._code = _Code(self.single)
            if self._stale:
                self._code.schedule.load(self._code.weights, self._loaded())
                self._stale = False
            return self._code


class _Code:
    """What all calls share: the weights, the driver, and the table of the functions that it calls."""

    def __init__(self, single: Single) -> None:
        self.schedule = SingleSchedule(single)
        self.weights = aligned(self.schedule.parameters.floats)
        steps = self.schedule.forward()
        self.table = np.array([machine_code.address(machine_code.load(step.kernel)) for step in steps], np.int64)
        self.driver = machine_code.load(driver(single.plan.target, steps, "forward_of_one"))


class _Call:
    """Buffers and record of a call; one thread at a time uses it."""

    def __init__(self, plan: Plan, code: _Code) -> None:
        self._shapes = plan.network.input_shape, plan.network.output_shape
        self._code, self._scratch = code, aligned(code.schedule.scratch.floats)
        self._record = np.zeros(len(RECORD), np.int64)
        self._address = self._record.ctypes.data
        self._tell(scratch=self._scratch, parameters=code.weights, table=code.table)
        self._grow(1)

    def _tell(self, **arrays: NDArray[np.generic]) -> None:
        for name, array in arrays.items():
            self._record[RECORD.index(name)] = array.ctypes.data

    def _grow(self, most: int) -> None:
        """Room for so many images, before and behind the network."""
        self._images, self._outputs = (aligned(most * math.prod(shape)).reshape(most, *shape) for shape in self._shapes)
        self._tell(images=self._images, outputs=self._outputs)
        self._record[RECORD.index("stop")] = most

    def run(self, x: NDArray[np.generic]) -> Floats:
        """The outputs of some images."""
        if len(x) != len(self._images):
            self._grow(len(x))
        self._images[...] = x
        self._code.driver(self._address)
        return self._outputs.copy()
