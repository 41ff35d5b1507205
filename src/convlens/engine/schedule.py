"""The kernels of a plan in their order, and where each finds its buffers.

Four runs share the same buffers: forward; forward, loss and backward; forward and backward from a given gradient;
forward and backward with a pause between them, in which the caller says that gradient.
Nothing is kept between blocks: what backward needs of a block is computed again, in cache, rather than stored.

Batch norms alone ask for all blocks before any can go on. They cut a run that learns into sweeps over the blocks: one
forward up to every norm, which puts its input aside; one from the last norm to the end and back to it; and one more to
the norm before, or to the input, for each. Between two sweeps ``norms`` turns what was measured into numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .driver import Place, Step
from .kernels import convolution, dense, dropout, gradients, images, local, loss, normalisation, pooling, slopes
from .kernels.convolution import Convolution
from .kernels.dropout import Dropping
from .kernels.normalisation import MEASURED, NUMBERS, Normalising
from .kernels.pooling import Pooling
from .layout import Layout
from .memory import ensure
from .plan import Dense, Group, Plan

ALIGN = 16
"""Floats to which every buffer is aligned: 64 bytes, a cache line and the widest vector."""


def aligned(count: int) -> NDArray[np.float32]:
    """Zeros that begin at a multiple of 64 bytes."""
    ensure(4 * count, "one array of the engine", "take a smaller batch, a smaller input or fewer channels")
    raw = np.zeros(count + ALIGN, np.float32)
    start = -(raw.ctypes.data // 4) % ALIGN
    return raw[start : start + count]


class Room:
    """Where buffers lie in one array: each gets the next aligned place."""

    def __init__(self) -> None:
        self.floats = 0

    def take(self, floats: int) -> int:
        """The offset of a new buffer."""
        offset = self.floats
        self.floats += -(-floats // ALIGN) * ALIGN
        return offset


@dataclass(frozen=True)
class Buffers:
    """Offsets of one group's buffers: in scratch, in the parameters, and in the sums of a share."""

    result: int
    upstream: int
    gradient: int
    kept: int
    where: int
    mirrored: int
    weight: int
    bias: int
    weight_sums: int
    bias_sums: int


@dataclass(frozen=True)
class Cut:
    """Offsets of one batch norm: of its maps in what is put aside of a block, of what is measured there, and of its
    numbers."""

    maps: int
    measured: int
    numbers: int


class Schedule:
    """Buffers and steps of a plan.

    ``scratch``, ``parameters`` and ``sums`` say how many floats each of the three arrays has; ``maps`` and ``measured``
    how many are put aside and measured of a block for all batch norms, and ``numbers`` how many norms have.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scratch, self.parameters, self.sums = Room(), Room(), Room()
        self._entry = self.scratch.take(plan.entry.floats)
        self._entry_gradient = self.scratch.take(self._entry_plain.floats) if plan.training else 0
        self.buffers = [self._lay_out(group) for group in plan.groups]
        self.maps, self.measured, self.numbers = Room(), Room(), Room()
        self.cuts = {
            i: self._cut(g.source, g.work) for i, g in enumerate(plan.groups) if isinstance(g.work, Normalising)
        }

    @property
    def _entry_plain(self) -> Layout:
        entry = self.plan.entry
        return Layout(entry.lanes, entry.channels, entry.size)

    def _lay_out(self, group: Group) -> Buffers:
        training, work, lanes = self.plan.training, group.work, group.result.lanes
        scratch, sums = self.scratch, self.sums
        pool = work if isinstance(work, Pooling) else work.pool if isinstance(work, Convolution) else None
        argmax = pool is not None and pool.kind == "max"
        mirrored = dense.mirrored(work.inputs, lanes) * lanes if isinstance(work, Dense) else 0
        return Buffers(
            result=scratch.take(group.result.floats),
            upstream=scratch.take(group.plain.floats if training else 0),
            gradient=scratch.take(group.sums.floats if training and not group.straight else 0),
            kept=scratch.take(group.sums.floats if self._keeps(group) else 0),
            where=scratch.take(group.result.floats if training and argmax else 0),
            mirrored=scratch.take(mirrored if training else 0),
            weight=self.parameters.take(group.weight_floats),
            bias=self.parameters.take(group.bias_floats),
            weight_sums=sums.take(group.weight_sums),
            bias_sums=sums.take(group.bias_sums),
        )

    def _cut(self, source: Layout, work: Normalising) -> Cut:
        measured = work.channels * MEASURED * source.lanes
        return Cut(
            self.maps.take(source.floats), self.measured.take(measured), self.numbers.take(NUMBERS * work.channels)
        )

    def _keeps(self, group: Group) -> bool:
        """Whether the activations before an average pool must be found again."""
        work = group.work
        if not self.plan.training or not isinstance(work, Convolution) or work.pool is None:
            return False
        return work.pool.kind == "avg" and work.activation is not None

    def _result(self, i: int) -> Place:
        return Place("scratch", self.buffers[i].result)

    def _source(self, i: int) -> Place:
        return Place("scratch", self._entry) if i == 0 else self._result(i - 1)

    def _upstream(self, i: int) -> Place:
        """The gradient of group i's result; of the network's input for -1."""
        return Place("scratch", self._entry_gradient if i < 0 else self.buffers[i].upstream)

    # ---- the runs ----

    def forward(self) -> list[Step]:
        """Images into lanes, all groups, and the outputs back to images."""
        last = self.plan.groups[-1].result
        out = images.out_of_lanes(self.plan.target, last, "out_of_lanes")
        places = (self._result(len(self.plan.groups) - 1), Place("outputs", 0, last.floats))
        groups = range(len(self.plan.groups))
        return [self._images(), *(self._group_forward(i, learning=False) for i in groups), Step(out, places)]

    def _images(self) -> Step:
        """Images into lanes."""
        plan, target = self.plan, self.plan.target
        cells = plan.entry.channels * plan.entry.cells
        into = images.into_lanes(target, plan.entry, "into_lanes")
        return Step(into, (Place("images", 0, cells * target.lanes), Place("scratch", self._entry)))

    def with_loss(self) -> list[list[Step]]:
        """Forward, cross-entropy, and back to all weights: sweep by sweep."""
        target, lanes = self.plan.target, self.plan.target.lanes
        last = len(self.plan.groups) - 1
        places = (
            self._result(last),
            Place("labels", 0, lanes),
            Place("scale"),
            self._upstream(last),
            Place("loss", 0, lanes),
            Place("right", 0, lanes),
        )
        score = Step(loss.cross_entropy(target, self.plan.outputs, "cross_entropy"), places)
        return self._sweeps(score, last + 1, input_too=False)

    def from_upstream(self, *, input_too: bool) -> list[list[Step]]:
        """Forward again as far as backward reads it, and back from given gradients of the outputs: sweep by sweep.

        Args:
            input_too: whether the gradient of the network's input is wanted.
        """
        sweeps = self._sweeps(self._given(), None, input_too=input_too)
        if input_too:
            entry = self._entry_plain
            out = images.out_of_lanes(self.plan.target, entry, "gradient_out_of_lanes")
            sweeps[-1].append(Step(out, (self._upstream(-1), Place("input_gradients", 0, entry.floats))))
        return sweeps

    def with_pause(self) -> list[list[Step]]:
        """Forward to the outputs, and back to all weights from gradients that are given then: sweep by sweep.

        The way back begins a sweep of its own, which finds in scratch what the one before it left there of the same
        block: nothing runs again.
        """
        return self.learning() + self._sweeps(self._given(), 0, input_too=False)[len(self.cuts) :]

    def _given(self) -> Step:
        """Gradients of the outputs into lanes."""
        plain, last = self.plan.groups[-1].plain, len(self.plan.groups) - 1
        into = images.into_lanes(self.plan.target, plain, "upstream_into_lanes")
        return Step(into, (Place("upstreams", 0, plain.floats), self._upstream(last)))

    def learning(self) -> list[list[Step]]:
        """Forward as on the way to a gradient, and the outputs back to images: sweep by sweep."""
        last = self.plan.groups[-1].result
        out = images.out_of_lanes(self.plan.target, last, "out_of_lanes")
        there, first = self._there()
        end = self._ahead(first, len(self.plan.groups))
        return [*there, [*end, Step(out, (self._result(len(self.plan.groups) - 1), Place("outputs", 0, last.floats)))]]

    # ---- sweeps ----

    def _there(self) -> tuple[list[list[Step]], int]:
        """Forward up to every norm, and the first group behind the last."""
        firsts = [0, *(cut + 1 for cut in self.cuts)]
        sweeps = [
            [*self._ahead(first, cut), self._put_aside(cut)] for first, cut in zip(firsts, self.cuts, strict=False)
        ]
        return sweeps, firsts[-1]

    def _sweeps(self, turn: Step, groups: int | None, *, input_too: bool) -> list[list[Step]]:
        """There, the step that gives the gradient of the outputs, and back.

        Args:
            turn: that step.
            groups: how many groups run before it; None: as many as the way back reads; 0: nothing, not even the images
                are read, since a sweep before has left all of it in scratch.
            input_too: whether the gradient of the network's input is wanted.
        """
        cuts, last = list(self.cuts), len(self.plan.groups)
        firsts, stops = [0, *(cut + 1 for cut in cuts)], [*cuts, last]
        there, _ = self._there()
        back = []
        for first, stop in zip(reversed(firsts), reversed(stops), strict=True):
            if not stop and not input_too:
                continue  # a norm reads the images, and nothing learns before it
            upto = groups if stop == last and groups is not None else self._again(first, stop)
            begun = self._ahead(first, upto) if stop < last or groups != 0 else []
            steps = [*begun, turn if stop == last else self._through_norm(stop)]
            for i in reversed(range(first, stop)):
                steps += self._group_backward(i, to_input=i > 0 or input_too)
            back.append([*steps, *([self._hand_back(first - 1)] if first else [])])
        return there + back

    def _ahead(self, first: int, stop: int) -> list[Step]:
        """From the images, or the norm before, through the groups from ``first`` up to ``stop``."""
        begun = self._begin(first - 1) if first else self._images()
        return [begun, *(self._group_forward(i, learning=True) for i in range(first, stop))]

    def _again(self, first: int, stop: int) -> int:
        """Up to which group of a sweep all run again before the way back: the last one of which it reads something.

        A group's weights read what the group before gave; its activation and pool read what it left itself.
        """
        wanted = [first]
        for i in range(first, stop):
            group = self.plan.groups[i]
            wanted += [i + 1] if group.looks_back else [i] if group.weight else []
        return max(wanted)

    def _norm(self, i: int) -> tuple[Normalising, Layout, Cut]:
        group = self.plan.groups[i]
        assert isinstance(group.work, Normalising)
        return group.work, group.source, self.cuts[i]

    def _aside(self, base: str, cut: Cut) -> Place:
        """A norm's maps of a block, input or gradient."""
        return Place(base, cut.maps, self.maps.floats)

    def _measured(self, cut: Cut) -> Place:
        return Place("measured", cut.measured, self.measured.floats)

    @property
    def _present(self) -> Place:
        return Place("present", 0, self.plan.target.lanes)

    def _put_aside(self, i: int) -> Step:
        """A norm's input put aside and measured."""
        work, source, cut = self._norm(i)
        kernel = normalisation.measured(self.plan.target, work, source, "measured")
        return Step(kernel, (self._source(i), self._aside("inputs", cut), self._measured(cut)))

    def _begin(self, i: int) -> Step:
        """A norm's result from what was put aside."""
        work, source, cut = self._norm(i)
        kernel = normalisation.normalised(self.plan.target, work, source, self.plan.groups[i].result, "normalised")
        return Step(kernel, (self._aside("inputs", cut), Place("numbers", cut.numbers), self._present, self._result(i)))

    def _hand_back(self, i: int) -> Step:
        """The gradient of a norm's result put aside and summed up."""
        work, source, cut = self._norm(i)
        kernel = normalisation.weighed(self.plan.target, work, source, "weighed")
        numbers = Place("numbers", cut.numbers)
        places = (self._upstream(i), self._aside("inputs", cut), numbers, self._aside("returned", cut))
        return Step(kernel, (*places, self._measured(cut)))

    def _through_norm(self, i: int) -> Step:
        """The gradient of a norm's input from what was put aside."""
        work, source, cut = self._norm(i)
        kernel = normalisation.of_input(self.plan.target, work, source, "norm_input")
        numbers = Place("numbers", cut.numbers)
        places = (self._aside("returned", cut), self._aside("inputs", cut), numbers, self._present)
        return Step(kernel, (*places, self._upstream(i - 1)))

    # ---- one group ----

    def _draws(self) -> Place:
        return Place("draws", 0, 2 * self.plan.target.lanes)

    def _group_forward(self, i: int, *, learning: bool) -> Step:
        """One group; dropouts draw only on the way to a gradient, where norms begin a sweep instead."""
        target, group, b = self.plan.target, self.plan.groups[i], self.buffers[i]
        weight, bias = Place("parameters", b.weight), Place("parameters", b.bias)
        work = group.work
        if isinstance(work, Dropping):
            kernel = dropout.dropped(target, work, group.source, group.result, "dropout", drawing=learning)
            draws = self._draws() if learning else self._source(i)  # a copy reads no keys
            return Step(kernel, (self._source(i), draws, self._result(i)))
        if isinstance(work, Normalising):
            kernel = normalisation.normalised(target, work, group.source, group.result, "normalised", training=False)
            return Step(kernel, (self._source(i), weight, weight, self._result(i)))
        if isinstance(work, Pooling):
            argmax = self.plan.training
            kernel = pooling.forward(target, work, group.source, group.result, "pool", argmax=argmax)
            return Step(kernel, (self._source(i), self._result(i), Place("scratch", b.where)))
        if isinstance(work, Dense):
            kernel = dense.forward(target, work.inputs, work.outputs, work.bias, work.activation, "linear")
            return Step(kernel, (self._source(i), weight, bias, self._result(i)))
        argmax = self.plan.training and work.pool is not None and work.pool.kind == "max"
        kept = group.sums if self._keeps(group) else None
        kernel = (local if work.local else convolution).forward(
            target, work, group.source, group.result, kept, "conv", argmax=argmax
        )
        more = (Place("scratch", b.kept), Place("scratch", b.where))
        return Step(kernel, (self._source(i), weight, bias, self._result(i), *more))

    def _group_backward(self, i: int, *, to_input: bool) -> list[Step]:
        target, group, b = self.plan.target, self.plan.groups[i], self.buffers[i]
        work = group.work
        gradient = self._upstream(i) if group.straight else Place("scratch", b.gradient)
        weight, sums = Place("parameters", b.weight), Place("sums", b.weight_sums)
        if isinstance(work, Dropping):
            kernel = dropout.dropped(target, work, group.plain, group.source, "dropout_input")
            return [Step(kernel, (self._upstream(i), self._draws(), self._upstream(i - 1)))] if to_input else []
        if isinstance(work, Pooling):
            kernel = pooling.backward(target, work, group.plain, group.result, group.source, "pool_input")
            places = (self._upstream(i), Place("scratch", b.where), self._upstream(i - 1))
            return [Step(kernel, places)] if to_input else []
        assert not isinstance(work, Normalising), "a sweep ends at a norm"
        steps = self._through(i, work)
        if isinstance(work, Convolution):
            if group.weight:
                kernel = (local if work.local else gradients).of_weights(
                    target, work, group.source, group.sums, "conv_weights"
                )
                steps.append(Step(kernel, (self._source(i), gradient, sums)))
            if to_input:
                plain = Layout(target.lanes, work.channels, work.window.size)
                kernel = (local if work.local else gradients).of_input(target, work, group.sums, plain, "conv_input")
                steps.append(Step(kernel, (gradient, weight, self._upstream(i - 1))))
            return steps
        mirrored = Place("scratch", b.mirrored)
        steps.append(Step(dense.mirror(target, work.inputs, "mirror"), (self._source(i), mirrored)))
        kernel = dense.of_weights(target, work.inputs, work.outputs, "linear_weights")
        steps.append(Step(kernel, (mirrored, gradient, sums)))
        if to_input:
            kernel = dense.of_input(target, work.inputs, work.outputs, "linear_input")
            steps.append(Step(kernel, (gradient, weight, self._upstream(i - 1))))
        return steps

    def _through(self, i: int, work: Convolution | Dense) -> list[Step]:
        """Back through a group's pool and activation, and to its bias."""
        target, group, b = self.plan.target, self.plan.groups[i], self.buffers[i]
        bias = Place("sums", b.bias_sums)
        if group.straight:
            kernel = slopes.totals(target, group.result.channels, group.plain, "bias")
            if group.local:
                kernel = local.of_bias(target, group.bias_floats, "bias")
            return [Step(kernel, (self._upstream(i), bias))] if group.bias else []
        pool = work.pool if isinstance(work, Convolution) else None
        layouts = (group.plain, group.result, group.sums, group.sums)
        shared = not group.local
        kernel = slopes.through(target, group.result.channels, work.activation, pool, *layouts, "slopes", shared=shared)
        scratch = (Place("scratch", b.kept), Place("scratch", b.where), Place("scratch", b.gradient))
        steps = [Step(kernel, (self._upstream(i), self._result(i), *scratch, bias))]
        if group.local and group.bias:
            own = local.of_bias(target, group.bias_floats, "bias")
            steps.append(Step(own, (Place("scratch", b.gradient), bias)))
        return steps
