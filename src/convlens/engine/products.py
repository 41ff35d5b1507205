"""Many vectors times one matrix, each by itself: what comes of a vector does not depend on those beside it.

Libraries for matrices choose how they add by how many vectors there are, so the same one has other bits among others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from convlens.network.layers import whole

from . import compile as machine_code
from .arguments import Call, Floats
from .crew import cores, share_out
from .kernels.products import product, width
from .memory import ensure
from .target import host

SHARE = 1 << 20
"""Multiply-adds that are worth a thread: about 20 microseconds of work; waking one costs as much."""


class Products:
    """A matrix that vectors are multiplied with: laid out for the machine code once.

    Args:
        rows: (K, D), any real number type, neither of them 0.
        threads: on how many many vectors are multiplied; None: the cores this process may use.

    Raises:
        EngineError: they are no matrix, or there are no such threads.

    >>> pairs = Products([[1, 10], [0, 2], [3, 0]])
    >>> pairs([[1, 2], [3, 4]])
    array([[21.,  4.,  3.],
           [43.,  8.,  9.]], dtype=float32)
    """

    def __init__(self, rows: ArrayLike, *, threads: int | None = None) -> None:
        call = Call("Products", {"rows": rows, "threads": threads})
        matrix = call.array("rows")
        with call.blaming("threads"):
            self.threads = cores() if threads is None else whole(threads, "threads", 1)
        if matrix.ndim != 2 or not matrix.size:
            raise call.refusal("rows must be a matrix (K, D) that is not empty", "rows")
        target = host()
        self.outputs, self.inputs = matrix.shape
        wide = width(target)
        if self.outputs < wide:
            matrix = np.pad(matrix, ((0, wide - self.outputs), (0, 0)))
        self._laid = len(matrix)
        starts = np.minimum(np.arange(0, self._laid, wide), self._laid - wide)
        self._panels = np.ascontiguousarray(np.stack([matrix[start : start + wide].T for start in starts]))
        self._run = machine_code.load(product(target, self.inputs, "product"))

    def __call__(self, x: ArrayLike) -> Floats:
        """The product of each vector with each row; several threads may call at once.

        Args:
            x: (N, ...) of D numbers each, any real number type; N may be 0.

        Returns:
            (N, K) float32.

        Raises:
            EngineError: the vectors have other lengths, or the result does not fit into memory.
        """
        call = Call("Products", {"x": x})
        vectors = call.array("x")
        if not vectors.ndim or vectors.size != len(vectors) * self.inputs:
            raise call.refusal(f"x must be vectors of {self.inputs} numbers each", "x")
        ensure(4 * len(vectors) * self._laid, "the products", "take fewer vectors")
        found = np.empty((len(vectors), self._laid), np.float32)
        shares = max(1, min(self.threads, found.size * self.inputs // SHARE)) if found.size else 0

        def share(s: int) -> None:
            some = slice(s * len(vectors) // shares, (s + 1) * len(vectors) // shares)
            places = (array.ctypes.data for array in (vectors[some], self._panels, found[some]))
            self._run(*places, some.stop - some.start, self._laid)

        share_out(share, shares, shares)
        return found[:, : self.outputs]
