"""How well the examples do beside a baseline: ``python -m benchmarks.examples [NAME ...]`` measures and records.

Each example makes or finds its data, is trained as its own ``main`` trains it, once a seed in a process of its own, and
scored on its test split; the baseline is what it says: computed in the example, or published. Mean and sample standard
deviation are over the seeds. ``benchmarks/results/examples.json`` keeps the rows; one that is measured
anew takes its place.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import brain, instruments, languages, motion, signals

from .table import load

RECORD = Path(__file__).parent / "results" / "examples.json"
COMPUTED = "computed by the example"


@dataclass(frozen=True)
class Example:
    """An example: how its data comes about, how it is trained, and what it is held against.

    Args:
        name: of the row.
        command: what a person types.
        data: writes the data into a folder, or finds it; what ``convlens train`` is given.
        settings: the options of ``convlens train``.
        baseline: what the score is held against.
        value: its score on the same test split, for the data.
        source: where that comes from.
        metric: what is scored.
        key: where ``result.json`` holds it.
    """

    name: str
    command: str
    data: Callable[[Path], Path]
    settings: Sequence[str]
    baseline: str
    value: Callable[[Path], float]
    source: str = COMPUTED
    metric: str = "test accuracy"
    key: str = "test_accuracy"


def examples() -> list[Example]:
    """All examples that have a score; data that is not installed is looked for only when its row is run."""
    vowels = signals.SETS["JapaneseVowels_eq"]
    return [
        Example(
            "leaf outlines",
            "python examples/signals.py",
            lambda folder: signals.series(),
            signals.SETTINGS,
            "the same network, published",
            lambda data: 0.977,
            "Wang, Yan and Oates, 2017",
        ),
        Example(
            "who says a vowel",
            "python examples/signals.py JapaneseVowels_eq",
            lambda folder: signals.series("JapaneseVowels_eq"),
            vowels,
            signals.BASELINE,
            signals.nearest_neighbour,
        ),
        Example(
            "languages of words",
            "python examples/languages.py",
            written(languages.write),
            languages.SETTINGS,
            languages.BASELINE,
            languages.naive_bayes,
        ),
        Example(
            "instruments",
            "python examples/instruments.py",
            written(instruments.write),
            instruments.SETTINGS,
            instruments.BASELINE,
            instruments.nearest_centroid,
        ),
        Example(
            "which way dots drift",
            "python examples/motion.py",
            written(motion.write),
            motion.SETTINGS,
            "chance, for a frame alone",
            lambda data: motion.CHANCE,
        ),
        Example(
            "brain matter",
            "python examples/brain.py",
            brain_template,
            brain.SETTINGS,
            brain.BASELINE,
            brain.baseline,
            metric="mean Dice of four classes",
            key="mean_dice",
        ),
    ]


def brain_template(folder: Path) -> Path:
    """The file that the example writes."""
    folder.mkdir()
    brain.write(folder / "brain.npz")
    return folder / "brain.npz"


def written(write: Callable[[Path], None]) -> Callable[[Path], Path]:
    """The folder that an example writes its data into."""

    def data(folder: Path) -> Path:
        write(folder)
        return folder

    return data


def measure(example: Example, seeds: Sequence[int]) -> dict[str, Any]:
    """The row of an example: its scores by seed, and its baseline's."""
    with tempfile.TemporaryDirectory() as folder:
        data = example.data(Path(folder) / "data")
        scores = [score(example, data, seed, Path(folder) / f"run{seed}") for seed in seeds]
        value = example.value(data)
    return {
        "example": example.name,
        "command": example.command,
        "metric": example.metric,
        "seeds": list(seeds),
        "scores": scores,
        "mean": statistics.mean(scores),
        "spread": statistics.stdev(scores) if len(scores) > 1 else 0.0,
        "baseline": example.baseline,
        "value": value,
        "source": example.source,
    }


def score(example: Example, data: Path, seed: int, out: Path) -> float:
    """Train once and read the score."""
    words = ["train", str(data), *example.settings, "--seed", str(seed), "--out", str(out)]
    subprocess.run([sys.executable, "-m", "convlens", *words], check=True, stdout=subprocess.DEVNULL)
    found = float(json.loads((out / "result.json").read_text("utf-8"))[example.key])
    print(f"  {example.name}, seed {seed}: {found:.4f}", flush=True)
    return found


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The rows as the table that the page shows."""
    table = ["| example | run it | score | convlens, seeds 0 to 2 | beside it | scores |", "|---|---|---|---|---|---|"]
    for row in rows:
        ours = f"{row['mean']:.3f} ± {row['spread']:.3f}"
        beside = f"{row['baseline']} ({row['source']})"
        table.append(
            f"| {row['example']} | `{row['command']}` | {row['metric']} | {ours} | {beside} | {row['value']:.3f} |"
        )
    return table


def main() -> None:
    """Measure the rows named, or all, and print the table from the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = examples()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(e.name for e in known)}; all if none")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if unknown := set(given.names) - {example.name for example in known}:
        parser.error(f"there is no example {', '.join(sorted(unknown))}")
    for example in known:
        if not given.names or example.name in given.names:
            keep(measure(example, range(given.seeds)), [example.name for example in known])
    print("\n".join(lines(load(RECORD)["rows"])))


def keep(row: dict[str, Any], order: Sequence[str]) -> None:
    """Put a row into the record in place of the one that it had, in the order of the examples."""
    rows = load(RECORD)["rows"] if RECORD.exists() else []
    rows = [one for one in rows if one["example"] != row["example"]] + [row]
    rows.sort(key=lambda one: order.index(one["example"]) if one["example"] in order else len(order))
    RECORD.write_text(json.dumps({"rows": rows}, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
