"""Series of the UCR and UEA archives: leaf outlines, and who of nine men says a vowel.

    pip install --no-deps aeon          # its wheel carries the series; it is not imported
    python examples/signals.py [JapaneseVowels_eq] [--seed 0]

``OSULeaf``: outlines of the leaves of six species as distances from the middle, 200 to learn from and 242 to judge.
Published test accuracies (Wang, Yan and Oates, 2017): FCN 0.977, a multilayer perceptron 0.557.

``JapaneseVowels_eq``: two vowels said by nine men as twelve coefficients at 25 moments, 270 to learn from and 370 to
judge.  Beside it stands the usual baseline, the nearest neighbour by Euclidean distance, computed here.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np

from convlens.data import load

SETTINGS = ["--net", "fcn", "--epochs", "120", "--batch", "16", "--lr", "5e-3", "--val", "0"]
SETS = {
    "OSULeaf": SETTINGS,
    "JapaneseVowels_eq": ["--net", "fcn", "--epochs", "40", "--batch", "16", "--lr", "2e-3", "--val", "0"],
}
BASELINE = "the nearest neighbour"


def series(name: str = "OSULeaf") -> Path:
    """Where the training file of a series lies in the installed aeon package, which is found but not imported."""
    spec = importlib.util.find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the aeon package carries the series; pip install --no-deps aeon")
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name.removesuffix("_eq")
    return folder / f"{name}_TRAIN.ts"


def nearest_neighbour(source: Path) -> float:
    """The share of the test series whose nearest training series is of their class."""
    data = load(source, val=0)
    assert data.test is not None
    train, test = (split.read(np.arange(len(split))).reshape(len(split), -1) for split in (data.train, data.test))
    distances = (test**2).sum(1)[:, None] + (train**2).sum(1) - 2 * test @ train.T
    return float((data.train.y[distances.argmin(axis=1)] == data.test.y).mean())


def main() -> None:
    """Train with the arguments given besides the settings above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    name = more.pop(0) if more and more[0] in SETS else "OSULeaf"
    source = series(name)
    print(f"baseline {BASELINE}: test accuracy {nearest_neighbour(source):.4f}", flush=True)
    command = [sys.executable, "-m", "convlens", "train", str(source), *SETS[name], *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
