"""Kernels with names, and kernels as people write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.filtering import GALLERY, FilterError, kernel

EVERY = [(name, axes) for name, entry in GALLERY.items() for axes in entry.axes]


@pytest.mark.parametrize(("name", "axes"), EVERY)
def test_what_a_kernel_gives_on_a_uniform_surface(name: str, axes: int) -> None:
    taps = kernel(name, axes)
    assert taps.ndim == axes
    slopes = {"edge", "sobel", "prewitt", "scharr", "laplacian", "log", "gabor"}
    assert taps.sum() == pytest.approx(0 if name in slopes else 1, abs=1e-12)


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr", "motion", "gabor", "emboss"])
def test_a_quarter_turn_turns_the_kernel(name: str) -> None:
    for angle in (0, 30, 45, 90, 211):
        turned = kernel(f"{name} angle {angle + 90}")
        assert np.allclose(turned, np.rot90(kernel(f"{name} angle {angle}")), atol=1e-12)


def test_slopes_look_to_the_right_and_up() -> None:
    assert kernel("sobel")[1].tolist() == [-2, 0, 2]
    assert kernel("sobel angle 90")[:, 1].tolist() == [2, 0, -2]
    assert kernel("motion 3").tolist() == [[0, 0, 0], [1 / 3] * 3, [0, 0, 0]]


@pytest.mark.parametrize("name", ["box", "gaussian", "unsharp", "log", "identity"])
@pytest.mark.parametrize("size", ["1", "2", "4x7", "31"])
def test_sizes(name: str, size: str) -> None:
    taps = kernel(f"{name} {size}")
    assert taps.shape == (tuple(map(int, size.split("x"))) * 2)[:2]
    assert np.isfinite(taps).all()


def test_opencvs_gaussian() -> None:
    cv2 = pytest.importorskip("cv2")
    for size in (11, 12, 31):  # those up to 9 it has from a table
        line = cv2.getGaussianKernel(size, -1)
        assert np.allclose(kernel(f"gaussian {size}"), line @ line.T)


def test_files(tmp_path: Path) -> None:
    taps = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "k.npy", taps.astype(np.float32))
    (tmp_path / "k.csv").write_text("0,1,2\n3,4,5\n")
    (tmp_path / "line.csv").write_text("1;2;1\n")
    assert kernel(str(tmp_path / "k.npy")).tolist() == kernel(str(tmp_path / "k.csv")).tolist() == taps.tolist()
    assert kernel(str(tmp_path / "line.csv"), 1).tolist() == [1, 2, 1]
    assert kernel("1 2 | 3 4").tolist() == [[[1, 2]], [[3, 4]]]
    assert kernel("-1e-1, .5 ; +2 1/8").tolist() == [[-0.1, 0.5], [2, 0.125]]


REFUSED = [
    ("", "the kernel is empty"),
    ("gausian 5", "do you mean gaussian"),
    ("blur", "named are identity"),
    ("box 0", "from 1 to"),
    ("box 99999x99999", "taps in all"),
    ("box 3x3x3", "names 3 axes"),
    ("box 3 5", 'box has no "5"|ends after "5"'),
    ("gaussian sigma 0", "more than 0"),
    ("gaussian sigma", 'ends after "sigma"'),
    ("gaussian sigma wide", 'must be a number, not "wide"'),
    ("gaussian angle 3", "gaussian takes a size, sigma with a number"),
    ("sobel 4", "one odd number"),
    ("prewitt 5", "has the one size 3x3"),
    ("1 2; 3", "have 2 numbers and 1"),
    ("1 2; 3 4 | 1 2", "different numbers of rows"),
    ("1 ; ; 2", "a row of the kernel .* is empty"),
    ("1 nan", "must be a number"),
    ("nan 1", "must be a number"),
    ("1/0 2", "divided by zero"),
    ("gone.npy", "there is no kernel file gone.npy"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_refusals(text: str, sentence: str) -> None:
    with pytest.raises(FilterError, match=sentence) as told:
        kernel(text)
    assert "\n" not in str(told.value)


def test_a_volume_has_no_emboss_and_a_file_may_hold_nonsense(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match="emboss is made for pictures, not for a volume"):
        kernel("emboss", 3)
    np.save(tmp_path / "nan.npy", np.array([[np.nan, 1]]))
    with pytest.raises(FilterError, match="holds 1 NaN"):
        kernel(str(tmp_path / "nan.npy"))
    (tmp_path / "words.csv").write_text("a,b\n")
    with pytest.raises(FilterError, match='not "a"'):
        kernel(str(tmp_path / "words.csv"))
