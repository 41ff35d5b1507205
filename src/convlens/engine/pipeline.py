"""The kernels of a scan for one largest strip: machine code, weights, and buffers for a strip's maps.

Strips lie below each other, and what the next one sees of a map is kept rather than made again. Nothing here knows a
picture: which rows and columns are made, and what pads them, ``scan`` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from convlens.network import Network

from . import compile as machine_code
from .blueprint import Blueprint
from .kernels import rows
from .kernels.convolution import Convolution
from .kernels.pooling import Pooling
from .layout import Layout
from .parameters import Floats, Named, shapes, weight_and_bias
from .plan import Group
from .schedule import Room, aligned
from .stages import Stage, Two
from .target import Target

Buffers = list[Floats]
"""For every map one: the picture's, and the result of each stage. The last one is for what is taken apart."""


def groups_of(stages: Sequence[Stage], strip: Two) -> list[Group]:
    """The stages for a largest strip of the output, each with its largest maps."""
    found: list[Group] = []
    for stage in reversed(stages):
        found.insert(0, stage.group(strip))
        strip = stage.sources(strip)
    return found


def read(group: Group) -> Layout:
    """How the kernel of a stage wants its source: as it lies, or taken apart."""
    axis = group.work.window.axes[2] if isinstance(group.work, Convolution) else None
    return rows.taken_apart(group.source, axis) if axis and axis.stride > 1 else group.source


def kernels(target: Target, group: Group) -> list[Blueprint]:
    """What a stage runs: its kernel, after one that takes its source apart where it moves by more than one column."""
    if isinstance(group.work, Pooling):
        return [rows.pool(target, group.work, group.source, group.result, "rows_pool")]
    assert isinstance(group.work, Convolution)
    found = [rows.forward(target, group.work, read(group), group.result, "rows")]
    if read(group) != group.source:
        found.insert(0, rows.apart(target, group.source, group.work.window.axes[2], "rows_apart"))
    return found


def map_bytes(stages: Sequence[Stage], strip: Two) -> int:
    """Bytes of the buffers of one thread."""
    return 4 * sum(_sizes(groups_of(stages, strip)))


def _sizes(groups: list[Group]) -> list[int]:
    """Floats of the buffers."""
    apart = max(read(g).floats if read(g) != g.source else 0 for g in groups)
    return [groups[0].source.floats, *(group.result.floats for group in groups), apart]


class Pipeline:
    """The stages of a network, compiled.

    Args:
        stages: in order.
        strip: the most rows and columns of the output, a vector wide at least.
        network: whose stages they are.
        parameters: name to array.
        target: the processor.

    Raises:
        EngineError: a parameter is missing or of another shape.
    """

    def __init__(
        self, stages: Sequence[Stage], strip: Two, network: Network, parameters: Named, target: Target
    ) -> None:
        self._stages, self._groups, self.target = stages, groups_of(stages, strip), target
        self._load(network, parameters)
        self._calls = [[machine_code.load(blueprint) for blueprint in kernels(target, g)] for g in self._groups]
        self._layouts = [self._groups[0].source, *(group.result for group in self._groups)]
        self._sizes = _sizes(self._groups)
        self._free: list[Buffers] = []

    def _load(self, network: Network, parameters: Named) -> None:
        known, room = shapes(network), Room()
        given = [weight_and_bias(network, known, group, parameters) for group in self._groups]
        places = [
            (room.take(weight.size), room.take(group.result.channels))
            for group, (weight, _) in zip(self._groups, given, strict=True)
        ]
        self._weights = aligned(room.floats)
        for (weight, bias), (start, behind) in zip(given, places, strict=True):
            self._weights[start : start + weight.size] = weight.ravel()
            if bias is not None:
                self._weights[behind : behind + bias.size] = bias.ravel()
        self._places = [tuple(self._weights[at:].ctypes.data for at in place) for place in places]

    def lend(self) -> Buffers:
        """Buffers of one's own; give them back, for new memory is slow memory."""
        try:
            return self._free.pop()
        except IndexError:
            return [aligned(floats) for floats in self._sizes]

    def take_back(self, buffers: Buffers) -> None:
        """Buffers that somebody else may have."""
        self._free.append(buffers)

    def map(self, buffers: Buffers, i: int) -> Floats:
        """The source of stage ``i``, which is the result of the one before: (channels, rows, columns)."""
        layout = self._layouts[i]
        found: Floats = buffers[i][: layout.floats].reshape(layout.channels, *layout.padded[1:])
        return found[:, :, : layout.size[2]]

    def fill(self, i: int) -> float:
        """What the source of stage ``i`` holds outside its map."""
        return self._stages[i].fill

    def run(self, i: int, buffers: Buffers, made: int, size: Two, counts: tuple[Floats, Floats]) -> None:
        """Run stage ``i`` for the rows and columns of its result, of which the first ``made`` rows are there already;
        ``counts`` is what an average divides by."""
        stage, size = self._stages[i], (size[0] - made, size[1])
        source = buffers[i].ctypes.data + 4 * made * stage.down * self._layouts[i].strides[1]
        result = buffers[i + 1].ctypes.data + 4 * made * self._layouts[i + 1].strides[1]
        *before, call = self._calls[i]
        if isinstance(self._groups[i].work, Pooling):
            call(source, result, counts[0][made:].ctypes.data, counts[1].ctypes.data, *size)
            return
        for apart in before:
            apart(source, buffers[-1].ctypes.data, *stage.sources(size))
            source = buffers[-1].ctypes.data
        call(source, *self._places[i], result, *size)
