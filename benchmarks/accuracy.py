"""Test accuracies over seeds: ``python -m benchmarks.accuracy [NAME ...]`` runs the commands and prints the table.

Every row is a command line of convlens, run once a seed in a process of its own; mean and sample standard deviation
are over the seeds. ``benchmarks/accuracy.json`` keeps what was measured.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from examples import signals

from .table import load

RECORD = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Row:
    """One line of the table: its name, the arguments of ``convlens train``, and what the accuracy should reach."""

    name: str
    data: str
    settings: tuple[str, ...]
    wanted: str

    @property
    def command(self) -> str:
        """The command as a person would type it, without the seed."""
        return shlex.join(["convlens", "train", self.data, *self.settings])


def rows() -> list[Row]:
    """The rows; data that is not installed is looked for only when its row is run."""
    return [
        Row("lenet", "fashion-mnist", ("--net", "lenet", "--epochs", "10"), "at least 0.87"),
        Row("lenet-relu", "fashion-mnist", ("--net", "lenet-relu", "--epochs", "10"), "at least 0.90"),
        Row("lenet, d2l", "fashion-mnist", ("--net", "lenet", "--recipe", "d2l"), "the book's 0.776 to 0.82"),
        Row("mlp", "fashion-mnist", ("--net", "mlp", "--epochs", "10"), ""),
        Row("OSULeaf", "OSULeaf_TRAIN.ts", tuple(signals.SETTINGS), "at least 0.93 (published FCN 0.977)"),
    ]


def measure(row: Row, seeds: list[int]) -> dict[str, object]:
    """Run a row once a seed; its accuracies and seconds."""
    data = str(signals.series()) if row.data.endswith(".ts") else row.data
    accuracies, seconds = [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            words = ["train", data, *row.settings, "--seed", str(seed), "--out", str(out)]
            subprocess.run([sys.executable, "-m", "convlens", *words], check=True, stdout=subprocess.DEVNULL)
            result = json.loads((out / "result.json").read_text())
        accuracies.append(result["test_accuracy"])
        seconds.append(result["seconds"])
        print(f"  {row.name} seed {seed}: {result['test_accuracy']:.4f} in {result['seconds']:.0f} s", flush=True)
    spread = statistics.stdev(accuracies) if len(seeds) > 1 else 0.0
    return {
        "command": row.command,
        "wanted": row.wanted,
        "seeds": seeds,
        "accuracies": accuracies,
        "mean": statistics.mean(accuracies),
        "sd": spread,
        "seconds": seconds,
        "versions": result["versions"],
    }


def main() -> None:
    """Measure the rows named, or all, and print the table from the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [row.name for row in rows()]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all when none is given")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; the rows are {', '.join(names)}")
    record = load(RECORD) if RECORD.exists() else {}
    for row in rows():
        if not given.names or row.name in given.names:
            record[row.name] = measure(row, list(range(given.seeds)))
            RECORD.write_text(json.dumps(record, indent=2) + "\n")
    print("| run | test accuracy, mean and sd | wanted | seconds | command |\n|---|---|---|---|---|")
    for name, found in record.items():
        print(
            f"| {name} | {found['mean']:.4f} ± {found['sd']:.4f} | {found['wanted']} "
            f"| {statistics.median(found['seconds']):.0f} | `{found['command']}` |"
        )


if __name__ == "__main__":
    main()
