"""Dask arrays through a kernel: NumPy's result to the bit, chunk by chunk, in threads and on a cluster."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from distributed import Client, LocalCluster
from numpy.typing import NDArray

import convlens
from convlens.engine.borders import BORDERS
from convlens.filtering import FilterError


def numbers(shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if np.dtype(kind).kind == "f":
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0, 200, shape).astype(kind)


def agrees(x: NDArray[Any], chunks: Any, kernel: Any, border: Any, **more: Any) -> bool:
    """Whether Dask's result is NumPy's, and comes in more than one chunk."""
    lazy = convlens.filter(dask.array.from_array(x, chunks=chunks), kernel, border, **more)
    whole = convlens.filter(x, kernel, border, **more)
    assert isinstance(lazy, dask.array.Array)
    assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
    assert lazy.npartitions > 1
    got = lazy.compute(scheduler="synchronous")
    return bool(got.shape == whole.shape and got.tobytes() == whole.tobytes())


@pytest.mark.parametrize("border", BORDERS)
def test_chunks_are_those_of_the_whole(border: Any) -> None:
    rng = np.random.default_rng(1)
    even = rng.standard_normal((4, 3))
    for shape, chunks, taps in (
        ((40, 50, 3), (7, 11, 2), even),
        ((60, 50), ((1, 30, 29), 20), even),
        ((60, 50), (60, 13), rng.standard_normal((3, 4))),
        ((9, 20, 21), (4, 7, 21), np.ones((3, 3, 3)) / 27),
        ((300,), (50,), rng.standard_normal(6)),
    ):
        for more in ({}, {"stride": 2, "flip": True}, {"dilation": 2}):
            assert agrees(numbers(shape, "uint8"), chunks, taps, border, **more), (shape, more)


@pytest.mark.parametrize("border", BORDERS)
def test_wide_kernels_keep_to_their_blocks(border: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.filtering.transform.SMALL", 40_000)
    rng = np.random.default_rng(1)
    for kind, size in product(("uint8", "float32"), ((12, 11), (60, 57))):
        assert agrees(numbers((400, 210), kind), (70, 60), rng.standard_normal(size) / 99, border)


def test_nan_in_a_chunk() -> None:
    x = numbers((400, 60), "float32")
    x[210, 5] = np.nan
    taps = np.random.default_rng(1).standard_normal((11, 11))
    lazy, whole = convlens.filter(dask.array.from_array(x, chunks=(100, 60)), taps), convlens.filter(x, taps)
    assert np.allclose(lazy.compute(), whole, atol=1e-4, equal_nan=True)


def test_what_cannot_be_is_told_before_anything_is_computed() -> None:
    x = dask.array.from_array(numbers((40, 50), "uint8"), chunks=20)
    for array, kernel, said in (
        (x, [[np.nan]], "holds 1 NaN"),
        (x > 3, "box 3", "real numbers, not bool"),
        (x[x[:, 0] > 100], "box 3", "compute_chunk_sizes"),
        (x, np.ones((2, 2, 2)), "slides over an array of 3"),
    ):
        with pytest.raises(FilterError, match=said):
            convlens.filter(array, kernel)


def test_nobody_else_imports_dask() -> None:
    code = "import sys, numpy, convlens; convlens.filter(numpy.ones(9), 'box'); print('dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_two_processes_from_zarr_to_zarr(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from examples import cluster

    x = numbers((200, 300), "uint16")
    zarr.create_array(str(tmp_path / "in.zarr"), data=x, chunks=(60, 100))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        cluster.main([local.scheduler_address, str(tmp_path / "in.zarr"), str(tmp_path / "out.zarr"), "box 5"])
        with Client(local) as client:
            lazy = convlens.filter(dask.array.from_zarr(tmp_path / "in.zarr"), "log 9", "wrap")
            assert np.array_equal(client.compute(lazy).result(), convlens.filter(x, "log 9", "wrap"))
    assert np.array_equal(zarr.open_array(str(tmp_path / "out.zarr"))[...], convlens.filter(x, "box 5"))
