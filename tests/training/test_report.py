"""The run's page: whole, self-contained, safe against hostile names, and its counts are numpy's."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens.training.report import RunReport, page, write
from convlens.training.report_curves import Line, chart, ticks
from convlens.training.report_kernels import NEGATIVE, POSITIVE, diverging
from convlens.training.report_page import embed
from convlens.training.report_pictures import album, sheet, stretch, thumbnail
from convlens.training.report_tally import PER_PAIR, PER_RIGHT, tally_of, wilson
from convlens.training.report_text import number, text

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028{{js}}\x00"
SHAPES = [(1, 50), (3, 500), (1, 1), (1, 9, 13), (2, 9, 13), (3, 90, 40), (1, 1, 1), (1, 5, 9, 7)]
VOID = {"meta", "br", "img", "input", "link", "hr"}


def run(classes: int = 3, count: int = 60, shape: tuple[int, ...] = (1, 12, 12), **changed: Any) -> RunReport:
    """A run whose examples are noise of ``shape`` and whose probabilities are right about two times in three."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, classes, count)
    scores = rng.random((count, classes)).astype(np.float32)
    scores[np.arange(count), labels] += 0.5
    examples = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
    values: dict[str, Any] = {
        "title": "a run",
        "notation": "1x12x12: conv 4 3, flatten, linear 3",
        "classes": tuple(f"class {at}" for at in range(classes)),
        "settings": {"seed": 0, "augment": False},
        "result": {"seconds": 3.2, "images_per_second": 12345.6, "parameters": 1234, "epochs": 2},
        "layers": [{"name": "conv 4 3", "output": "4x10x10", "parameters": 40, "multiply_adds": 3600, "field": "3x3"}],
        "epochs": [epoch(1, 0.9, 0.8), epoch(2, 0.5, 0.6)],
        "labels": labels,
        "probabilities": scores / scores.sum(axis=1, keepdims=True),
        "names": [f"test/{at:03d}.png" for at in range(count)],
        "read": lambda at: examples[at],
        "split": "test",
        "kernels": rng.normal(size=(4, shape[0], *(3 for _ in shape[1:]))).astype(np.float32),
        "kernels_before": None,
        "notes": [],
        "command": "convlens train data",
    }
    return RunReport(**{**values, **changed})


def epoch(at: int, train: float, val: float | None) -> dict[str, object]:
    accuracy = None if val is None else 1 - val / 2
    return {"epoch": at, "train_loss": train, "train_accuracy": 0.5, "val_loss": val, "val_accuracy": accuracy}


class Reader(HTMLParser):
    """Reads a page and insists that its elements nest; keeps every tag, attribute, script and the visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.said = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif not self.open or self.open[-1] != "style":
            self.said += data

    def data(self) -> Any:
        return json.loads(self.scripts[0])

    def ids(self) -> set[str | None]:
        return {attributes["id"] for tag, attributes in self.tags if tag == "section"}


def test_the_file_is_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an older one")
    write(run(), path)
    source = path.read_text(encoding="utf-8")
    reader = Reader(source)
    assert reader.data()["title"] == "a run"
    assert {"curves", "confusion", "worst", "unsure", "classes", "kernels", "layers", "settings"} <= reader.ids()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_fetched() -> None:
    source = page(run())
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!data:image/)", re.sub(r"//.*\n", "", source), re.IGNORECASE)
    for _, attributes in Reader(source).tags:
        assert not {"src", "srcset", "action", "data", "background"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")


def test_a_failed_write_leaves_the_old_page(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an older one")
    with pytest.raises(ValueError, match="need probabilities of shape"):
        write(run(probabilities=np.zeros((60, 2))), path)
    assert path.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [path]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    plain = Reader(page(run(notes=[("kind", "words", ("file", "file"))])))
    hostile = replace(
        run(),
        title=HOSTILE,
        notation=HOSTILE,
        command=HOSTILE,
        split=HOSTILE,
        classes=(HOSTILE, HOSTILE + "1", HOSTILE + "2"),
        names=[HOSTILE] * 60,
        settings={"seed": HOSTILE, HOSTILE: 0},
        layers=[{"name": HOSTILE, "output": HOSTILE, "parameters": 1, HOSTILE: 0, "field": ""}],
        notes=[(HOSTILE, HOSTILE, (HOSTILE, "surrogate \udcff"))],
    )
    write(hostile, tmp_path / "r.html")
    source = (tmp_path / "r.html").read_text(encoding="utf-8")
    reader = Reader(source)
    assert [tag for tag, _ in reader.tags] == [tag for tag, _ in plain.tags]
    assert reader.scripts[1] == plain.scripts[1]
    data = reader.data()
    assert data["classes"][0] == data["title"] == data["command"] == HOSTILE
    for _, attributes in reader.tags:
        assert not any(name.startswith("on") for name in attributes)
    assert "\x00" not in source
    assert "<script>alert(1)" in reader.said


def test_the_policy_allows_the_page_s_own_script_alone() -> None:
    reader = Reader(page(run()))
    policy = next(a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(reader.scripts[1].encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_embedded_json_has_no_way_out() -> None:
    value = {"a": HOSTILE, "b": [math.nan, math.inf, 1.5, None, True], "c": np.int64(3), "d": Path("x")}
    dumped = embed(value)
    assert not set("<>&\u2028") & set(dumped)
    assert json.loads(dumped) == {"a": HOSTILE, "b": [None, None, 1.5, None, True], "c": 3, "d": "x"}


def test_counts_are_numpy_s() -> None:
    report = run(classes=5, count=400)
    predicted = report.probabilities.argmax(axis=1)
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (report.labels, predicted), 1)
    source = page(report)
    cells = re.findall(r'<td class="(?:right|wrong)[^"]*" data-pair="(\d+)-(\d+)"[^>]*>(\d+)</td>', source)
    assert {(int(t), int(p)): int(n) for t, p, n in cells} == {(t, p): n for (t, p), n in np.ndenumerate(counts) if n}
    data = Reader(source).data()
    assert data["support"] == counts.sum(axis=1).tolist()
    assert data["right"] == np.trace(counts)
    assert f"{np.trace(counts)} of 400 right" in Reader(source).said


def test_a_cell_opens_its_surest_pictures_and_no_other() -> None:
    report = run(classes=3, count=400)
    predicted, confidence = report.probabilities.argmax(axis=1), report.probabilities.max(axis=1)
    stacks = dict(re.findall(r'<template data-stack="([\d-]+)">(.*?)</template>', page(report)))
    assert len(stacks) == 9
    for pair, stack in stacks.items():
        t, p = map(int, pair.split("-"))
        members = np.flatnonzero((report.labels == t) & (predicted == p))
        shown = [int(at) for at in re.findall(r'title="test/(\d+)\.png"', stack)]
        limit = PER_RIGHT if t == p else PER_PAIR
        assert set(members[np.argsort(-confidence[members], kind="stable")][:limit]) <= set(shown) <= set(members)
        assert list(confidence[shown]) == sorted(confidence[shown], reverse=True)


def test_worst_and_unsure() -> None:
    report = run(count=400)
    tally = tally_of(report.labels, report.probabilities, 3)
    wrong = report.labels != tally.predicted
    assert len(tally.worst()) == 24
    assert wrong[tally.worst()].all()
    assert tally.confidence[tally.worst()].min() >= np.sort(tally.confidence[wrong])[-24]
    assert len(tally.unsure()) == 12
    assert not wrong[tally.unsure()].any()
    assert tally.confidence[tally.unsure()].max() <= np.sort(tally.confidence[~wrong])[11]


def test_pictures_are_capped_and_shared_fairly() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 40, 6000)
    tally = tally_of(labels, rng.random((6000, 40)), 40)
    shown = tally.shown()
    assert len(shown) == len(set(shown.tolist())) == 1500
    pairs = set(zip(tally.labels[shown].tolist(), tally.predicted[shown].tolist(), strict=True))
    wrong = {(t, p) for t, p in zip(*np.nonzero(tally.counts), strict=True) if t != p}
    assert len(pairs & wrong) > 0.9 * min(len(wrong), 1464)


def test_ten_classes_of_noise_stay_below_three_megabytes() -> None:
    source = page(run(classes=10, count=6000, shape=(1, 28, 28)))  # noise is the worst case for PNG
    assert source.count('class="tile"') > 1000
    assert len(source) < 3_000_000


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 64, 64), (3, 200, 90)])
def test_colour_noise_stays_below_four_megabytes(shape: tuple[int, ...]) -> None:
    assert len(page(run(classes=4, count=600, shape=shape))) < 4_000_000


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_every_kind_of_data(shape: tuple[int, ...], kind: type) -> None:
    values = np.random.default_rng(0).normal(1000, 300, (60, *shape)).clip(0).astype(kind)
    report = run(shape=shape, read=lambda at: values[at])
    source = page(report)
    Reader(source)
    assert source.count('class="trace"' if len(shape) == 2 else '<i class="pic"') >= 60


def test_examples_are_read_a_few_at_a_time() -> None:
    asked: list[int] = []

    def read(at: np.ndarray) -> np.ndarray:
        asked.append(len(at))
        return np.zeros((len(at), 1, 8, 8), np.uint8)

    page(run(count=1000, read=read))
    assert max(asked) <= 64
    assert sum(asked) < 300


def test_a_sheet_holds_every_cell_where_its_style_says() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 1)).astype(np.uint8)
    css, places = sheet("pic", cells, 50)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(css.split("base64,")[1].split(")")[0]))))
    for cell, place in zip(cells, places, strict=True):
        x, y = (int(at) for at in re.findall(r"--[xy]:(\d+)", place))
        corner = y * 7 + 1, x * 6 + 1
        np.testing.assert_array_equal(pixels[corner[0] : corner[0] + 5, corner[1] : corner[1] + 4], cell[..., 0])


def test_stretching() -> None:
    ramp = np.linspace(-5, 5, 1001, dtype=np.float32)
    ramp[0] = np.nan
    assert stretch(ramp).min() == 0
    assert stretch(ramp).max() == 255
    assert (np.diff(stretch(ramp)[1:].astype(int)) >= 0).all()
    assert (stretch(np.full(9, 7, np.uint16)) == 0).all()
    same = np.array([3, 4], np.uint8)
    assert (stretch(same) == same).all()


def test_thumbnails_keep_colour_and_small_pixels() -> None:
    picture = np.zeros((3, 8, 6), np.uint8)
    picture[0] = 200
    assert (thumbnail(picture) == np.moveaxis(picture, 0, -1)).all()
    assert thumbnail(np.zeros((3, 640, 320), np.uint8)).shape == (64, 32, 3)
    assert thumbnail(np.zeros((2, 8, 6), np.uint8)).shape == (8, 6, 1)
    assert thumbnail(np.zeros((1, 4, 5, 6), np.uint8)).shape == (5, 6 + 1 + 6 + 1 + 5, 4)


def test_a_signal_keeps_its_peak() -> None:
    signal = np.zeros((1, 1, 5000), np.float32)
    signal[0, 0, 3210] = 1
    (drawing,) = album(lambda at: signal[at], np.array([0]), ["a < b"]).elements
    heights = np.cumsum([int(step) for step in re.findall(r"l1 ?(-?\d+)", drawing)])
    assert heights.min() == -40
    assert 'aria-label="a &lt; b"' in drawing


def test_nothing_judged() -> None:
    nothing = run(labels=np.zeros(0, int), probabilities=np.zeros((0, 3)), names=[], result={"val_accuracy": 0.75})
    reader = Reader(page(nothing))
    assert "75.00" in reader.said
    assert "no interval" in reader.said
    assert not {"confusion", "worst", "classes"} & reader.ids()


def test_one_class() -> None:
    reader = Reader(page(run(classes=1)))
    assert "60 of 60 right" in reader.said
    assert "No mistake among 60 examples" in reader.said


def test_more_classes_than_the_grid_draws() -> None:
    source = page(run(classes=150, count=900))
    assert "100 classes with the most mistakes of 150" in source
    assert source.count('<th scope="row" title=') == 100
    assert len(re.findall(r'<li><button type="button" data-pair', source)) == 30


def test_probabilities_that_are_not_finite_are_said() -> None:
    report = run()
    broken = report.probabilities.copy()
    broken[:2] = np.nan
    assert "2 examples have probabilities that are not finite" in page(run(probabilities=broken))
    with pytest.raises(ValueError, match="a label must be one of 0 to 2"):
        page(run(labels=np.full(60, 3)))


def test_one_epoch_is_dots() -> None:
    source = page(run(epochs=[epoch(1, 0.7, 0.6)]))
    assert "Best epoch: 1 of 1" in source
    assert "nan" not in source.lower().split("<main")[1].split("confusion-h")[0]
    assert source.split("confusion-h")[0].count('<circle class="dot" ') == 4


def test_no_validation() -> None:
    said = Reader(page(run(epochs=[epoch(1, 0.7, None), epoch(2, 0.6, None)]))).said
    assert "There was no validation set" in said
    assert "best: epoch" not in said


def test_losses_that_are_not_finite() -> None:
    rows = [epoch(1, 0.7, 0.6), epoch(2, math.nan, math.inf), epoch(3, 0.5, 0.4)]
    rows[1]["val_accuracy"] = math.nan
    source = page(run(epochs=rows))
    assert "In 1 epoch the loss was not finite" in source
    assert "Best epoch: 3 of 3" in source
    coordinates = re.findall(r'\b(?:d|x|y|cx|cy)="([^"]*)"', source)
    assert not any("nan" in one or "inf" in one for one in coordinates)
    assert Reader(source).data()["epochs"][1]["train_loss"] is None
    every = chart("loss", [Line("train", "train", (math.nan, math.nan))], [1, 2])
    assert every.count("m0-8l-8 8") == 2


def test_no_epochs_at_all() -> None:
    assert "curves" not in Reader(page(run(epochs=[]))).ids()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (3.0, 3.0), (-1e-9, 1e-9), (0.2, 1e6), (0.96, 1.0)])
def test_ticks_cover(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 12
    assert marks[0] <= low <= high <= marks[-1]
    assert marks == sorted(set(marks))


def test_wilson_stays_inside() -> None:
    assert wilson(0, 10) == pytest.approx((0, 0.27753), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.72247, 1), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize("shape", [(70, 1, 5), (6, 1, 5, 5), (8, 3, 3, 3), (8, 9, 3, 3), (4, 1, 3, 3, 3), (5, 20)])
def test_kernels(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).normal(size=shape)
    reader = Reader(page(run(kernels=weight, kernels_before=weight / 2)))
    figures = [a for tag, a in reader.tags if tag == "figure" and (a.get("aria-label") or "").startswith("kernel")]
    assert len(figures) == 2 * min(shape[0], 64)
    assert f"+{np.abs(weight).max():.3g}" in reader.said
    assert ("6 more kernels" in reader.said) == (shape[0] == 70)


def test_the_kernel_scale_is_symmetrical() -> None:
    cells = diverging(np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], np.float32), 2.0)[0, 0]
    assert cells[:, 3].tolist() == [255, 128, 0, 128, 255]
    assert tuple(cells[0, :3]) == NEGATIVE
    assert tuple(cells[4, :3]) == POSITIVE


def test_notes_are_grouped_and_capped() -> None:
    files = tuple(f"file-{at}" for at in range(250))
    entries = [("duplicate", "the same twice", files), ("size", "odd", ()), ("duplicate", "again", ("x",))]
    source = page(run(notes=entries))
    said = Reader(source).said
    assert said.count("file-") == 200
    assert "and 50 more" in said
    assert "duplicate 2" in said
    assert "3 things were noticed" in said


def test_text_keeps_every_script_and_shows_what_hides() -> None:
    kept = "日本\u3000語 می\u200cخواهم 👩\u200d🔬 a\u00a0b"
    assert text(kept) == kept
    assert text("a\u202eb\x1b\udcff") == "a\ufffdb\ufffd\ufffd"


@pytest.mark.parametrize(
    ("value", "said"),
    [(1234567, "1\u202f234\u202f567"), (True, "yes"), (None, "–"), (0.00012345, "0.0001234"), (31234.6, "31\u202f235")],
)
def test_numbers_for_reading(value: object, said: str) -> None:
    assert number(value) == said
