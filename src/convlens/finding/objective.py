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


def focal(logits: Floats, target: Floats, weight: Floats) -> tuple[float, Floats]:
    """The focal loss and its gradient.

    At centres (target 1): ``-(1 - p)^2 log p``; elsewhere ``-(1 - t)^4 p^2 log(1 - p)``, p the sigmoid of the logit.

    Args:
        logits: any shape.
        target: bumps, 1 at the centres.
        weight: what each cell counts.

    Returns:
        The sum over the cells divided by the weight of the centres, and the gradient with respect to the logits.
    """
    p = np.clip(sigmoid(logits), 1e-6, 1 - 1e-6)
    q = 1 - p
    centre = target >= 1
    far = (1 - target) ** 4
    log_p, log_q = np.log(p), np.log(q)
    loss = np.where(centre, -q * q * log_p, -far * p * p * log_q)
    slope = np.where(centre, q * q * (2 * p * log_p - q), far * p * p * (p - 2 * q * log_q))
    total = max(1.0, float(weight[centre].sum()))
    return float((weight * loss).sum()) / total, (weight * slope / np.float32(total)).astype(np.float32)
