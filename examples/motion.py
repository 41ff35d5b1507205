"""Short videos: dots that drift to one of four sides, which no single frame tells; a 3-d network sees them drift.

    python examples/motion.py [--seed 0]

It writes class folders of animated GIFs and trains on them. Dots appear anywhere and enter again on the far side, so a
frame alone is noise: a network that sees one is right one time in four (``--one-frame`` trains it).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, FRAMES, DOTS = 16, 6, 12
SIDES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
NET = "conv 8 3, relu, conv 16 3, relu, avgpool all, flatten, linear 4"
SETTINGS = ["--net", NET, "--epochs", "5", "--batch", "16", "--lr", "1e-2"]
CHANCE = 1 / len(SIDES)


def film(side: str, rng: np.random.Generator) -> np.ndarray:
    """Frames (FRAMES, SIDE, SIDE) of dots that drift a pixel a frame, some of them going out and others coming."""
    grid = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
    rows, columns = rng.integers(0, SIDE, (2, DOTS))
    for t in range(FRAMES):
        grid[t, (rows + t * SIDES[side][0]) % SIDE, (columns + t * SIDES[side][1]) % SIDE] = 255
        stray = rng.integers(0, SIDE, (2, DOTS // 3))
        grid[t, stray[0], stray[1]] = 255
    return grid


def write(folder: Path, *, one_frame: bool = False) -> None:
    """Write train and test folders with a folder of films a side; ``one_frame``: of pictures, a frame each."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 150), ("test", 100)):
        for side in SIDES:
            place = folder / part / side
            place.mkdir(parents=True)
            for i in range(count):
                frames = [Image.fromarray(frame) for frame in film(side, rng)]
                if one_frame:
                    frames[FRAMES // 2].save(place / f"{i}.png")
                else:
                    frames[0].save(place / f"{i}.gif", save_all=True, append_images=frames[1:])


def main() -> None:
    """Write the films and train, with the arguments given besides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one-frame", action="store_true", help="learn from the middle frames alone")
    given, more = parser.parse_known_args()
    folder = Path(tempfile.mkdtemp(prefix="convlens-motion-"))
    write(folder, one_frame=given.one_frame)
    command = [sys.executable, "-m", "convlens", "train", str(folder), *SETTINGS, *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
