"""The first kernels: the directions in which the pictures themselves vary most, all made equally strong.

A few marks are too few to learn anew what edges and colours are, but every pixel shows it. The eigenvectors of the
patches that a kernel sees are just these: light, its rises, colours; divided by the deviation of what they see none is
louder than another ("patch-whitening", Page 2019; Jordan 2024). Each stands there twice, with either sign, since what a
relu cuts off one the other keeps. Learning starts from there and may move them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .network import Named

Floats = NDArray[np.float32]

PATCHES = 12_000
"""Patches that tell how pictures vary: of all pictures as many."""
NOISE = 0.1
"""Standard deviation, in a canvas' units, that counts as noise: a direction that varies less is not made as strong."""


def whitened(pictures: Sequence[Floats], like: Named, rng: np.random.Generator) -> Named:
    """The first layer's weight and bias from the pictures that it will see.

    Args:
        pictures: (C, H, W) each, in a canvas' units.
        like: parameters of the network, of which the first layer's shapes are taken: (filters, C, k, k).
        rng: which places are looked at.

    Returns:
        ``0.weight`` and ``0.bias``, with which a filter's answers have mean 0 and variance 1, a little less where a
        direction hardly varies. Filters beyond two of each direction are those of ``like``.
    """
    weight, bias = like["0.weight"].copy(), like["0.bias"].copy()
    size = weight.shape[2]
    patches = np.concatenate([_patches(one, size, PATCHES // len(pictures) + 1, rng) for one in pictures])
    mean = patches.mean(axis=0)
    off = patches - mean
    # not a product of matrices: those are summed in another order on another number of threads
    variances, directions = np.linalg.eigh(np.einsum("ni,nj->ij", off, off) / len(off))
    half = min(len(weight) // 2, len(variances))
    some = directions[:, ::-1][:, :half].T
    some = some * np.where(some.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    some = some / np.sqrt(np.maximum(variances[::-1][:half], 0.0) + NOISE**2)[:, None]
    both = np.concatenate([some, -some])
    weight[: 2 * half] = both.reshape(2 * half, *weight.shape[1:])
    bias[: 2 * half] = -(both @ mean)
    return {"0.weight": weight, "0.bias": bias}


def _patches(picture: Floats, size: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """So many patches (count, C * size * size) of a picture, whose edges are repeated."""
    _, high, wide = picture.shape
    y, x = rng.integers(high, size=count), rng.integers(wide, size=count)
    near = np.arange(size) - size // 2
    rows, columns = np.clip(y[:, None] + near, 0, high - 1), np.clip(x[:, None] + near, 0, wide - 1)
    found = picture[:, rows[:, :, None], columns[:, None, :]].astype(np.float64)
    return found.transpose(1, 0, 2, 3).reshape(count, -1)
