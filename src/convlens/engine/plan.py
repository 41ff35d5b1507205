"""From a network and its shapes to groups of layers that share one kernel, and to where everything lies.

Decides what is fused, which buffers a block of images needs, and what the backward pass finds again; ``program`` only
carries it out. What cannot be compiled is refused here, with a sentence a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from convlens.network import (
    AvgPool,
    Axis,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    ReLU,
    Sigmoid,
    Tanh,
    axes,
    parameter_shapes,
    print_layer,
)

from .errors import EngineError
from .kernels.activation import Activation
from .kernels.convolution import Convolution, Pool, PoolKind
from .kernels.dense import mirrored
from .kernels.dropout import Dropping
from .kernels.normalisation import APPLIED, Normalising
from .kernels.pooling import Pooling
from .layout import Layout, Window, three
from .target import Target

MOST_FUSED = 64
"""Cells of the largest window that shares a convolution's kernel: all of them are in registers, or spilled, at once."""
WIDEST_LEARNED, WIDEST_POOLED, MOST_MET = 64, 1024, 1 << 20
"""What can be written in seconds: columns of a kernel that learns, of a pool's window, places in a kernel's tables."""
ACTIVATIONS: dict[type[Layer], Activation] = {Sigmoid: "sigmoid", Tanh: "tanh", ReLU: "relu"}


@dataclass(frozen=True)
class Dense:
    """A dense layer: sizes, bias and the activation behind it."""

    inputs: int
    outputs: int
    bias: bool
    activation: Activation


Doing = Convolution | Dense | Pooling | Dropping | Normalising


@dataclass(frozen=True)
class Group:
    """Layers that one kernel runs.

    Args:
        layers: their places in the network, first and past the end.
        work: what the kernel does.
        weight: the name of its weight, ``"3.weight"``; None for an identity that only carries activation and pool.
        source: the layout of its input, with the borders that it reads.
        result: of its output, with the borders that the next group reads.
    """

    layers: tuple[int, int]
    work: Doing
    weight: str | None
    source: Layout
    result: Layout

    @property
    def bias(self) -> str | None:
        """The name of its bias, or None."""
        if self.weight is None or isinstance(self.work, (Pooling, Dropping, Normalising)) or not self.work.bias:
            return None
        return self.weight.replace("weight", "bias")

    @property
    def local(self) -> bool:
        """Whether every position has weights and a bias of its own."""
        return isinstance(self.work, Convolution) and self.work.local

    @property
    def straight(self) -> bool:
        """Whether nothing follows the sums: the result's gradient is theirs."""
        if isinstance(self.work, (Pooling, Dropping, Normalising)):
            return False
        return self.work.activation is None and (isinstance(self.work, Dense) or self.work.pool is None)

    @property
    def looks_back(self) -> bool:
        """Whether the way back through activation and pool reads what the way forward left."""
        if isinstance(self.work, Pooling):
            return self.work.kind == "max"
        if isinstance(self.work, Dropping):
            return False  # what was kept is computed anew
        if isinstance(self.work, Normalising):
            return False  # its input is put aside
        pool = self.work.pool if isinstance(self.work, Convolution) else None
        return self.work.activation is not None or (pool is not None and pool.kind == "max")

    @property
    def plain(self) -> Layout:
        """The output's layout without borders: how gradients lie."""
        return Layout(self.result.lanes, self.result.channels, self.result.size)

    @property
    def sums(self) -> Layout:
        """The layout of the sums before activation and pool, without borders."""
        if not isinstance(self.work, Convolution):
            return self.plain
        return Layout(self.result.lanes, self.work.filters, self.work.window.out)

    @property
    def weight_floats(self) -> int:
        """Floats of its weight."""
        if isinstance(self.work, Dense):
            return self.work.outputs * self.work.inputs
        if isinstance(self.work, (Pooling, Dropping)):
            return 0
        if isinstance(self.work, Normalising):
            return APPLIED * self.work.channels
        positions = math.prod(self.work.window.out) if self.work.local else 1
        return positions * self.work.filters * (self.work.channels // self.work.groups) * self.work.window.taps

    @property
    def bias_floats(self) -> int:
        """Floats of its bias, or of as many zeros."""
        return self.sums.cells * self.sums.channels if self.local else self.result.channels

    @property
    def weight_sums(self) -> int:
        """Floats of the weight gradient while it is summed up: a number a lane, or whole vectors along the inputs."""
        if isinstance(self.work, Normalising):
            return 0  # its sums are added between two sweeps
        if isinstance(self.work, Dense):
            return self.work.outputs * mirrored(self.work.inputs, self.result.lanes)
        return self.weight_floats * (1 if self.local else self.result.lanes)

    @property
    def bias_sums(self) -> int:
        """Floats of the bias gradient while it is summed up: a number a lane, or one where positions share nothing."""
        return self.bias_floats * (1 if self.local else self.result.lanes)


@dataclass(frozen=True)
class Plan:
    """What a compiled network does to a block of images.

    Args:
        network: the network.
        target: the processor.
        training: whether the backward pass follows.
        groups: in order.
    """

    network: Network
    target: Target
    training: bool
    groups: tuple[Group, ...]

    @property
    def entry(self) -> Layout:
        """The layout of the network's input."""
        return self.groups[0].source

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for an image."""
        return math.prod(self.network.output_shape)


def refusals(network: Network, *, training: bool) -> list[str]:
    """Why the engine cannot run a network: a sentence a reason; none when it can."""
    found = []
    for i, layer in enumerate(network.layers):
        name = f"layer {i + 1} ({print_layer(layer)})"
        if reason := _unwieldy(layer, network.shapes[i], training=training):
            found.append(f"{name}: {reason}")
    if not network.layers:
        found.append("a network without layers has nothing to compile")
    return found


def _unwieldy(layer: Layer, shape: tuple[int, ...], *, training: bool) -> str | None:
    """Why a kernel would take minutes to write, or None."""
    if isinstance(layer, Conv) and training:
        *rows, width = axes(layer, shape)
        if width.kernel > WIDEST_LEARNED:
            return f"while training, the engine writes out a kernel's columns, {WIDEST_LEARNED} at most"
        met = width.size * width.kernel + (math.prod(a.size * a.kernel for a in rows) if rows else 0)
    elif isinstance(layer, (MaxPool, AvgPool)) and not tiling(layer, shape):
        *rows, width = axes(layer, shape)
        if width.kernel > WIDEST_POOLED:
            return f"the engine writes out a window's columns, {WIDEST_POOLED} at most"
        met = width.out * width.kernel + (math.prod(a.out * a.kernel for a in rows) if rows else 0)
    else:
        return None
    return (
        f"{met} places where windows meet cells are more than a table of {MOST_MET} holds" if met > MOST_MET else None
    )


def tiling(layer: MaxPool | AvgPool, shape: tuple[int, ...]) -> bool:
    """Whether a pool's windows lie side by side inside its input, so that it can share a convolution's kernel."""
    found = axes(layer, shape)
    return math.prod(a.kernel for a in found) <= MOST_FUSED and all(
        a.kernel == a.stride and not a.before and not a.after and a.dilation == 1 and a.out * a.kernel <= a.size
        for a in found
    )


def plan(network: Network, target: Target, *, training: bool = False) -> Plan:
    """Group the layers of a network and lay out what they pass on.

    Raises:
        EngineError: a layer has no kernel; all reasons are named.
    """
    if reasons := refusals(network, training=training):
        raise EngineError("; ".join(reasons))
    every = _bordered(works(network, training=training))
    groups: list[Group] = []
    for i, (layers, work, weight) in enumerate(every):
        after = every[i + 1][1] if i + 1 < len(every) else None
        groups.append(Group(layers, work, weight, _source(work, target), _result(work, after, target)))
    return Plan(network, target, training, tuple(groups))


Work = tuple[tuple[int, int], Doing, str | None]


def _bordered(works: list[Work]) -> list[Work]:
    """A dense layer from picture to picture writes no borders: a carrier between it and a conv that reads some."""
    found = works[:1]
    for before, after in pairwise(works):
        window = after[1].window if isinstance(after[1], Convolution) else None
        if isinstance(before[1], Dense) and window and any(map(any, window.borders)):
            depth, height, width = (Axis(n, 1) for n in window.size)
            carrier = Convolution(Window((depth, height, width)), 1, 1, 1, False, None)
            found.append(((before[0][1], before[0][1]), carrier, None))
        found.append(after)
    return found


def works(
    network: Network,
    fused: Callable[[MaxPool | AvgPool, tuple[int, ...]], bool] = tiling,
    *,
    training: bool = False,
) -> list[Work]:
    """What the groups do: their layers, their work, and the name of their weight.

    A conv or dense layer takes the activation that follows it, and the conv the pool, where that is ``fused``.
    """
    found: list[Work] = []
    i = 0
    while i < len(network.layers):
        layer, shape = network.layers[i], network.shapes[i]
        if _draws(layer) and training:
            found.append(((i, i + 1), _dropping(layer, shape, i), None))
        if isinstance(layer, (Flatten, Dropout)):
            i += 1
            continue
        if isinstance(layer, BatchNorm) and training:
            found.append(((i, i + 1), Normalising(layer.eps, shape[0], three(shape[1:], 1), i), None))
            i += 1
            continue
        if isinstance(layer, (MaxPool, AvgPool)) and not fused(layer, shape):
            found.append(((i, i + 1), _pooling(layer, shape), None))
            i += 1
            continue
        work, weight = _opened(layer, shape, i)
        stop = i + 1 if weight else i
        followed = stop < len(network.layers) and isinstance(network.layers[stop], BatchNorm) and not training
        if isinstance(work, Convolution) and isinstance(layer, Conv) and followed:
            work, stop = replace(work, bias=True), stop + 1  # folded into the weights when they are loaded
        stop = _skipped(network, stop, training)
        if stop < len(network.layers) and type(network.layers[stop]) in ACTIVATIONS:
            work = replace(work, activation=ACTIVATIONS[type(network.layers[stop])])
            stop = _skipped(network, stop + 1, training)
        if isinstance(work, Convolution) and stop < len(network.layers):
            pool = network.layers[stop]
            if isinstance(pool, (MaxPool, AvgPool)) and fused(pool, network.shapes[stop]):
                kind: PoolKind = "max" if isinstance(pool, MaxPool) else "avg"
                kernel = three(tuple(a.kernel for a in axes(pool, network.shapes[stop])), 1)
                work, stop = replace(work, pool=Pool(kind, kernel)), stop + 1
        found.append(((i, stop), work, weight))
        i = stop
    # layers that all do nothing here, as flatten does: the images are copied through
    return found or [((0, len(network.layers)), *_opened(network.layers[0], network.input_shape, 0))]


def _draws(layer: Layer) -> bool:
    return isinstance(layer, Dropout) and layer.probability > 0


def _dropping(layer: Layer, shape: tuple[int, ...], i: int) -> Dropping:
    assert isinstance(layer, Dropout)
    return Dropping(layer.probability, shape[0], three(shape[1:], 1), i)


def _skipped(network: Network, at: int, training: bool) -> int:
    """Past dropouts that do nothing here."""
    while (
        at < len(network.layers)
        and isinstance(network.layers[at], Dropout)
        and not (training and _draws(network.layers[at]))
    ):
        at += 1
    return at


def _opened(layer: Layer, shape: tuple[int, ...], i: int) -> tuple[Convolution | Dense, str | None]:
    """The work that a layer opens; activations, pools and batch norms ride on a 1x1 convolution of each channel."""
    if isinstance(layer, (Conv, LocalConv)):
        window, local = Window.of(axes(layer, shape)), isinstance(layer, LocalConv)
        work = Convolution(window, shape[0], layer.out_channels, layer.groups, layer.bias, None, local=local)
        return work, f"{i}.weight"
    if isinstance(layer, Linear):
        return Dense(shape[0], layer.out_features, layer.bias, None), f"{i}.weight"
    if isinstance(layer, Dense4d):
        weight = parameter_shapes(layer, shape)["weight"]
        return Dense(math.prod(weight[2:]), math.prod(weight[:2]), layer.bias, None), f"{i}.weight"
    spatial = shape[1:] or (1,)
    window = Window.of(axes(Conv(shape[0], 1), (shape[0], *spatial)))
    own = isinstance(layer, BatchNorm)
    return Convolution(window, shape[0], shape[0], shape[0], own, None), f"{i}.weight" if own else None


def _pooling(layer: MaxPool | AvgPool, shape: tuple[int, ...]) -> Pooling:
    window = Window.of(axes(layer, shape))
    if isinstance(layer, MaxPool):
        return Pooling("max", window, shape[0])
    return Pooling("avg", window, shape[0], layer.count_padding)


def _source(work: Doing, target: Target) -> Layout:
    if isinstance(work, Dense):
        return Layout(target.lanes, work.inputs, (1, 1, 1))
    if isinstance(work, Pooling):
        return Layout(target.lanes, work.channels, work.window.size)
    if isinstance(work, (Dropping, Normalising)):
        return Layout(target.lanes, work.channels, work.size)
    before, after = work.window.borders
    return Layout(target.lanes, work.channels, work.window.size, before, after)


def _result(work: Doing, after: Doing | None, target: Target) -> Layout:
    if isinstance(work, Dense):
        own = Layout(target.lanes, work.outputs, (1, 1, 1))
    elif isinstance(work, (Dropping, Normalising)):
        own = Layout(target.lanes, work.channels, work.size)
    elif isinstance(work, Pooling):
        own = Layout(target.lanes, work.channels, work.out)
    else:
        own = Layout(target.lanes, work.filters, work.out)
    if isinstance(after, Convolution):
        wanted = _source(after, target)
        if wanted.size == own.size and wanted.channels == own.channels:
            return wanted
    return own
