"""The first kernels answer what varies in the pictures: each direction as strongly, and with either sign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from convlens.finding.network import initial, network
from convlens.finding.whitening import NOISE, whitened

Floats = NDArray[np.float32]
ROOT = Path(__file__).parents[2]


def coins() -> NDArray[np.uint8]:
    """A photograph in grey (H, W)."""
    with Image.open(ROOT / "examples" / "coins.png") as picture:
        return np.asarray(picture.convert("L"))


def colours() -> NDArray[np.uint8]:
    """The same coins, a third of them seen by each colour, with a light that changes from side to side (H, W, 3)."""
    grey = coins().astype(np.float64)
    light = np.linspace(0.6, 1, grey.shape[1])
    return (
        np.stack([grey, np.roll(grey, 3, axis=0) * light, np.roll(grey, 40, axis=1)], axis=2).round().astype(np.uint8)
    )


def _begun(pictures: list[Floats], seed: int = 0) -> dict[str, Floats]:
    weights = initial(network(len(pictures[0]), 8, 8), np.random.default_rng(0))
    return whitened(pictures, weights, np.random.default_rng(seed))


def _canvas(pixels: NDArray[np.uint8]) -> Floats:
    return (pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).astype(np.float32) - 127.5) / np.float32(63.75)


@pytest.mark.parametrize("pixels", [colours(), coins()], ids=["colours", "grey"])
def test_every_filter_answers_as_strongly_and_none_as_another(pixels: NDArray[np.uint8]) -> None:
    picture = _canvas(pixels)
    begun = _begun([picture])
    patches = sliding_window_view(picture, (3, 3), axis=(1, 2)).transpose(1, 2, 0, 3, 4).reshape(-1, 9 * len(picture))
    answers = patches @ begun["0.weight"].reshape(16, -1).T + begun["0.bias"]
    np.testing.assert_allclose(answers.mean(axis=0), 0, atol=0.1)
    together = np.cov(answers[:, :8].T)
    strong = np.diag(together)
    assert strong.max() < 1.15
    # what varies by as much as counts for noise is half as strong: the last directions of a sharp photo are above that
    assert strong.min() > 0.5
    assert np.abs(together - np.diag(strong)).max() < 0.1
    np.testing.assert_array_equal(begun["0.weight"][8:], -begun["0.weight"][:8])
    # the strongest is light: all of its weights have one sign
    assert (begun["0.weight"][0] > 0).all()


def test_what_does_not_vary_is_not_made_as_strong() -> None:
    flat = np.full((3, 1, 2), 0.3, np.float32)
    begun = _begun([flat])
    assert np.isfinite(begun["0.weight"]).all()
    assert np.linalg.norm(begun["0.weight"].reshape(16, -1), axis=1).max() < 1.01 / NOISE
    answer = begun["0.weight"].sum(axis=(1, 2, 3)) * 0.3 + begun["0.bias"]
    np.testing.assert_allclose(answer, 0, atol=1e-4)


def test_pictures_count_alike_whatever_their_size() -> None:
    rng = np.random.default_rng(3)
    rows, columns = np.zeros((1, 400, 400), np.float32), np.zeros((1, 40, 40), np.float32)
    rows += rng.normal(size=(400, 1))
    columns += rng.normal(size=40)
    first = np.abs(_begun([rows, columns])["0.weight"][:8, 0])
    along = [np.ptp(first.mean(axis=axis), axis=1).max() for axis in (1, 2)]
    # both rises are among the directions: neither picture is lost beside the other
    assert min(along) > 0.5 * max(along)


def drawn(kernels: Floats) -> NDArray[np.uint8]:
    """Kernels (N, C, k, k) beside each other: grey is 0, and each as bright as its largest weight allows."""
    bright = kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    tiles = ((bright.transpose(0, 2, 3, 1) + 1) * 127.5).round().astype(np.uint8)
    cells = np.kron(tiles, np.ones((1, 24, 24, 1), np.uint8))
    return np.concatenate(list(np.pad(cells, ((0, 0), (0, 0), (0, 8), (0, 0)), constant_values=255)), axis=1)[:, :-8]


def test_the_picture_in_the_docs_shows_them() -> None:
    made = drawn(_begun([_canvas(coins())])["0.weight"][:8])
    with Image.open(ROOT / "docs" / "pictures" / "first-kernels.png") as shown:
        np.testing.assert_allclose(np.asarray(shown), made[:, :, 0], atol=3)


def test_the_same_seed_gives_the_same_bits() -> None:
    picture = _canvas(colours())
    one, same, other = (_begun([picture], seed)["0.weight"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
