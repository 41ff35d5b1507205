"""How much of an output stays in registers at once: a small search over what a core does in a cycle.

A tile is ``channels`` x ``rows`` x ``columns`` accumulators. For every tap it loads rows x columns vectors of input,
splats one weight a channel, and does one multiply-add an accumulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .target import Target

FMAS_A_CYCLE = 2
LOADS_A_CYCLE = 2
# an accumulator can take its next multiply-add 4 cycles after the last one (Skylake, Zen 2 and later: 4; Zen 1: 5)
LATENCY = 4


@dataclass(frozen=True)
class Tile:
    """Accumulators of one turn: output channels x rows x columns."""

    channels: int
    rows: int
    columns: int


def cycles(channels: int, rows: int, columns: int, reads: float = 1.0) -> float:
    """Cycles of one tap of a tile: the slowest of multiply-adds, loads, and waiting for the accumulators.

    ``reads`` is how many loads a vector of input costs.
    """
    fmas, loads = channels * rows * columns, reads * rows * columns + channels
    return max(fmas / FMAS_A_CYCLE, loads / LOADS_A_CYCLE, LATENCY)


def fits(target: Target, channels: int, rows: int, columns: int) -> bool:
    """Whether the accumulators, the fewer of the two operands, and one of the other fit the registers."""
    return channels * rows * columns + min(channels, rows * columns) + 1 <= target.registers - target.spare


def choose(target: Target, channels: int, rows: int, columns: int, unit: int = 1, reads: float = 1.0) -> Tile:
    """The tile with the fewest cycles over ``channels`` x ``columns``, remainders included.

    Args:
        target: whose registers must hold it.
        channels: output channels to cover.
        rows: rows that belong to one tile (a pool that follows needs them together).
        columns: columns to cover.
        unit: columns come in multiples of this.
        reads: how many loads a vector of input costs.

    >>> from convlens.engine.target import AVX2
    >>> choose(AVX2, 16, 1, 10)
    Tile(channels=2, rows=1, columns=5)
    """
    tile, _ = cheapest(
        (channels, rows, columns, unit),
        lambda c, r, x: fits(target, c, r, x),
        lambda c, r, x: cycles(c, r, x, reads),
    )
    return tile


def cheapest(
    cover: tuple[int, int, int, int], fits: Callable[[int, int, int], bool], spent: Callable[[int, int, int], float]
) -> tuple[Tile, float]:
    """The tile that covers so many channels and columns for the least, and what it costs, remainders included.

    Args:
        cover: channels, rows of one tile, columns, and the unit in multiples of which columns come.
        fits: whether a tile of channels, rows, columns has room.
        spent: its cost.
    """
    channels, rows, columns, unit = cover
    best, least = Tile(1, rows, unit), math.inf
    for c in range(1, channels + 1):
        if not fits(c, rows, unit):
            break  # nor do more channels: there may be millions
        for x in range(unit, columns + unit, unit):
            if not fits(c, rows, x):
                break
            every = [
                n * m * spent(c_, rows, x_) for c_, n in split(channels, c) for x_, m in split(columns, x) if n and m
            ]
            if sum(every) < least - 1e-9:
                best, least = Tile(c, rows, x), sum(every)
    return best, least


def split(count: int, tile: int) -> list[tuple[int, int]]:
    """Sizes and numbers of the tiles that cover ``count``: the full ones, then the remainder.

    >>> split(10, 4)
    [(4, 2), (2, 1)]
    """
    full, rest = divmod(count, tile)
    return [(tile, full), *([(rest, 1)] if rest else [])]
