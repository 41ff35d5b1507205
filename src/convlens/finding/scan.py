"""The network over whole canvases: a map of logits, a cell of STRIDE working pixels each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.engine.scan import Scan

from .canvas import Canvas
from .network import STRIDE, Named, network

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
    around = [(0, 0)] + [(RIM, RIM + cells * STRIDE - size) for cells, size in ((rows, height), (columns, width))]
    wide = np.pad(canvas.pixels, around, mode="reflect" if min(height, width) > 1 else "edge")
    channels = len(canvas.pixels)
    scan = Scan(network(channels, *wide.shape[1:]), weights)
    rim = RIM // STRIDE
    return np.ascontiguousarray(scan(wide, channels="first")[0, rim : rim + rows, rim : rim + columns])
