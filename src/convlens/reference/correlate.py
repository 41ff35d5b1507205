"""Correlation, which is what a network's ``conv`` means: slide the kernel unflipped, multiply, add; and its gradient.

Plain loops over positions, channels and taps; nothing is gathered into matrices here. ``convolve`` stands next door and
flips the kernel first. Batches come first: x is (N, C, *spatial), as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import Axis, Conv, NetworkError, axes, output_shape, parameter_shapes
from convlens.network.layers import Padding, Sizes

from .arrays import Array, arithmetic, check_batch, check_shape, numbers, weighted
from .windows import windows


def correlate(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Slide kernels over a batch, unflipped: ``y[n,o,p] = bias[o] + sum over c, t of w[o,c,t] x[n,c,cell(p,t)]``.

    The cell under tap t at position p is ``p * stride - before + t * dilation`` along each axis (``windows``).
    Taps on padding are left out of the sum, so that not even an infinite weight there makes a NaN; inside the input
    inf and NaN go their IEEE way (0 * inf is NaN).

    Args:
        x: (N, C, *spatial), one to three spatial axes.
        weight: (O, C / groups, *kernel).
        bias: (O,), or None for none.
        stride: cells between neighbouring windows, one number or one an axis.
        padding: zeros around the input: a number, one an axis, a (before, after) pair an axis, ``"same"``, ``"valid"``.
        dilation: cells between neighbouring taps.
        groups: output channel o sees the input channels of group ``o // (O / groups)`` alone.

    Returns:
        (N, O, *out): float64, or int64 when every argument is whole.

    Raises:
        NetworkError: shapes that do not meet, or a kernel larger than the padded input.
        FloatingPointError: a sum of whole numbers leaves int64.

    Source: Dive into Deep Learning, sections 7.2 to 7.4, whose example with two input channels this is:

    >>> x = np.stack([np.arange(9), np.arange(1, 10)]).reshape(1, 2, 3, 3)
    >>> weight = np.stack([np.arange(4), np.arange(1, 5)]).reshape(1, 2, 2, 2)
    >>> correlate(x, weight)[0, 0].tolist()
    [[56, 72], [104, 120]]
    """
    x, weight, bias = weighted(x, weight, bias)
    bias = np.zeros(weight.shape[:1], x.dtype) if bias is None else bias
    sliding = _resolve(x, weight, bias, stride, padding, dilation, groups)
    examples, outputs, per_group = x.shape[0], weight.shape[0], weight.shape[1]
    y = np.zeros((examples, outputs, *(axis.out for axis in sliding)), x.dtype)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            for n, o in np.ndindex(examples, outputs):
                first = o // (outputs // groups) * per_group
                total = bias[o]
                for c in range(per_group):
                    kernel, plane = weight[o, c], x[n, first + c]
                    for tap, cell in seen:
                        total = total + kernel[tap] * plane[cell]
                y[(n, o, *position)] = total
    return y


def correlate_gradient(
    x: ArrayLike,
    weight: ArrayLike,
    upstream: ArrayLike,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """The gradient of ``correlate``: the same loops, and each product hands the upstream value to both its factors.

    Args:
        x: (N, C, *spatial), what the forward pass saw.
        weight: (O, C / groups, *kernel).
        upstream: (N, O, *out), the loss's derivative by each output.
        stride, padding, dilation, groups: as in ``correlate``.

    Returns:
        The derivatives by x, by weight and by bias: (N, C, *spatial), (O, C / groups, *kernel) and (O,).

    Raises:
        NetworkError: shapes that do not meet.

    Source: the product rule on the sum in ``correlate``.

    >>> dx, dweight, dbias = correlate_gradient([[[5, 7, 9]]], [[[1, 2]]], [[[1, 10]]])
    >>> dx.tolist(), dweight.tolist(), dbias.tolist()
    ([[[1, 12, 20]]], [[[75, 97]]], [11])
    """
    x, weight, upstream = numbers(x, weight, upstream)
    dbias = np.zeros(weight.shape[:1], x.dtype)
    sliding = _resolve(x, weight, dbias, stride, padding, dilation, groups)
    examples, outputs, per_group = x.shape[0], weight.shape[0], weight.shape[1]
    check_shape(upstream, (examples, outputs, *(axis.out for axis in sliding)), "the upstream gradient")
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            for n, o in np.ndindex(examples, outputs):
                first = o // (outputs // groups) * per_group
                up = upstream[(n, o, *position)]
                dbias[o] += up
                for c in range(per_group):
                    for tap, cell in seen:
                        dx[(n, first + c, *cell)] += up * weight[(o, c, *tap)]
                        dweight[(o, c, *tap)] += up * x[(n, first + c, *cell)]
    return dx, dweight, dbias


def correlate_plane(x: ArrayLike, kernel: ArrayLike, *, padding: Padding = 0) -> Array:
    """Correlate one signal, picture or volume without channels with one kernel: the book's ``corr2d`` in any dimension.

    Args:
        x: (*spatial), one to three axes.
        kernel: (*kernel), as many axes.
        padding: as in ``correlate``.

    Returns:
        (*out); without padding each size is ``size - kernel + 1``.

    Raises:
        NetworkError: the kernel is larger than the padded input, or has another number of axes.

    Source: Dive into Deep Learning, section 7.2, and its example:

    >>> correlate_plane(np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)).tolist()
    [[19, 25], [37, 43]]
    """
    x, kernel = numbers(x, kernel)
    plane: Array = correlate(x[None, None], kernel[None, None], padding=padding)[0, 0]
    return plane


def _resolve(
    x: Array, weight: Array, bias: Array, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Axis, ...]:
    """Check every shape against the value that the network floor has for it, and return how the window slides."""
    check_batch(x, 3)
    if weight.ndim != x.ndim:
        raise NetworkError(f"the weight needs {x.ndim} axes (O, C, *kernel) for such an input, not {weight.ndim}")
    layer = Conv(weight.shape[0], weight.shape[2:], stride, padding, dilation, groups)
    output_shape(layer, x.shape[1:])
    expected = parameter_shapes(layer, x.shape[1:])
    check_shape(weight, expected["weight"], "the weight")
    check_shape(bias, expected["bias"], "the bias")
    return axes(layer, x.shape[1:])
