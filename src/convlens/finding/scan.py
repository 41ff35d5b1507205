"""The network over whole canvases: a map of logits, a cell of STRIDE working pixels each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.engine.scan import Scan

from .canvas import Canvas
from .network import STRIDE, Named, network
from .warp import window

Floats = NDArray[np.float32]

RIM = 24
"""Working pixels of mirror image around a canvas: more than half a receptive field, a multiple of STRIDE."""


def logits(canvas: Canvas, weights: Named) -> Floats:
    """Run the network over a canvas.

    Args:
        canvas: the picture at the working scale; beyond its borders lies its mirror image.
        weights: of the network.

    Returns:
        (rows, columns), as many as whole and broken cells fit.
    """
    height, width = canvas.size
    rows, columns = -(-height // STRIDE), -(-width // STRIDE)
    wide = _Mirrored(canvas.pixels, (rows * STRIDE, columns * STRIDE))
    scan = Scan(network(len(canvas.pixels), *wide.shape[1:]), weights)
    rim = RIM // STRIDE
    return np.ascontiguousarray(scan(wide, channels="first")[0, rim : rim + rows, rim : rim + columns])


class _Mirrored:
    """Pixels (C, H, W) with a rim of their mirror image, and as many rows and columns as are asked for within it.

    Nothing is copied but the windows that reach beyond the pixels.
    """

    def __init__(self, pixels: Floats, size: tuple[int, int]) -> None:
        self._pixels, self.dtype = pixels, pixels.dtype
        self.shape = len(pixels), *(RIM + n + RIM for n in size)
        rim = "reflect" if min(pixels.shape[1:]) > 1 else "edge"
        self._at = [
            np.pad(np.arange(own), (RIM, RIM + n - own), mode=rim)  # type: ignore[call-overload]
            for own, n in zip(pixels.shape[1:], size, strict=True)
        ]

    def __getitem__(self, part: tuple[slice, slice]) -> Floats:
        rows, columns = (at[some] for at, some in zip(self._at, part, strict=True))
        return window(self._pixels, rows, columns)
