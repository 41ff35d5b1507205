"""A marked object laid on a place finds where it lies there, and tells a copy from what is merely like it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.finding.canvas import Block, Canvas
from convlens.finding.register import SIDE, Laid, Register, _looks, _turned_over
from convlens.finding.rivals import stay
from convlens.finding.scene import patch
from convlens.finding.scores import CLOSE, USUAL, Closely

Floats = NDArray[np.float32]

SHAPES = {"round": (26.0, 26.0), "long": (50.0, 9.0)}


def shown(shape: str, places: Floats, angles: Floats, spots: Floats) -> Canvas:
    """Bright ellipses with a dark spot towards one end, on a noisy ground: where, how turned, where the spot is."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(-1, 0.05, (3, 160, 80 * len(places))).astype(np.float32)
    long, short = SHAPES[shape]
    y, x = np.mgrid[: pixels.shape[1], : pixels.shape[2]]
    for (cx, cy), angle, spot in zip(places, angles, spots, strict=True):
        dx, dy = x - cx, y - cy
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        pixels[:, np.hypot(2 * along / long, 2 * across / short) < 1] = np.array([1.5, 1.0, 0.5])[:, None]
        pixels[:, np.hypot(along - spot * long, across) < short / 6] = -1.5
    height, width = pixels.shape[1:]
    return Canvas(pixels, Block(0, 0, height, width), (0, 0), 1.0)


def laid(canvas: Canvas, shape: str, mark: Floats, places: Floats, angles: Floats) -> Laid:
    """The first of what is shown, laid on places where it is known about how it is turned."""
    thing = patch(canvas, np.array([*mark, *SHAPES[shape]], np.float32))
    alike = np.ones((len(places), 1), np.float32)
    return Register([thing.pixels]).lay(canvas.pixels, places, alike, -angles[:, None], alike)


@pytest.mark.parametrize("shape", SHAPES)
def test_where_a_copy_lies_is_told_more_exactly(shape: str) -> None:
    rng = np.random.default_rng(1)
    places = np.array([(40.3 + 80 * k, 80.6) for k in range(9)], np.float32)
    angles = np.append(0, rng.uniform(-np.pi, np.pi, 8)).astype(np.float32)
    canvas = shown(shape, places, angles, np.full(9, 0.25, np.float32))
    off = rng.uniform(-4, 4, (9, 2)).astype(np.float32)
    found = laid(canvas, shape, places[0], places + off, angles + rng.uniform(-0.12, 0.12, 9).astype(np.float32))
    away = np.hypot(*(found.middles() - places).T)
    assert np.hypot(*off.T).mean() > 2.5
    assert np.median(away) < 1.0, away
    assert (away < 1.5).sum() >= 7, away  # what is long and thin may slide along itself


def test_a_copy_fits_better_than_what_is_merely_like_it() -> None:
    places = np.array([(40 + 80 * k, 80) for k in range(9)], np.float32)
    spots = np.array([0.25] * 5 + [0.0, -0.25, 0.0, -0.25], np.float32)
    canvas = shown("round", places, np.zeros(9, np.float32), spots)
    fits = laid(canvas, "round", places[0], places, np.zeros(9, np.float32)).overall()
    assert fits[:5].min() > fits[5:].max() + 0.15, fits


def test_a_fainter_copy_fits_as_well_and_what_is_hidden_costs_its_part() -> None:
    places = np.array([(40 + 80 * k, 80) for k in range(4)], np.float32)
    canvas = shown("round", places, np.zeros(4, np.float32), np.array([0.25, 0.25, 0.25, -0.25], np.float32))
    canvas.pixels[:, 80:, 80:160] = -1  # of the second one what is below its middle
    canvas.pixels[:, :, 160:240] *= 0.5
    copy, hidden, fainter, other = laid(canvas, "round", places[0], places, np.zeros(4, np.float32)).overall()
    assert copy > 0.95
    assert fainter > 0.9
    assert 0.4 < hidden < copy - 0.2
    assert fainter > other + 0.2


def test_noise_fits_nothing() -> None:
    places = np.array([(40, 80), (120, 80)], np.float32)
    canvas = shown("round", places, np.zeros(2, np.float32), np.full(2, 0.25, np.float32))
    canvas.pixels[:, :, 80:] = np.random.default_rng(2).normal(0, 0.02, (3, 160, 80))
    fits = laid(canvas, "round", places[0], places, np.zeros(2, np.float32)).overall()
    assert fits[0] > 0.8
    assert fits[1] < 0.2


def test_a_place_is_looked_at_alike_among_whichever_others_and_wherever_the_canvas_begins() -> None:
    rng = np.random.default_rng(3)
    pixels = np.kron(rng.normal(0, 1, (3, 30, 29)), np.ones((8, 8))).astype(np.float32)
    things = [
        np.concatenate([pixels[:, k : k + 49, k : k + 49], np.ones((1, 49, 49), np.float32)]) for k in (9, 40, 77)
    ]
    places = (rng.integers(80 * 64, 150 * 64, (150, 2)) / 64).astype(np.float32)
    angle, scale = rng.uniform(-3, 3, (150, 3)).astype(np.float32), rng.choice([0.85, 1.0, 1.18], (150, 3))
    how = rng.random((150, 3)).astype(np.float32), angle, scale.astype(np.float32)
    register = Register(things)
    whole = register.lay(pixels, places, *how)
    for some in (slice(0, 1), slice(3, 8), slice(20, 113)):
        part = register.lay(pixels, places[some], *(told[some] for told in how))
        np.testing.assert_array_equal(part.overall(), whole.overall()[some])
        np.testing.assert_array_equal(part.middles(), whole.middles()[some])
    moved = register.lay(pixels[:, 8:, 24:], places - np.float32([24, 8]), *how)
    np.testing.assert_array_equal(moved.overall(), whole.overall())
    np.testing.assert_array_equal(moved.middles() + np.float32([24, 8]), whole.middles())


def test_what_is_ready_is_not_made_again_and_says_the_same() -> None:
    rng = np.random.default_rng(4)
    pixels = np.kron(rng.normal(0, 1, (3, 30, 29)), np.ones((8, 8))).astype(np.float32)
    one, two, new = (
        np.concatenate([pixels[:, k : k + 49, k : k + 49], np.ones((1, 49, 49), np.float32)]) for k in (9, 40, 77)
    )
    before = Register([one, two])
    some = [two.copy(), new, one]
    after, anew = Register(some, before), Register(some)
    ready = [any(template is known for known in before._templates) for template in after._templates]
    assert ready == [True, False, True]
    places = (rng.integers(80 * 64, 150 * 64, (20, 2)) / 64).astype(np.float32)
    how = rng.random((20, 3)).astype(np.float32), np.zeros((20, 3), np.float32), np.ones((20, 3), np.float32)
    np.testing.assert_array_equal(after.lay(pixels, places, *how).fits, anew.lay(pixels, places, *how).fits)


def test_beyond_the_canvas_lies_its_mirror_image() -> None:
    rng = np.random.default_rng(5)
    pixels = np.kron(rng.normal(0, 1, (3, 20, 19)), np.ones((8, 8))).astype(np.float32)
    thing = np.concatenate([pixels[:, 50:99, 50:99], np.ones((1, 49, 49), np.float32)])
    places = (rng.integers(0, 150 * 64, (40, 2)) / 64).astype(np.float32)
    how = np.ones((40, 1), np.float32), rng.uniform(-3, 3, (40, 1)).astype(np.float32), np.ones((40, 1), np.float32)
    found = Register([thing]).lay(pixels, places, *how)
    margin = 90
    wide = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    wanted = Register([thing]).lay(wide, places + np.float32(margin), *how)
    np.testing.assert_array_equal(found.overall(), wanted.overall())
    np.testing.assert_array_equal(found.middles() + np.float32(margin), wanted.middles())


def test_what_is_compared_of_two_pictures_is_the_product_with_one_turned_over() -> None:
    rng = np.random.default_rng(6)
    one, other = rng.normal(0, 1, (2, 1, 3, SIDE * SIDE)).astype(np.float32)
    weight = rng.random((1, SIDE * SIDE)).astype(np.float32)
    looks = zip(_looks(one), _looks(other), strict=True)
    wanted = sum((a * b * weight[:, None]).sum(dtype=np.float64) for a, b in looks)
    found = (_turned_over(one, weight) * other).sum(dtype=np.float64)
    # nine numbers of each sample are added, each with roundings of numbers below 10
    assert found == pytest.approx(wanted, abs=90 * float(np.finfo(np.float32).eps) * SIDE * SIDE)


def test_what_is_not_tried_says_nothing() -> None:
    aside = np.array([[[1.0, 0.0], [np.nan, np.nan]], [[0.0, 2.0], [0.0, 4.0]]])
    found = Laid(np.zeros((2, 2), np.float32), np.array([[0.6, np.nan], [0.5, 0.5]], np.float32), aside)
    np.testing.assert_allclose(found.overall(), [0.6, 0.5], atol=1e-6)
    np.testing.assert_allclose(found.middles(), [[1, 0], [0, 3]], atol=0.01)


def test_only_what_is_beyond_the_usual_counts() -> None:
    fits = np.linspace(0.1, 0.9, 81).astype(np.float32)
    closely = Closely.of(1.0, fits)
    gain = closely.gain(fits)
    assert (np.diff(gain) > 0).all()
    assert (gain < 0).mean() == pytest.approx(USUAL, abs=0.02)
    assert gain[-1] - gain[0] == pytest.approx(CLOSE * (0.9 - 0.1), rel=1e-5)
    assert Closely.of(1.0, fits[:0]).usual == 0


def test_of_two_that_moved_to_one_object_the_surer_one_stays() -> None:
    places = np.array([[50.0, 50.0], [54.0, 50.0], [90.0, 50.0], [105.0, 50.0]])
    sides = np.full(4, 30.0)
    assert stay(places, sides, np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [False, True, True, True]
