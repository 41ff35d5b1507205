"""Softmax and cross-entropy, an image a lane: loss, its gradient, and whether the largest score is the label's.

loss = log(sum over k of exp(score[k] - top)) + top - score[label]
gradient[k] = scale * (exp(score[k] - top) / sum - [k = label])
"""

from __future__ import annotations

from llvmlite import ir

from ..blueprint import blueprint
from ..builder import I32, Kernel, Value
from ..target import Target
from .activation import exp

SQRT_HALF = 0.7071067811865476
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip


def log(k: Kernel, x: Value) -> Value:
    """The natural logarithm of positive, normal numbers, off by at most 1 in the last place; NaN stays.

    Source: Cephes, single precision.
    """
    b = k.b
    whole = ir.VectorType(I32, k.lanes)

    def every(value: int) -> ir.Constant:
        return ir.Constant(whole, [value] * k.lanes)

    bits = b.bitcast(x, whole)
    power = b.sitofp(b.sub(b.lshr(bits, every(23)), every(126)), k.vector)
    m = b.bitcast(b.or_(b.and_(bits, every(0x007FFFFF)), every(0x3F000000)), k.vector)
    small = b.fcmp_ordered("<", m, k.constant(SQRT_HALF))
    power = b.fsub(power, b.select(small, k.constant(1.0), k.zero()))
    m = b.fsub(b.fadd(m, b.select(small, m, k.zero())), k.constant(1.0))
    square = b.fmul(m, m)
    p = k.constant(LOG[0])
    for c in LOG[1:]:
        p = k.fma(p, m, k.constant(c))
    y = b.fmul(b.fmul(m, square), p)
    y = k.fma(power, k.constant(-2.12194440e-4), y)
    y = k.fma(k.constant(-0.5), square, y)
    result = k.fma(power, k.constant(0.693359375), b.fadd(m, y))
    return b.select(b.fcmp_unordered("uno", x, x), x, result)


@blueprint
def cross_entropy(target: Target, classes: int, name: str) -> Kernel:
    """Write the kernel ``(scores, labels, scale, gradient, loss, right)``.

    ``scores`` and ``gradient`` are [class][lane], the others [lane]; ``labels`` are class numbers as floats, below 0 in
    lanes without an image, whose loss and gradient are 0. ``scale`` is one number.
    """
    k = Kernel(name, target, ("scores", "labels", "scale", "gradient", "loss", "right"))
    scores, labels, scale, gradient, loss, right = k.arguments
    b = k.b
    label = k.load(labels)
    there = b.fcmp_ordered(">=", label, k.zero())
    factor = b.select(there, k.splat(scale), k.zero())
    with k.loop(classes, [k.load(scores), k.zero(), k.zero()]) as n:
        top, where, own = n.values
        score = k.load(scores, (n.index, k.lanes))
        number = k.spread(b.sitofp(n.index, ir.FloatType()))
        larger = b.or_(b.fcmp_ordered(">", score, top), b.fcmp_unordered("uno", score, score))
        mine = b.fcmp_ordered("==", number, label)
        n.next = [b.select(larger, score, top), b.select(larger, number, where), b.select(mine, score, own)]
    top, where, own = n.out
    with k.loop(classes, [k.zero()]) as n:
        power = exp(k, b.fsub(k.load(scores, (n.index, k.lanes)), top))
        k.store(power, gradient, (n.index, k.lanes))
        n.next = [b.fadd(n.values[0], power)]
    total = n.out[0]
    share = b.fdiv(factor, total)
    with k.loop(classes) as n:
        number = k.spread(b.sitofp(n.index, ir.FloatType()))
        mine = b.select(b.fcmp_ordered("==", number, label), factor, k.zero())
        power = k.load(gradient, (n.index, k.lanes))
        slope = b.fsub(b.fmul(power, share), mine)
        # scores that are not numbers must not reach the weights from a lane without an image
        k.store(b.select(there, slope, k.zero()), gradient, (n.index, k.lanes))
    lost = b.fadd(log(k, total), b.fsub(top, own))
    k.store(b.select(there, lost, k.zero()), loss)
    # among scores with a NaN none is the largest
    hit = b.and_(b.fcmp_ordered("ord", top, top), b.and_(there, b.fcmp_ordered("==", where, label)))
    k.store(b.select(hit, k.constant(1.0), k.zero()), right)
    return k
