"""How weights move against their gradients: kernels by Muon, the rest by AdamW, with a running mean of the weights.

Few steps have to do. AdamW (Loshchilov and Hutter, 2019) alone leaves much of what many different marks could teach
unlearned after them; Muon (Jordan and others, 2024) moves a kernel equally far along all its directions, the rare ones
too, by the orthogonal matrix that is nearest to its momentum.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Named = dict[str, Floats]

BETAS = (0.9, 0.99)
CLIP = 5.0
DECAY = 1e-4
MOMENTUM = 0.9
REACH = 0.8
"""Root of the mean square of a kernel's step, in learning rates: with a half and a quarter less was learned."""
NEWTON = (3.4445, -4.7750, 2.0315)
"""Of the odd polynomial that, five times over, takes singular values of 0.01 to 1 near 1 (Jordan)."""
ROUNDS = 5
PIECE = 96
"""Columns of a block: 48 x 48 x 96 products are too few for a library to start threads."""


def orthogonal(matrix: Floats) -> Floats:
    """About the nearest matrix whose singular values are all alike, 0.7 to 1.2, by Newton and Schulz's iteration.

    A round takes X to (a + b X X' + c (X X')^2) X. All rounds are polynomials in the first X X', which has only as many
    rows and columns as X has rows: they are multiplied with each other, and X once with all of them.

    >>> print(orthogonal(np.diag([4.0, 1.0, 0.2]).astype(np.float32)).diagonal().round(1))
    [0.7 0.7 0.8]
    """
    a, b, c = (np.float32(n) for n in NEWTON)
    high = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if high else matrix
    rows, columns = wide.shape
    # in blocks so small that no product is shared between threads: the sums are the same on any number of them
    x = np.zeros((-(-columns // PIECE), rows, PIECE), np.float32)
    for n, block in enumerate(x):
        own = wide[:, n * PIECE : (n + 1) * PIECE]
        block[:, : own.shape[1]] = own
    square = (x @ x.transpose(0, 2, 1).copy()).sum(axis=0)
    size = np.sqrt(square.diagonal().sum()) + np.float32(1e-7)
    square /= size * size
    same = np.eye(rows, dtype=np.float32)
    constant, every = a * same, same / size
    for turn in range(ROUNDS):
        one = constant + b * square + c * (square @ square)
        every = one @ every
        if turn < ROUNDS - 1:
            square = one @ (one @ square)
    found: Floats = (every @ x).transpose(1, 0, 2).reshape(rows, -1)[:, :columns]
    return found.T if high else found


class Optimiser:
    """The weights, flat, and what is remembered of their gradients."""

    def __init__(self, weights: Named, memory: float) -> None:
        self._shapes = {name: w.shape for name, w in weights.items()}
        self.flat = np.concatenate([w.ravel() for w in weights.values()]).astype(np.float32)
        self.mean = self.flat.copy()
        self._memory = np.float32(memory)
        self._steps = 0
        ends = np.cumsum([w.size for w in weights.values()]).tolist()
        # one row an output; a single output is a vector, which has no other directions to be equal to
        self._kernels = [
            (slice(end - w.size, end), (len(w), -1))
            for end, w in zip(ends, weights.values(), strict=True)
            if w.ndim > 1 and len(w) > 1
        ]
        rest = np.ones(len(self.flat), np.bool_)
        for part, _ in self._kernels:
            rest[part] = False
        self._rest = np.flatnonzero(rest)
        self._momentum = np.zeros_like(self.flat)
        self._first, self._second = (np.zeros(len(self._rest), np.float32) for _ in range(2))

    def step(self, gradients: Named, rate: float) -> None:
        """Move the weights against their gradients."""
        g = np.concatenate([gradients[name].ravel() for name in self._shapes])
        self._steps += 1
        self.flat *= np.float32(1 - rate * DECAY)
        self.flat -= np.float32(rate) * self._moved(g)
        # young means forget faster, so that the first weights do not linger
        memory = min(self._memory, np.float32(self._steps / (self._steps + 9)))
        self.mean += (1 - memory) * (self.flat - self.mean)

    def _moved(self, g: Floats) -> Floats:
        """The step of all weights, in learning rates."""
        self._momentum += np.float32(1 - MOMENTUM) * (g - self._momentum)
        ahead = g + np.float32(MOMENTUM) * (self._momentum - g)
        norm, own = float(np.sqrt(np.dot(g, g))), g[self._rest]
        if norm > CLIP:
            own = own * np.float32(CLIP / norm)
        a, b = BETAS
        self._first += np.float32(1 - a) * (own - self._first)
        self._second += np.float32(1 - b) * (own * own - self._second)
        size = np.sqrt(self._second / np.float32(1 - b**self._steps)) + np.float32(1e-8)
        found = np.empty_like(g)
        found[self._rest] = self._first / np.float32(1 - a**self._steps) / size
        for part, shape in self._kernels:
            towards = orthogonal(ahead[part].reshape(shape))
            found[part] = towards.ravel() * np.float32(REACH * np.sqrt(max(towards.shape)))
        return found

    def named(self, *, mean: bool = False) -> Named:
        """The weights, or their running mean, by name."""
        flat, found, at = self.mean if mean else self.flat, {}, 0
        for name, shape in self._shapes.items():
            size = prod(shape)
            found[name] = flat[at : at + size].reshape(shape).copy()
            at += size
        return found
