"""Activations on vectors, and their slopes from what they gave.

exp follows Cody and Waite (1980): x = n ln2 + r, a polynomial for exp(r), and n put into the exponent. Errors are at
most, in units in the last place of normal numbers: exp 1.5, sigmoid 3, tanh 2. NaN stays NaN, and infinities give the
limits. A result below the least normal number may be 0, and exp is infinite from 127.5 ln2 = 88.376 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llvmlite import ir

from ..builder import I32, Kernel, Value

Activation = Literal["sigmoid", "tanh", "relu"] | None

# ln2 in two parts, so that n * HIGH is exact for |n| < 2**9 (its last 9 bits are 0)
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
# minimax polynomial of (exp(r) - 1 - r) / r**2 on |r| <= ln2 / 2, from the highest power (Cephes, single precision)
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
# added to a number below 2**22 this rounds it to a whole one, which then stands in the lowest bits
ROUNDER = 1.5 * 2.0**23
# round(x / ln2) is -127 and 128 there: exponents that read as 0 and as infinity
LOWEST, HIGHEST = -88.0, 89.0


def exp(k: Kernel, x: Value) -> Value:
    """exp(x); 0 below the normal numbers, inf from 88.376 on."""
    b = k.b
    x = _clamp(k, x, LOWEST, HIGHEST)
    rounded = k.fma(x, k.constant(1.4426950408889634), k.constant(ROUNDER))
    n = b.fsub(rounded, k.constant(ROUNDER))
    r = k.fma(n, k.constant(-LN2_HIGH), x)
    r = k.fma(n, k.constant(-LN2_LOW), r)
    p = k.constant(EXP[0])
    for c in EXP[1:]:
        p = k.fma(p, r, k.constant(c))
    p = b.fadd(k.fma(b.fmul(r, r), p, r), k.constant(1.0))
    whole = ir.VectorType(I32, k.lanes)
    # all but n's lowest 9 bits leave on the left; 127 is the exponent of 1
    bits = b.shl(b.bitcast(rounded, whole), ir.Constant(whole, [23] * k.lanes))
    power = b.add(bits, ir.Constant(whole, [127 << 23] * k.lanes))
    return b.fmul(p, b.bitcast(power, k.vector))


def _clamp(k: Kernel, x: Value, low: float, high: float) -> Value:
    # comparisons with NaN are false, so NaN passes through
    x = k.b.select(k.b.fcmp_ordered("<", x, k.constant(low)), k.constant(low), x)
    return k.b.select(k.b.fcmp_ordered(">", x, k.constant(high)), k.constant(high), x)


def sigmoid(k: Kernel, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    one = k.constant(1.0)
    return k.b.fdiv(one, k.b.fadd(one, exp(k, k.b.fneg(x))))


def tanh(k: Kernel, x: Value) -> Value:
    """tanh(x) = sign(x) (1 - 2 / (exp(2|x|) + 1)); an odd polynomial where that would cancel (|x| < 0.625)."""
    b = k.b
    one, two = k.constant(1.0), k.constant(2.0)
    negative = b.fcmp_ordered("<", x, k.zero())
    size = b.select(negative, b.fneg(x), x)
    large = b.fsub(one, b.fdiv(two, b.fadd(exp(k, b.fmul(two, size)), one)))
    large = b.select(negative, b.fneg(large), large)
    # tanh(x) = x + x**3 p(x**2) (Cephes, single precision)
    square = b.fmul(x, x)
    p = k.constant(-5.70498872745e-3)
    for c in (2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1):
        p = k.fma(p, square, k.constant(c))
    small = k.fma(b.fmul(p, square), x, x)
    return b.select(b.fcmp_ordered("<", size, k.constant(0.625)), small, large)


def apply(k: Kernel, activation: Activation, x: Value) -> Value:
    """The activation of a vector; None leaves it."""
    if activation == "relu":
        return k.relu(x)
    if activation == "sigmoid":
        return sigmoid(k, x)
    if activation == "tanh":
        return tanh(k, x)
    return x


AT_ONCE = 4
"""Vectors whose activations are computed side by side: one alone waits for its own steps, 8 do not fit registers."""


def apply_all(k: Kernel, activation: Activation, vectors: Sequence[Value]) -> list[Value]:
    """The activation of some vectors."""
    if activation in (None, "relu"):
        return [apply(k, activation, v) for v in vectors]
    found: list[Value] = []
    many = AT_ONCE
    while len(found) < len(vectors):
        while many > len(vectors) - len(found):
            many //= 2
        long = k.joined(vectors[len(found) : len(found) + many])
        with k.widened(many):
            long = apply(k, activation, long)
        found += k.parted(long)
    return found


def slope(k: Kernel, activation: Activation, y: Value, upstream: Value) -> Value:
    """``upstream`` times the activation's derivative, from its output ``y``: s(1-s), 1-t**2; 0 where y <= 0, else 1."""
    b = k.b
    if activation == "relu":
        return b.select(b.fcmp_ordered("<=", y, k.zero()), k.zero(), upstream)
    if activation == "sigmoid":
        return b.fmul(upstream, k.b.fmul(y, b.fsub(k.constant(1.0), y)))
    if activation == "tanh":
        return b.fmul(upstream, k.fma(b.fneg(y), y, k.constant(1.0)))
    return upstream
