"""A kernel moves equally far along all its directions, whatever its gradients' sizes, and everything goes downhill."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.finding.optimiser import Optimiser, orthogonal

Floats = NDArray[np.float32]


@pytest.mark.parametrize("shape", [(3, 75), (32, 97), (48, 432), (40, 7)])
def test_all_directions_become_alike(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    left, _, right = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    sizes = np.geomspace(1, 0.05, len(right))
    found = orthogonal((left * sizes @ right).astype(np.float32))
    # what is left of it in the directions that it had
    kept = np.einsum("ok,oi,ki->k", left, found, right)
    assert kept.min() > 0.5
    assert kept.max() < 1.3
    np.testing.assert_allclose((left * kept) @ right, found, atol=1e-4)


def test_rare_directions_are_learned_with_the_frequent_ones() -> None:
    rng = np.random.default_rng(1)
    wanted = rng.normal(size=(8, 8)).astype(np.float32)
    turned = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    often = (turned * np.geomspace(1, 1e-2, 8) @ turned.T).astype(np.float32)
    optimiser = Optimiser({"weight": np.zeros((8, 8, 1, 1), np.float32), "bias": np.ones(3, np.float32)}, memory=0.9)
    for step in range(300):
        now = optimiser.named()
        slope = (now["weight"][:, :, 0, 0] - wanted) @ often
        optimiser.step({"weight": slope[:, :, None, None], "bias": now["bias"]}, 0.05 * (1 - step / 300))
    mean = optimiser.named(mean=True)
    assert np.abs(mean["weight"][:, :, 0, 0] - wanted).max() < 0.2
    assert np.abs(mean["bias"]).max() < 0.1
