"""However a picture is cut, and however many threads run, the finds are the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data import Mark
from convlens.data.pictures import Picture
from convlens.data.source import Whole
from convlens.finding import Finder, Finds, canvas
from convlens.finding import finder as module
from convlens.finding.learning import Course
from convlens.finding.likeness import Likeness, example
from convlens.finding.mixture import Belief
from convlens.finding.network import STRIDE
from convlens.finding.peaks import TURNS, peaks
from convlens.finding.scores import Closely

from .scenes import mark, scene

Floats = NDArray[np.float32]


@pytest.fixture(scope="module", params=[1.0, 0.53, 1.9], ids=["as it is", "enlarged", "shrunk"])
def learned(request: pytest.FixtureRequest) -> Finder:
    """A finder of crosses, as they are, as if they were smaller, and as if they were larger."""
    picture, centres = scene(0)
    stretch = 20 / 32 * request.param
    grown = np.kron(picture, np.ones((2, 2, 1), np.uint8))
    marks = [Mark("a", "object", *(2 * np.array(c) - 32 * stretch), 64 * stretch, 64 * stretch) for c in centres[:3]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST", Course(steps=25, rate=3e-3))
        return Finder.fit({"a": grown}, marks, seed=1)


def found(finder: Finder, picture: NDArray[np.generic], block: int) -> Finds:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "BLOCK", block)
        patch.setattr(canvas, "BAND", min(canvas.BAND, 500 * block))
        return finder.find(picture, angles=True)


def same(one: Finds, other: Finds) -> None:
    for a, b in ((one.boxes, other.boxes), (one.scores, other.scores), (one.near.boxes, other.near.boxes)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.angles, other.angles)
    assert one.interval == other.interval


@pytest.mark.parametrize("kind", ["bytes", "grey", "sixteen bits"])
def test_the_finds_of_blocks_are_those_of_the_whole(learned: Finder, kind: str) -> None:
    picture = np.kron(scene(7, (231, 283), crosses=20, others=15)[0], np.ones((2, 2, 1), np.uint8))[:-1]
    given = {"bytes": picture, "grey": picture[..., 0], "sixteen bits": picture.astype(np.uint16)}[kind]
    # all maxima count, so that none hides behind the threshold
    learned.calibration, learned.closely = Belief(-8.0, 2.0, 1.0), Closely(-8.0)
    whole = found(learned, given, 1 << 20)
    assert len(whole.near) + whole.count > 50
    for block in (136, 411):
        same(found(learned, given, block), whole)


def test_any_number_of_threads_finds_the_same(learned: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = scene(7, (231, 283), crosses=20, others=15)[0]
    wanted = found(learned, picture, 200)
    for threads in (1, 3):
        for where in ("program", "scan"):
            monkeypatch.setattr(f"convlens.engine.{where}.cores", lambda threads=threads: threads)
        monkeypatch.setattr("convlens.finding.likeness.cores", lambda threads=threads: threads)
        same(found(learned, picture, 200), wanted)


def test_a_place_is_as_like_a_mark_among_whichever_others() -> None:
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.normal(0, 1, (3, 30, 29)), np.ones((8, 8))).astype(np.float32)
    places = (rng.integers(70 * 64, 190 * 64, (700, 2)) / 64).astype(np.float32)
    examples = np.stack([example(pixels, place, 29.0) for place in places[:3]])
    likeness = Likeness(examples, 29.0, np.pi)
    wanted, variants = likeness.matched(pixels, places)
    assert wanted.max() <= 1 + 1e-5
    np.testing.assert_allclose(wanted[np.arange(3), np.arange(3)], 1, atol=0.03)
    for some in (slice(0, 1), slice(3, 8), slice(100, 613)):
        np.testing.assert_array_equal(likeness.matched(pixels, places[some])[0], wanted[some])
    moved = likeness.matched(pixels[:, 8:, 24:], places - np.float32([24, 8]))
    np.testing.assert_array_equal(moved[0], wanted)
    np.testing.assert_array_equal(moved[1], variants)


def test_a_rough_look_chooses_and_a_close_one_is_the_same() -> None:
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.normal(0, 1, (3, 90, 90)), np.ones((8, 8))).astype(np.float32)
    # many near each other, and some far from all
    places = np.concatenate([rng.uniform(70, 250, (900, 2)), rng.uniform(280, 660, (40, 2))]).astype(np.float32)
    likeness = Likeness(np.stack([example(pixels, place, 29.0) for place in places[:3]]), 29.0, np.pi)
    wanted, variants = likeness.matched(pixels, places)
    asked = np.zeros(len(places), int)

    def hopeful(some: NDArray[np.intp], rough: Floats) -> NDArray[np.bool_]:
        asked[some] += 1
        assert (rough <= wanted[some] + 1e-6).all()
        assert (rough > wanted[some] - 0.9).all()
        return some % 7 == 3

    close, alike, which = likeness.promising(pixels, places, hopeful)
    assert (asked == 1).all()
    np.testing.assert_array_equal(close, np.arange(3, len(places), 7))
    np.testing.assert_array_equal(alike, wanted[close])
    np.testing.assert_array_equal(which, variants[close])
    none = likeness.promising(pixels, places, lambda some, rough: np.zeros(len(some), np.bool_))
    assert [array.shape for array in none] == [(0,), (0, 3), (0, 3)]


@pytest.mark.parametrize("step", [1 - 1 / 64, 1 - 1 / 32, 1.0, 1 + 1 / 64])
def test_working_pixels_are_the_same_in_whichever_block(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Whole(Picture(np.random.default_rng(0).integers(0, 256, (3, 1500, 300), dtype=np.uint8)))
    view = canvas.View(1 / step, 255.0, 3)
    (whole,) = view.canvases(source)
    monkeypatch.setattr(canvas, "BLOCK", 400)
    for band in (canvas.BAND, 3 * 300 * 330):
        monkeypatch.setattr(canvas, "BAND", band)
        parts = list(view.canvases(source))
        assert len(parts) > 1
        for part in parts:
            x, y = part.origin
            high, wide = part.size
            np.testing.assert_array_equal(part.pixels, whole.pixels[:, y : y + high, x : x + wide])


def bumps(size: tuple[int, int], seed: int) -> Floats:
    """A map of many maxima."""
    return np.random.default_rng(seed).normal(-2, 2, size).astype(np.float32)


def test_peaks_keep_their_distance_and_only_near_ones_decide() -> None:
    distance, height, width = 14.0, 120, 130
    logits = bumps((height, width), 1)
    places, scores = peaks(logits, distance)
    assert (np.diff(scores) <= 0).all()
    away = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert away[~np.eye(len(places), dtype=bool)].min() >= distance
    # a peak that gave way has a higher one near
    every, heights = peaks(logits, 0.0)
    gone = ~(every[:, None] == places[None]).all(axis=2).any(axis=1)
    assert gone.sum() > 100
    for place, height_ in zip(every[gone], heights[gone], strict=True):
        near = np.hypot(*(every - place).T) < distance
        assert heights[near].max() > height_
    # what is decided far from a cut does not know of it
    margin = 2 * TURNS * distance + 3 * STRIDE
    cut = peaks(logits[16:, 24:], distance)[0] + np.float32([24 * STRIDE, 16 * STRIDE])
    inside = (places >= np.float32([24 * STRIDE, 16 * STRIDE]) + np.float32(margin)).all(axis=1)
    same_ = (cut >= np.float32([24 * STRIDE, 16 * STRIDE]) + np.float32(margin)).all(axis=1)
    np.testing.assert_array_equal(cut[same_], places[inside])


def test_a_peak_behind_one_that_gave_way_stays() -> None:
    logits = np.full((9, 20), -9, np.float32)
    logits[4, [4, 7, 10]] = 3, 2, 1  # each 12 pixels from the next
    places, _ = peaks(logits, 16.0)
    assert places[:, 0].tolist() == [4 * 4 + 1.5, 10 * 4 + 1.5]


def test_five_thousand_are_all_returned() -> None:
    part, own = scene(3, (296, 296), crosses=50, others=14)
    picture = np.tile(part, (10, 10, 1))
    centres = [(x + 296 * i, y + 296 * j) for x, y in own for i in range(10) for j in range(10)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST", Course(steps=50, rate=3e-3, looks=(0.5,)))
        small, near = scene(0)
        finder = Finder.fit({"a": small}, [mark("a", c) for c in near[:3]], seed=1)
    finds = finder.find(picture)
    middles = finds.boxes[:, :2] + finds.boxes[:, 2:] / 2
    nearest = np.array([np.hypot(*(middles - c).T).min() for c in np.array(centres)])
    assert len(centres) == 5000
    assert (nearest < 10).sum() >= 4990
    assert abs(finds.count - 5000) <= 50
