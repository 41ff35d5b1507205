"""Every buffer of a program against a page that nobody may touch: one step outside it and the process is dead.

Run by ``test_bounds`` in a process of its own: ``python -m tests.engine.guarded after|before TARGET``. Buffers end
where the forbidden page begins (``after``), or begin where it ends (``before``). The sums of the shares are zeroed and
added by numpy from end to end, so between them lie pages of zeros instead, in which any other number is found.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

from convlens.engine import (
    Program,
    Scan,
    Target,
    alone,
    batch,
    pipeline,
    program,
    runnable,
    schedule,
    stencil,
    sums,
)
from convlens.network import Network

from .cases import awkward, whole, whole_parameters

PAGE = mmap.PAGESIZE
LINES = [
    "1x12x12: conv 3 5 pad 2, relu, maxpool 2, conv 5 3, sigmoid, avgpool 2, flatten, linear 11, tanh, linear 3",
    "1x9x10: conv 9 3 pad 3+0x0+5 stride 2, tanh, avgpool 2x1, conv 17 1, flatten, linear 2",
    "3x11x13: conv 6 3 stride 2 pad 1+2x0+1 groups 3, relu, conv 4 3 dilation 2 pad same, sigmoid, avgpool 3x2",
    "2x7x9: maxpool 3 stride 2 pad 1 ceil, avgpool 2 stride 1 pad 1 excludepad, flatten, linear 9 nobias",
    "2x7x9: local 6 3 pad 2+1x0 stride 2x1 groups 2, relu, maxpool 2x3, local 3 1x2, tanh, avgpool 2x1",
    "1x5x4x3: conv 7 2 pad 1, relu, maxpool 2x2x1, conv 2 2, flatten, linear 8",
    "1x1: conv 1 1 pad 3+7 stride 5",
    "2x5x6: batchnorm, conv 3 3 pad 1+0x0+1, batchnorm, relu, maxpool 2, flatten, linear 5, relu, linear 2",
]
# one stage each, so that its source and its result end where the buffers do
SCANS = [
    "3x9x9: conv 5 3 pad 1, relu, maxpool 2",
    "2x9x9: conv 7 2x3, avgpool 1x3, sigmoid",
    "4x9x9: conv 4 3 groups 4, tanh",
    "2x9x9: conv 3 4x3 stride 2x3 dilation 1x2 pad 3",
    "1x9x9: conv 1 1 stride 5",
    "2x9x9: maxpool 3 stride 2 pad 1",
    "2x9x9: avgpool 3x6 stride 1x7 pad 1 ceil excludepad",
]
# (kind of cells, shape, kernel, border, row stride): one strip and several, ends that no vector fits, no border
SLIDES = [
    ("uint8", (1, 9, 11, 3), (1, 3, 3), "reflect", 1),
    ("uint8", (1, 20, 700, 3), (1, 5, 4), "wrap", 1),
    ("uint16", (1, 41, 1030, 1), (1, 2, 19), "valid", 3),
    ("float32", (3, 7, 50, 1), (3, 3, 3), "zero", 1),
    ("float32", (1, 130, 90, 3), (1, 9, 7), "zero", 1),
    ("float64", (1, 1, 3001, 1), (1, 1, 33), "symmetric", 1),
    ("int16", (1, 3, 1, 1), (1, 7, 5), "edge", 1),
]
_libc = ctypes.CDLL(None, use_errno=True)
_soft: list[tuple[np.ndarray, list[slice]]] = []
_flush_end = True


class Room(schedule.Room):
    """Buffers on pages of their own, a forbidden page before and behind each."""

    def __init__(self) -> None:
        self.gaps: list[slice] = []
        self.pages, self.soft = 0, False

    @property
    def floats(self) -> Places:  # type: ignore[override]
        return Places(self.pages * PAGE // 4, self.gaps, self.soft)

    def take(self, floats: int) -> int:
        own = -(-4 * floats // PAGE)
        first, behind = self.pages + 1, self.pages + 1 + own
        self.pages = behind + 1
        self.gaps += [slice((page * PAGE) // 4, (page + 1) * PAGE // 4) for page in (first - 1, behind)]
        return behind * PAGE // 4 - floats if _flush_end else first * PAGE // 4


class Places(int):
    """A number of floats that knows where nobody may write."""

    gaps: list[slice]
    soft: bool

    def __new__(cls, floats: int, gaps: list[slice], soft: bool) -> Places:
        self = super().__new__(cls, floats)
        self.gaps, self.soft = gaps, soft
        return self

    def __rmul__(self, times: int) -> Places:
        gaps = [slice(g.start + i * int(self), g.stop + i * int(self)) for i in range(times) for g in self.gaps]
        return Places(times * int(self), gaps, self.soft)


def pages(count: int) -> tuple[np.ndarray, int]:
    """Zeroed pages as floats, and their address."""
    memory = mmap.mmap(-1, count * PAGE)
    return np.frombuffer(memory, np.float32), ctypes.addressof(ctypes.c_char.from_buffer(memory))


def forbid(address: int) -> None:
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), 0):
        raise OSError(ctypes.get_errno(), "mprotect")


def aligned(floats: int) -> np.ndarray:
    """``program.aligned`` with forbidden pages around each buffer."""
    if isinstance(floats, Places):
        array, address = pages(max(1, 4 * floats // PAGE))
        for gap in floats.gaps:
            if not floats.soft:
                forbid(address + 4 * gap.start)
        if floats.soft:
            _soft.append((array, floats.gaps))
        return array[: int(floats)]
    own = -(-4 * floats // PAGE)
    array, address = pages(own + 2)
    forbid(address)
    forbid(address + (1 + own) * PAGE)
    start = (1 + own) * PAGE // 4 - floats if _flush_end else PAGE // 4
    return array[start : start + floats]


def guarded(x: np.ndarray) -> np.ndarray:
    found = aligned(x.size)
    found[:] = x.ravel()
    return found.reshape(x.shape)


def results(made: Program, x: np.ndarray, up: np.ndarray, labels: np.ndarray) -> list[Any]:
    dx, grads = made.gradients(x, up, input_too=True)
    asked, more = made.outputs_and_gradients(x, lambda _, images: up[images])
    found = [made(x), dx, *grads.values(), asked, *more.values()]
    if made._alone.single:
        found.append(made._alone(x))
    if up.ndim == 2:
        loss, right, grads = made.loss_and_gradients(x, labels)
        found += [np.float64(loss), np.int64(right), *grads.values()]
    return found


def check(network: Network, target: Target) -> None:
    rng = np.random.default_rng(0)
    parameters = whole_parameters(network, rng)
    plain = Program(network, parameters, training=True, threads=1, target=target)
    with_pages = [*((module, "aligned", aligned) for module in (program, batch, sums, alone)), (schedule, "Room", Room)]
    before = [getattr(module, name) for module, name, _ in with_pages]
    for n in (1, target.lanes, target.lanes + 1, 2 * target.lanes):
        x = rng.integers(-2, 3, (n, *network.input_shape)).astype(np.float32)
        up = rng.integers(-1, 2, (n, *network.output_shape)).astype(np.float32)
        labels = rng.integers(0, network.output_shape[0], n)
        wanted = results(plain, x, up, labels)
        for module, name, replacement in with_pages:
            setattr(module, name, replacement)
        try:
            made = Program(network, parameters, training=True, threads=1, target=target)
            made._schedule.sums.soft = True  # type: ignore[attr-defined]
            got = results(made, guarded(x), guarded(up), labels)
        finally:
            for (module, name, _), own in zip(with_pages, before, strict=True):
                setattr(module, name, own)
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True)), "another result"
        assert _soft, "no sums were seen"
        assert not any(array[gap].any() for array, gaps in _soft for gap in gaps), "a store between the sums"
        _soft.clear()


def check_scan(network: Network, target: Target) -> None:
    rng = np.random.default_rng(0)
    parameters = whole_parameters(network, rng)
    for wide in (target.lanes, target.lanes + 1, 5 * target.lanes + 3):
        x = rng.integers(-2, 3, (network.input_shape[0], 31, 12 * wide)).astype(np.float32)
        wanted = Scan(network, parameters, tile=(2, wide), threads=1, target=target)(x)
        with_pages = {"aligned": aligned, "Room": Room}
        before = {name: getattr(pipeline, name) for name in with_pages}
        for name, replacement in with_pages.items():
            setattr(pipeline, name, replacement)
        try:
            got = Scan(network, parameters, tile=(2, wide), threads=1, target=target)(x)
        finally:
            for name, original in before.items():
                setattr(pipeline, name, original)
        assert np.array_equal(got, wanted), "another result"


def room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """``memory.aligned`` with forbidden pages around it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    own = -(-size // PAGE)
    array, address = pages(own + 2)
    forbid(address)
    forbid(address + (1 + own) * PAGE)
    start = (1 + own) * PAGE - size if _flush_end else PAGE
    return array.view(np.uint8)[start : start + size].view(dtype).reshape(shape)


def check_slide(kind: str, shape: Any, kernel: Any, border: Any, down: int, target: Target) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, shape).astype(kind)
    inside = room(shape, x.dtype)
    inside[:] = x
    slide = stencil.Slide(kernel, tuple(n // 2 for n in kernel), border, (1, down, 1))
    rest, line = rng.integers(-2, 3, kernel[:2]).astype(float), rng.integers(-2, 3, kernel[2]).astype(float)
    weights = rest[:, :, None] * line
    wanted = stencil.direct(x, weights, slide, 1, target)
    before, stencil.aligned = stencil.aligned, room
    try:
        for way in ("direct", "separable"):
            ways = {"direct": (weights,), "separable": (rest, line)}
            got = getattr(stencil, way)(inside, *ways[way], slide, 1, target)
            assert np.array_equal(got, wanted), f"another result, {way}"
        if stencil.suits(slide, x.shape, x.dtype):
            got = stencil.spectral(inside, weights, slide, 1, target)
            assert np.allclose(got, wanted, atol=1e-2), "another result, spectral"
    finally:
        stencil.aligned = before


def main(side: str, name: str, count: int) -> None:
    global _flush_end
    _flush_end = side == "after"
    target = next(target for target in runnable() if target.name == name)
    networks = [*map(Network.parse, LINES), *(n for n in map(whole, awkward(count)) if n is not None)]
    for network in networks:
        print(network, flush=True)
        check(network, target)
    for line in SCANS:
        print(line, flush=True)
        check_scan(Network.parse(line), target)
    for slide in SLIDES:
        print(*slide, flush=True)
        check_slide(*slide, target)
    print(f"{len(networks)} networks inside their bounds")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
