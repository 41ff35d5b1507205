"""What a block of images and a single image cost, in cycles: by this the plan chooses how few images run alone.

An estimate from what a core does in a cycle, as ``tiles`` counts it, and from the bytes of weights that dense layers
read. It is for comparing two layouts on one processor: what both pay alike may be off.
"""

from __future__ import annotations

import math

from .kernels import channels
from .kernels.activation import Activation
from .kernels.channels import vectors
from .kernels.convolution import Convolution
from .kernels.dense import even, most_sums
from .kernels.pooling import Pooling
from .plan import Dense, Plan
from .single import Part, Single
from .target import Target
from .tiles import FMAS_A_CYCLE, LATENCY, LOADS_A_CYCLE, Tile, choose, cycles, split

ACTIVATED: dict[Activation, float] = {None: 0.5, "relu": 1.0, "sigmoid": 10.0, "tanh": 20.0}
"""Cycles of a vector's activation and of its store: most of it a polynomial and a division."""
TURN = 12.0
"""Cycles of beginning and ending a tile of sums: addresses, biases, loops, and their last mispredicted jump."""
FIRST_CACHE, SECOND_CACHE = 24 << 10, 512 << 10
"""Bytes of weights that stay in the caches of a core, of 32 KiB and at least 512 KiB."""
SECOND_RATE, FARTHER_RATE = 28.0, 16.0
"""Bytes a cycle that a core reads from its second cache, and from what lies behind."""
PASSES = 3
"""How often the sums of a share go to or come from memory: cleared, read to be added up, and added to."""
SUMMED = 0.02
"""The part of a share's work that its sums may cost."""
SQUARE = 24.0
"""Cycles in which a square of lanes x lanes numbers is mirrored."""


def block_cycles(plan: Plan) -> float:
    """Of a block of images, forward."""
    lanes, held = plan.target.lanes, 4 * sum(group.weight_floats for group in plan.groups)
    moved = plan.entry.channels * plan.entry.cells + plan.outputs
    spent = SQUARE * moved / lanes
    for group in plan.groups:
        work = group.work
        if isinstance(work, Dense):
            spent += _dense(plan.target, work, work.outputs, 4 * group.weight_floats, held)
        elif isinstance(work, Pooling):
            spent += _pool(work, work.channels)
        elif isinstance(work, Convolution):
            filters = work.filters // work.groups
            unit = work.pool.window[2] if work.pool else 1
            tile = choose(plan.target, filters, len(work.rows), work.out[2] * unit, unit)
            spent += work.groups * _convolution(work, filters, work.channels // work.groups, tile)
    return spent


def single_cycles(single: Single) -> float:
    """Of one image, forward."""
    first = single.parts[0].source
    return first.floats / single.plan.target.lanes + sum(part_cycles(single, part) for part in single.parts)


def part_cycles(single: Single, part: Part) -> float:
    """Of one of its parts."""
    target, work = single.plan.target, part.group.work
    if isinstance(work, Dense):
        held = 4 * sum(one.weight_floats for one in single.parts)
        return _dense(target, work, vectors(work.outputs, target.lanes), 4 * part.weight_floats, held)
    if isinstance(work, Pooling):
        return _pool(work, part.source.channels)
    if part.group.weight is None:
        work = part.carried
        unit = work.pool.window[2] if work.pool else 1
        return work.groups * _convolution(work, 1, 1, choose(target, 1, len(work.rows), work.out[2] * unit, unit))
    assert isinstance(work, Convolution)  # dropouts have no part: ``single`` says None
    each = 1 if channels.depthwise(work) else work.channels
    return _convolution(work, part.result.channels, each, channels.way(target, work).tile)


def _convolution(c: Convolution, many: int, each: int, tile: Tile) -> float:
    """Of ``many`` splats or vectors of outputs, each over ``each`` input channels."""
    depth, height, width = c.out
    unit = c.pool.window[2] if c.pool else 1
    spent = 0.0
    for (filters, n), (columns, m) in (
        (a, b) for a in split(many, tile.channels) for b in split(width * unit, tile.columns)
    ):
        sums = filters * tile.rows * columns
        one = each * c.window.taps * cycles(filters, tile.rows, columns) + ACTIVATED[c.activation] * sums + TURN
        spent += n * m * one
    return depth * height * spent


def _dense(target: Target, work: Dense, many: int, weights: int, held: int) -> float:
    """Of ``many`` splats or vectors of outputs, whose weight has so many bytes, of all that are held."""
    tile = even(many, most_sums(target))
    each = sum(n * max(sums / FMAS_A_CYCLE, (sums + 1) / LOADS_A_CYCLE, LATENCY) for sums, n in split(many, tile))
    rate = math.inf if held <= FIRST_CACHE else SECOND_RATE if held <= SECOND_CACHE else FARTHER_RATE
    return max(work.inputs * each, weights / rate) + ACTIVATED[work.activation] * many + TURN * math.ceil(many / tile)


def _pool(p: Pooling, many: int) -> float:
    """Of ``many`` maps or vectors of maps: a load and an operation a tap."""
    return many * math.prod(p.out) * (p.window.taps + 1.0)


def most_alone(plan: Plan, single: Single) -> int:
    """The most images that run one by one for less than a block."""
    return min(plan.target.lanes - 1, math.ceil(block_cycles(plan) / single_cycles(single)) - 1)


def blocks_a_share(plan: Plan, sums: int) -> int:
    """Blocks of training, each three times a forward pass, beside which so many floats of sums cost next to nothing."""
    return max(1, math.ceil(4 * PASSES * sums / FARTHER_RATE / (SUMMED * 3 * block_cycles(plan))))
