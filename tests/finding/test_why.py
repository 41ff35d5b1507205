"""It is said why a place was found: the mark that it is like, how it is turned, and where the network looks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convlens.finding import Finder
from convlens.finding.canvas import View
from convlens.finding.why import SIDE, block_about

from .scenes import scene


def test_a_marked_object_is_like_itself(learned: Finder) -> None:
    picture, _ = scene(0)
    boxes = [(m.x, m.y, m.w, m.h) for m in learned.marks]
    for n, why in enumerate(learned.why(picture, boxes)):
        assert why.mark == n
        assert why.alike > 0.95
        assert why.turned == pytest.approx(0, abs=1e-6)
        assert why.fit > 0.9
        assert str(why).startswith(f"{why.alike:.2f} like mark {n + 1}, which fits by {why.fit:.2f}; the network says ")


def test_the_network_looked_at_the_object_and_not_around_it(learned: Finder) -> None:
    picture, _ = scene(5)
    finds = learned.find(picture)
    # a cross of 20 pixels is 32 of the 64 that are looked at
    inside = np.zeros((SIDE, SIDE), np.bool_)
    inside[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = True
    for why in learned.why(picture, finds.boxes):
        assert why.heat[inside].mean() > 0.2
        assert why.heat[inside].mean() > 3 * abs(why.heat[~inside].mean())


def test_a_place_scores_as_it_did_when_it_was_found(learned: Finder) -> None:
    picture, _ = scene(5)
    finds = learned.find(picture)
    whys = learned.why(picture, np.concatenate([finds.boxes, finds.near.boxes]))
    surest, vaguest = whys[: len(finds)], whys[len(finds) :]
    assert min(w.firm + w.alike for w in surest) > max((w.firm + w.alike for w in vaguest), default=-np.inf)


def test_it_draws_itself(learned: Finder) -> None:
    (why,) = learned.why(scene(5)[0], [(0, 0, 20, 20)])  # over the edge, too
    assert why.draw().size == (3 * 96, 96)
    assert why._repr_png_().startswith(b"\x89PNG")
    assert why.tiles().dtype == np.uint8


def test_grey_pictures_and_nothing_to_explain(learned: Finder) -> None:
    grey = np.asarray(Image.fromarray(scene(5)[0]).convert("L"))
    assert learned.why(grey, []) == []
    assert len(learned.why(grey, [(10, 10, 20, 20)])) == 1


@pytest.mark.parametrize("place", [(0.0, 0.0), (199.9, 99.9), (-5.0, 300.0), (64.0, 63.9)])
def test_the_block_of_a_place_lies_in_the_picture(place: tuple[float, float]) -> None:
    block = block_about(View(1.0, 255.0, 3), (100, 200), np.array(place))
    assert block.y0 % SIDE == block.x0 % SIDE == 0
    assert 0 <= block.y0 < block.y1 <= 100
    assert 0 <= block.x0 < block.x1 <= 200
    x, y = (min(max(v, 0), n - 1) for v, n in zip(place, (200, 100), strict=True))
    assert block.y0 <= y < block.y1
    assert block.x0 <= x < block.x1
