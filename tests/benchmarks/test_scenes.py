"""Scenes of our own: the same from the same seed, boxes exact to the pixel, what is not installed left out by name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmarks.finding import truth
from benchmarks.finding.scenes import RECIPES, drawn, make, sprites
from benchmarks.finding.scenes.compose import Light, Thing, compose, laid_out
from benchmarks.finding.scenes.families import COINS, MIDDLE, SEEDS, Crowd, Recipe, crowded
from benchmarks.finding.scenes.sprites import MissingError, glyph

SMALL = Crowd((160, 120), (4, 6), 5, (14, 18), 0.8, Light())
DARK = Light(shadow=0, uneven=0, blur=0, noise=0, gains=0)


def tiny(name: str = "tiny") -> Recipe:
    return Recipe(name, "coffee bean", 180, partial(crowded, drawn.coffee_bean, SEEDS, SMALL, True))


def test_a_box_is_the_smallest_about_what_was_laid() -> None:
    rng = np.random.default_rng(0)
    surface = np.full((200, 300, 3), 40, np.float32)
    pictures = [drawn.coffee_bean(rng), drawn.screw(rng), drawn.lentil(rng)]
    things = [Thing(p, True, 40, angle) for p, angle in zip(pictures, (0, 37, 90), strict=True)]
    photo, boxes = compose(surface, things, 1.2, DARK, rng)
    # the light's small ripples stay; what was laid differs by far more
    changed = np.abs(photo.astype(int) - 40).max(2) > 12
    assert len(boxes) == 3
    for x, y, w, h in boxes.astype(int):
        part = changed[y : y + h, x : x + w]
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        assert rows[0] <= 1
        assert columns[0] <= 1
        assert rows[-1] >= h - 2
        assert columns[-1] >= w - 2
        changed[y - 1 : y + h + 1, x - 1 : x + w + 1] = False
    assert not changed.any()


def test_only_what_is_sought_is_truth() -> None:
    rng = np.random.default_rng(0)
    things = [Thing(drawn.nut(rng), sought, 20, 0) for sought in (True, False, False, True, False)]
    _, boxes = compose(np.zeros((100, 150, 3), np.float32), things, 1, DARK, rng)
    assert len(boxes) == 2


def test_things_keep_their_distance_and_off_the_border() -> None:
    radii = np.full(60, 8.0)
    places = laid_out(radii, (200, 200), 0.8, np.random.default_rng(1))
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert apart[~np.eye(60, dtype=bool)].min() >= 0.8 * 16
    assert places.min() >= 8
    assert places.max() <= 192


def test_a_photo_that_is_too_small_says_so() -> None:
    with pytest.raises(ValueError, match="60 things of radius 8 do not fit in 40 x 40"):
        laid_out(np.full(60, 8.0), (40, 40), 1.0, np.random.default_rng(0))


def test_scenes_are_a_function_of_their_seed(tmp_path: Path) -> None:
    first, missing = make(tmp_path / "a", 3, [tiny()])
    make(tmp_path / "b", 3, [tiny("before it"), tiny()])
    make(tmp_path / "c", 4, [tiny()])
    assert missing == {}
    names = [photo.name for photo in (*first[0].photos, *first[0].empty)]
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes()
        assert content != (tmp_path / "c" / name).read_bytes()
    assert len(set(names)) == 4
    again = truth.read(tmp_path / "a")[0]
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(again.photos, first[0].photos, strict=True))
    assert all(4 <= len(photo.boxes) <= 6 for photo in again.photos)
    assert [len(photo.boxes) for photo in again.empty] == [0]


def test_what_is_not_installed_is_left_out_and_named(tmp_path: Path) -> None:
    def needs(*_: object) -> tuple[np.ndarray, np.ndarray]:
        raise MissingError("needs a font")

    families, missing = make(tmp_path, 0, [replace(tiny("other"), shoot=needs), tiny()])
    assert [family.name for family in families] == ["tiny"]
    assert missing == {"other": "needs a font"}
    with pytest.raises(MissingError, match="fonts-noto-color-emoji"):
        glyph("😎", tmp_path / "NotoColorEmoji.ttf")


def test_names_of_families_are_names_of_files() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert sum(recipe.named for recipe in RECIPES) == 12


def test_what_lies_far_is_small_and_what_does_not_is_as_it_was() -> None:
    far = replace(SMALL, far=4.0)
    sides = np.array([far.side(np.random.default_rng(k)) for k in range(300)])
    assert 14 / 4 <= sides.min() < 5
    assert 16 < sides.max() <= 18
    assert np.median(sides) == pytest.approx(8, rel=0.1), "the middle of 4 and 16"
    assert SMALL.side(np.random.default_rng(5)) == np.random.default_rng(5).uniform(14, 18)


def test_the_coins_are_halved_between_two_rows() -> None:
    above = [y + h for _, y, _, h in COINS if y < MIDDLE]
    below = [y for _, y, _, _ in COINS if y >= MIDDLE]
    assert len(above) == len(below) == 12
    assert max(above) < MIDDLE < min(below)


def test_the_boxes_of_the_coins_hold_coins() -> None:
    pytest.importorskip("skimage")
    picture = sprites.coins().astype(float)
    for x, y, w, h in COINS:
        cy, cx = y + h / 2, x + w / 2
        rows, columns = np.indices(picture.shape)
        r = np.hypot((columns + 0.5 - cx) / (w / 2), (rows + 0.5 - cy) / (h / 2))
        # a coin is brighter than what lies just outside of its ellipse
        assert picture[r < 0.9].mean() > picture[(r > 1.1) & (r < 1.3)].mean() + 20


def test_every_drawing_is_cut_to_what_is_seen() -> None:
    rng = np.random.default_rng(0)
    for draw in (*SEEDS, drawn.coffee_bean, drawn.screw, drawn.nail, drawn.bolt, drawn.nut, drawn.brass_ring):
        alpha = np.asarray(draw(rng).getchannel("A"))
        assert alpha.max() == 255
        for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
            assert edge.max() > 127
