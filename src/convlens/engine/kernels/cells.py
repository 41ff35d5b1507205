"""Cells of arrays as numbers of a kernel, and back: bytes and words become floats, floats are rounded and clipped.

Whole numbers are written as the nearest one, halves to the even one (IEEE 754's own rule, and that of ``numpy.rint``),
and what lies beyond the type as the type's last number. Nothing here knows where cells lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir

from ..builder import F32, F64, I32, Index, Kernel, Value

KINDS: dict[str, tuple[ir.Type, bool]] = {
    "uint8": (ir.IntType(8), False),
    "uint16": (ir.IntType(16), False),
    "int16": (ir.IntType(16), True),
    "float32": (F32, True),
    "float64": (F64, True),
}
"""What a cell may be: its type in the machine code, and whether it has a sign."""


class Cells:
    """Cells of one type, read and written by one kernel.

    Args:
        k: the kernel; its numbers are float64 where the cells are, else float32.
        kind: a name among ``KINDS``.
    """

    def __init__(self, k: Kernel, kind: str) -> None:
        self.k, self.kind = k, kind
        self.type, self.signed = KINDS[kind]
        self.whole = isinstance(self.type, ir.IntType)
        self.bytes: int = np.dtype(kind).itemsize

    def of(self, pointer: Value) -> Value:
        """A pointer of the kernel's as one to cells."""
        return self.k.b.bitcast(pointer, self.type.as_pointer())

    def one(self, pointer: Value, index: Index) -> Value:
        """The cell at ``index``, as a number."""
        cell = self.k.b.load(self.k.at(pointer, index), align=self.bytes)
        return self._number(cell, self.k.number, I32)

    def several(self, pointer: Value, index: Index) -> Value:
        """A vector of neighbouring cells, as numbers."""
        k = self.k
        kind = ir.VectorType(self.type, k.lanes)
        cells = k.b.load(k.b.bitcast(k.at(pointer, index), kind.as_pointer()), align=self.bytes)
        return self._number(cells, k.vector, ir.VectorType(I32, k.lanes))

    def _number(self, cell: Value, number: ir.Type, whole: ir.Type) -> Value:
        if not self.whole:
            return cell
        b = self.k.b
        # through 32 bits, from which every target converts in one instruction
        return b.sitofp(b.sext(cell, whole) if self.signed else b.zext(cell, whole), number)

    def put(self, sums: Sequence[Value], pointer: Value, index: Index, *, streamed: bool = False) -> None:
        """Write neighbouring vectors of numbers as cells, rounded and clipped; past the caches where ``streamed``."""
        k = self.k
        if not self.whole:
            for v, value in enumerate(sums):
                self._put(value, k.at(pointer, index, v * k.lanes), streamed)
            return
        # as many vectors at once as a power of two says: packing them is then a few shuffles for all
        done = 0
        while done < len(sums):
            count = 1 << ((len(sums) - done).bit_length() - 1)
            packed = self._packed(sums[done : done + count])
            self._put(packed, k.at(pointer, index, done * k.lanes), streamed)
            done += count

    def _put(self, vector: Value, place: Value, streamed: bool) -> None:
        k = self.k
        address = k.b.bitcast(place, vector.type.as_pointer())
        size = self.bytes * vector.type.count
        if streamed and size % k.target.vector_bytes == 0:
            stored = k.b.store(vector, address, align=k.target.vector_bytes)
            stored.set_metadata("nontemporal", k.module.add_metadata([ir.Constant(I32, 1)]))
        else:
            k.b.store(vector, address, align=self.bytes)

    def _packed(self, sums: Sequence[Value]) -> Value:
        """Vectors of numbers as one vector of whole cells."""
        k, facts = self.k, np.iinfo(self.kind)
        k.barrier()
        high = k.recalled(float(facts.max))
        # only from above: what is far below, or no number, becomes the least of 32 bits on its way
        sums = [k.b.select(k.b.fcmp_ordered("<", high, value), high, value) for value in sums]
        whole = k.joined([k.nearest(value) for value in sums])
        # compared as whole numbers: narrowing them then ends at the ends of the type, without a comparison
        for sign, end in (("<", facts.max), (">", facts.min)):
            most = ir.Constant(whole.type, [int(end)] * whole.type.count)
            whole = k.b.select(k.b.icmp_signed(sign, whole, most), whole, most)
        return k.b.trunc(whole, ir.VectorType(self.type, whole.type.count))
