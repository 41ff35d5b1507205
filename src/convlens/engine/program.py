"""A compiled network: numpy arrays in, numpy arrays out, on all cores, with the same bits whatever their number.

Here is what a program is asked, and what is linked for it; how a batch goes through its blocks is in ``batch``.
"""

from __future__ import annotations

import math
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
from .batch import MOST_SHARES, Batch, Floor, Run
from .crew import cores
from .driver import RECORD, Step, driver
from .errors import EngineError
from .kernels.dropout import Dropping, dropped, keys
from .memory import ensure
from .parameters import Named, shapes, weight_and_bias
from .plan import plan
from .schedule import Schedule, aligned
from .sums import Sums
from .target import Target, host

FLOAT32 = np.dtype(np.float32)

Slope = Callable[[Floats, slice], NDArray[Any]]
"""What a loss of the caller's own says between forward and backward, see ``Program.outputs_and_gradients``."""


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
        sums = Sums(self.plan, self._schedule, self._shapes)
        self._floor = Floor(self._schedule, self._weights, sums, self.threads)
        self._alone = Alone(self.plan, self._loaded)
        self.load(parameters)

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
        batch, floats = Batch(self._floor, first), self.plan.outputs
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
        batch = Batch(self._floor, x)
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
        batch = Batch(self._floor, x)
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
        batch = Batch(self._floor, x)
        batch.read("upstreams", upstream)
        batch.draw(seed)
        moved = batch.place("input_gradients", math.prod(self.network.input_shape)) if input_too else None
        gradients_ = batch.run_and_sum(self._to_input if input_too else self._from_upstream)
        return None if moved is None else moved[: x.size].reshape(x.shape), gradients_

    def outputs_and_gradients(
        self, x: NDArray[Any], slope: Slope, *, seed: int = 0, statistics: dict[str, Floats] | None = None
    ) -> tuple[Floats, dict[str, Floats]]:
        """Outputs of a batch, and the gradients of a loss of one's own: ``gradients`` without running forward twice.

        Args:
            x: (N, *input_shape).
            slope: ``slope(outputs, images)`` gives the loss's gradient with respect to the outputs (n, *output_shape)
                of some images, ``x[images]``, in their shape. It is asked for a few at a time, once for each, between
                their way forward and their way back, by several threads at once and in any order: what the loss takes
                from the whole batch must be known before.
            seed: of what dropouts draw.
            statistics: takes those of the batch, as in ``loss_and_gradients``.

        Returns:
            (N, *output_shape) float32, as ``learning`` gives them, and name to gradient.

        Raises:
            EngineError: the program was not compiled for training, a shape is wrong, or a batch norm has a single value
                per channel. What ``slope`` raises comes through.

        >>> network = Network.parse("1: linear 1 nobias")
        >>> program = Program(network, {"0.weight": np.full((1, 1), 3)}, training=True)
        >>> wanted = np.array([[5], [6]], np.float32)
        >>> program.outputs_and_gradients(np.array([[1], [2]]), lambda y, images: 2 * (y - wanted[images]))
        (array([[3.],
               [6.]], dtype=float32), {'0.weight': array([[-4.]], dtype=float32)})
        """
        self._needs_training()
        x = self._checked(x, self.network.input_shape, "the network reads")
        batch = Batch(self._floor, x)
        batch.draw(seed)
        gradients_ = batch.run_and_sum(self._paused(batch, slope), statistics)
        outputs = batch.place("outputs", self.plan.outputs)[: len(x) * self.plan.outputs]
        return outputs.reshape(len(x), *self.network.output_shape), gradients_

    def _paused(self, batch: Batch, slope: Slope) -> list[Run]:
        """The sweeps of ``with_pause``; in the one that turns a block goes there, ``slope`` is asked, and it goes back.

        What a block has in scratch outlasts the pause, for the thread that asks is the one that runs it.
        """
        shape, images, lanes = self.network.output_shape, batch.images, batch.lanes
        outputs, upstreams = (
            batch.place(base, self.plan.outputs).reshape(-1, *shape) for base in ("outputs", "upstreams")
        )
        shown_, turn = outputs.view(), len(self._schedule.cuts)
        shown_.flags.writeable = False  # they are returned as they were
        *there, forth, back = self._with_pause[: turn + 2]

        def run(places: dict[str, int], first: int, stop: int) -> None:
            for block in range(first, stop):
                forth(places, block, block + 1)
                some = slice(block * lanes, min(images, (block + 1) * lanes))
                upstreams[some] = self._sloped(slope, shown_[some], some)
                back(places, block, block + 1)

        return [*there, run, *self._with_pause[turn + 2 :]]

    def _sloped(self, slope: Slope, outputs: Floats, images: slice) -> Floats:
        found = floats(slope(outputs, images), "a slope")
        if found.shape != outputs.shape:
            raise EngineError(f"the slope of outputs {outputs.shape} has their shape, not {found.shape}")
        return found

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
    def _with_pause(self) -> list[Run]:
        return [self._link(steps, "with_pause") for steps in self._schedule.with_pause()]

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
