"""A small set that a small network learns in a second: bars across, bars down and crosses, with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TINY = "conv 4 3, relu, maxpool 2, flatten, dropout 0.1, linear 3"


def bars(examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 1, 12, 12) uint8 and their classes."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 90, (examples, 1, 12, 12), dtype=np.uint8)
    y = rng.integers(0, 3, examples)
    for i, kind in enumerate(y):
        at, to = rng.integers(1, 11, 2)
        if kind != 1:
            x[i, 0, at, :] = 200
        if kind != 0:
            x[i, 0, :, to] = 200
    return x, y


@pytest.fixture(scope="session")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set as an .npz with a test split."""
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    x, y = bars(330, 0)
    x_test, y_test = bars(90, 1)
    names = np.array(["across", "down", "cross"])
    np.savez(path, x_train=x, y_train=names[y], x_test=x_test, y_test=names[y_test])
    return path
