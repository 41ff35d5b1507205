"""Brain matter: a 3-d network says of every voxel of an MRI whether it is fluid, grey or white matter.

    pip install --no-deps nilearn       # its wheel carries the template; it is not imported
    python examples/brain.py [--seed 0]

The MNI ICBM152 template (Fonov and others, 2011) with its maps of grey and white matter, 1 mm a side. The network is
taught by the back of the head and judged on the front; between them lies a gap wider than what a voxel sees. Left and
right would not do: this template is symmetric, so one side is a copy of the other.

The baseline asks of a voxel only how bright it is, and answers what most voxels so bright are in the back: no choice of
thresholds is better there. It is strong here, for the template is an average of 152 heads without noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from convlens.data.nifti import read_nifti

CLASSES = np.array(["outside", "fluid", "grey", "white"])
BACK, FRONT = slice(24, 116), slice(132, 212)  # slices from the back of the head on; the head has 27 to 207
NET = "conv 8 3 pad same, relu, conv 8 3 pad same, relu, conv 8 3 pad same, relu, conv 4 1"
SETTINGS = ["--net", NET, "--patch", "24", "--batch", "4", "--epochs", "20", "--lr", "1e-2", "--init", "kaiming"]
SETTINGS += ["--val", "0"]
BASELINE = "the likeliest class of a voxel's brightness"


def template(name: str) -> np.ndarray:
    """A volume of the template in the installed nilearn package, which is found but not imported: (Z, Y, X) bytes."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the nilearn package carries the template; pip install --no-deps nilearn")
    place = Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    return read_nifti(place / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")


def write(path: Path) -> None:
    """Write the back as training and the front as test data: brightness, and the likeliest matter of each voxel."""
    bright, grey, white = (template(name) for name in ("t1", "gm", "wm"))
    rest = np.maximum(0, 255 - grey.astype(int) - white)
    matter = np.where(bright > 0, 1 + np.argmax([rest, grey, white], axis=0), 0).astype(np.uint8)
    arrays = {}
    for part, slab in (("train", BACK), ("test", FRONT)):
        arrays[f"x_{part}"] = bright[None, None, 0:160, slab, 20:176]
        arrays[f"y_{part}"] = matter[None, 0:160, slab, 20:176]
    np.savez(path, **arrays, classes=CLASSES)


def dice(said: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """The overlap of each class."""
    return {
        str(name): float(2 * ((said == k) & (true == k)).sum() / ((said == k).sum() + (true == k).sum()))
        for k, name in enumerate(CLASSES)
    }


def by_brightness(data: Path) -> dict[str, float]:
    """The baseline's overlaps on the test data."""
    with np.load(data) as arrays:
        counts = np.zeros((256, len(CLASSES)), np.int64)
        np.add.at(counts, (arrays["x_train"].ravel(), arrays["y_train"].ravel()), 1)
        return dice(counts.argmax(1)[arrays["x_test"][:, 0]], arrays["y_test"])


def baseline(data: Path) -> float:
    """The mean of its overlaps."""
    return float(np.mean(list(by_brightness(data).values())))


def main() -> None:
    """Write the data, say what brightness alone tells, and train with the arguments given besides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    data = Path(tempfile.mkdtemp(prefix="convlens-brain-")) / "brain.npz"
    write(data)
    found = by_brightness(data)
    print(f"{BASELINE}: dice " + ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
    command = [sys.executable, "-m", "convlens", "train", str(data), *SETTINGS, *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
