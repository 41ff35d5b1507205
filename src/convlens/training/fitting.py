"""From what a person asked for to the network and the data that fit each other."""

from __future__ import annotations

import math
from pathlib import Path

from convlens.data import CellSet, Dataset, load_set
from convlens.network import Network, resolve
from convlens.network.layers import spell

from .errors import TrainingError

WHOLE = 2**16
"""Cells of an example up to which it is learned from as a whole, where every cell has a label: 256x256, 40x40x40."""
SIDES = {1: 2048, 2: 128, 3: 24}
"""Of patches, by axes, where nobody says."""


def fetched(
    source: str,
    net: str,
    *,
    data_dir: Path | None,
    val: float,
    seed: int,
    size: tuple[int, ...] | None,
    rate: int | None,
    label: str | None,
) -> Dataset | CellSet:
    """The data of a run, in the form that the network's own line asks for.

    Raises:
        DataError, NetworkError: with a sentence.
    """
    line = Network.parse(net).input_shape if ":" in net else ()
    return load_set(
        source,
        data_dir=data_dir,
        val=val,
        seed=seed,
        size=size,
        line_size=line[1:] or None,
        channels=line[0] if line else None,
        rate=rate,
        label=label,
    )


def fitting(net: str, data: Dataset | CellSet, patch: tuple[int, ...] | None = None) -> Network:
    """The network that a person means, for this data.

    Args:
        net: a named network, a line, or layers.
        data: where every cell has a label, the network may read patches of it.
        patch: cells of a patch along each axis, or one number for all; None: what the line says, or else whole
            examples if they are small and alike, or else patches.

    Raises:
        NetworkError, TrainingError: it cannot be, or reads another shape than the data has.
    """
    shape = data.preprocessing.shape
    if isinstance(data, CellSet):
        shape = (shape[0], *_patch(data, patch, net))
    elif patch is not None:
        raise TrainingError(f"--patch is for data with a label for every cell, and {data.name} has one an example")
    network = resolve(net, shape, len(data.classes))
    if network.input_shape != shape:
        raise TrainingError(
            f"{data.name} has examples of {spell(shape)}, but the network reads {spell(network.input_shape)}; start "
            f"its line with {spell(shape)}:"
        )
    return network


def _patch(data: CellSet, asked: tuple[int, ...] | None, net: str) -> tuple[int, ...]:
    """Cells along each axis of what the network reads."""
    grid = data.preprocessing.shape[1:]
    line = Network.parse(net).input_shape[1:] if ":" in net else ()
    if asked is None and len(line) == len(grid):
        return line
    if asked is not None:
        patch = asked * len(grid) if len(asked) == 1 else asked
        if len(patch) != len(grid):
            wanted = "x".join("DHW"[-len(grid) :])
            raise TrainingError(f"{data.name} holds {data.kind}s, so --patch is {wanted}, not {spell(asked)}")
        return patch
    if math.prod(grid) <= WHOLE and all(x.shape[1:] == grid for x in data.train.x):
        return grid
    return tuple(min(SIDES[len(grid)], side) for side in grid)
