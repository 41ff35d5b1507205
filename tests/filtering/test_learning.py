"""Kernels are learned from what they did: exactly from floats, from bytes within what rounding allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convlens
from convlens.cli.main import main
from convlens.filtering import GALLERY, FilterError, kernel, learn_kernel, resembling

PHOTO = np.asarray(Image.open(Path(__file__).parents[2] / "examples" / "coins.png").convert("L"))


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    taps = np.random.default_rng(seed).standard_normal(shape)
    taps /= 2 * np.abs(taps).sum()
    taps[tuple(n // 2 for n in shape)] += 0.5
    return taps


@pytest.mark.parametrize("steps", range(1, 11))
def test_the_courses_own_example_step_by_step(steps: int) -> None:
    before = np.ones((6, 8))
    before[:, 2:6] = 0
    after = before[:, :-1] - before[:, 1:]
    taps = np.zeros(2)
    for _ in range(steps):
        rest = before[:, :-1] * taps[0] + before[:, 1:] * taps[1] - after
        taps -= 3e-2 * np.array([(2 * rest * before[:, :-1]).sum(), (2 * rest * before[:, 1:]).sum()])
    learned = learn_kernel(before, after, (1, 2), bias=False, steps=steps, rate=3e-2)
    np.testing.assert_allclose(learned.kernel[0], taps, atol=1e-12)
    np.testing.assert_allclose(learned.solved, [1, -1, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((4000,), (7,)), ((3000, 2), (4,)), ((60, 70), (3, 5)), ((50, 60, 3), (4, 3)), ((20, 18, 19), (3, 3, 3))],
)
@pytest.mark.parametrize("border", ["valid", "reflect", "zero"])
def test_from_floats_it_is_exact_whatever_the_border_was(
    shape: tuple[int, ...], sizes: tuple[int, ...], border: Any
) -> None:
    before, taps = np.random.default_rng(1).uniform(0, 9, shape), drawn(sizes)
    after = convlens.filter(before, taps, border) + 2.5
    learned = learn_kernel(before, after, sizes)
    np.testing.assert_allclose(learned.kernel, taps, atol=1e-6)
    np.testing.assert_allclose(learned.solved[:-1].reshape(sizes), taps, atol=1e-9)
    assert learned.bias == pytest.approx(2.5, abs=1e-5)
    assert learned.loose == 0
    assert learned.apart < 1e-6


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pair_of_photos_of_8_bits_gives_a_9x9_kernel_within_what_8_bits_allow(seed: int) -> None:
    taps = 2.4 * drawn((9, 9), seed)
    sums = convlens.filter(PHOTO.astype(np.float32), taps) + 7.25
    assert (sums > 255).any()
    learned = learn_kernel(PHOTO, np.clip(np.rint(sums), 0, 255).astype(np.uint8), 9)
    away = np.abs(learned.kernel - taps)
    # 81 taps: the largest of as many normal deviations is 2.5 in the mean, and beyond 4.5 once in 2,000 times
    assert (away.ravel() / learned.errors[:-1]).max() < 4.5
    assert away.max() < 5e-4
    assert learned.bias == pytest.approx(7.25, abs=0.01)
    assert learned.residual == pytest.approx(1 / np.sqrt(12), rel=0.02)
    assert learned.explained > 0.9999
    assert learned.apart < 1e-4
    assert learned.cut > 0


def test_what_the_pictures_do_not_tell_is_said() -> None:
    stripes = np.tile(np.random.default_rng(0).uniform(0, 1, 200), (50, 1))
    learned = learn_kernel(stripes, convlens.filter(stripes, kernel("sobel")), 3)
    assert learned.loose == 6  # of nine taps only the sums down the columns show
    assert learned.doubt == np.inf
    np.testing.assert_allclose(learned.kernel.sum(axis=0), [-4, 0, 4], atol=1e-5)


def test_plain_arrays_tell_nothing() -> None:
    learned = learn_kernel(np.zeros((20, 20)), np.full((20, 20), 3.0), 3)
    assert learned.loose == 9
    assert learned.bias == pytest.approx(3)
    assert np.isnan(learned.explained)


def test_whole_numbers_of_few_levels_are_not_taken_for_plain() -> None:
    before = np.random.default_rng(0).integers(0, 2, (40, 40))
    learned = learn_kernel(before, convlens.filter(before, "1 0 -1; 2 0 -2; 1 0 -1"), 3)
    np.testing.assert_allclose(learned.kernel, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], atol=1e-6)


def test_of_more_windows_than_are_looked_at_some_rows_tell_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.filtering.learning.MOST_WINDOWS", 3000)
    before, taps = np.random.default_rng(1).uniform(0, 9, (300, 200)), drawn((5, 5))
    learned = learn_kernel(before, convlens.filter(before, taps), 5)
    assert learned.windows <= 3000
    np.testing.assert_allclose(learned.kernel, taps, atol=1e-6)


ARRAY = np.random.default_rng(2).uniform(0, 1, (9, 10))
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((ARRAY, ARRAY[0], 3), {}, "as many axes, not 2 and 1"),
    ((ARRAY, ARRAY[:8], 3), {}, "8x10 cannot have come from 9x10 by a kernel of 3x3: the result is as large, or 7x8"),
    ((ARRAY, ARRAY, 10), {}, "a kernel of 10x10 does not fit into 9x10"),
    ((ARRAY, ARRAY, 0), {}, "the size is a whole number, or 2 of them, one an axis, at least 1, not 0"),
    ((ARRAY, ARRAY, (3, 3, 3)), {}, "or 2 of them"),
    ((ARRAY, ARRAY, 100), {}, "10,000 taps is too large"),
    ((ARRAY, ARRAY, 7), {}, "12 windows are too few to tell 49 taps"),
    ((ARRAY, np.where(ARRAY > 0.5, np.nan, ARRAY), 3), {}, "the second array holds NaN"),
    ((ARRAY, ARRAY, 3), {"rate": 0.0}, "the rate must be a number above 0, not 0.0"),
    ((ARRAY, ARRAY, 3), {"steps": 0}, "the steps must be 1 to 200,000, not 0"),
    ((ARRAY, ARRAY, 3), {"rate": 9.0, "steps": 5000}, "the descent ran away at rate 9; below"),
    (("photo", ARRAY, 3), {}, "real numbers"),
]


@pytest.mark.parametrize(("given", "named", "said"), REFUSED, ids=[said[:30] for *_, said in REFUSED])
def test_what_cannot_be_is_refused(given: tuple[Any, ...], named: dict[str, Any], said: str) -> None:
    with pytest.raises(FilterError, match=said), np.errstate(all="ignore"):
        learn_kernel(*given, **named)


@pytest.mark.parametrize("name", [name for name, entry in GALLERY.items() if 2 in entry.axes])
def test_every_named_kernel_resembles_itself_whatever_its_size(name: str) -> None:
    taps = kernel(name)
    found, framed = resembling(3.0 * taps), resembling(3.0 * np.pad(taps, 2))
    assert found is not None
    assert framed is not None
    assert found.alike == pytest.approx(1, abs=1e-5)
    assert found.text.split()[0] == name
    assert framed.alike > 0.85  # where the size says how wide it is, it is another kernel now


def test_a_kernel_without_likes() -> None:
    taps = np.random.default_rng(3).standard_normal((5, 5))
    found = resembling(taps)
    assert found is not None
    assert found.alike < 0.9


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    photo = PHOTO[:150, :160]
    Image.fromarray(photo).save("before.png")
    Image.fromarray(convlens.filter(photo, "gaussian 5 sigma 0.9")).save("after.png")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["convlens", *words])
        with pytest.raises(SystemExit) as left:
            main()
    said = capsys.readouterr()
    assert left.value.code == (2 if said.err else 0)
    return said.out + said.err


def test_the_command_says_what_was_learned_and_keeps_it(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "learn-kernel", "before.png", "after.png", "--size", "5", "--out", "kernel.csv")
    for part in (
        "18,390 windows",
        "known    every tap to within",
        "product  yes",
        "like     gaussian 5",
        "leaves 0.289",
    ):
        assert part in said, part
    np.testing.assert_allclose(kernel("kernel.csv"), kernel("gaussian 5 sigma 0.9"), atol=2e-3)
    for form in ("kernel.npy", "kernel.png"):
        assert f"wrote    {form}" in run(
            capsys, "learn-kernel", "before.png", "after.png", "--size", "5", "--out", form
        )
    assert Image.open("kernel.png").size == (120, 120)
    assert np.load("kernel.npy").shape == (5, 5)


def test_the_command_refuses_in_a_sentence(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("line.npy", np.arange(30.0))
    assert "there is no file" in run(capsys, "learn-kernel", "before.png", "gone.png")
    assert "is a picture, but line.npy a signal" in run(capsys, "learn-kernel", "before.png", "line.npy")
    assert 'not "5by5"' in run(capsys, "learn-kernel", "before.png", "after.png", "--size", "5by5")
    assert "name it .npy, .csv or .png" in run(capsys, "learn-kernel", "before.png", "after.png", "--out", "kernel.txt")
    assert not Path("kernel.txt").exists()
