"""One function that runs every kernel of a program on blocks of images, so that a call from Python is one call.

The kernels stay separate functions, found through a table of addresses; the driver only knows in which order they run
and where their buffers lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from .blueprint import Blueprint, blueprint
from .builder import F32, I64, Kernel
from .target import Target

BASES = (
    "scratch",
    "parameters",
    "sums",
    "images",
    "draws",
    "labels",
    "scale",
    "loss",
    "right",
    "outputs",
    "upstreams",
    "input_gradients",
    "inputs",
    "returned",
    "measured",
    "numbers",
    "present",
)
RECORD = (*BASES, "table", "first", "stop")
"""What a call of a driver is told, in order."""


@dataclass(frozen=True)
class Place:
    """An argument of a kernel: floats from a base, and floats more with every block."""

    base: str
    offset: int = 0
    block: int = 0


@dataclass(frozen=True)
class Step:
    """A kernel, and where its pointers point."""

    kernel: Blueprint
    places: tuple[Place, ...]


@blueprint
def driver(target: Target, steps: Sequence[Step], name: str) -> Kernel:
    """Write the kernel ``(record)`` that runs ``steps`` on blocks: one argument, for Python pays for each.

    The record holds 64-bit whole numbers: the addresses of ``BASES`` and of the table of functions, in the order of
    ``RECORD``, the first block, and the block past the last.

    Args:
        target: the processor.
        steps: in order.
        name: the function's name.
    """
    k = Kernel(name, target, ("record",))
    record = k.b.bitcast(k.arguments[0], I64.as_pointer())
    *bases_, table, first, stop = (k.entry(record, i) for i in range(len(RECORD)))
    bases = {base: k.b.inttoptr(at, F32.as_pointer()) for base, at in zip(BASES, bases_, strict=True)}
    addresses = k.b.inttoptr(table, I64.as_pointer())
    functions = []
    for i, step in enumerate(steps):
        kind = ir.FunctionType(ir.VoidType(), [F32.as_pointer()] * len(step.places)).as_pointer()
        functions.append(k.b.inttoptr(k.entry(addresses, i), kind))
    with k.loop(stop, start=first, maybe_empty=True) as block:
        for step, function in zip(steps, functions, strict=True):
            k.b.call(function, [k.at(bases[p.base], p.offset, (block.index, p.block)) for p in step.places])
    return k
