"""A compiled network: numpy arrays in, numpy arrays out, on all cores, with the same bits whatever their number.

A batch is cut into blocks of as many images as a vector has lanes, and the blocks into a fixed number of shares. A
share's blocks run one after another on one thread, and the shares' sums are added in order: who ran them leaves no
trace.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import Network
from convlens.network.errors import shown
from convlens.network.layers import whole

from . import compile as machine_code
from .alone import Alone
from .arguments import Floats, floats, numbers
from .cost import blocks_a_share
from .crew import cores, share_out
from .driver import RECORD, Step, driver
from .errors import EngineError
from .kernels.dropout import Dropping, dropped, keys
from .memory import ensure
from .norms import Norms
from .parameters import Named, shapes, weight_and_bias
from .plan import plan
from .schedule import Schedule, aligned
from .sums import Sums
from .target import Target, host

MOST_SHARES = 16
"""As many cores can work on a batch at once."""

FLOAT32 = np.dtype(np.float32)

BETWEEN = ("inputs", "returned", "measured", "numbers")
"""What lies between two sweeps over a batch, for its norms."""

Run = Callable[[dict[str, int], int, int], None]


class Program:
    """A network compiled for this processor.

    Called, a batch norm uses its running statistics and a dropout keeps all; gradients are those of training, of the
    batch's own statistics and of what a dropout drew.

    Args:
        network: the network.
        parameters: name to array, named and shaped as in ``nn.build(network).state_dict()``.
        training: whether gradients are wanted.
        threads: how many run at once; None: the cores this process may use.
        target: the processor; None: this one.

    Raises:
        EngineError: a layer has no kernel, or a parameter is missing or of another shape.
    """

    def __init__(
        self,
        network: Network,
        parameters: Named,
        *,
        training: bool = False,
        threads: int | None = None,
        target: Target | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise EngineError(f"a program is compiled from a Network, as Network.parse makes one, not {shown(network)}")
        self.plan = plan(network, target or host(), training=training)
        self.threads = cores() if threads is None else whole(threads, "threads", 1)
        self._schedule = Schedule(self.plan)
        ensure(
            self.bytes,
            "the network's weights, and the numbers inside it of the images at work,",
            "take a smaller input or fewer channels",
        )
        self._weights = aligned(self._schedule.parameters.floats)
        self._shapes = shapes(network)
        self._sums = Sums(self.plan, self._schedule, self._shapes)
        self._alone = Alone(self.plan, self._loaded)
        self.load(parameters)
        self._lock, self._free = threading.Lock(), dict[tuple[str, int], list[Floats]]()

    @property
    def network(self) -> Network:
        """The network."""
        return self.plan.network

    @property
    def bytes(self) -> int:
        """Bytes of its parameters and of the buffers of all its threads."""
        rooms = self._schedule
        sums = rooms.sums.floats if self.plan.training else 0
        return 4 * (rooms.parameters.floats + min(self.threads, MOST_SHARES) * (rooms.scratch.floats + sums))

    @cached_property
    def _blocks_a_share(self) -> int:
        """Blocks that a share of a training batch has at least, so that adding its sums up costs next to nothing."""
        return blocks_a_share(self.plan, self._schedule.sums.floats)

    def load(self, parameters: Named) -> None:
        """Take new values for all parameters; must not run while another thread uses the program.

        Raises:
            EngineError: one is missing or of another shape.
        """
        if not isinstance(parameters, Mapping):
            raise EngineError(f"parameters are arrays by name, as a dictionary holds them, not {shown(parameters)}")
        for group, place in zip(self.plan.groups, self._schedule.buffers, strict=True):
            weight, bias = weight_and_bias(self.network, self._shapes, group, parameters)
            self._weights[place.weight : place.weight + weight.size] = weight.ravel()
            if bias is not None:
                self._weights[place.bias : place.bias + bias.size] = bias.ravel()
        self._alone.forget()

    def _loaded(self) -> Iterator[tuple[Floats, Floats | None]]:
        """Every group's weight and bias as they were loaded."""
        for group, place in zip(self.plan.groups, self._schedule.buffers, strict=True):
            weight = self._weights[place.weight : place.weight + group.weight_floats]
            bias = self._weights[place.bias : place.bias + group.bias_floats]
            yield weight, bias if group.bias else None

    # ---- what it computes ----

    def __call__(self, x: NDArray[Any]) -> Floats:
        """Run the network on a batch.

        Args:
            x: (N, *input_shape), any number type; N may be 0.

        Returns:
            (N, *output_shape) float32.

        Raises:
            EngineError: the shape is another.
        """
        x = self._checked(x, self.network.input_shape, "the network reads")
        images, alone = len(x), self._fewer(len(x))
        if alone and alone == images:
            return self._alone(x)
        first, rest = x[: images - alone], x[images - alone :]
        batch, floats = _Batch(self, first), self.plan.outputs
        outputs = batch.keep("outputs", aligned((batch.blocks * batch.lanes + alone) * floats))
        batch.run(self._forward)
        if alone:
            outputs[len(first) * floats :] = self._alone(rest).ravel()
        return outputs[: images * floats].reshape(images, *self.network.output_shape)

    def learning(self, x: NDArray[Any], *, seed: int = 0) -> tuple[Floats, dict[str, Floats]]:
        """Run the network on a batch as while it is trained: ``gradients`` are those of these outputs.

        Args:
            x: (N, *input_shape).
            seed: of what dropouts draw.

        Returns:
            (N, *output_shape) float32, and the batch's statistics as ``loss_and_gradients`` gives them.

        Raises:
            EngineError: the program was not compiled for training, the shape is another, or a batch norm has a single
                value per channel.
        """
        self._needs_training()
        x = self._checked(x, self.network.input_shape, "the network reads")
        batch = _Batch(self, x)
        batch.draw(seed)
        outputs = batch.place("outputs", self.plan.outputs)
        norms = batch.sweep(self._learning, back=False)
        shaped = outputs[: len(x) * self.plan.outputs].reshape(len(x), *self.network.output_shape)
        return shaped, norms.statistics if norms else {}

    def _fewer(self, images: int) -> int:
        """How many of some images run one by one, behind the full blocks."""
        full, rest = divmod(images, self.plan.target.lanes)
        # where threads are idle in the last turn of blocks, another block costs no time
        return rest if rest and not full % self.threads and rest <= self._alone.most else 0

    def loss_and_gradients(
        self,
        x: NDArray[Any],
        labels: NDArray[Any],
        total: int | None = None,
        *,
        seed: int = 0,
        statistics: dict[str, Floats] | None = None,
    ) -> tuple[float, int, dict[str, Floats]]:
        """Mean cross-entropy of a batch, how many labels have the largest score, and the gradients of all parameters.

        Args:
            x: (N, *input_shape).
            labels: (N,) class numbers.
            total: how many examples the mean is over, at least 1; None: N.
            seed: of what dropouts draw: the same seed, the same bits.
            statistics: takes the batch's mean and unbiased variance of every batch norm, named as the running ones;
                of an empty batch there are none.

        Returns:
            The summed loss divided by ``total``, the number right, and name to gradient.

        Raises:
            EngineError: the program was not compiled for training, a shape or label is wrong, or a batch norm has a
                single value per channel.
        """
        self._needs_training()
        x = self._checked(x, self.network.input_shape, "the network reads")
        labels = numbers(labels, "the labels")
        if labels.shape != (len(x),) or not np.issubdtype(labels.dtype, np.integer):
            raise EngineError(f"{len(x)} examples need as many whole-number labels, not an array of {labels.shape}")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.plan.outputs:
            raise EngineError(f"labels must be 0 to {self.plan.outputs - 1}")
        total = max(1, len(x)) if total is None else whole(total, "total", 1)
        batch = _Batch(self, x)
        batch.place("labels", 1)[: len(x)] = labels
        batch.place("labels", 1)[len(x) :] = -1
        losses, right = batch.place("loss", 1), batch.place("right", 1)
        scale = batch.keep("scale", np.array([1.0 / total], np.float32))
        batch.draw(seed)
        gradients_ = batch.run_and_sum(self._with_loss, statistics)
        return float(losses.sum(dtype=np.float64)) * float(scale[0]), int(right.sum()), gradients_

    def gradients(
        self, x: NDArray[Any], upstream: NDArray[Any], *, input_too: bool = False, seed: int = 0
    ) -> tuple[Floats | None, dict[str, Floats]]:
        """Gradients from those of the outputs.

        Args:
            x: (N, *input_shape): the batch that gave the outputs.
            upstream: (N, *output_shape).
            input_too: whether the gradient of ``x`` is wanted.
            seed: of what dropouts draw.

        Returns:
            The gradient of ``x`` or None, and name to gradient.

        Raises:
            EngineError: the program was not compiled for training, a shape is wrong, or a batch norm has a single value
                per channel.
        """
        self._needs_training()
        x = self._checked(x, self.network.input_shape, "the network reads")
        upstream = self._checked(upstream, self.network.output_shape, "the network gives")
        if len(upstream) != len(x):
            raise EngineError(f"{len(x)} examples need as many gradients, not {len(upstream)}")
        batch = _Batch(self, x)
        batch.read("upstreams", upstream)
        batch.draw(seed)
        moved = batch.place("input_gradients", math.prod(self.network.input_shape)) if input_too else None
        gradients_ = batch.run_and_sum(self._to_input if input_too else self._from_upstream)
        return None if moved is None else moved[: x.size].reshape(x.shape), gradients_

    def kept(self, images: int, seed: int) -> dict[int, NDArray[np.bool_]]:
        """What the dropouts of a batch keep: the layer's place to (images, *shape), true where a value stays."""
        lanes, found = self.plan.target.lanes, {}
        given = keys(seed, images, lanes)
        for group in self.plan.groups:
            if not isinstance(group.work, Dropping):
                continue
            certain = dropped(self.plan.target, group.work, group.source, group.plain, "dropout")
            call, ones = machine_code.load(certain), aligned(group.source.floats)
            result, rows = aligned(group.source.floats), []
            ones.fill(1.0)
            for block in range(0, len(given), 2 * lanes):
                own = aligned(2 * lanes)
                own.view(np.uint32)[:] = given.view(np.uint32)[block : block + 2 * lanes]
                call(ones.ctypes.data, own.ctypes.data, result.ctypes.data)
                rows.append(result.reshape(-1, lanes).T != 0)
            shape = self.network.shapes[group.work.layer]
            found[group.work.layer] = np.concatenate([np.zeros((0, math.prod(shape)), bool), *rows])[:images].reshape(
                images, *shape
            )
        return found

    def _needs_training(self) -> None:
        if not self.plan.training:
            raise EngineError("this program was compiled without training=True; compile it anew to get gradients")

    def _checked(self, x: NDArray[Any], shape: tuple[int, ...], what: str) -> Floats:
        # the question costs a tenth of the answer, and a single image feels it
        if type(x) is not np.ndarray or x.dtype is not FLOAT32 or not x.flags.c_contiguous:
            x = floats(x, "a batch")
        if x.shape[1:] != shape or x.ndim != len(shape) + 1:
            wanted, given = ("x".join(map(str, s)) or "one number" for s in (shape, x.shape))
            raise EngineError(f"{what} a batch of {wanted}, not an array of {given}")
        return x

    # ---- machine code, linked when it is first needed ----

    @cached_property
    def _forward(self) -> Run:
        return self._link(self._schedule.forward(), "forward")

    @cached_property
    def _learning(self) -> list[Run]:
        return [self._link(steps, "learning") for steps in self._schedule.learning()]

    @cached_property
    def _with_loss(self) -> list[Run]:
        return [self._link(steps, "with_loss") for steps in self._schedule.with_loss()]

    @cached_property
    def _from_upstream(self) -> list[Run]:
        return [self._link(steps, "from_upstream") for steps in self._schedule.from_upstream(input_too=False)]

    @cached_property
    def _to_input(self) -> list[Run]:
        return [self._link(steps, "to_input") for steps in self._schedule.from_upstream(input_too=True)]

    def _link(self, steps: list[Step], name: str) -> Run:
        loaded = [machine_code.load(step.kernel) for step in steps]
        table = np.array([machine_code.address(call) for call in loaded], np.int64)
        call = machine_code.load(driver(self.plan.target, steps, name))
        address = table.ctypes.data

        def run(places: dict[str, int], first: int, stop: int) -> None:
            told = {**places, "table": address, "first": first, "stop": stop}
            record = np.array([told.get(name, 0) for name in RECORD], np.int64)
            call(record.ctypes.data)
            assert table.size == len(loaded)  # it lives as long as this function

        return run

    # ---- scratch ----

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


class _Batch:
    """The arrays of one call, and its shares on the program's threads."""

    def __init__(self, program: Program, x: Floats) -> None:
        self.program, self.images = program, len(x)
        self.lanes = program.plan.target.lanes
        self.blocks = -(-len(x) // self.lanes)
        self.shares = max(1, min(MOST_SHARES, self.blocks))
        self._arrays: dict[str, Floats] = {"parameters": program._weights}
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
        if any(isinstance(group.work, Dropping) for group in self.program.plan.groups):
            drawn = keys(seed, self.images, self.lanes).view(np.uint32)
            self.place("draws", 2).view(np.uint32)[: drawn.size] = drawn

    def run_and_sum(self, runs: list[Run], statistics: dict[str, Floats] | None = None) -> dict[str, Floats]:
        """Run every share with sums of its own, sweep by sweep, and add them up: name to gradient."""
        program = self.program
        floats = program._schedule.sums.floats
        self.shares = max(1, min(MOST_SHARES, self.blocks // program._blocks_a_share))
        flat = program.borrow("sums", self.shares * floats)
        flat.fill(0.0)
        self._sums = flat.reshape(self.shares, floats)
        norms = self.sweep(runs)
        found = program._sums.gathered(self._sums)
        program.give("sums", flat)
        if norms:
            found |= norms.gradients
            if statistics is not None:
                statistics.update(norms.statistics)
        return found

    def sweep(self, runs: list[Run], *, back: bool = True) -> Norms | None:
        """Run every share, sweep by sweep; what the batch norms found on the way, and ``back``."""
        norms = self._norms() if self.program._schedule.cuts else None
        for sweep, run in enumerate(runs):
            self.run(run)
            if norms and (back or sweep < len(runs) - 1):
                norms.settle(sweep)
        for base in BETWEEN if norms else ():
            self.program.give(base, self._arrays[base])
        return norms

    def _norms(self) -> Norms:
        """The batch norms, with arrays in which they put aside what they read, block by block."""
        program, rooms = self.program, self.program._schedule
        many = 1 << (self.blocks - 1).bit_length()  # a power of 2, so that batches of many sizes share a few arrays
        for base, room in zip(BETWEEN, (rooms.maps, rooms.maps, rooms.measured, rooms.numbers), strict=True):
            self.keep(base, program.borrow(base, (1 if base == "numbers" else many) * room.floats))
        self.place("present", 1)[: self.images] = 1.0
        return Norms(program.plan, rooms, self._arrays, self.images)

    def run(self, run: Run) -> None:
        """Run every share."""
        places = {base: array.ctypes.data for base, array in self._arrays.items()}

        def share(s: int) -> None:
            scratch = self.program.borrow("scratch", self.program._schedule.scratch.floats)
            own = {**places, "scratch": scratch.ctypes.data}
            if self._sums is not None:
                own["sums"] = self._sums[s].ctypes.data
            first, stop = s * self.blocks // self.shares, (s + 1) * self.blocks // self.shares
            full = min(stop, self.images // self.lanes)
            run(own | {base: array.ctypes.data for base, (array, _) in self._given.items()}, first, full)
            if full < stop:
                # the driver counts from the first block: point as far before the tails
                tails = {base: tail.ctypes.data - full * tail.nbytes for base, (_, tail) in self._given.items()}
                run(own | tails, full, stop)
            self.program.give("scratch", scratch)

        share_out(share, self.shares, self.program.threads)
