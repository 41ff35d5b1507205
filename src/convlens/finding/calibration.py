"""From scores to claims: the threshold, how sure a find is, and between which numbers the count lies.

No truth is known but the marks. What objects score is estimated from the marked ones as they might look elsewhere
(turned, scaled, on other ground; compared with the other marks alone), and what the rest scores from the peaks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .objective import sigmoid

Floats = NDArray[np.float32]

PART = 0.7
"""Of the way from the typical peak to the typical object: where the threshold is looked for."""
REACH, WIDTH, PULL = 1.5, 0.4, 1.2
"""How far around that place, how finely, and how strongly the place draws."""
DOUBT = 1.0
"""How far, in logits, the threshold itself may be off: what the count's interval allows for."""
SURE = 1.64
"""Standard deviations on both sides of nine tenths of a normal distribution."""


@dataclass(frozen=True)
class Calibration:
    """The score from which on a place counts as an object.

    Args:
        threshold: in the units of the scores.
    """

    threshold: float

    def probabilities(self, scores: Floats) -> Floats:
        """How sure places are, 0 to 1; one half at the threshold."""
        return sigmoid((scores - np.float32(self.threshold)).astype(np.float32))

    def interval(self, scores: Floats) -> tuple[int, int]:
        """Between which numbers the count of objects lies, for all places of a picture.

        The ends are the counts at thresholds that are off by DOUBT, widened by what chance does to places near the
        threshold: each is an object with its probability.
        """
        surer, vaguer = int((scores >= self.threshold + DOUBT).sum()), int((scores >= self.threshold - DOUBT).sum())
        p = self.probabilities(scores[scores >= self.threshold - 3 * DOUBT]).astype(np.float64)
        chance = SURE * float(np.sqrt((p * (1 - p)).sum()))
        count = int((scores >= self.threshold).sum())
        low, high = min(surer, count - chance), max(vaguer, count + chance)
        return max(0, int(np.floor(low))), int(np.ceil(high))


def calibrate(objects: Floats, peaks: Floats) -> Calibration:
    """Choose the threshold: the emptiest place between the rest and the objects, near where it is expected.

    Args:
        objects: scores of marked objects as they might look elsewhere.
        peaks: scores of all peaks of the pictures that were learned from, marked and unmarked.
    """
    typical = float(np.median(objects)) if len(objects) else 0.0
    rest = float(np.median(peaks)) if len(peaks) else typical - 4.0
    expected = rest + PART * (typical - rest)
    grid = np.linspace(expected - REACH, expected + REACH, 61)
    near = peaks[np.abs(peaks - expected) < REACH + 4 * WIDTH]
    crowd = np.exp(-0.5 * ((grid[:, None] - near[None, :]) / WIDTH) ** 2).sum(axis=1) / (WIDTH * np.sqrt(2 * np.pi))
    cost = np.log(crowd + 0.5) + PULL * (grid - expected) ** 2
    return Calibration(float(grid[int(np.argmin(cost))]))
