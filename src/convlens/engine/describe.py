"""A plan for people: what shares a kernel, in which tiles, how many bytes, and what share of the peak to expect."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.network import costs, print_layer

from .cost import part_cycles
from .kernels import channels, outputs
from .kernels.convolution import Convolution
from .kernels.dense import even, most_sums
from .kernels.dropout import Dropping
from .kernels.local import filters_at_once
from .kernels.normalisation import Normalising
from .kernels.pooling import Pooling
from .layout import Layout
from .plan import Dense, Group, Plan
from .schedule import Schedule
from .single import Part, Single, SingleSchedule
from .tiles import FMAS_A_CYCLE, LOADS_A_CYCLE, Tile, choose, cycles, split

KINDS = {Convolution: "convolution", Dense: "dense", Pooling: "pool", Dropping: "dropout", Normalising: "norm"}


@dataclass(frozen=True)
class Row:
    """One group of a plan.

    Args:
        layers: in the notation.
        kernel: its family.
        tile: accumulators of one turn: channels x rows x columns; nothing for a pool of its own.
        source_bytes: of its input for one block of images, or one image alone, borders included.
        result_bytes: of its output.
        multiply_adds: of one image, forward.
        share: of the processor's peak of multiply-adds, what loads and latency allow its tiles; of an image alone, what
            activations, empty lanes and the weights' way from the cache leave, too. None for a pool.
    """

    layers: str
    kernel: str
    tile: str
    source_bytes: int
    result_bytes: int
    multiply_adds: int
    share: float | None


def rows(plan: Plan) -> list[Row]:
    """The groups of a plan in order, on a block of images."""
    return [_row(plan, group, group.source, group.result, *_tile(plan, group)) for group in plan.groups]


def rows_of_one(single: Single) -> list[Row]:
    """The groups of a plan in order, on an image alone; the channels of a tile count vectors."""
    return [
        _row(single.plan, part.group, part.source, part.result, *_tile_of_one(single, part)) for part in single.parts
    ]


def _row(plan: Plan, group: Group, source: Layout, result: Layout, tile: Tile | None, share: float | None) -> Row:
    first, stop = group.layers
    return Row(
        ", ".join(print_layer(layer) for layer in plan.network.layers[first:stop]) or "(borders)",
        "local" if group.local else KINDS[type(group.work)],
        f"{tile.channels}x{tile.rows}x{tile.columns}" if tile else "",
        4 * source.floats,
        4 * result.floats,
        _multiply_adds(plan, group),
        share,
    )


def _multiply_adds(plan: Plan, group: Group) -> int:
    return sum(cost.multiply_adds for cost in costs(plan.network)[slice(*group.layers)])


def scratch_bytes(plan: Plan) -> int:
    """Bytes of all buffers of one block of images: what should fit the second-level cache of a core."""
    return 4 * Schedule(plan).scratch.floats


def scratch_bytes_of_one(single: Single) -> int:
    """Bytes of all buffers of an image alone."""
    return 4 * SingleSchedule(single).scratch.floats


def _tile(plan: Plan, group: Group) -> tuple[Tile | None, float | None]:
    work = group.work
    if isinstance(work, (Pooling, Dropping, Normalising)):
        return None, None
    if isinstance(work, Dense):
        tile = Tile(even(work.outputs, most_sums(plan.target)), 1, 1)
        loads = (tile.channels + 1) / LOADS_A_CYCLE
        return tile, tile.channels / FMAS_A_CYCLE / max(tile.channels / FMAS_A_CYCLE, loads)
    filters, unit = work.filters // work.groups, work.pool.window[2] if work.pool else 1
    if work.local:  # every multiply-add loads a weight of its own, and shares the cell with the other filters
        many = filters_at_once(plan.target, work)
        return Tile(many, len(work.rows), unit), many / FMAS_A_CYCLE / ((many + 1) / LOADS_A_CYCLE)
    columns = work.out[2] * unit
    tile = choose(plan.target, filters, len(work.rows), columns, unit)
    spent = sum(
        n * m * cycles(c, tile.rows, x)
        for c, n in split(filters, tile.channels)
        for x, m in split(columns, tile.columns)
    )
    return tile, filters * tile.rows * columns / FMAS_A_CYCLE / spent


def _tile_of_one(single: Single, part: Part) -> tuple[Tile | None, float | None]:
    work, target = part.group.work, single.plan.target
    if isinstance(work, (Pooling, Dropping, Normalising)):
        return None, None
    share = _multiply_adds(single.plan, part.group) / target.lanes / FMAS_A_CYCLE / part_cycles(single, part)
    if isinstance(work, Dense):
        return Tile(outputs.tile_of(target, work.outputs), 1, 1), share
    return (channels.way(target, work).tile if part.group.weight else None), share
