"""The loss of a finder: its slope is the difference quotient's, and the parts of a batch make the whole."""

from __future__ import annotations

import numpy as np

from convlens.finding.objective import Floats, centre_weight, focal


def batch() -> tuple[Floats, Floats, Floats]:
    """Logits, targets with centres, and weights of six crops."""
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 0.999, (6, 1, 5, 5)).astype(np.float32)
    target[::2, :, 2, 3] = 1
    weight = rng.choice(np.float32([0, 0.5, 1, 2]), target.shape)
    return rng.normal(0, 2, target.shape).astype(np.float32), target, weight


def test_the_slope_is_that_of_the_loss() -> None:
    logits, target, weight = batch()
    centres, step = centre_weight(target, weight), 1e-2
    slope = focal(logits, target, weight, centres)[1]
    for at in np.ndindex(*logits.shape):
        moved = np.zeros_like(logits)
        moved[at] = step
        up, down = (focal(logits + sign * moved, target, weight, centres)[0] for sign in (1, -1))
        np.testing.assert_allclose(slope[at], (up - down) / (2 * step), atol=2e-4)


def test_parts_of_a_batch_have_the_slope_and_together_the_loss_of_the_whole() -> None:
    logits, target, weight = batch()
    centres = centre_weight(target, weight)
    loss, slope = focal(logits, target, weight, centres)
    parts = [focal(logits[i : i + 2], target[i : i + 2], weight[i : i + 2], centres) for i in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), slope)
    np.testing.assert_allclose(sum(part for part, _ in parts), loss, rtol=1e-6)
    assert centres == weight[target >= 1].sum() > 1
    assert centre_weight(np.zeros_like(target), weight) == 1
