"""Facts of a processor: lanes, registers, and what code may be emitted for it. Tiles follow from these facts.

Nothing here emits code. ``CONVLENS_TARGET`` forces a target by name.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from functools import cache

import llvmlite.binding as llvm

from .errors import EngineError


@dataclass(frozen=True)
class Target:
    """What kernels are written for.

    Args:
        name: ``"avx512"``, ``"avx2"``, ``"sse2"`` or ``"neon"``.
        triple: LLVM's name of the system, or "" for the one this runs on.
        cpu: LLVM's name of the processor to schedule for.
        features: LLVM's feature string.
        lanes: float32 numbers in a vector.
        registers: vector registers.
        fma: whether a fused multiply-add is one instruction.
        spare: registers that a tile leaves free beside its operands.
    """

    name: str
    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int
    fma: bool
    spare: int = 0

    @property
    def vector_bytes(self) -> int:
        """Bytes of one vector."""
        return 4 * self.lanes


AVX512 = Target(
    "avx512", "", "skylake-avx512", "+avx512f,+avx512vl,+avx512dq,+avx512bw,+avx2,+fma,-prefer-256-bit", 16, 32, True
)
AVX2 = Target("avx2", "", "haswell", "+avx2,+fma", 8, 16, True)
# an SSE2 without FMA: 4 lanes, and a product and a sum where the others fuse them
SSE2 = Target("sse2", "", "x86-64", "", 4, 16, False)
# loads come in pairs, and ahead of their use: with 2 registers to spare tiles of LeNet are spilled, with 3 none
NEON = Target("neon", "aarch64-unknown-linux-gnu", "generic", "+neon", 4, 32, True, spare=3)
TARGETS = {target.name: target for target in (AVX512, AVX2, SSE2, NEON)}


def runnable() -> tuple[Target, ...]:
    """The targets that this processor can execute, the fastest first.

    >>> len(runnable()) >= 1
    True
    """
    if platform.machine().lower() in ("aarch64", "arm64"):
        return (replace(NEON, triple="", cpu=llvm.get_host_cpu_name()),)
    features = llvm.get_host_cpu_features()
    found = [SSE2]
    if features.get("avx2") and features.get("fma"):
        found.insert(0, AVX2)
        if all(features.get(f) for f in ("avx512f", "avx512vl", "avx512dq", "avx512bw")):
            found.insert(0, AVX512)
    return tuple(found)


@cache
def _host(name: str | None) -> Target:
    can = runnable()
    if name is None:
        return can[0]
    for target in can:
        if target.name == name:
            return target
    known = ", ".join(t.name for t in can)
    raise EngineError(f'CONVLENS_TARGET is "{name}", but this processor runs {known}; unset it or choose one of these')


def host() -> Target:
    """The target to compile for here: the fastest that runs, or what ``CONVLENS_TARGET`` says.

    Raises:
        EngineError: ``CONVLENS_TARGET`` names a target that this processor cannot run.
    """
    return _host(os.environ.get("CONVLENS_TARGET") or None)
