"""Finds: a value that checks itself, and a drawing that can be read on any ground."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.finding.finds import Boxes, Finds
from convlens.finding.overlay import DARK, colour, shown

BOXES = [[10, 20, 30, 24], [60, 5, 12, 12], [100, 60, 20, 20]]


def some(**more: object) -> Finds:
    return Finds.split("a.png", BOXES, [0.95, 0.7, 0.3], 0.5, **more)  # type: ignore[arg-type]


def test_split_sorts_and_parts() -> None:
    finds = Finds.split("a.png", BOXES, [0.3, 0.5, 0.95], 0.5, angles=[1, 2, 3])
    assert finds.boxes.tolist() == [BOXES[2], BOXES[1]]
    assert finds.angles is not None
    assert finds.angles.tolist() == [3, 2]
    assert finds.near.boxes.tolist() == [BOXES[0]]
    assert finds.boxes.dtype == finds.scores.dtype == np.float64
    assert Finds.split("a.png", [], [], 0.5).count == 0


@pytest.mark.parametrize(
    ("boxes", "scores"), [((2, 3), 2), ((2, 4), 3), ((4,), 1)], ids=["three numbers", "a score too many", "one box"]
)
def test_shapes_that_do_not_fit(boxes: tuple[int, ...], scores: int) -> None:
    with pytest.raises(ValueError, match=r"boxes \(N, 4\) and scores \(N,\) are wanted"):
        Boxes(np.zeros(boxes), np.zeros(scores))


def test_numbers_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="scores must fall"):
        Boxes(np.zeros((2, 4)), np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="finite"):
        Boxes(np.full((1, 4), np.nan), np.ones(1))
    with pytest.raises(ValueError, match="interval"):
        some(interval=(3, 2))
    with pytest.raises(ValueError, match="as many angles"):
        Finds(np.zeros((1, 4)), np.ones(1), angles=np.zeros(2))


def test_the_count_is_told_with_what_is_known_of_it() -> None:
    assert some().counted == "2"
    assert some(interval=(1, 4)).counted == "2 (1 to 4)"
    assert some(note="too few marks to tell").counted == "2 (too few marks to tell)"


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), *[colour(s) for s in (0.0, 0.4, 0.9)]])
def test_a_box_is_seen_on_any_ground(ground: tuple[int, int, int]) -> None:
    """Somewhere across its line there are two neighbours that differ by much in brightness."""
    drawn = np.asarray(some().draw(np.full((90, 130, 3), ground, np.uint8)), float) @ [0.299, 0.587, 0.114]
    for x, y, _, h in BOXES[:2]:
        across = drawn[y + h // 2, x - 4 : x + 8]
        assert np.abs(np.diff(across)).max() > 70
    near = BOXES[2]
    assert np.ptp(drawn[near[1] - 4 : near[1] + 24, near[0] - 4 : near[0] + 24]) == 0, "near misses are not drawn"


def test_colours_follow_the_score() -> None:
    drawn = np.asarray(some().draw(np.zeros((90, 130), np.uint8)))
    assert tuple(drawn[20, 25]) == colour(0.9)
    assert tuple(drawn[5, 66]) == colour(0.4)
    assert tuple(drawn[19, 25]) == DARK


def test_one_sure_find_alone_is_drawn_as_sure() -> None:
    finds = Finds.split("a.png", BOXES[:1], [0.98], 0.98)
    assert tuple(np.asarray(finds.draw(np.zeros((90, 130), np.uint8)))[20, 25]) == colour(0.96)


def test_a_large_picture_is_drawn_small(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((900, 1300), np.uint16))
    finds = Finds.split("a.tif", np.array(BOXES) * 10, [0.95, 0.7, 0.3], 0.5, picture=tmp_path / "a.tif")
    drawn = finds.draw(longest=130)
    assert drawn.size == (130, 90)
    assert tuple(np.asarray(drawn)[20, 25]) == colour(0.9)
    assert finds.draw().size == (1300, 900)


def test_what_is_too_small_for_its_box_is_enlarged() -> None:
    """Drawn as it lies, the lines of a box of 5 pixels would cover all that is in it."""
    bright = np.full((60, 80), 90, np.uint8)
    bright[20:25, 30:35] = 255
    finds = Finds.split("a.png", [[30, 20, 5, 5]], [0.9], 0.5, picture=bright)
    drawn = finds.draw(longest=4096)
    assert drawn.size == (4 * 80, 4 * 60)
    assert np.asarray(drawn)[4 * 22, 4 * 32].tolist() == [255] * 3
    assert finds.draw().size == (80, 60), "as large as the picture where no size is asked for"
    assert finds.draw(longest=250).size == (3 * 80, 3 * 60)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1), (40, 60, 2), (40, 60, 3), (40, 60, 7)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
def test_any_array_is_shown(shape: tuple[int, ...], dtype: str) -> None:
    cells = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    image, scale = shown(cells)
    assert (image.size, image.mode, scale) == ((60, 40), "RGB", 1.0)
    image, scale = shown(cells, 30)
    assert (image.size, scale) == ((30, 20), 0.5)


def test_a_notebook_shows_it() -> None:
    finds = some(picture=np.zeros((90, 130, 3), np.uint8))
    assert Image.open(io.BytesIO(finds._repr_png_() or b"")).size == (260, 180), "small boxes, so twice as large"
    assert "<img" in finds._repr_html_()
    assert "2 found from score 0.50, 1 near miss" in finds._repr_html_()
    nowhere = Finds.split("<b>.png", BOXES, [0.9, 0.8, 0.7], 0.5)
    assert nowhere._repr_png_() is None
    assert "&lt;b&gt;.png" in nowhere._repr_html_()
    with pytest.raises(ValueError, match=r"give the picture: finds\.draw\(picture\)"):
        nowhere.draw()
