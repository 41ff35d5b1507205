"""A dense layer for a single image, outputs in lanes.

    result[o] = activation(bias[o] + sum over i of weight[i, o] * input[i])     o counts vectors, input[i] is splatted

The inputs are taken in the order of the flat vector, as ``dense`` takes them, wherever they lie. Every number of the
weight is used once, so its speed is that of the cache that holds it: it lies in the order in which it is read.
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import Kernel, Value
from ..layout import Layout
from ..target import Target
from .activation import Activation, apply_all
from .channels import vectors, walk
from .convolution import reduced
from .dense import even, most_sums


def tile_of(target: Target, outputs: int) -> int:
    """Vectors of outputs at once."""
    return even(vectors(outputs, target.lanes), most_sums(target))


@blueprint
def forward(
    target: Target, channels: int, outputs: int, bias: bool, activation: Activation, source: Layout, name: str
) -> Kernel:
    """Write the kernel ``(input, weight, bias, result)``; the weight as ``channels.spread`` leaves it.

    Args:
        target: the processor.
        channels: feature maps of the input; with its cells they are the flat vector, channels outermost.
        outputs: numbers that it gives.
        bias: whether there is one.
        activation: of the sums.
        source: the input's layout, without borders: channels in lanes, or, with one lane, plane by plane.
        name: the function's name.
    """
    k = Kernel(name, target, ("input", "weight", "bias", "result"))
    cells, weight, offset, result = k.arguments
    inputs, many = channels * source.cells, vectors(outputs, target.lanes)
    tile = tile_of(target, outputs)

    def innermost(values: list[Value], cell: Value, row: Value) -> list[Value]:
        k.barrier()
        spread = k.splat(cell)
        return [k.fma(spread, k.load(row, o * k.lanes), v) for o, v in enumerate(values)]

    for sums, first in k.tiles(many, tile):
        start = [k.load(offset, (first, k.lanes), o * k.lanes) if bias else k.zero() for o in range(sums)]
        step, values = sums * k.lanes, start
        rows = k.at(weight, (first, inputs * k.lanes))
        for channel, loops in _loops(channels, source, step):
            place = k.at(cells, channel // source.lanes * source.channel)
            at = k.at(rows, channel * source.cells * step)
            values = reduced(k, loops, values, place, at, innermost)
        for o, v in enumerate(apply_all(k, activation, values)):
            k.store(v, result, (first, k.lanes), o * k.lanes)
    return k


def _loops(channels: int, source: Layout, step: int) -> list[tuple[int, list[tuple[int, int, int]]]]:
    """The loops over the inputs, as ``walk`` gives them; one where the inputs lie in their order."""
    if source.lanes == 1 or source.cells == 1:
        return [(0, [(channels * source.cells, 1, step)])]
    found = walk(channels, source, source.cells * step)
    return [(first, [*loops, (source.cells, source.lanes, step)]) for first, loops in found]
