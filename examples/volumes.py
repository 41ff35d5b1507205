"""Volumes: solid balls, hollow shells and jacks of three bars in noise, told apart by a 3-d network.

    python examples/volumes.py [--seed 0]

It writes ``volumes.npz`` (x of shape N, 1, D, H, W, and y) into a folder of its own and trains
``lenet-relu`` on it; one size a layer serves three axes as well as two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE = 20
KINDS = np.array(["ball", "shell", "jack"])


def volume(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One volume, (1, SIDE, SIDE, SIDE) float32: a body anywhere, of any size and brightness, in noise."""
    radius = rng.uniform(3.5, 6)
    centre = rng.uniform(radius, SIDE - radius, 3)
    offsets = np.indices((SIDE,) * 3).astype(np.float32) - centre[:, None, None, None]
    distance = np.sqrt((offsets**2).sum(0))
    inside = distance < radius
    if kind == "jack":  # bars along the three axes: near the middle in at least two of them
        inside &= np.sort(np.abs(offsets), axis=0)[1] < 0.35 * radius
    if kind == "shell":
        inside &= distance > 0.6 * radius
    body = inside * rng.uniform(0.8, 1.5) + rng.normal(0, 0.25, inside.shape)
    return body[None].astype(np.float32)


def write(path: Path, examples: int, tests: int, seed: int) -> None:
    """Write a set with a test split."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, count in (("train", examples), ("test", tests)):
        kinds = rng.choice(KINDS, count)
        arrays[f"x_{split}"] = np.stack([volume(kind, rng) for kind in kinds])
        arrays[f"y_{split}"] = kinds
    np.savez(path, **arrays)


def main() -> None:
    """Make the volumes and train, with the arguments given besides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=900, help="volumes to learn from")
    given, more = parser.parse_known_args()
    folder = Path(tempfile.mkdtemp(prefix="convlens-volumes-"))
    write(folder / "volumes.npz", given.examples, 300, 0)
    command = [sys.executable, "-m", "convlens", "train", str(folder / "volumes.npz"), "--net", "lenet-relu"]
    sys.exit(subprocess.run([*command, "--epochs", "15", "--batch", "32", "--lr", "3e-3", *more]).returncode)


if __name__ == "__main__":
    main()
