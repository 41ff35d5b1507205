"""What training makes small: the focal loss between a map of logits and a map of bumps at the objects' centres.

After CornerNet (Law and Deng, 2018) and CenterNet (Zhou et al., 2019): a certain cell costs little, and the cells
around a centre are forgiven what is near it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    found: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1))
    return found


def centre_weight(target: Floats, weight: Floats) -> float:
    """What the centres of a batch count together, at least 1: by this its loss is divided."""
    return max(1.0, float(weight[target >= 1].sum()))


def focal(logits: Floats, target: Floats, weight: Floats, centres: float) -> tuple[float, Floats]:
    """The focal loss of a batch, or of a part of it, and its gradient.

    At centres (target 1): ``-(1 - p)^2 log p``; elsewhere ``-(1 - t)^4 p^2 log(1 - p)``, p the sigmoid of the logit.

    Args:
        logits: any shape.
        target: bumps, 1 at the centres.
        weight: what each cell counts.
        centres: of the whole batch, from ``centre_weight``.

    Returns:
        The sum over the cells divided by ``centres``, and the gradient with respect to the logits.
    """
    p = np.clip(sigmoid(logits), 1e-6, 1 - 1e-6)
    q = 1 - p
    centre = target >= 1
    far = (1 - target) ** 4
    log_p, log_q = np.log(p), np.log(q)
    loss = np.where(centre, -q * q * log_p, -far * p * p * log_q)
    slope = np.where(centre, q * q * (2 * p * log_p - q), far * p * p * (p - 2 * q * log_q))
    return float((weight * loss).sum()) / centres, (weight * slope / np.float32(centres)).astype(np.float32)
