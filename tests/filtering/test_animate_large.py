"""Films of what is too large for its numbers: photos that are swept, long signals, and two signals compared."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import convlens
from convlens.filtering import FilterError, animate, compare
from convlens.filtering.figures.comparison import rows
from convlens.filtering.figures.look import KERNEL, MUTED, OUTPUT, PRODUCT, spelled
from convlens.filtering.figures.photo import Greys, greys_of, reduced, sweeps
from convlens.filtering.figures.raster import still
from convlens.filtering.figures.shapes import Film, Image, Path, Rect, Text

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (60, 80)).astype(np.uint8)
COLOURS = RNG.integers(0, 256, (50, 60, 3)).astype(np.uint8)


def words(film: Film, moment: float) -> list[str]:
    return [shape.words for shape in film.seen(moment) if isinstance(shape, Text)]


# ---- photos ----


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_sweeps_cover_every_row_and_end_at_the_end(high: int, wide: int, steps: int) -> None:
    route = sweeps(high, wide, steps)
    assert 1 <= len(route) <= steps
    assert (route[0].first, route[-1].last, route[-1].column) == (0, high - 1, wide - 1)
    for one, following in pairwise(route):
        if one.column == wide - 1:
            assert following.first == one.last + 1
        else:
            assert (following.first, following.last) == (one.first, one.last)
            assert following.column > one.column
    assert all(one.first <= one.row <= one.last for one in route)


@pytest.mark.parametrize(("kernel", "pad"), [("sobel", 1), ("box 3", 0)])
def test_the_enlarged_window_and_its_sum_are_those_of_the_photo(kernel: str, pad: int) -> None:
    film = animate(GREY, kernel, pad=pad, frames=30).film
    sums = convlens.filter(np.pad(GREY.astype(float), pad), kernel, "valid")
    for n, sweep in enumerate(sweeps(*sums.shape, 30)):
        said = words(film, n + 0.5)
        assert spelled(float(sums[sweep.row, sweep.column])) in said
        patch = np.pad(GREY, pad)[sweep.row : sweep.row + 3, sweep.column : sweep.column + 3]
        assert {str(value) for value in patch.ravel()} <= set(said)


def test_the_output_is_all_that_is_not_covered() -> None:
    film = animate(GREY, "box 3", frames=20).film
    source, target = (shape for shape in film.seen(film.still) if isinstance(shape, Image) and shape.width > 200)
    assert np.array_equal(source.pixels, GREY)
    sums = convlens.filter(GREY.astype(float), "box 3", "valid")
    assert np.abs(target.pixels - sums).max() <= 0.5 + 1e-9
    cell = target.height / sums.shape[0]
    for n, sweep in enumerate(sweeps(*sums.shape, 20)):
        covers = [shape for shape in film.seen(n + 0.5) if isinstance(shape, Rect) and shape.fill == PRODUCT.pale]
        hidden = sum(one.width * one.height for one in covers) / cell**2
        rest = (sums.shape[1] - sweep.column - 1) * (sweep.last - sweep.first + 1)
        assert hidden == pytest.approx(rest + (sums.shape[0] - sweep.last - 1) * sums.shape[1], rel=1e-3)


def test_colours_stand_apart_or_are_added() -> None:
    padded = np.pad(COLOURS.astype(float), ((1, 1), (1, 1), (0, 0)))
    apart, added = (animate(COLOURS, "box 3", pad=1, add=add, step=100).film for add in (False, True))
    sums = convlens.filter(padded, "box 3", "valid")[1, 39]  # 1 * 60 + 39 places come before the hundredth
    for film in (apart, added):
        assert {spelled(float(value)) for value in sums} <= set(words(film, film.still))
        assert {"red", "green", "blue"} <= set(words(film, film.still))
    line = " + ".join(spelled(float(value)) for value in sums) + " = " + spelled(float(sums.sum()))
    assert line in words(added, added.still)
    assert line not in words(apart, apart.still)
    assert [shape.pixels.shape for shape in apart.seen(0) if isinstance(shape, Image)][:2] == [(50, 60, 3), (50, 60, 3)]
    assert [shape.pixels.shape for shape in added.seen(0) if isinstance(shape, Image)][:2] == [(50, 60, 3), (50, 60)]


def test_large_photos_are_reduced_and_that_is_said() -> None:
    found = animate(np.full((600, 800), 7, np.uint8), "box 3", frames=4)
    assert found.remarks == ("reduced from 600x800 pixels to 120x160",)
    assert found.film.title == "1x120x160: conv 1 3  →  1x118x158"
    assert animate(GREY, "box 3", frames=4).remarks == ()
    x = RNG.random((2, 40, 90)) * 9
    assert reduced(x, 45).shape == (2, 20, 45)
    assert np.allclose(reduced(x, 45)[0, 0, 0], x[0, :2, :2].mean(), atol=1e-5)
    assert set(np.unique(reduced(np.round(x), 45) % 1)) == {0.0}


def test_greys() -> None:
    assert greys_of(np.array([3.0, 200])) == Greys(0.0, 255.0)
    assert greys_of(np.array([-1.0, 3])) == Greys(-1.0, 3.0)
    assert Greys(-1.0, 3.0).of(np.array([-5.0, -1, 1, 3, 9])).tolist() == [0, 0, 128, 255, 255]
    film = animate(GREY, "sobel", frames=4).film
    _, target = (shape for shape in film.seen(film.still) if isinstance(shape, Image) and shape.width > 200)
    sums = convlens.filter(GREY.astype(float), "sobel", "valid")
    assert set(target.pixels[sums == 0].tolist()) <= {128}
    assert (target.pixels[sums > 20] > 128).all()
    assert "0 is mid-grey" in words(film, 0)


# ---- long signals ----


def surface(path: Path, line: float, unit: float, cell: float) -> float:
    """What stairs enclose with the line of zero, in cells times numbers."""
    total = 0.0
    for (x, y), (to, level) in pairwise(path.points):
        if y == level:
            total += (to - x) / cell * (line - y) / unit
    return total


def test_a_long_signals_products_and_output_are_drawn_to_scale() -> None:
    x = RNG.integers(-9, 10, 90)
    film = animate(x, "1 2 -3 1", pad=2, frames=40).film
    sums = convlens.filter(np.pad(x, 2).astype(float), [1.0, 2, -3, 1], "valid")
    places = np.unique(np.linspace(0, len(sums) - 1, 40).round()).astype(int)
    assert film.stop == len(places) + 15
    drawn = {colour: [play for play in film.plays if isinstance(play.shape, Path) and play.shape.fill == colour]
             for colour in (MUTED, OUTPUT.dark, KERNEL.strong)}  # fmt: skip
    assert {len(plays) for plays in drawn.values()} == {len(places)}
    areas: dict[str, list[float]] = {
        colour: [surface(play.shape, play.shape.points[0][1], 1.0, 1.0) for play in drawn[colour]]  # type: ignore[union-attr, arg-type]
        for colour in (MUTED, OUTPUT.dark)
    }
    for found in areas.values():  # each panel on a scale of its own
        scale = found[int(np.abs(sums[places]).argmax())] / sums[places][int(np.abs(sums[places]).argmax())]
        assert np.allclose(np.array(found) / scale, sums[places], atol=0.1)
    for n, place in enumerate(places):
        assert f"sum {spelled(float(sums[place]))}" in words(film, n + 0.5)


def test_of_very_long_signals_the_loudest_is_shown() -> None:
    sound = np.zeros((5000, 2), np.int16)
    sound[3000:3500, 0] = RNG.integers(-900, 900, 500)
    found = animate(sound, [0.5, 0.5], frames=5)
    assert found.remarks[0] == "the first of 2 channels is shown"
    first, last = (int(word.replace(",", "")) for word in found.remarks[1].split()[3:6:2])
    assert found.remarks[1].startswith("of 5,000 cells ")
    assert first <= 3000 < 3499 <= last == first + 599
    with pytest.raises(FilterError, match="shown by one channel, none added"):
        animate(sound, [0.5, 0.5], add=True)


# ---- two signals ----


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 50))
def test_the_three_are_scipys(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-5, 6, n).astype(float), rng.integers(-5, 6, m).astype(float)
    most = max(n, m)
    for row, other, operator in zip(
        rows(a, b), (b, b, a), (signal.convolve, signal.correlate, signal.correlate), strict=True
    ):
        # as many places as for the longest: where it does not touch a, nothing comes of it
        wanted = np.zeros(n + most - 1)
        wanted[most - len(other) :] = operator(a, other)
        assert np.array_equal(row.scene.outputs[0, 0], wanted)
        for index in range(row.scene.places):
            step = row.scene.step(index)
            assert step.products.sum() == wanted[index]
    convolved, crossed, auto = rows(a, b)
    assert convolved.scene.outputs[0, 0, convolved.zero] == a[0] * b[0]
    assert crossed.scene.outputs[0, 0, crossed.zero] == (a[: min(n, m)] * b[: min(n, m)]).sum()
    assert auto.scene.outputs[0, 0, auto.zero] == (a * a).sum()


def test_a_comparison_writes_the_sums_of_each_row() -> None:
    a, b = np.array([0.0, 2, 3, 0, 1]), np.array([1.0, -2])
    film = compare(a, b).film
    found = [row.scene.outputs[0, 0] for row in rows(a, b)]
    for n in range(9):
        said = [word for word in words(film, n + 0.5) if word.startswith("sum ")]
        assert said == [f"sum {spelled(float(sums[n]))}" for sums in found]
    assert still(film, 320).width == 320


def test_long_signals_are_compared_where_they_are_loudest() -> None:
    x = np.zeros(2000)
    x[500:600] = RNG.normal(size=100)
    found = compare(x, [1, 2, 3], frames=3)
    (remark,) = found.remarks
    assert remark.startswith("of the signal's 2,000 cells ")
    assert found.film.title.endswith("of signals of 300 and 3 cells")


REFUSED: list[tuple[Any, Any, dict[str, Any], str]] = [
    (np.ones((3, 3)), [1], {}, r"the signal has the shape \(3, 3\); compared are signals of one channel"),
    ([1, 2], [np.nan], {}, "the input holds 1 NaN"),
    ([1, 2], [3], {"step": 4}, "the window has 3 places"),
]


@pytest.mark.parametrize(("a", "b", "options", "sentence"), REFUSED)
def test_what_cannot_be_compared_is_a_sentence(a: Any, b: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FilterError, match=sentence):
        compare(a, b, **options)


def test_photos_have_one_channel_or_three() -> None:
    with pytest.raises(FilterError, match="one channel or three, not 2"):
        animate(np.ones((50, 50, 2)), "box 3")
