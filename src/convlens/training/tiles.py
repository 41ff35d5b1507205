"""A network that gives scores for every cell, over examples of any size: tile by tile, equal to the whole.

A tile is read with the halo that its cells see; where the example ends the tile ends, so that a layer pads there and
nowhere else. All tiles of an example have one shape, so one compiled network serves them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convlens.network import Network, fields
from convlens.network.layers import AvgPool, BatchNorm, Conv, Dropout, MaxPool, ReLU, Sigmoid, Tanh, spell

from .learner import Backend, runner

TILE = 2**17
"""Cells of a tile: 51x51x51 or 362x362; with 16 channels a map takes 8 MB, and eight tiles run at once."""
AT_ONCE = 8
ANYWHERE = (Conv, MaxPool, AvgPool, ReLU, Sigmoid, Tanh, BatchNorm, Dropout)
"""Layers that do the same at every place."""


def why_not(network: Network) -> str:
    """Why a network gives no scores for every cell of an example of any size, to follow a comma; "" where it does."""
    for layer in network.layers:
        if not isinstance(layer, ANYWHERE):
            word = type(layer).__name__.lower()
            return f"and a {word} layer belongs to one size of input; use conv, pools of stride 1 and activations"
    jumps = [field.jump for field in fields(network)[-1]]
    if max(jumps) > 1:
        times = "x".join(map(str, jumps))
        return (
            f"but the network's strides make its grid {times} times coarser; leave strides and pools out, and let it "
            "see far by dilation, as conv 16 3 dilation 4 pad same does"
        )
    if network.output_shape[1:] != network.input_shape[1:]:
        gives, reads = spell(network.output_shape[1:]), spell(network.input_shape[1:])
        return f"but the network gives {gives} for {reads}; pad its convolutions (pad same)"
    return ""


class Tiled:
    """A network over examples of any size.

    Args:
        module: its weights, used as they are at each call.
        network: gives a score a class for every cell (``why_not`` is silent); its input's size is an example.
        device: where it runs.
        threads: of the engine.
        backend: that was asked for.
        cells: of a tile, about.
    """

    def __init__(
        self,
        module: torch.nn.Sequential,
        network: Network,
        device: torch.device,
        threads: int,
        backend: Backend = "auto",
        cells: int = TILE,
    ) -> None:
        self._module, self._network, self._device = module, network, device
        self._threads, self._backend, self._cells = threads, backend, cells
        seen = fields(network)[-1]
        self._before = tuple(max(0, -field.start) for field in seen)
        self._after = tuple(max(0, field.start + field.size - 1) for field in seen)
        self._runners: dict[tuple[int, ...], torch.nn.Module] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Scores (classes, *spatial) of one example (C, *spatial), float32."""
        size = tuple(x.shape[1:])
        tile = self._tile(size)
        run = self._runner((len(x), *tile))
        out = torch.empty((self._network.output_shape[0], *size), dtype=torch.float32)
        with torch.inference_mode():
            places = list(self._places(size, tile))
            for some in (places[i : i + AT_ONCE] for i in range(0, len(places), AT_ONCE)):
                cut = torch.stack([x[(slice(None), *read)] for read, _, _ in some])
                found = run(cut.to(self._device)).float().cpu()
                for (_, kept, written), scores in zip(some, found, strict=True):
                    out[(slice(None), *written)] = scores[(slice(None), *kept)]
        return out

    def _tile(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """As many cells an axis as make the tile, at least twice its halo; what one axis lacks the others get."""
        halo = [a + b for a, b in zip(self._before, self._after, strict=True)]
        left, tile = self._cells, [0] * len(size)
        order = sorted(range(len(size)), key=lambda axis: size[axis])
        for rank, axis in enumerate(order):
            side = math.floor(left ** (1 / (len(size) - rank)) + 1e-9)
            tile[axis] = min(size[axis], max(side, 2 * halo[axis] + 1))
            left = max(1, left // tile[axis])
        return tuple(tile)

    def _places(
        self, size: tuple[int, ...], tile: tuple[int, ...]
    ) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], tuple[slice, ...]]]:
        """Of each tile: what it reads of the example, what of its scores is kept, and where that goes."""
        axes = [_along(*each) for each in zip(size, tile, self._before, self._after, strict=True)]
        for parts in itertools.product(*axes):
            read, kept, written = zip(*parts, strict=True)
            yield read, kept, written

    def _runner(self, shape: tuple[int, ...]) -> torch.nn.Module:
        if shape not in self._runners:
            there = Network(shape, self._network.layers)
            self._runners[shape] = runner(self._module, there, self._device, self._threads, self._backend)
        return self._runners[shape]


def _along(size: int, tile: int, before: int, after: int) -> list[tuple[slice, slice, slice]]:
    """The tiles along one axis, evenly laid: read, kept of the tile, written.

    >>> [(r.start, w.start, w.stop) for r, _, w in _along(10, 6, 1, 1)]
    [(0, 0, 5), (4, 5, 10)]
    """
    count = 1 if tile >= size else math.ceil((size - tile) / (tile - before - after)) + 1
    starts: NDArray[np.int64] = np.linspace(0, size - tile, count).round().astype(np.int64)
    found, done = [], 0
    for start in starts.tolist():
        stop = size if start + tile == size else start + tile - after
        found.append((slice(start, start + tile), slice(done - start, stop - start), slice(done, stop)))
        done = stop
    return found
