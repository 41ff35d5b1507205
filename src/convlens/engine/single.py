"""One image at a time: channels in the lanes instead of images, the same groups of layers, the same bits.

A block of images costs the same however few of its lanes hold one. Here the lanes of a vector are channels, so that a
layout's ``channels`` count vectors: [vector][depth][height][width][channel]. Where single cells of an input are
splatted it may also lie plane by plane (one lane), as images come. A network with a group that has no kernel in this
layout runs in blocks, however few its images are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convlens.network import Axis

from . import schedule
from .driver import Place, Step
from .kernels import channels, convolution, images, outputs, pooling
from .kernels.channels import depthwise, vectors
from .kernels.convolution import Convolution
from .kernels.dropout import Dropping
from .kernels.normalisation import Normalising
from .kernels.pooling import Pooling
from .layout import Layout, Window
from .plan import Dense, Group, Plan

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """A group of the plan on one image.

    Args:
        group: what it does.
        source: the layout of its input.
        given: channels of the input.
        result: the layout of its output.
        filters: channels of the output.
    """

    group: Group
    source: Layout
    given: int
    result: Layout
    filters: int

    @property
    def weight_floats(self) -> int:
        """Floats of its weight, the outputs filled up to whole vectors."""
        work, whole = self.group.work, self.result.channels * self.result.lanes
        if isinstance(work, Dense):
            return whole * work.inputs
        if isinstance(work, (Pooling, Dropping, Normalising)):
            return 0
        return whole * (work.channels // work.groups) * work.window.taps

    @property
    def carried(self) -> Convolution:
        """The work of a group without weights, on vectors: one by one, whatever channels they hold."""
        work, many = self.group.work, self.source.channels
        assert isinstance(work, Convolution)
        depth, height, width = (Axis(n, 1) for n in self.source.size)
        return replace(work, window=Window((depth, height, width)), channels=many, filters=many, groups=many)


@dataclass(frozen=True)
class Single:
    """A plan for one image.

    Args:
        plan: the plan of a block.
        parts: its groups on one image, in order.
    """

    plan: Plan
    parts: tuple[Part, ...]


def single(plan: Plan) -> Single | None:
    """How the groups of a plan run on one image; None where one of them has no kernel for it."""
    if any(isinstance(group.work, (Dropping, Normalising)) for group in plan.groups):
        return None
    first, lanes = plan.groups[0].source, plan.target.lanes
    count, planes = first.channels, _splats(plan.groups[0])
    held = replace(first, lanes=1) if planes else replace(first, channels=vectors(count, lanes))
    parts: list[Part] = []
    for group in plan.groups:
        source = _source(group, held, count)
        if source is None:
            return None
        given, count = count, group.result.channels
        held = replace(group.result, channels=vectors(count, lanes))
        if group.weight is None and isinstance(group.work, Convolution) and source.cells != group.source.cells:
            count, held = given, source  # of a flat vector that still lies in maps
        parts.append(Part(group, source, given, held, count))
    return Single(plan, tuple(parts))


def _splats(group: Group) -> bool:
    """Whether single cells of its input meet vectors of weights."""
    work = group.work
    return isinstance(work, Dense) or (isinstance(work, Convolution) and work.groups == 1 and group.weight is not None)


def _source(group: Group, held: Layout, count: int) -> Layout | None:
    """The layout in which a group reads what is held in ``count`` channels; None where it cannot."""
    work, wanted = group.work, group.source
    as_many = count * held.cells == wanted.channels * wanted.cells
    same = (count, held.size, held.before, held.after) == (wanted.channels, wanted.size, wanted.before, wanted.after)
    if isinstance(work, Dense):
        return held if as_many and not held.bordered else None
    if isinstance(work, (Pooling, Dropping, Normalising)):
        return held if same else None
    if group.weight is None:
        return held if same or (work.pool is None and as_many and not held.bordered) else None
    if work.window.kernel[2] > convolution.MOST_TAPS:
        return None  # its columns are written out: thousands of them would take a minute
    if work.local or not (work.groups == 1 or depthwise(work)):
        return None
    if same:
        return held
    # a dense layer from picture to picture: numbers in their order are a plane
    plane = work.groups == 1 and as_many and held.cells == 1 and wanted.channels == 1 and not wanted.bordered
    return replace(wanted, lanes=1) if plane else None


@dataclass(frozen=True)
class Buffers:
    """Offsets of a part's buffers: its result in scratch, its weight and bias in the parameters."""

    result: int
    weight: int
    bias: int


class SingleSchedule:
    """Buffers and steps of one image; ``scratch`` and ``parameters`` say how many floats each array has."""

    def __init__(self, single: Single) -> None:
        self.single = single
        self.scratch, self.parameters = schedule.Room(), schedule.Room()
        entry = single.parts[0].source
        # without borders planes are read where they are
        self._copied = entry.bordered or entry.lanes > 1
        self._entry = self.scratch.take(entry.floats if self._copied else 0)
        self.buffers = [self._lay_out(part) for part in single.parts]

    def _lay_out(self, part: Part) -> Buffers:
        whole = part.result.channels * part.result.lanes
        take = self.parameters.take
        return Buffers(self.scratch.take(part.result.floats), take(part.weight_floats), take(whole))

    def forward(self) -> list[Step]:
        """An image into its layout, all groups, and the outputs back to planes."""
        single, target = self.single, self.single.plan.target
        first, last = single.parts[0], single.parts[-1]
        image = Place("images", 0, first.given * first.source.cells)
        steps, place = [], image
        if self._copied:
            place = Place("scratch", self._entry)
            steps.append(Step(images.into_channels(target, first.source, first.given, "into_channels"), (image, place)))
        for part, b in zip(single.parts, self.buffers, strict=True):
            steps.append(self._step(part, b, place))
            place = Place("scratch", b.result)
        out = images.out_of_channels(target, last.result, last.filters, "out_of_channels")
        return [*steps, Step(out, (place, Place("outputs", 0, last.filters * last.result.cells)))]

    def _step(self, part: Part, b: Buffers, source: Place) -> Step:
        target, group, work = self.single.plan.target, part.group, part.group.work
        result = Place("scratch", b.result)
        weight, bias = Place("parameters", b.weight), Place("parameters", b.bias)
        if isinstance(work, Pooling):
            many = replace(work, channels=part.source.channels)
            kernel = pooling.forward(target, many, part.source, part.result, "pool", argmax=False)
            return Step(kernel, (source, result, result))
        if isinstance(work, Dense):
            kernel = outputs.forward(
                target, part.given, work.outputs, work.bias, work.activation, part.source, "linear_of_one"
            )
            return Step(kernel, (source, weight, bias, result))
        assert not isinstance(work, (Dropping, Normalising))
        if group.weight is None:
            kernel = convolution.forward(target, part.carried, part.source, part.result, None, "carried")
            return Step(kernel, (source, weight, bias, result, result, result))
        kernel = channels.forward(target, work, part.source, part.result, "conv_of_one")
        return Step(kernel, (source, weight, bias, result))

    def load(self, array: Floats, given: Iterable[tuple[Floats, Floats | None]]) -> None:
        """Put every group's weight and bias where the kernels read them."""
        target = self.single.plan.target
        for part, b, (weight, bias) in zip(self.single.parts, self.buffers, given, strict=True):
            work, filters = part.group.work, part.filters
            if isinstance(work, (Pooling, Dropping, Normalising)):
                continue
            if isinstance(work, Dense):
                shape, tile = (work.outputs, work.inputs, 1), outputs.tile_of(target, work.outputs)
            elif part.group.weight is None:
                array[b.weight : b.weight + part.weight_floats] = 1.0
                continue
            else:
                shape = (filters, work.channels // work.groups, work.window.taps)
                tile = channels.way(target, work).tile.channels
            array[b.weight : b.weight + part.weight_floats] = channels.spread(weight.reshape(shape), target.lanes, tile)
            if bias is not None:
                array[b.bias : b.bias + filters] = bias.ravel()
