"""The machine sheet: what ran the benchmark, and what it can do at most, measured with kernels of our own."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np

from convlens import engine
from convlens.engine.builder import Kernel
from convlens.engine.compile import machine

TURNS = 20_000
"""Turns of the loop a call of the peak kernel: about a millisecond."""
STEPS = 4
"""Fused multiply-adds on each accumulator a turn."""
COPIED = 256 << 20
"""Bytes of the array that is copied: far more than any cache."""
PACKAGES = ("convlens", "numpy", "llvmlite", "torch", "jax", "jaxlib", "onnx", "onnxruntime", "openvino")


def _accumulators(target: engine.Target) -> int:
    # latency 4 or 5 at two a cycle wants 10; 16 registers: 12 accumulators, 2 factors, 2 spare; 32: 24, 2, 6
    return 12 if target.registers == 16 else 24


def peak_kernel(target: engine.Target) -> Kernel:
    """Write ``(factors, sums; turns)``: independent chains of sum = sum * a + b and nothing else."""
    k = Kernel("peak", target, ("factors", "sums"), ("turns",))
    factors, sums, turns = k.arguments
    a, b = (k.load(factors, i * k.lanes, aligned=False) for i in range(2))
    count = _accumulators(target)
    with k.loop(turns, [k.load(sums, i * k.lanes, aligned=False) for i in range(count)]) as turn:
        values = turn.values
        for _ in range(STEPS):
            values = [k.fma(value, a, b) for value in values]
        turn.next = values
    for i, value in enumerate(turn.out):
        k.store(value, sums, i * k.lanes, aligned=False)
    return k


def peak_flop() -> int:
    """Floating-point operations of one call of ``peak_call``."""
    target = engine.host()
    return 2 * target.lanes * _accumulators(target) * STEPS * TURNS


def peak_call() -> Callable[[], None]:
    """One call of the peak kernel of this processor."""
    target = engine.host()
    generator = machine(target)
    code = llvm.create_mcjit_compiler(llvm.parse_assembly(peak_kernel(target).text()), generator)
    code.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    run = kind(code.get_function_address("peak"))
    # sum * 0.5 + 1 tends to 2: never zero, never denormal, never infinite
    factors = np.repeat(np.array([0.5, 1.0], np.float32), target.lanes)
    sums = np.arange(1, 1 + target.lanes * _accumulators(target), dtype=np.float32)
    places = factors.ctypes.data, sums.ctypes.data

    def call() -> None:
        run(*places, TURNS)
        assert code  # keep the code and the factors as long as the call
        assert factors[-1] == 1 < sums[0]

    return call


def peak(seconds: float = 0.3) -> float:
    """The best FLOP/s of one core within so many seconds."""
    call, best, end = peak_call(), float("inf"), time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        call()
        best = min(best, time.perf_counter() - begun)
    return peak_flop() / best


def copy_call() -> Callable[[], None]:
    """One copy of an array far larger than any cache: COPIED bytes read, and as many written."""
    source = np.ones(COPIED // 4, np.float32)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)


def bandwidth(times: int = 5) -> float:
    """Bytes a second that one core reads and writes while it copies; the best of some copies."""
    call, best = copy_call(), float("inf")
    for _ in range(times + 1):  # the first one touches the pages
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return 2 * COPIED / best


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _caches(core: int) -> dict[str, str]:
    found = {}
    for folder in sorted(Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        found[f"L{level} {kind.lower()}"] = size
    return found


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def versions() -> dict[str, str]:
    """Versions of Python and of what is installed of convlens, its engine and the peers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def sheet(core: int) -> dict[str, object]:
    """The machine sheet; measures for about a second, on the core where this runs."""
    target = engine.host()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "core": core,
        "caches": _caches(core),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "target": f"{target.name}: {target.registers} registers of {target.lanes} float32",
        "peak_gflops": peak() / 1e9,
        "copy_gb_per_second": bandwidth() / 1e9,
        "load": list(os.getloadavg()),
        "revision": _git("rev-parse", "--short", "HEAD"),
        "changed_since": bool(_git("status", "--porcelain", "--", "../src")),
        "versions": versions(),
    }
