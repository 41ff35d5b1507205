"""Augmentation that suits small pictures, signals and volumes: every one is a map of positions along each axis.

For each example and axis the output cell ``i`` reads the input at ``position(i)``, linearly between two cells, the edge
cell beyond the border. ``shift`` adds a constant, ``crop`` scales, ``flip`` mirrors the last axis. Draws come from a
generator that the caller seeds, so that a batch is a function of its seed.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 0.1
"""Largest shift, as a fraction of the side."""
SMALLEST_CROP = 0.8
"""Smallest crop, as a fraction of the side."""


def augment(x: Tensor, names: tuple[str, ...], generator: torch.Generator) -> Tensor:
    """Return a changed copy of a batch.

    Args:
        x: (N, C, *spatial) float.
        names: any of ``"shift"``, ``"flip"``, ``"crop"``.
        generator: where the draws come from.

    Returns:
        (N, C, *spatial).
    """
    for axis, size in enumerate(x.shape[2:]):
        last = axis == x.dim() - 3
        positions = _positions(len(x), size, names, last, generator)
        if positions is not None:
            x = _resample(x, positions.to(x.device), axis + 2)
    return x


def _positions(n: int, size: int, names: tuple[str, ...], last: bool, generator: torch.Generator) -> Tensor | None:
    """Where each output cell of each example reads along one axis: (N, size), or None where nothing moves."""
    positions = torch.arange(size, dtype=torch.float32).expand(n, size)
    moved = False
    if "crop" in names and size > 1:
        share = SMALLEST_CROP + (1 - SMALLEST_CROP) * torch.rand(n, 1, generator=generator)
        start = torch.rand(n, 1, generator=generator) * (1 - share) * (size - 1)
        positions, moved = start + positions * share, True
    most = round(SHIFT * size)
    if "shift" in names and most:
        positions = positions + torch.randint(-most, most + 1, (n, 1), generator=generator)
        moved = True
    if "flip" in names and last:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        positions, moved = torch.where(mirrored, positions.flip(1), positions), True
    return positions.clamp(0, size - 1) if moved else None


def _resample(x: Tensor, positions: Tensor, dim: int) -> Tensor:
    lower = positions.floor()
    share = (positions - lower).to(x.dtype)
    low = _along(lower.long(), x, dim)
    if not bool(share.any()):
        return x.gather(dim, low)
    high = _along((lower + 1).clamp(max=x.shape[dim] - 1).long(), x, dim)
    return torch.lerp(x.gather(dim, low), x.gather(dim, high), _along(share, x, dim))


def _along(values: Tensor, x: Tensor, dim: int) -> Tensor:
    shape = [1] * x.dim()
    shape[0], shape[dim] = values.shape
    return values.view(shape).expand(x.shape)
