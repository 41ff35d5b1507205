"""Leaf outlines as signals: OSULeaf, six species, 200 outlines to learn from and 242 to judge.

    pip install --no-deps aeon          # its wheel carries the series; it is not imported
    python examples/signals.py [--seed 0]

The same as ``convlens train .../OSULeaf_TRAIN.ts --net fcn --epochs 120 --batch 16 --lr 5e-3 --val 0``.
Published test accuracies (Wang, Yan and Oates, 2017): FCN 0.977, a multilayer perceptron 0.557.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

SETTINGS = ["--net", "fcn", "--epochs", "120", "--batch", "16", "--lr", "5e-3", "--val", "0"]


def series(name: str = "OSULeaf") -> Path:
    """Where the training file of a series lies in the installed aeon package, which is found but not imported."""
    spec = importlib.util.find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the aeon package carries the series; pip install --no-deps aeon")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name / f"{name}_TRAIN.ts"


def main() -> None:
    """Train with the arguments given besides the settings above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    command = [sys.executable, "-m", "convlens", "train", str(series()), *SETTINGS, *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
