"""Films of kernels at work: every number that is shown is true, and every file holds the film."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convlens.filtering import FilterError, animate, kernel
from convlens.filtering.figures import raster
from convlens.filtering.figures.files import packed
from convlens.filtering.figures.look import OUTPUT, spelled, tap
from convlens.filtering.figures.raster import frames, still
from convlens.filtering.figures.scene import Scene, scene
from convlens.filtering.figures.shapes import Film, Rect, Text
from convlens.network import NetworkError, output_shape
from convlens.reference import convolve, correlate

SVG = "{http://www.w3.org/2000/svg}"
EDGES = "1 0 -1; 2 0 -2; 1 0 -1"


@st.composite
def scenes(draw: st.DrawFn, borders: tuple[str, ...] = ("zero", "reflect", "symmetric", "edge", "wrap")) -> Scene:
    """A signal or picture of whole numbers, and a kernel that fits."""
    rank, channels = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 7)) for _ in range(rank)]
    pads = [draw(st.integers(0, 2)) for _ in range(rank)]
    dilations = [draw(st.integers(1, 2)) for _ in range(rank)]
    most = [(size + 2 * pad - 1) // far + 1 for size, pad, far in zip(sizes, pads, dilations, strict=True)]
    kernels = [draw(st.integers(1, min(4, room))) for room in most]
    strides = [draw(st.integers(1, 3)) for _ in range(rank)]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-9, 10, (channels, *sizes)).astype(np.float64)
    planes = draw(st.booleans())
    taps = rng.integers(-3, 4, (channels, *kernels) if planes else kernels).astype(np.float64)
    words = ["x".join(map(str, each)) for each in (pads, strides, dilations)]
    border: Any = draw(st.sampled_from(borders))
    return scene(x, taps, *words, draw(st.booleans()), border, draw(st.booleans()))  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_the_products_of_every_step_add_up_to_its_output(made: Scene) -> None:
    assert (len(made.outputs), *made.parts.shape[1:])[0 :: 1 + made.signal] == made.network.output_shape
    for index in range(made.places):
        step = made.step(index)
        assert np.array_equal(step.window * made.taps, step.products)
        assert np.array_equal(step.products.sum((1, 2)), step.parts)
        assert np.array_equal(step.running[:, -1], step.parts)
        row, column = step.place
        total = step.parts.sum(keepdims=True) if made.summed else step.parts
        assert np.array_equal(made.outputs[:, row, column], total)


@settings(deadline=None, max_examples=40)
@given(scenes(("zero",)))
def test_the_network_in_the_headline_computes_what_is_shown(made: Scene) -> None:
    (layer,) = made.network.layers
    assert made.network.output_shape == output_shape(layer, made.network.input_shape)
    lower = (slice(None), 0) if made.signal else slice(None)
    x, taps = made.cells[lower], made.given[lower]
    weight = taps[None] if made.summed else taps[:, None]
    operator: Any = convolve if made.flip else correlate
    options: dict[str, Any] = {name: getattr(layer, name) for name in ("padding", "stride", "dilation", "groups")}
    assert np.array_equal(operator(x[None], weight, **options)[0], made.outputs[lower])


# ---- what is written ----


def lines(film: Film, moment: float) -> list[str]:
    return [shape.words for shape in film.seen(moment) if isinstance(shape, Text)]


def value(words: str) -> float:
    """What a line of arithmetic comes to."""
    plain = words.replace("−", "-").replace("·", "*").replace("⌊", "int(").replace("⌋", ")")
    assert re.fullmatch(r"[-+*()./\d\sint]+", plain), words
    return float(eval(plain))


WRITTEN: list[tuple[tuple[int, ...], str, dict[str, Any]]] = [
    ((5, 6), EDGES, {"pad": 1}),
    ((5, 6), EDGES, {"pad": "same", "stride": 2, "flip": True}),
    ((7, 7), "1 -2; 3 4", {"dilation": "3x2", "border": "reflect", "pad": 1}),
    ((4, 4), "1/4 -2; 0.5 1/9", {}),
    ((9,), "1 2 -3", {"pad": 2, "flip": True}),
    ((9,), "1 2 -3", {"pad": "1+2", "stride": 3}),
    ((4, 4, 3), "1 2 | 3 4 | -1 0", {}),
    ((3, 3, 2), "box 2", {"add": True}),
]


@pytest.mark.parametrize(("shape", "text", "options"), WRITTEN)
def test_what_is_written_is_true(shape: tuple[int, ...], text: str, options: dict[str, Any]) -> None:
    """Equations and formulas are read off the film and worked out."""
    x = np.random.default_rng(3).integers(-9, 30, shape)
    film = animate(x, text, **options).film
    planes = np.moveaxis(x, -1, 0) if x.ndim == 3 else x[None]
    more = {name: value for name, value in options.items() if name != "add"}
    made = scene(planes.astype(float), kernel(text, min(x.ndim, 2)), summed=True, **more)
    for n, total in enumerate(made.outputs.ravel()):
        (line,) = ("".join(part) for part in [[one for one in lines(film, n + 0.99) if is_equation(one)]])
        left, sign, right = re.split(" ([=≈]) ", line)
        assert right == spelled(total)
        assert value(left) == pytest.approx(total, abs=1e-9 if sign == "=" else 0.01 * np.abs(x).max())
        assert (sign == "=") == (abs(value(left) - value(right)) < 1e-9)
        assert (sign == "=") >= (text in (EDGES, "1 2 -3"))
        before = [one for one in lines(film, n + 0.3) if is_equation(one)]
        assert not any("=" in one or "≈" in one for one in before)
    formulas = [one.partition(":  ")[2] for one in lines(film, 0) if ":  " in one]
    assert [value(one.partition(" = ")[0]) for one in formulas] == [int(one.partition(" = ")[2]) for one in formulas]
    assert {one.rpartition(" ")[2] for one in formulas} == {str(size) for size in made.network.output_shape[1:]}


def is_equation(line: str) -> bool:
    return (" + " in line or line.startswith("+ ") or "·" in line) and ":" not in line


def test_numbers_as_they_are_written() -> None:
    assert [tap(value) for value in (1 / 3, -1 / 16, 0.3, 2.0, -7.0)] == ["1/3", "−1/16", "3/10", "2", "−7"]
    assert [spelled(value) for value in (1234.5, -0.00012, 1e9, 3.0)] == ["1234", "−0.0001", "1e9", "3"]


def test_a_font_without_signs_writes_what_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Text(0, 0, (("⌊(5 − 3) / 2⌋ + 1", "#000000"), (" × 2 → ≈ 4", "#ff0000")), 20)
    for names in ("REGULAR", "BOLD"):
        monkeypatch.setattr(raster, names, ())
    for kept in (raster._font, raster._letter, raster._stamp):
        kept.cache_clear()
    assert raster._words(line) == ["floor((5 - 3) / 2) + 1", " x 2 -> ~ 4"]
    monkeypatch.undo()
    for kept in (raster._font, raster._letter, raster._stamp):
        kept.cache_clear()


# ---- what is seen ----


def test_the_output_fills_and_stays() -> None:
    film = animate(np.arange(9).reshape(3, 3), "0 1; 2 3").film
    for n in range(4):
        for moment, known in ((n + 0.5, n), (n + 0.7, n + 1), (n + 0.99, n + 1)):
            cells = [one for one in film.seen(moment) if isinstance(one, Rect) and one.fill == OUTPUT.pale]
            assert len(cells) == known
    assert [one.fill for one in film.seen(film.still) if isinstance(one, Rect)].count(OUTPUT.pale) == 4


def test_a_kernel_that_is_flipped_is_turned_before_ones_eyes() -> None:
    film = animate(np.arange(16).reshape(4, 4), "1 2; 3 4", flip=True).film
    assert film.first == -3

    def kernels(moment: float) -> list[str]:
        seen = list(film.seen(moment))
        at = next(n for n, one in enumerate(seen) if isinstance(one, Rect) and one.fill == "#f6c052")
        return [one.words for one in seen[at : at + 8] if isinstance(one, Text)]

    assert [kernels(moment) for moment in (-3, -2, -1, 0)] == [list("1234"), list("2143"), list("4321"), list("4321")]
    assert animate(np.arange(4), "1 2", flip=True).film.first == -2


def test_some_places_are_shown_where_there_are_many() -> None:
    x = np.arange(64).reshape(8, 8)
    film = animate(x, "1", frames=10).film
    assert film.stop == 11
    assert [one.fill for one in film.seen(film.still) if isinstance(one, Rect)].count(OUTPUT.pale) == 64
    alone = animate(x, "1", step=12).film
    assert [one.fill for one in alone.seen(alone.still) if isinstance(one, Rect)].count(OUTPUT.pale) == 12


def test_cells_that_no_window_reaches_are_known() -> None:
    made = scene(np.zeros((1, 5, 5)), np.ones((2, 2)), stride=2, dilation=2)
    assert made.reached().sum(0).tolist() == [3, 0, 3, 0, 3]


# ---- files ----


@pytest.fixture(scope="module")
def film() -> Film:
    return animate(np.arange(9).reshape(3, 3), "0 1; 2 -3", seconds=0.5).film


def test_an_svg_has_every_step_and_stands_still_where_motion_is_not_wanted(film: Film) -> None:
    text = packed(film, ".svg", 640).decode()
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("width"), root[0].text) == (f"{SVG}svg", "640", film.title)
    style = root[1].text or ""
    assert "prefers-reduced-motion" in style
    assert f"animation:{(film.stop - film.first) * film.seconds:g}s step-end infinite" in style
    spans = {(play.first, play.stop) for play in film.plays} - {(film.first, film.stop)}
    keyframes = dict(re.findall(r"@keyframes (s\d+)\{((?:[\d.]+%\{visibility:\w+\})+)\}", style))
    assert len(keyframes) == len(spans)
    found = set()
    for each in keyframes.values():
        parts = [(float(at) / 100, seen) for at, seen in re.findall(r"([\d.]+)%\{visibility:(\w+)", each)]
        begin = next(at for at, seen in parts if seen == "visible")
        end = next((at for at, seen in parts if seen == "hidden" and at > begin), 1.0)
        found.add((round(film.first + begin * film.stop, 2), round(film.first + end * film.stop, 2)))
    assert found == {(round(first, 2), round(stop, 2)) for first, stop in spans}
    moving = [group for group in root if group.tag == f"{SVG}g"]
    still_seen = re.search(r"\}([^{}]*)\{visibility:visible\}@media", style)
    assert still_seen is not None
    shown = {name.removeprefix(".") for name in still_seen[1].split(",")}
    drawn = [one for group in root[2:] for one in ([group] if group not in moving else group)]
    in_still = [
        one
        for group in root[2:]
        if group not in moving or (group.get("class") or "").split()[1] in shown
        for one in ([group] if group not in moving else group)
    ]
    assert len(drawn) == len(film.plays)
    assert len(in_still) == len(list(film.seen(film.still)))


def test_a_gif_plays_the_film(film: Film) -> None:
    width = 480
    with Image.open(io.BytesIO(packed(film, ".gif", width))) as file:
        assert file.info["loop"] == 0
        pictures, lasting = [], []
        for n in range(file.n_frames):  # type: ignore[attr-defined]
            file.seek(n)
            pictures.append(np.asarray(file.convert("RGB")).astype(int))
            lasting.append(file.info["duration"] / 1000)
    wanted = list(frames(film, width))
    assert len(pictures) == len(wanted) == len(film.moments) - 1
    assert lasting == pytest.approx([frame.seconds for frame in wanted], abs=0.011)
    assert sum(lasting) == pytest.approx((film.stop - film.first) * film.seconds, abs=0.011)
    for seen, frame in zip(pictures, wanted, strict=True):
        off = np.abs(seen - np.asarray(frame.picture).astype(int)).max(2)
        assert (off == 0).mean() > 0.97  # letters' edges have colours between
        assert off.max() < 60


def test_frames_that_are_drawn_in_part_are_those_that_are_drawn_whole(film: Film) -> None:
    for moment, frame in zip(film.moments, frames(film, 400), strict=False):
        assert np.array_equal(np.asarray(frame.picture), np.asarray(still(film, 400, moment)))


def test_a_notebook_shows_the_film_as_a_picture() -> None:
    shown = animate([1, 2, 3], "1 2")._repr_html_()
    assert shown.startswith('<img width="960" style="max-width:100%')
    assert 'alt="1x3: conv 1 2  →  1x2" src="data:image/svg+xml;base64,' in shown


# ---- what is refused ----

REFUSED: list[tuple[Any, Any, dict[str, Any], str]] = [
    (np.ones((3, 4, 5)), "box 3", {}, r"shape \(3, 4, 5\) is no signal and no picture"),
    ([1, np.nan, 3], "1 2", {}, "the input holds 1 NaN or infinite number"),
    ([1, 2, 3], [1, np.inf], {}, "the kernel holds NaN"),
    ([1, 2, 3], "1 2; 3 4", {}, "the kernel has 2 planes, but the input 1 channel"),
    (np.ones((4, 4, 3)), np.ones((2, 2, 2)), {}, "the kernel has 2 planes, but the input 3 channels"),
    (np.ones((4, 4)), np.ones((1, 1, 2, 2)), {}, "a kernel of 4 axes does not slide over a picture"),
    ([1, 2, 3], "1 2", {"border": "mirror"}, 'no border "mirror" to pad with'),
    ([1, 2, 3], "1 2", {"pad": "1, relu"}, 'the pad is a number, or one an axis such as 1x2, not "1, relu"'),
    ([1, 2, 3], "1 2", {"step": 3}, "the window has 2 places; there is no step 3"),
    ([1, 2, 3], "1 2", {"frames": 0}, "the frames must be 1 at least"),
    ([1, 2, 3], "1 2", {"seconds": 0.0}, "a step lasts from 0.01 to 3600 seconds, not 0"),
    ([1, 2, 3], "1 2", {"width": 10}, "the width must be from 160 to 4096 pixels"),
]


@pytest.mark.parametrize(("x", "taps", "options", "sentence"), REFUSED)
def test_what_cannot_be_shown_is_a_sentence(x: Any, taps: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FilterError, match=sentence):
        animate(x, taps, **options)


def test_a_kernel_that_does_not_fit_is_the_networks_sentence() -> None:
    with pytest.raises(NetworkError, match="kernel 5x5 is larger than the padded input 3x3"):
        animate(np.ones((3, 3)), "box 5")
