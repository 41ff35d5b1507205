"""``python -m benchmarks.finding`` as a person runs it: the table names what lost, the record holds every run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .squares import family

ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.finding", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_table_and_record(tmp_path: Path) -> None:
    family(tmp_path)
    out = tmp_path / "record.json"
    finder = "squares=tests.benchmarks.squares:Squares"
    words = [str(tmp_path), "--only", "nobody", "--finder", finder, "--seeds", "2", "--empty", "--out", str(out)]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "squares, squares: F1 0.65 1.00 1.00 1.00" in done.stdout
    kept = json.loads(out.read_text())
    assert kept["machine"]["peak_gflops"] > 0
    assert kept["summary"][0]["f1"][-1] == 1
    assert [len(one["rounds"]) for one in kept["runs"]] == [4, 4]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    family(tmp_path)
    assert "no family or no finder" in run(str(tmp_path), "--only", "nobody").stderr
    assert "no module:callable" in run(str(tmp_path), "--finder", "nobody").stderr
    missing = run(str(tmp_path), "--only", "nobody", "--finder", "ours=no_such_module:Finder", "--seeds", "1")
    assert "not installed: No module named 'no_such_module'" in missing.stdout
