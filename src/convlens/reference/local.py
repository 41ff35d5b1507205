"""Layers whose weights are not shared between positions: the 4-d dense layer and the locally connected one.

Forward and gradient by plain loops. How their weights become those of a convolution stands in ``derivation``.
Batches come first: x is (N, C, *spatial).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import Axis, LocalConv, NetworkError, axes, output_shape, parameter_shapes
from convlens.network.layers import Padding, Sizes

from .arrays import Array, arithmetic, check_batch, check_shape, numbers, weighted
from .windows import windows


def local(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Correlate with another kernel at every position: ``y[n,o,p] = b[o,p] + sum over c, t of w[p,o,c,t] x[n,c,cell]``.

    The cell under tap t at position p is that of ``correlate``.

    Args:
        x: (N, C, *spatial).
        weight: (*out, O, C / groups, *kernel).
        bias: (O, *out), or None for none.
        stride, padding, dilation, groups: as in ``correlate``.

    Returns:
        (N, O, *out): float64, or int64 when every argument is whole.

    Raises:
        NetworkError: shapes that do not meet.

    Source: LeCun, 1989, "Generalization and network design strategies".

    >>> local([[[1, 2, 3]]], [[[[1, 0]]], [[[0, 1]]]]).tolist()    # the left cell here, the right one there
    [[[1, 3]]]
    """
    x, weight, bias = weighted(x, weight, bias)
    sliding, outputs = _resolve(x, weight, stride, padding, dilation, groups)
    out = (outputs, *(axis.out for axis in sliding))
    bias = np.zeros(out, x.dtype) if bias is None else bias
    check_shape(bias, out, "the bias")
    per_group = x.shape[1] // groups
    y = np.zeros((x.shape[0], *out), x.dtype)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            for n, o in np.ndindex(x.shape[0], outputs):
                first = o // (outputs // groups) * per_group
                total = bias[(o, *position)]
                for c in range(per_group):
                    kernel, plane = weight[(*position, o, c)], x[n, first + c]
                    for tap, cell in seen:
                        total = total + kernel[tap] * plane[cell]
                y[(n, o, *position)] = total
    return y


def local_gradient(
    x: ArrayLike,
    weight: ArrayLike,
    upstream: ArrayLike,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """The gradient of ``local``: as ``correlate_gradient``, but no two positions meet in a weight.

    Args:
        x: (N, C, *spatial), what the forward pass saw.
        weight: (*out, O, C / groups, *kernel).
        upstream: (N, O, *out).
        stride, padding, dilation, groups: as in ``correlate``.

    Returns:
        The derivatives by x, by weight and by bias: shaped as x, as weight, and (O, *out).

    Raises:
        NetworkError: shapes that do not meet.

    >>> dx, dweight, dbias = local_gradient([[[5, 7, 9]]], [[[[1, 2]]], [[[3, 4]]]], [[[1, 10]]])
    >>> dx.tolist(), dweight.tolist(), dbias.tolist()
    ([[[1, 32, 40]]], [[[[5, 7]]], [[[70, 90]]]], [[1, 10]])
    """
    x, weight, upstream = numbers(x, weight, upstream)
    sliding, outputs = _resolve(x, weight, stride, padding, dilation, groups)
    out = (outputs, *(axis.out for axis in sliding))
    check_shape(upstream, (x.shape[0], *out), "the upstream gradient")
    per_group = x.shape[1] // groups
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(out, x.dtype)
    with arithmetic(x.dtype):
        for position, seen in windows(sliding):
            for n, o in np.ndindex(x.shape[0], outputs):
                first = o // (outputs // groups) * per_group
                up = upstream[(n, o, *position)]
                dbias[(o, *position)] += up
                for c in range(per_group):
                    for tap, cell in seen:
                        dx[(n, first + c, *cell)] += up * weight[(*position, o, c, *tap)]
                        dweight[(*position, o, c, *tap)] += up * x[(n, first + c, *cell)]
    return dx, dweight, dbias


def _resolve(
    x: Array, weight: Array, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[tuple[Axis, ...], int]:
    """Check shapes against the network floor; return how the window slides and the number of output channels."""
    check_batch(x, 3)
    rank = x.ndim - 2
    if weight.ndim != 2 * rank + 2:
        raise NetworkError(f"the weight needs {2 * rank + 2} axes (*out, O, C, *kernel), not {weight.ndim}")
    layer = LocalConv(weight.shape[rank], weight.shape[rank + 2 :], stride, padding, dilation, groups)
    output_shape(layer, x.shape[1:])
    check_shape(weight, parameter_shapes(layer, x.shape[1:])["weight"], "the weight")
    return axes(layer, x.shape[1:]), layer.out_channels


def dense4d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """The dense layer from picture to picture: ``H[i,j] = U[i,j] + sum over k, l of W[i,j,k,l] X[k,l]``.

    Args:
        x: (N, 1, H, W).
        weight: (I, J, H, W).
        bias: (I, J), or None for none.

    Returns:
        (N, 1, I, J): float64, or int64 when every argument is whole.

    Raises:
        NetworkError: shapes that do not meet.

    Source: Dive into Deep Learning, section 7.1, equation 7.1.1.

    >>> dense4d([[[[1, 2], [3, 4]]]], [[[[1, 1], [1, 1]], [[0, 0], [0, 1]]]], [[0, 10]]).tolist()
    [[[[10, 14]]]]
    """
    x, weight, bias = weighted(x, weight, bias)
    _check_dense4d(x, weight)
    bias = np.zeros(weight.shape[:2], x.dtype) if bias is None else bias
    check_shape(bias, weight.shape[:2], "the bias")
    y = np.zeros((x.shape[0], 1, *weight.shape[:2]), x.dtype)
    with arithmetic(x.dtype):
        for n, i, j in np.ndindex(x.shape[0], *weight.shape[:2]):
            total = bias[i, j]
            for k, m in np.ndindex(x.shape[2:]):
                total = total + weight[i, j, k, m] * x[n, 0, k, m]
            y[n, 0, i, j] = total
    return y


def dense4d_gradient(x: ArrayLike, weight: ArrayLike, upstream: ArrayLike) -> tuple[Array, Array, Array]:
    """The gradient of ``dense4d``.

    Args:
        x: (N, 1, H, W), what the forward pass saw.
        weight: (I, J, H, W).
        upstream: (N, 1, I, J).

    Returns:
        The derivatives by x, by weight and by bias: (N, 1, H, W), (I, J, H, W) and (I, J).

    Raises:
        NetworkError: shapes that do not meet.

    >>> dx, dweight, dbias = dense4d_gradient([[[[5, 7]]]], [[[[1, 2]], [[3, 4]]]], [[[[1, 10]]]])
    >>> dx.tolist(), dweight.tolist(), dbias.tolist()
    ([[[[31, 42]]]], [[[[5, 7]], [[50, 70]]]], [[1, 10]])
    """
    x, weight, upstream = numbers(x, weight, upstream)
    _check_dense4d(x, weight)
    check_shape(upstream, (x.shape[0], 1, *weight.shape[:2]), "the upstream gradient")
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(weight.shape[:2], x.dtype)
    with arithmetic(x.dtype):
        for n, i, j in np.ndindex(x.shape[0], *weight.shape[:2]):
            up = upstream[n, 0, i, j]
            dbias[i, j] += up
            for k, m in np.ndindex(x.shape[2:]):
                dx[n, 0, k, m] += up * weight[i, j, k, m]
                dweight[i, j, k, m] += up * x[n, 0, k, m]
    return dx, dweight, dbias


def _check_dense4d(x: Array, weight: Array) -> None:
    if x.ndim != 4 or x.shape[1] != 1:
        raise NetworkError("dense4d takes pictures with one channel, (N, 1, H, W)")
    if weight.ndim != 4:
        raise NetworkError(f"the weight needs the four axes (I, J, H, W), not {weight.ndim}")
    check_shape(weight, (*weight.shape[:2], *x.shape[2:]), "the weight")
