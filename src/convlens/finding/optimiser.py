"""AdamW (Loshchilov and Hutter, 2019) over named arrays, gradients clipped, with a running mean of the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Named = dict[str, Floats]

BETAS = (0.9, 0.99)
CLIP = 5.0
DECAY = 1e-4


class AdamW:
    """The weights, flat, and what the optimiser remembers of their gradients."""

    def __init__(self, weights: Named, memory: float) -> None:
        self._shapes = {name: w.shape for name, w in weights.items()}
        self.flat = np.concatenate([w.ravel() for w in weights.values()]).astype(np.float32)
        self.mean = self.flat.copy()
        self._memory = np.float32(memory)
        self._first, self._second = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self._steps = 0

    def step(self, gradients: Named, rate: float) -> None:
        """Move the weights against their gradients."""
        g = np.concatenate([gradients[name].ravel() for name in self._shapes])
        norm = float(np.sqrt(np.dot(g, g)))
        if norm > CLIP:
            g *= np.float32(CLIP / norm)
        self._steps += 1
        a, b = BETAS
        self._first += np.float32(1 - a) * (g - self._first)
        self._second += np.float32(1 - b) * (g * g - self._second)
        size = np.sqrt(self._second / np.float32(1 - b**self._steps)) + np.float32(1e-8)
        self.flat *= np.float32(1 - rate * DECAY)
        self.flat -= np.float32(rate / (1 - a**self._steps)) * self._first / size
        # young means forget faster, so that the first weights do not linger
        memory = min(self._memory, np.float32(self._steps / (self._steps + 9)))
        self.mean += (1 - memory) * (self.flat - self.mean)

    def named(self, *, mean: bool = False) -> Named:
        """The weights, or their running mean, by name."""
        flat, found, at = self.mean if mean else self.flat, {}, 0
        for name, shape in self._shapes.items():
            size = int(np.prod(shape))
            found[name] = flat[at : at + size].reshape(shape).copy()
            at += size
        return found
