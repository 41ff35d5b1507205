"""Operators on arrays: the reference's numbers on every target, the laws of correlation, and arrays of every kind."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import convlens
from convlens import reference
from convlens.engine import EngineError, Target, operators, pictures, runnable, shelf
from convlens.network import Conv, Network, NetworkError

TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
CONVOLUTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, target: Target) -> Target:
    """Operators run on this target."""
    monkeypatch.setenv("CONVLENS_TARGET", target.name)
    return target


Problem = tuple[np.ndarray, np.ndarray, np.ndarray | None, dict[str, Any]]


def problems(count: int, seed: int) -> list[Problem]:
    """Small whole numbers and arguments that fit or not: 1 to 3 axes, few and many images, wide and narrow."""
    rng, found = np.random.default_rng(seed), []

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, rank))

    for _ in range(count):
        rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
        channels, filters = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 4))
        size = each(1, {1: 60, 2: 24, 3: 6}[rank])
        x = rng.integers(-3, 4, (int(rng.choice([1, 2, 5, 9, 17])), channels, *size))
        weight = rng.integers(-3, 4, (filters, channels // groups, *each(1, 5)))
        bias = rng.integers(-3, 4, filters) if rng.random() < 0.5 else None
        sides = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (rank, 2)))
        padding = [sides, "same", "valid", 1][int(rng.integers(4))]
        options = {"stride": each(1, 4), "padding": padding, "dilation": each(1, 3), "groups": groups}
        found.append((x, weight, bias, options))
    return found


def expected(name: str, problem: Problem) -> np.ndarray | None:
    x, weight, bias, options = problem
    try:
        found: np.ndarray = getattr(reference, name)(x, weight, bias, **options)
    except NetworkError:
        return None
    return found


@TARGETS
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_whole_numbers_bit_for_bit(name: str, on: Target) -> None:
    ran = 0
    for x, weight, bias, options in problems(50, seed=on.lanes + (name == "convolve")):
        wanted = expected(name, (x, weight, bias, options))
        operator = getattr(convlens, name)
        if wanted is None:
            with pytest.raises(EngineError, match=rf"^{name}\("):
                operator(x, weight, bias, **options)
            continue
        got = operator(x, weight, bias, **options)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, wanted, err_msg=f"{x.shape} {weight.shape} {options}")
        ran += 1
    assert ran > 20


@TARGETS
@pytest.mark.parametrize("size", [(3, 2, 1, 40), (3, 5, 33, 19), (20, 3, 8, 9)])
def test_the_same_numbers_whoever_runs_them(size: tuple[int, ...], on: Target) -> None:
    """Few images go with columns in lanes, many with images in lanes: the sums have one order."""
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s).astype(np.float32) for s in (size, (7, size[1], 1, 3), (7,)))
    network = Network(size[1:], (Conv(7, (1, 3), padding=1),))
    by_columns = operators.correlate(x, weight, bias, padding=1)
    with shelf.Shelf().borrowed(network, {"0.weight": weight, "0.bias": bias}) as program:
        np.testing.assert_array_equal(program(x), by_columns)


@TARGETS
@pytest.mark.parametrize("images", [1, 9])
def test_wide_kernels_and_strides_along_the_row(images: int, on: Target) -> None:
    rng = np.random.default_rng(images)
    for kernel, options in (
        ((40,), {"stride": 2}),
        ((17,), {"dilation": 2, "groups": 2}),
        ((2, 33), {"padding": (0, 5)}),
        ((1, 1), {"stride": (1, 2), "padding": 3}),
        ((3, 2), {"stride": 3, "padding": 2}),
    ):
        x = rng.integers(-3, 4, (images, 2, *(4, 70)[2 - len(kernel) :]))
        weight = rng.integers(-3, 4, (4, 2 // options.get("groups", 1), *kernel))  # type: ignore[call-overload]
        wanted = reference.correlate(x, weight, **options)  # type: ignore[arg-type]
        np.testing.assert_array_equal(convlens.correlate(x, weight, **options), wanted)  # type: ignore[arg-type]


def test_pytorch_within_rounding() -> None:
    rng = np.random.default_rng(3)
    for x, weight, bias, options in problems(40, seed=3):
        x, weight = rng.standard_normal(x.shape), rng.standard_normal(weight.shape)
        padded = {**options, "padding": 2}
        rank, spread = x.ndim - 2, np.array(options["dilation"]) * (np.array(weight.shape[2:]) - 1)
        if np.any(spread >= np.array(x.shape[2:]) + 4):
            continue
        b = None if bias is None else torch.from_numpy(bias.astype(np.float64))
        wanted = CONVOLUTIONS[rank](torch.from_numpy(x), torch.from_numpy(weight), b, **padded).numpy()
        got = convlens.correlate(x, weight, bias, **padded)
        terms = weight[0].size + 1
        # each product and sum rounds once in 24 bits, and x and the weight once before (Higham, 2002, section 3.1)
        largest = np.abs(x).max() * np.abs(weight).max() * terms + 3
        np.testing.assert_allclose(got, wanted, rtol=0, atol=(terms + 3) * 2.0**-24 * largest)


WHOLE = st.integers(-8, 8)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A batch and a weight of small whole numbers, from few shapes, so that few kernels are compiled."""
    shape, kernel = draw(
        st.sampled_from([((2, 2, 21), (3, 2, 3)), ((1, 1, 9, 12), (2, 1, 3, 2)), ((9, 1, 5, 4), (2, 1, 2, 3))])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-8, 9, shape), rng.integers(-8, 9, kernel)


@settings(max_examples=25, deadline=None)
@given(pairs(), WHOLE, WHOLE)
def test_linear(pair: tuple[np.ndarray, np.ndarray], a: int, b: int) -> None:
    x, weight = pair
    y, other = np.roll(x, 1), np.roll(weight, 1)
    for f in (convlens.correlate, convlens.convolve):
        np.testing.assert_array_equal(f(a * x + b * y, weight), a * f(x, weight) + b * f(y, weight))
        np.testing.assert_array_equal(f(x, a * weight + b * other), a * f(x, weight) + b * f(x, other))


@settings(max_examples=25, deadline=None)
@given(pairs())
def test_a_shifted_input_shifts_the_output(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, weight = pair
    y = convlens.correlate(x, weight)
    np.testing.assert_array_equal(convlens.correlate(x[..., 1:], weight), y[..., 1:])


@settings(max_examples=25, deadline=None)
@given(pairs())
def test_convolve_is_correlate_with_the_kernel_flipped(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, weight = pair
    flipped = np.flip(weight, tuple(range(2, weight.ndim)))
    np.testing.assert_array_equal(convlens.convolve(x, weight, padding=1), convlens.correlate(x, flipped, padding=1))


@settings(max_examples=25, deadline=None)
@given(pairs())
def test_a_delta_is_the_identity_and_a_full_convolution_commutes(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, weight = pair
    delta = np.zeros((x.shape[1], 1, *[3] * (x.ndim - 2)))
    delta[(slice(None), 0, *[1] * (x.ndim - 2))] = 1
    np.testing.assert_array_equal(convlens.correlate(x, delta, padding="same", groups=x.shape[1]), x)
    one, other = x[:1, :1], weight[:1, :1]
    ways = convlens.convolve(one, other, padding="full"), convlens.convolve(other, one, padding="full")
    np.testing.assert_array_equal(*ways)


# ---- arrays of every kind ----

KINDS = {
    "list": lambda x: x.tolist(),
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "int8": lambda x: x.astype(np.int8),
    "uint64": lambda x: np.abs(x).astype(np.uint64),
    "bool": lambda x: x > 0,
    "big-endian": lambda x: x.astype(">f4"),
    "column-major": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, -1)[..., ::2],
    "backwards": lambda x: x[..., ::-1],
    "one repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "read-only": lambda x: np.frombuffer(x.astype(np.float32).tobytes(), np.float32).reshape(x.shape),
    "odd address": lambda x: (
        np.frombuffer(b"x" + x.astype(np.float32).tobytes(), np.uint8)[1:].view("<f4").reshape(x.shape)
    ),
    "tensor": lambda x: torch.from_numpy(x.astype(np.float32)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_kind(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-3, 4, (2, 2, 6, 11)), rng.integers(-3, 4, (3, 2, 3, 3))
    made, kernels = KINDS[kind](x), KINDS[kind](weight)
    meant, meant_kernels = np.asarray(made).astype(np.float64), np.asarray(kernels).astype(np.float64)
    np.testing.assert_array_equal(convlens.correlate(made, kernels), reference.correlate(meant, meant_kernels))
    np.testing.assert_array_equal(convlens.max_pool(made, 2), reference.max_pool(meant, 2))


@pytest.mark.parametrize("shape", [(0, 2, 5, 9), (0, 2, 30), (0, 2, 3, 4, 3)])
def test_an_empty_batch_gives_an_empty_answer(shape: tuple[int, ...]) -> None:
    rank = len(shape) - 2
    x = np.zeros(shape)
    assert convlens.correlate(x, np.ones((3, 2, *[2] * rank))).shape == (0, 3, *(n - 1 for n in shape[2:]))
    assert convlens.max_pool(x, 2).shape == convlens.avg_pool(x, 2).shape == (0, 2, *(n // 2 for n in shape[2:]))


@pytest.mark.parametrize("images", [1, 20])
def test_nan_and_infinity_reach_the_windows_that_see_them_and_no_others(images: int) -> None:
    x = np.zeros((images, 1, 9, 20), np.float32)
    x[-1, 0, 4, 5], x[0, 0, 0, 19] = np.nan, np.inf
    np.testing.assert_array_equal(
        convlens.correlate(x, np.ones((1, 1, 3, 3))), reference.correlate(x, np.ones((1, 1, 3, 3)))
    )


def test_calls_from_several_threads_do_not_meet() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (20, 2, 6, 7))
    kernels = [rng.integers(-3, 4, (3, 2, 3, 3)) for _ in range(4)]
    wanted = [convlens.correlate(x, kernel) for kernel in kernels]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(convlens.correlate(x, kernels[i]), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_only_so_much_waits() -> None:
    own = shelf.Shelf(most_bytes=400_000, most_programs=3)
    for width in range(4, 9):
        with own.borrowed(
            Network.parse(f"1x3x{width}: conv 1 2"), {"0.weight": np.ones((1, 1, 2, 2)), "0.bias": np.ones(1)}
        ):
            pass
        assert 1 <= len(own) <= 3
    big = Network.parse("9x64x64: conv 9 1 nobias")
    with own.borrowed(big, {"0.weight": np.ones((9, 9, 1, 1))}) as program:
        assert program.bytes > own.most_bytes
    assert own.bytes <= own.most_bytes


def test_which_lanes() -> None:
    wide, signal, volume = (
        Network.parse(line) for line in ("3x40x40: conv 8 3", "1x50: conv 2 9", "1x9x9x9: conv 2 3")
    )
    few, many = 1, 64
    for target in runnable():
        assert pictures.suits(wide, few, target)
        assert pictures.suits(signal, few, target)
        assert not pictures.suits(volume, few, target)
        assert not pictures.suits(Network.parse("8x9x9: conv 16 9"), few, target)  # a result of one column
        assert not pictures.suits(Network.parse("16x24x24: conv 16 3"), many, target)
        assert pictures.suits(Network.parse("16x24x24: conv 16 3 groups 16"), many, target)


def test_importing_convlens_imports_no_array_library() -> None:
    code = "import sys, convlens; print({'numpy', 'llvmlite', 'torch'} & set(sys.modules), convlens.OPERATORS)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("set() ('avg_pool'")
    code = "import sys, convlens; convlens.max_pool([[[1, 2]]], 2); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("stride", [True, 1.0, (1, True), [1, 1]], ids=repr)
def test_a_call_that_is_known_vouches_for_no_other(stride: Any) -> None:
    def said() -> str:
        try:
            return str(convlens.correlate(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), stride=stride).shape)
        except EngineError as error:
            return str(error)

    operators._known.clear()
    first = said()
    convlens.correlate(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)))
    convlens.correlate(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), stride=(1, 1))
    assert said() == first
