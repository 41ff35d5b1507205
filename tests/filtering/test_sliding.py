"""``convlens.filter`` against other people's filters, and against what it says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

import convlens
from convlens.engine import runnable, stencil
from convlens.engine.borders import BORDERS, cells
from convlens.engine.stencil import ROWS, Slide, direct, separable, spectral, suits
from convlens.filtering import FilterError, transform, ways
from convlens.filtering.rounding import rounded
from convlens.filtering.ways import parted

SCIPY = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant", "wrap": "wrap"}
NUMPY = {"zero": "constant"}
KINDS = ("uint8", "uint16", "int16", "int8", "int32", "uint32", "int64", "float16", "float32", "float64")
KERNELS = ((3, 3), (1, 1), (2, 4), (5, 2), (1, 6), (7, 1), (4, 17), (11, 11))


def drawn(shape: tuple[int, ...], kind: str, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(max(np.iinfo(dtype).min, -(2**40)), min(np.iinfo(dtype).max, 2**40), shape).astype(dtype)


def right(x: NDArray[Any], kernel: NDArray[Any], border: str) -> NDArray[np.float64]:
    """SciPy's sums in float64, channel by channel where there are any."""
    whole = x.astype(np.float64)
    if x.ndim == kernel.ndim:
        return ndimage.correlate(whole, kernel, mode=SCIPY[border])
    return np.stack([right(whole[..., c], kernel, border) for c in range(x.shape[-1])], -1)


def off(x: NDArray[Any], kernel: NDArray[Any]) -> float:
    """What rounding explains: each of the sum's products and the sum itself, in the type that sums are taken in."""
    small = x.dtype.itemsize < 4 or x.dtype == np.float32
    unit = np.finfo(np.float32).eps if small else np.finfo(np.float64).eps
    found = (kernel.size + 2) * unit * np.abs(kernel).sum() * float(np.abs(x.astype(np.float64)).max())
    return found + (2.0**-11 * float(np.abs(x).max()) * np.abs(kernel).sum() if x.dtype == np.float16 else 0)


def assert_filtered(got: NDArray[Any], x: NDArray[Any], kernel: NDArray[Any], sums: NDArray[np.float64]) -> None:
    """Equal to sums that are rounded and clipped, but where rounding errors reach the next number."""
    assert got.shape == sums.shape
    assert got.dtype == x.dtype
    if x.dtype.kind != "f":
        facts = np.iinfo(x.dtype)
        sums = sums.clip(facts.min, facts.max)
    half = 0.5 if x.dtype.kind != "f" else 0.0
    assert np.abs(got.astype(np.float64) - sums).max() <= half + off(x, kernel)


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_filtered_as_scipy_filters_them(kind: str, border: str) -> None:
    rng = np.random.default_rng(1)
    for n, (high, wide) in enumerate(KERNELS):
        kernel = rng.standard_normal((high, wide)) / (high * wide)
        for shape in ((13, 17), (9, 30, 3), (1, 40), (40, 1)):
            x = drawn(shape, kind, n)
            assert_filtered(convlens.filter(x, kernel, border), x, kernel, right(x, kernel, border))


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize(
    ("shape", "kernel"), [((50,), (5,)), ((3000, 2), (4,)), ((5, 9, 11), (3, 2, 5)), ((4, 6, 9, 2), (2, 3, 3))]
)
def test_signals_and_volumes_too(border: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    taps = drawn(kernel, "float64", 3)
    for kind in ("uint8", "float32", "float64"):
        x = drawn(shape, kind)
        assert_filtered(convlens.filter(x, taps, border), x, taps, right(x, taps, border))


def test_whole_numbers_are_exact_on_every_way_and_target() -> None:
    x = drawn((1, 150, 47, 3), "int16", 5) // 512
    column, row = np.array([1.0, -2, 3, 1, 2]), np.array([2.0, 0, -1, 4])
    kernel = np.outer(column, row)
    wanted = right(x[0], kernel, "reflect")
    slide = Slide((1, 5, 4), (0, 2, 2), "reflect")
    for target in runnable():
        assert np.array_equal(direct(x, kernel[None], slide, 1, target)[0], wanted)
        assert np.array_equal(separable(x, column[None], row, slide, 1, target)[0], wanted)
    assert np.abs(ways.run(x.astype(np.float64), kernel[None], slide, "fft")[0] - wanted).max() < 1e-9


@pytest.mark.parametrize("shape", [(1, 5 * ROWS + 3, 50, 3), (1, 1, 9001, 1), (7, 20, 33, 1)])
def test_threads_leave_no_trace(shape: Any) -> None:
    x, kernel = drawn(shape, "float32"), drawn((1, 3, 5), "float64")
    slide = Slide((1, 3, 5), (0, 1, 2), "wrap")
    for run in (direct, spectral):
        if run is direct or suits(slide, x.shape, x.dtype):
            one = run(x, kernel, slide, 1)
            assert all(np.array_equal(run(x, kernel, slide, threads), one) for threads in (2, 3, 16))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float64"])
def test_results_that_go_past_the_caches_are_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pictures, signal = drawn((1, 70, 352, 3), kind), drawn((1, 1, 30011 * 32, 1), kind)
    for x, sizes in ((pictures, ((1, 9), (2, 3), (3, 3))), (signal, ((1, 5),))):
        for size in sizes:
            rest, line = rng.random((1, size[0])), rng.random(size[1]) / size[0] / size[1]
            slide = Slide((1, *size), (0, 0, 0), "wrap")
            ways_ = [lambda x=x, s=slide, w=rest[:, :, None] * line, n=n: direct(x, w, s, n) for n in (1, 3)]
            ways_.append(lambda x=x, s=slide, r=rest, c=line: separable(x, r, c, s))
            if suits(slide, x.shape, x.dtype):
                ways_.append(lambda x=x, s=slide, w=rest[:, :, None] * line: spectral(x, w, s))
            for way in ways_:
                monkeypatch.setattr(stencil, "LARGE", 1 << 40)
                held = way()
                monkeypatch.setattr(stencil, "LARGE", 0)
                assert np.array_equal(way(), held)


# ---- laws ----


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_stride_leaves_out_and_a_dilation_spreads(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 3))
    sizes = st.lists(st.integers(1, 9), min_size=axes, max_size=axes)
    shape, taps = data.draw(sizes), [data.draw(st.integers(1, 3)) for _ in range(axes)]
    stride, dilation = data.draw(sizes), [data.draw(st.integers(1, 3)) for _ in range(axes)]
    border: Any = data.draw(st.sampled_from(BORDERS))
    kind, seed = data.draw(st.sampled_from(("uint8", "float32", "float64"))), data.draw(st.integers(0, 9))
    x, kernel = drawn(tuple(shape), kind, seed), np.rint(3 * drawn(tuple(taps), "float64", seed))
    spread = np.zeros([(n - 1) * d + 1 for n, d in zip(taps, dilation, strict=True)])
    spread[tuple(slice(None, None, d) for d in dilation)] = kernel
    if border == "valid" and any(n > size for n, size in zip(spread.shape, shape, strict=True)):
        with pytest.raises(FilterError, match="does not fit"):
            convlens.filter(x, kernel, border, stride, dilation)
        return
    if border != "valid" and any(n % 2 == 0 for n in taps):
        return  # the anchor of a spread kernel is another cell where it has no middle
    whole = convlens.filter(x, spread, border)
    got = convlens.filter(x, kernel, border, stride, dilation)
    kept = whole[tuple(slice(None, None, s) for s in stride)]
    if kind == "uint8":
        assert np.array_equal(got, kept)
    assert np.allclose(got, kept, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("taps", [(3, 3), (2, 4), (1, 5), (4, 1)])
def test_flipped_is_scipys_convolution(border: Any, taps: tuple[int, int]) -> None:
    x, kernel = drawn((9, 12), "float64"), drawn(taps, "float64", 2)
    wanted = ndimage.convolve(x, kernel, mode=SCIPY[border])
    assert np.allclose(convlens.filter(x, kernel, border, flip=True), wanted, atol=1e-12)
    one = np.zeros((9, 12))
    one[4, 5] = 1
    spot = convlens.filter(one, kernel, border, flip=True)
    top, left = 4 - taps[0] // 2, 5 - taps[1] // 2
    assert np.array_equal(spot[top : top + taps[0], left : left + taps[1]], kernel)


@pytest.mark.parametrize("border", BORDERS[:5])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_borders_mean_what_numpy_pad_means(border: Any, size: int) -> None:
    mode: Any = NUMPY.get(border, border)
    padded = np.pad(
        np.arange(size), (3 * size + 1, 2 * size + 2), mode, **({"constant_values": -1} if border == "zero" else {})
    )
    assert np.array_equal(cells(np.arange(-3 * size - 1, 3 * size + 2), size, border), padded)


def test_valid_is_the_inside_of_any_border() -> None:
    x, kernel = drawn((20, 31, 3), "uint8"), drawn((4, 7), "float64") / 20
    inside = convlens.filter(x, kernel)[2:-1, 3:-3]
    assert np.array_equal(convlens.filter(x, kernel, "valid"), inside)


def test_a_nan_is_seen_by_the_windows_that_it_lies_in() -> None:
    x = drawn((60, 70), "float32")
    x[30, 40] = np.nan
    for size, drawing in ((3, False), (3, True), (11, True), (45, False), (45, True), (59, True)):
        kernel = drawn((size, size), "float64") if drawing else np.ones((size, size))
        reach = len(kernel) // 2
        seen = np.zeros(x.shape, bool)
        seen[max(0, 30 - reach) : 31 + reach, max(0, 40 - reach) : 41 + reach] = True
        assert np.array_equal(np.isnan(convlens.filter(x, kernel, "edge")), seen)


# ---- ways ----


def test_each_way_is_taken_where_it_is_fastest() -> None:
    rng = np.random.default_rng(0)

    def way(kernel: NDArray[Any], **more: Any) -> str:
        return ways.fastest(kernel, Slide(kernel.shape, (0, 0, 0), "edge", more.pop("stride", (1, 1, 1))), **more)

    taken = {n: way(rng.standard_normal((1, n, n))) for n in (1, 3, 7, 15, 56, 99)}
    assert taken == {1: "direct", 3: "direct", 7: "direct", 15: "columns", 56: "columns", 99: "fft"}
    assert way(np.ones((1, 15, 15))) == "separable"
    assert way(rng.standard_normal((1, 1, 63)), shape=(1, 1, 10**6, 1)) == "direct"
    assert way(rng.standard_normal((1, 15, 15)), dtype="f8") == "direct"
    assert way(rng.standard_normal((1, 15, 15)), stride=(1, 2, 1)) == "direct"
    assert way(rng.standard_normal((3, 15, 15)), shape=(50, 100, 100, 1)) == "direct"


@pytest.mark.parametrize("kernel", [(1, 5, 5), (1, 1, 40), (3, 4, 6), (1, 33, 2), (1, 56, 13)])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("border", BORDERS)
def test_the_ways_agree(kernel: Any, kind: str, border: Any) -> None:
    rng = np.random.default_rng(7)
    taps = rng.standard_normal(kernel[:2])[:, :, None] * rng.standard_normal(kernel[2])
    taps /= np.abs(taps).sum()
    x = drawn((3, 90, 150, 2), kind)
    named: list[Any] = ["direct", "separable", "fft"]
    slide = Slide(kernel, tuple(n // 2 for n in kernel), border)  # type: ignore[arg-type]
    if suits(slide, x.shape, x.dtype):
        named.append("columns")
    one, *others = (ways.run(x, taps, slide, way).astype(np.float64) for way in named)
    for other in others:
        assert np.abs(other - one).max() <= (1 if kind == "uint8" else 4 * off(x, taps))


def test_what_is_no_product_is_not_taken_for_one() -> None:
    kernel = np.outer([1.0, 2, 3], [4.0, 5, 6])[None]
    found = parted(kernel)
    assert found is not None
    assert np.array_equal(found[0][:, :, None] * found[1], kernel)
    assert parted(np.outer(*drawn((2, 9), "float64")).astype(np.float32).astype(np.float64)[None]) is not None
    kernel[0, 0, 0] *= 1 + 1e-4
    assert parted(kernel) is None
    assert parted(np.zeros((1, 3, 3))) is None


def test_blocks_of_a_transform_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    x, kernel = drawn((3, 60, 70, 2), "float64"), drawn((2, 9, 8), "float64")
    slide = Slide((2, 9, 8), (1, 4, 4), "wrap", (2, 1, 3), (1, 2, 1))
    whole = ways.run(x, kernel, slide, "fft")
    monkeypatch.setattr(transform, "SMALL", 3000)
    assert np.allclose(ways.run(x, kernel, slide, "fft"), whole, atol=1e-10)
    assert np.allclose(whole, direct(x, kernel, slide), atol=1e-10)


def test_numbers_end_where_their_type_ends() -> None:
    sums = np.array([-1e30, -0.5, 0.5, 1.5, 2.5, 1e30])
    for kind in ("uint8", "int16", "int64", "uint64"):
        facts = np.iinfo(kind)
        assert rounded(sums, np.dtype(kind)).tolist()[1:5] == [0, 0, 2, 2]
        assert rounded(sums, np.dtype(kind))[0] == facts.min
        assert rounded(sums, np.dtype(kind))[-1] >= facts.max - 2**11
    x = np.array([[0, 255, 0, 255]], np.uint8)
    assert convlens.filter(x, [[2.0]]).tolist() == [[0, 255, 0, 255]]
    assert convlens.filter(x, [[-1.0]]).tolist() == [[0, 0, 0, 0]]
    assert convlens.filter(x, [[0.5, 0.5]], "wrap").tolist() == [[128, 128, 128, 128]]


def test_arrays_may_lie_as_they_like() -> None:
    x = drawn((20, 30, 3), "float32")
    wanted = convlens.filter(x, "gaussian 5")
    for other in (np.asfortranarray(x), x.astype(">f4"), x[::-1][::-1], np.array(x.tolist(), "f4")):
        assert np.array_equal(convlens.filter(other, "gaussian 5"), wanted)
    locked = x.copy()
    locked.flags.writeable = False
    assert np.array_equal(convlens.filter(locked, "gaussian 5"), wanted)


# ---- foreign witnesses ----

CV2 = {
    "reflect": "BORDER_REFLECT_101",
    "symmetric": "BORDER_REFLECT",
    "edge": "BORDER_REPLICATE",
    "zero": "BORDER_CONSTANT",
}


@pytest.mark.parametrize("border", CV2)
@pytest.mark.parametrize("taps", [(3, 3), (2, 4), (5, 5), (1, 6)])
def test_opencv_says_the_same(border: Any, taps: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    kernel = drawn(taps, "float64") / 8
    for kind in ("uint8", "uint16", "float32"):
        x = drawn((23, 31, 3), kind)
        theirs = cv2.filter2D(x, -1, kernel.astype(np.float32), borderType=getattr(cv2, CV2[border]))
        ours = convlens.filter(x, kernel.astype(np.float32), border)
        assert np.abs(ours.astype(np.float64) - theirs).max() <= (1 if kind != "float32" else off(x, kernel))


def test_scikit_image_says_the_same() -> None:
    filters = pytest.importorskip("skimage.filters")
    x = drawn((40, 50), "float64")
    for name in ("sobel", "prewitt", "scharr"):
        theirs = getattr(filters, f"{name}_v")(x)
        kernel = convlens.filtering.kernel(name)
        # theirs are means of differences, from left to right
        ours = convlens.filter(x, kernel / kernel.clip(0).sum(), "symmetric")
        assert np.allclose(ours, theirs)
    blurred = filters.gaussian(x, 1.5, mode="mirror", truncate=4)
    assert np.allclose(convlens.filter(x, "gaussian 13 sigma 1.5"), blurred)


# ---- what cannot be ----

PHOTO = np.zeros((6, 7, 3), np.uint8)
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((PHOTO, np.ones((3, 3, 3, 3))), {}, "has 4 axes"),
    ((PHOTO[:, :, 0], np.ones((3, 3, 3))), {}, "a kernel of 3 axes slides over an array of 3"),
    ((PHOTO, [[1, np.nan]]), {}, "holds 1 NaN or infinite"),
    ((PHOTO, [[np.inf]]), {}, "NaN or infinite"),
    ((PHOTO, [[]]), {}, "no taps"),
    ((PHOTO, [["a"]]), {}, "real numbers"),
    ((PHOTO, "box 3", "mirror"), {}, 'no border "mirror"; choose one of reflect'),
    ((PHOTO, "box 3"), {"stride": 0}, "stride must be a whole number from 1, not 0"),
    ((PHOTO, "box 3"), {"stride": (1, 2, 3)}, "stride names 3 axes, but the kernel has 2"),
    ((PHOTO, "box 3"), {"dilation": 1.5}, "dilation must be a whole number from 1, not 1.5"),
    ((PHOTO, "box 7"), {"border": "valid"}, "a window of 7 cells does not fit into the 6 of axis 0"),
    ((PHOTO.astype(bool), "box 3"), {}, "not bool; convert it to uint8"),
    ((PHOTO.astype(complex), "box 3"), {}, "take .real or .imag"),
    ((np.zeros((0, 4)), "box 3"), {}, "must hold cells"),
    ((np.float64(3), "box 3"), {}, "must hold cells"),
    ((np.ma.masked_array(PHOTO, PHOTO > 0), "box 3"), {}, "mask of the array would be lost"),
    ((["a", "b"], "box 3"), {}, "must hold real numbers"),
]


@pytest.mark.parametrize(("arguments", "named", "sentence"), REFUSED)
def test_refusals(arguments: tuple[Any, ...], named: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        convlens.filter(*arguments, **named)
    assert "\n" not in str(told.value)
