"""Dense layers, a block of images in lanes: forward, the gradient of the input, the gradient of the weights.

forward:  result[o] = activation(bias[o] + sum over i of weight[o, i] * input[i])
input:    result[i] = sum over o of weight[o, i] * gradient[o]
weights:  sums[o, i] += sum over images of gradient[o] * input[i]       lanes along i: the input is mirrored first
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import Kernel, Value
from ..target import Target
from .activation import Activation, apply_all


def most_sums(target: Target) -> int:
    """Sums in registers at once: all but one for the vector, one for the splat, one to spare."""
    return target.registers - target.spare - 3


def _weight_tile(target: Target) -> tuple[int, int]:
    """Outputs by vectors of inputs: 12 sums, 3 splats, 1 vector of 16 registers; 24 + 6 + 1 or 20 + 4 + 1 of 32."""
    if target.registers == 16:
        return 3, 4
    return (5, 4) if target.spare else (4, 6)


def _outer(
    k: Kernel,
    slopes: tuple[Value, int],
    cells: tuple[Value, int],
    many: tuple[int, int],
    total: dict[tuple[int, int], Value],
) -> None:
    """Add the products of an image's slopes and inputs; splats are held where registers are few, else vectors."""
    splat = [(slopes[0], a * k.lanes + slopes[1]) for a in range(many[0])]
    vector = [(cells[0], b * k.lanes + cells[1]) for b in range(many[1])]
    if k.target.registers == 16:
        held = [k.splat(*place) for place in splat]
        for b, place in enumerate(vector):
            cell = k.load(*place)
            for a, weight in enumerate(held):
                total[a, b] = k.fma(weight, cell, total[a, b])
        return
    kept = [k.load(*place) for place in vector]
    for a, place in enumerate(splat):
        weight = k.splat(*place)
        for b, cell in enumerate(kept):
            total[a, b] = k.fma(weight, cell, total[a, b])


def even(count: int, most: int) -> int:
    """The tile that covers ``count`` in as few turns as ``most`` allows, evenly."""
    turns = -(-count // most)
    return -(-count // turns)


@blueprint
def forward(target: Target, inputs: int, outputs: int, bias: bool, activation: Activation, name: str) -> Kernel:
    """Write the kernel ``(input, weight, bias, result)``: input [i][lane], weight [o][i], result [o][lane]."""
    k = Kernel(name, target, ("input", "weight", "bias", "result"))
    source, weight, offset, result = k.arguments
    tile = even(outputs, most_sums(target))
    for many, first in k.tiles(outputs, tile):
        rows = k.at(weight, (first, inputs))
        start = [k.splat(offset, first, o) if bias else k.zero() for o in range(many)]
        with k.loop(inputs, start) as i:
            k.barrier()
            cell = k.load(source, (i.index, k.lanes))
            i.next = [k.fma(k.splat(rows, i.index, o * inputs), cell, v) for o, v in enumerate(i.values)]
        for o, v in enumerate(apply_all(k, activation, i.out)):
            k.store(v, result, (first, k.lanes), o * k.lanes)
    return k


@blueprint
def of_input(target: Target, inputs: int, outputs: int, name: str) -> Kernel:
    """Write the kernel ``(gradient, weight, result)``: gradient [o][lane], result [i][lane]."""
    k = Kernel(name, target, ("gradient", "weight", "result"))
    gradient, weight, result = k.arguments
    tile = even(inputs, most_sums(target))
    for many, first in k.tiles(inputs, tile):
        column = k.at(weight, first)
        with k.loop(outputs, [k.zero()] * many) as o:
            k.barrier()
            cell = k.load(gradient, (o.index, k.lanes))
            i_next = [k.fma(k.splat(column, (o.index, inputs), i), cell, v) for i, v in enumerate(o.values)]
            o.next = i_next
        for i, v in enumerate(o.out):
            k.store(v, result, (first, k.lanes), i * k.lanes)
    return k


def mirrored(inputs: int, lanes: int) -> int:
    """Floats from one image to the next in the mirrored input: the inputs, rounded up to whole vectors."""
    return -(-inputs // lanes) * lanes


@blueprint
def mirror(target: Target, inputs: int, name: str) -> Kernel:
    """Write the kernel ``(input, result)``: from [i][lane] to [lane][i], zeros behind the last input."""
    k = Kernel(name, target, ("input", "result"))
    source, result = k.arguments
    row = mirrored(inputs, k.lanes)
    for many, first in k.tiles(inputs, k.lanes):
        columns = [k.load(source, (first, k.lanes), i * k.lanes) for i in range(many)]
        for image, v in enumerate(k.transpose(columns + [k.zero()] * (k.lanes - many))):
            k.store(v, result, first, image * row)
    return k


@blueprint
def of_weights(target: Target, inputs: int, outputs: int, name: str) -> Kernel:
    """Write the kernel ``(mirrored, gradient, sums)``: adds to sums [o][i], i rounded up to whole vectors."""
    k = Kernel(name, target, ("mirrored", "gradient", "sums"))
    source, gradient, sums = k.arguments
    row = mirrored(inputs, k.lanes)
    vectors = row // k.lanes
    most_o, most_v = _weight_tile(target)
    for o_many, o in k.tiles(outputs, most_o):
        for v_many, v in k.tiles(vectors, most_v):
            place = k.at(sums, (o, row), (v, k.lanes))
            spots = [(a, b) for a in range(o_many) for b in range(v_many)]
            total = {(a, b): k.load(place, a * row + b * k.lanes) for a, b in spots}
            cells, slopes = k.at(source, (v, k.lanes)), k.at(gradient, (o, k.lanes))
            for image in range(k.lanes):
                k.barrier()
                _outer(k, (slopes, image), (cells, image * row), (o_many, v_many), total)
            for a, b in spots:
                k.store(total[a, b], place, a * row + b * k.lanes)
    return k
