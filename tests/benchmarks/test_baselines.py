"""The classical finders on scenes that each of them can solve, and their thresholds, which know no truth."""

from __future__ import annotations

import doctest
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from benchmarks.finding.baselines.thresholds import RULES
from benchmarks.finding.contenders import CONTENDERS, named
from benchmarks.finding.judge import Judge
from benchmarks.finding.record import content, joined, runs_of
from benchmarks.finding.show import cells
from benchmarks.finding.summary import summaries

from .squares import Squares, family

ROOT = Path(__file__).parents[2]
CLASSICAL = [contender for contender in CONTENDERS if contender.name != "convlens"]


@pytest.mark.parametrize("contender", [c for c in CLASSICAL if c.name != "SIFT"], ids=lambda c: c.name)
def test_red_squares_are_told_from_blue_ones(contender, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    squares = family(tmp_path, (8, 7, 6))
    try:
        finder = contender.build(squares)
    except ImportError as error:
        pytest.skip(str(error))
    run = Judge(squares).run(contender.name, finder, 0)
    assert run.note == ""
    assert run.rounds[-1].score.f1 == 1


def test_sift_finds_what_has_corners(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.finding.scenes import make
    from benchmarks.finding.scenes.drawn import brass_ring, star
    from benchmarks.finding.scenes.families import Crowd, Light, Recipe, crowded

    crowd = Crowd((400, 300), (6, 8), 6, (44, 50), 1.0, Light())

    def shoot(rng: np.random.Generator, number: int, sought: bool) -> tuple[np.ndarray, np.ndarray]:
        return crowded(star, (brass_ring,), crowd, True, rng, number, sought)

    scene = make(tmp_path, 0, [Recipe("stars", "star", 180, shoot)])[0][0]
    sift = next(c for c in CLASSICAL if c.name == "SIFT")
    run = Judge(scene, rounds=1).run("SIFT", sift.build(scene), 0)
    assert run.note == ""
    assert run.rounds[-1].oracle > 0.5


@pytest.mark.parametrize("rule", RULES)
def test_thresholds_part_two_clear_crowds(rule: str) -> None:
    rng = np.random.default_rng(0)
    peaks = np.concatenate([rng.normal(0.2, 0.03, 80), rng.normal(0.9, 0.03, 20)])
    assert 0.3 < RULES[rule](peaks, np.array([0.85, 0.9, 0.92]), np.array([0.3])) < 0.85


@pytest.mark.parametrize("rule", RULES)
def test_thresholds_bear_a_photo_without_peaks_and_one_mark(rule: str) -> None:
    for peaks in (np.zeros(0), np.array([0.5]), np.full(3, 0.5)):
        assert np.isfinite(RULES[rule](peaks, np.array([0.9]), np.zeros(0)))


def test_a_record_is_read_back_and_gone_on_with(tmp_path: Path) -> None:
    squares = family(tmp_path, (8, 7, 6), empty=1)
    runs = [Judge(squares, squares.empty).run(name, Squares(), 0) for name in ("a", "b")]
    assert runs_of(content(runs, summaries(runs, 3))) == runs
    anew = [Judge(squares, rounds=0).run("a", Squares(), 1)]
    both = joined(runs, anew)
    assert [(run.method, run.seed) for run in both] == [("b", 0), ("a", 1)]


def test_a_row_of_the_table(tmp_path: Path) -> None:
    runs = [Judge(family(tmp_path)).run("squares", Squares(), 0)]
    found = summaries(runs, 3)
    row = cells(found[0], found)
    assert row[:4] == ["squares", ".65 1.00 1.00 1.00", "1.00", "1.00"]
    assert row[6] == "2/2"


def test_contenders_by_name_and_place() -> None:
    assert named("mine=tests.benchmarks.squares:Squares").name == "mine"
    with pytest.raises(ValueError, match="no module:callable"):
        named("tests.benchmarks.squares")


@pytest.mark.parametrize("name", ["truth", "protocol", "show", "baselines.thresholds"])
def test_examples_run(name: str) -> None:
    results = doctest.testmod(import_module(f"benchmarks.finding.{name}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted
    assert not results.failed


def test_the_kept_record_sums_up_its_runs() -> None:
    told = json.loads((ROOT / "benchmarks" / "results" / "finding_baselines.json").read_text())
    runs = runs_of(told)
    again = json.loads(json.dumps(content(runs, summaries(runs, told["rounds"]))))
    assert again["summary"] == told["summary"]
    assert {run.method for run in runs} <= {contender.name for contender in CLASSICAL}
    assert all(len(set(row["seeds"])) >= 3 for row in told["summary"])
