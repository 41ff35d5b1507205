"""The example runs, its loss falls, and it ends at the edge kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "correlation2d.py"


def test_it_learns_the_edge_kernel() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE], capture_output=True, text=True, timeout=120, check=True, env=os.environ
    )
    losses = [float(number) for number in re.findall(r"epoch +\d+ +loss ([\d.]+)", done.stdout)]
    assert len(losses) == 15
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.01 * losses[0]
    kernels = re.findall(r"learned by (?:hand|convlens): +\[(.+), (.+)\]", done.stdout)
    assert len(kernels) == 2
    for left, right in kernels:
        assert abs(float(left) - 1) < 0.05
        assert abs(float(right) + 1) < 0.05
    apart = re.search(r"between their outputs: (\S+)", done.stdout)
    assert apart is not None
    assert float(apart[1]) < 1e-5
