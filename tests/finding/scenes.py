"""Small pictures to find things in: red crosses among blue ones and green discs, drawn with numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data import Mark

SIDE = 20
COLOURS = {"cross": (220, 40, 40), "other": (40, 60, 220), "disc": (40, 180, 60)}


def scene(
    seed: int, size: tuple[int, int] = (200, 240), crosses: int = 8, others: int = 8
) -> tuple[NDArray[np.uint8], list[tuple[float, float]]]:
    """A picture (H, W, 3), and the centres x, y of its red crosses."""
    rng = np.random.default_rng(seed)
    height, width = size
    picture = rng.normal(150, 6, (height, width, 3))
    cells = [(x, y) for y in range(20, height - 20, 36) for x in range(20, width - 20, 36)]
    chosen = [cells[i] for i in rng.permutation(len(cells))[: crosses + others]]
    centres = []
    for k, (x, y) in enumerate(chosen):
        x, y = x + int(rng.integers(-5, 6)), y + int(rng.integers(-5, 6))
        kind = "cross" if k < crosses else ("other" if k % 2 else "disc")
        dy, dx = np.mgrid[-y : height - y, -x : width - x]
        inside = np.hypot(dx, dy) < SIDE / 2
        if kind != "disc":
            inside &= (np.abs(dx) < 3) | (np.abs(dy) < 3)
        picture[inside] = COLOURS[kind]
        if kind == "cross":
            centres.append((x + 0.5, y + 0.5))
    return picture.clip(0, 255).astype(np.uint8), centres


def mark(image: str, centre: tuple[float, float], kind: str = "object") -> Mark:
    """A box around a centre."""
    return Mark(image, kind, centre[0] - SIDE / 2, centre[1] - SIDE / 2, SIDE, SIDE)  # type: ignore[arg-type]


def hits(boxes: NDArray[np.float64], centres: list[tuple[float, float]]) -> int:
    """How many centres have a box within half a side."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    return sum(bool((np.hypot(*(middles - c).T) < SIDE / 2).any()) for c in np.array(centres))
