"""Augmentation: what moves is what was asked for, and a seed decides it."""

from __future__ import annotations

import pytest
import torch

from convlens.training.augment import SHIFT, augment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_nothing_moved() -> None:
    x = torch.randn(3, 2, 5, 6)
    assert augment(x, (), generator()) is x


def test_flip_mirrors_the_last_axis_of_about_half() -> None:
    x = torch.randn(400, 1, 3, 4)
    out = augment(x, ("flip",), generator())
    same = (out == x).flatten(1).all(1)
    mirrored = (out == x.flip(3)).flatten(1).all(1)
    assert bool((same | mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


@pytest.mark.parametrize("shape", [(200, 2, 20), (200, 1, 20, 30), (50, 1, 20, 10, 10)])
def test_shift_moves_every_axis_by_whole_cells(shape: tuple[int, ...]) -> None:
    # a ramp along each axis in turn tells by how much that axis moved
    for axis in range(2, len(shape)):
        ramp = torch.arange(shape[axis], dtype=torch.float32)
        x = ramp.view([-1 if i == axis else 1 for i in range(len(shape))]).expand(shape).contiguous()
        out = augment(x, ("shift",), generator())
        middle = out.select(axis, shape[axis] // 2).flatten(1)
        moved = middle[:, 0] - shape[axis] // 2
        assert bool((middle == middle[:, :1]).all())
        assert int(moved.abs().max()) == round(SHIFT * shape[axis])
        assert out.min() == 0
        assert out.max() == shape[axis] - 1


def test_crop_stays_inside_and_in_order() -> None:
    ramp = torch.arange(11, dtype=torch.float32).expand(100, 1, 11).contiguous()
    out = augment(ramp, ("crop",), generator())
    assert bool((out.diff(dim=2) > 0.79).all())
    assert bool((out.diff(dim=2) < 1.01).all())
    assert out.min() >= 0
    assert out.max() <= 10


def test_a_seed_decides() -> None:
    x = torch.randn(9, 3, 8, 8)
    names = ("shift", "flip", "crop")
    assert torch.equal(augment(x, names, generator(5)), augment(x, names, generator(5)))
    assert not torch.equal(augment(x, names, generator(5)), augment(x, names, generator(6)))


def test_a_single_cell_cannot_move() -> None:
    x = torch.randn(4, 2, 1)
    assert torch.equal(augment(x, ("shift", "flip", "crop"), generator()), x)
