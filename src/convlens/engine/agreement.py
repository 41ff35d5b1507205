"""How far pictures agree with one picture in where they rise, cell by cell, whatever their light."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from convlens.network.layers import spell

from . import compile as machine_code
from .arguments import Call, Floats
from .kernels.agreement import ASIDE, BORDER, CELL, agreeing
from .memory import ensure
from .target import host

LANES = 4
"""Numbers in the narrowest vector of all processors: rows of cells are multiples of it."""


class Agreement:
    """A picture that others are compared with by their slopes.

    A slope is the difference of a sample's neighbours, along x and along y; a cell is 2x2 samples, its energy e the sum
    of the slopes' squares. Two cells agree by ``<g, h> / sqrt((e + quiet * m + noise) (f + quiet * n + noise))``, where
    g and h are their slopes, e and f their energies, and m and n the mean energies of all cells of a picture, weighed
    by ``cover``. Each cell of this picture takes the largest agreement with the other's cell at the same place
    and the eight that lie a sample aside. The mean of these, weighed by ``cover``, is told in parts of what this
    picture's cells agree with themselves: a copy has 1, whatever its contrast, and hardly less where parts have moved a
    little. With a plain nothing agrees: 0.

    Args:
        picture: (H + 4, W + 4), any real number type: a border of two samples, and cells, H even and W a multiple of 8.
        cover: (H, W), how much each sample counts, none below 0.
        quiet: what is added to the energies, in mean energies, so that cells count little which are nearly plain.
        noise: the same as an energy; of pictures that have little more all cells count little. Both are positive.

    Raises:
        EngineError: an argument cannot be; the sentence names it.

    Source: Dalal and Triggs, Histograms of oriented gradients for human detection, 2005, of cells that are evened by
    their own energy; Felzenszwalb, McAllester and Ramanan, A discriminatively trained, multiscale, deformable part
    model, 2008, of parts that may move.

    >>> steps = np.zeros((8, 12))
    >>> steps[:, 6:] = 1
    >>> edge = Agreement(steps, np.ones((4, 8)), quiet=0.1, noise=1e-6)
    >>> aside, fainter, falling = np.roll(steps, 1, axis=1), steps / 2, -steps
    >>> found = edge([steps, aside, fainter, falling])
    >>> found.round(2)
    array([1., 1., 1., 0.], dtype=float32)
    """

    def __init__(self, picture: ArrayLike, cover: ArrayLike, quiet: float, noise: float) -> None:
        call = Call("Agreement", {"picture": picture, "cover": cover, "quiet": quiet, "noise": noise})
        own, weights = call.array("picture"), call.array("cover")
        if weights.ndim != 2 or not weights.size or weights.shape[0] % CELL or weights.shape[1] % (CELL * LANES):
            raise call.refusal(
                f"cover must have an even number of rows, and a multiple of {CELL * LANES} columns", "cover"
            )
        self.shape = weights.shape[0] + BORDER, weights.shape[1] + BORDER
        if own.shape != self.shape:
            raise call.refusal(
                f"picture must be {BORDER} samples larger than cover, which is {spell(weights.shape)}", "picture"
            )
        if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
            raise call.refusal("cover must be numbers from 0 on, not all 0", "cover")
        for name, value in (("quiet", quiet), ("noise", noise)):
            if not 0 < np.float32(value) < np.inf:
                raise call.refusal(f"{name} must be a positive number", name)
        rows, columns = (side // CELL for side in weights.shape)
        self._shares = _cells(weights).sum(axis=(1, 3))
        self._shares /= self._shares.sum()
        inner = own[ASIDE : self.shape[0] - ASIDE, ASIDE : self.shape[1] - ASIDE]
        slopes = np.stack([inner[1:-1, 2:] - inner[1:-1, :-2], inner[2:, 1:-1] - inner[:-2, 1:-1]])
        energy = np.stack([_cells(axis**2).sum(axis=(1, 3)) for axis in slopes]).sum(axis=0)
        strength = 1 / np.sqrt(energy + np.float32(quiet) * (self._shares * energy).sum() + np.float32(noise))
        itself = (self._shares * energy * strength**2).sum()
        self._itself = itself if itself else np.float32(1)
        # (2, rows, CELL, columns, CELL) -> (rows, CELL, CELL, 2, columns)
        laid = np.stack([_cells(axis) for axis in slopes]).transpose(1, 2, 4, 0, 3) * strength[:, None, None, None, :]
        self._slopes = np.ascontiguousarray(laid, np.float32)
        self._shares = np.ascontiguousarray(self._shares, np.float32)
        self._quiet = np.array([quiet, noise], np.float32)
        target = host()
        # as wide as fits a row: what is left of one would be added in another order
        lanes = math.gcd(target.lanes, columns)
        self._run = machine_code.load(agreeing(replace(target, lanes=lanes), (rows, columns), "agreeing"))

    def __call__(self, x: ArrayLike) -> Floats:
        """How far pictures agree with it; several threads may call at once.

        Args:
            x: (N, H + 4, W + 4), any real number type; N may be 0.

        Returns:
            (N,) float32; a picture's is the same bits among whichever others.

        Raises:
            EngineError: the pictures are of another size.
        """
        call = Call("Agreement", {"x": x})
        pictures = call.array("x")
        if pictures.ndim != 3 or pictures.shape[1:] != self.shape:
            raise call.refusal(f"x must be pictures of {spell(self.shape)} samples", "x")
        ensure(4 * len(pictures), "the agreements", "take fewer pictures")
        found = np.empty(len(pictures), np.float32)
        if len(found):
            given = pictures, self._slopes, self._shares, self._quiet, found
            self._run(*(array.ctypes.data for array in given), len(found))
        found /= self._itself
        return found


def _cells(samples: Floats) -> Floats:
    """Samples (H, W) as cells (H / CELL, CELL, W / CELL, CELL)."""
    height, width = samples.shape
    return samples.reshape(height // CELL, CELL, width // CELL, CELL)
