"""Likeness needs no training: copies are alike however they are turned, and what all have in common does not count."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.finding.appearance import described
from convlens.finding.lean import UPRIGHT, lean
from convlens.finding.likeness import Likeness, example, overall

Floats = NDArray[np.float32]

SIDE = 32
SPOT = {"left": (-7, 4), "right": (7, 4), "top": (0, -8)}


def discs(rng: np.random.Generator, kinds: list[str], angles: Floats) -> tuple[Floats, Floats]:
    """Yellow discs with a small dark spot, in a row on blue: pixels (3, 80, W), and their centres."""
    pixels = np.empty((3, 80, 80 * len(kinds)), np.float32)
    pixels[:] = np.array([-1.0, -1.0, 1.0])[:, None, None]
    centres = np.array([(40 + 80 * k, 40) for k in range(len(kinds))], np.float32)
    y, x = np.mgrid[: pixels.shape[1], : pixels.shape[2]]
    for (cx, cy), kind, angle in zip(centres, kinds, angles, strict=True):
        pixels[:, np.hypot(x - cx, y - cy) < 14] = np.array([1.5, 1.2, -1.0])[:, None]
        dx, dy = SPOT[kind]
        sx, sy = dx * np.cos(angle) - dy * np.sin(angle), dx * np.sin(angle) + dy * np.cos(angle)
        pixels[:, np.hypot(x - cx - sx, y - cy - sy) < 4] = -1.5
    pixels += rng.normal(0, 0.03, pixels.shape).astype(np.float32)
    return pixels, centres


def upright(count: int) -> Floats:
    return np.zeros(count, np.float32)


def test_what_all_have_in_common_does_not_count() -> None:
    rng = np.random.default_rng(0)
    kinds = ["left", "right", "top", "left", "right", "top", "left", "right"]
    pixels, centres = discs(rng, kinds, upright(len(kinds)))
    likeness = Likeness(example(pixels, centres[0], SIDE)[None], SIDE, UPRIGHT)

    def gap() -> float:
        alike = likeness(pixels, centres)[:, 0]
        same = np.array([kind == "left" for kind in kinds])
        return float(alike[same].min() - alike[~same].max())

    before = gap()
    likeness.learn([(pixels, centres)], 400, rng)
    assert gap() > 1.5 * before > 0


@pytest.mark.parametrize("angle", np.radians([-90, 45, 120]))
def test_a_turned_copy_is_told_and_how_it_is_turned(angle: float) -> None:
    pixels, centres = discs(np.random.default_rng(1), ["left", "left"], np.array([0, angle], np.float32))
    likeness = Likeness(example(pixels, centres[0], SIDE)[None], SIDE, np.pi)
    alike, variants = likeness.matched(pixels, centres)
    assert alike[1, 0] > 0.95
    assert likeness.angles[variants[1, 0]] == pytest.approx(-angle, abs=1e-6)


def test_a_place_has_the_same_bits_among_whichever_others() -> None:
    rng = np.random.default_rng(2)
    pixels, centres = discs(rng, ["left", "right", "top"] * 3, upright(9))
    likeness = Likeness(example(pixels, centres[0], SIDE)[None], SIDE, np.pi)
    likeness.learn([(pixels, centres)], 300, rng)
    places = rng.uniform(20, 60, (700, 2)).astype(np.float32)
    whole = likeness(pixels, places)
    for some in (slice(0, 1), slice(3, 20), slice(500, 531)):
        np.testing.assert_array_equal(likeness(pixels, places[some]), whole[some])


def test_other_light_changes_no_likeness_much() -> None:
    pixels, centres = discs(np.random.default_rng(3), ["left", "top"], upright(2))
    likeness = Likeness(example(pixels, centres[0], SIDE)[None], SIDE, UPRIGHT)
    assert likeness(0.7 * pixels + 0.3, centres)[0, 0] > 0.97


def test_a_shift_is_the_window_beside() -> None:
    wide = np.random.default_rng(4).normal(size=(1, 3, 25, 24)).astype(np.float32)
    # the window a sample further down
    np.testing.assert_array_equal(described(wide[:, :, :-1], shifts=1)[:, 7], described(wide[:, :, 1:])[:, 0])


def test_marks_that_do_not_count_change_nothing() -> None:
    alike = np.array([[0.5, 0.2]], np.float32)
    beside = np.concatenate([alike, np.full((1, 1), np.nan, np.float32)], 1)
    np.testing.assert_array_equal(overall(alike), overall(beside))


def test_how_far_objects_lean_is_told_by_how_little_they_gain_by_being_turned() -> None:
    rng = np.random.default_rng(5)
    around = rng.uniform(-np.pi, np.pi, 5).astype(np.float32)
    for angles, wanted in ((around, np.pi), (around / 8, UPRIGHT)):
        pixels, centres = discs(rng, ["left"] * 5, angles)
        assert lean([(pixels, c) for c in centres], SIDE, rng) == wanted
    assert lean([(pixels, centres[0])], SIDE, rng) == UPRIGHT


def test_what_stands_upright_on_a_plain_gains_as_little_as_the_plain_and_is_upright() -> None:
    rng = np.random.default_rng(6)
    pixels, centres = discs(rng, ["left"] * 4, upright(4))
    plain = np.where(np.hypot(*np.indices(pixels.shape[1:]) - centres[0][::-1, None, None]) < 40, pixels, 0)
    wide = np.concatenate([plain, np.zeros((3, pixels.shape[1], 40 * pixels.shape[2]), np.float32)], 2)
    other = np.roll(wide, 20 * pixels.shape[2], axis=2)
    places = centres[0], centres[0] + np.float32([20 * pixels.shape[2], 0])
    assert lean([(wide, places[0]), (other, places[1])], SIDE, rng) == UPRIGHT
