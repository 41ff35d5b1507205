"""From the dense layer to the convolution, on weights: tie them (translation invariance), cut them (locality).

Two roads lead down and meet: a dense weight tied and then cut is a convolution, and so is a local layer with its
kernels tied. Read upwards, each function writes a smaller layer as the larger one that computes the same. Nothing here
computes an output; to see that the outputs agree, run both layers.

    dense4d   W[i,j,k,l]   --tie_translation-->   V[k - i, l - j]   --cut_locality-->   V = 0 beyond reach: conv
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import Conv, LocalConv, NetworkError, Shape, axes, output_shape, parameter_shapes

from .arrays import Array, check_shape, numbers
from .windows import windows


def tie_translation(offsets: ArrayLike, size: tuple[int, int]) -> Array:
    """The dense weight that depends on the offset alone, ``W[i,j,k,l] = V[k - i, l - j]``: shift x and H shifts along.

    Args:
        offsets: V, (2H - 1, 2W - 1); its middle is the offset (0, 0).
        size: H and W of the picture.

    Returns:
        (H, W, H, W).

    Raises:
        NetworkError: V does not have one entry an offset.

    Source: Dive into Deep Learning, section 7.1.2.1, equation 7.1.2.

    >>> tie_translation([[1, 2, 3]], (1, 2))[0, :, 0].tolist()    # rows of a Toeplitz matrix
    [[2, 3], [1, 2]]
    """
    (offsets,) = numbers(offsets)
    height, width = size
    check_shape(offsets, (2 * height - 1, 2 * width - 1), "V, one entry an offset,")
    weight = np.zeros((height, width, height, width), offsets.dtype)
    for i, j, k, m in np.ndindex(weight.shape):
        weight[i, j, k, m] = offsets[k - i + height - 1, m - j + width - 1]
    return weight


def cut_locality(weight: ArrayLike, reach: int) -> Array:
    """The dense weight without its long connections: ``W[i,j,k,l] = 0`` where |k - i| or |l - j| is beyond ``reach``.

    Args:
        weight: (H, W, H, W).
        reach: the longest offset that is kept, Δ in the book.

    Returns:
        (H, W, H, W).

    Raises:
        NetworkError: the weight does not have four axes.

    Source: Dive into Deep Learning, section 7.1.2.2, equation 7.1.3.

    >>> cut_locality(np.ones((1, 3, 1, 3)), 1)[0, :, 0].tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    (weight,) = numbers(weight)
    if weight.ndim != 4:
        raise NetworkError(f"the weight needs the four axes (H, W, H, W), not {weight.ndim}")
    cut = np.zeros_like(weight)
    for i, j, k, m in np.ndindex(weight.shape):
        if max(abs(k - i), abs(m - j)) <= reach:
            cut[i, j, k, m] = weight[i, j, k, m]
    return cut


def local_from_conv(layer: Conv, shape: Shape, weight: ArrayLike, bias: ArrayLike) -> tuple[Array, Array]:
    """The local layer that computes what a conv does: the conv's kernel and bias, repeated at every position.

    Args:
        layer: the conv.
        shape: (C, *spatial), the input it meets.
        weight: (O, C / groups, *kernel).
        bias: (O,).

    Returns:
        The local layer's weight (*out, O, C / groups, *kernel) and bias (O, *out).

    Raises:
        NetworkError: shapes that do not meet.

    >>> weight, bias = local_from_conv(Conv(1, 2), (1, 3), [[[5, 6]]], [7])
    >>> weight.tolist(), bias.tolist()
    ([[[[5, 6]]], [[[5, 6]]]], [[7, 7]])
    """
    weight, bias = numbers(weight, bias)
    out = output_shape(layer, shape)
    check_shape(weight, parameter_shapes(layer, shape)["weight"], "the weight")
    check_shape(bias, (layer.out_channels,), "the bias")
    weights, biases = np.zeros((*out[1:], *weight.shape), weight.dtype), np.zeros(out, bias.dtype)
    for position in np.ndindex(*out[1:]):
        weights[position] = weight
        for o in range(layer.out_channels):
            biases[(o, *position)] = bias[o]
    return weights, biases


def dense4d_from_local(layer: LocalConv, shape: Shape, weight: ArrayLike) -> Array:
    """The dense weight that computes what a local layer from one channel to one does: its taps, and zero elsewhere.

    Args:
        layer: the local layer, with one output channel.
        shape: (1, H, W), the input it meets.
        weight: (I, J, 1, 1, *kernel).

    Returns:
        (I, J, H, W); the local layer's bias (1, I, J) serves as it is, without its first axis.

    Raises:
        NetworkError: more than one channel, or shapes that do not meet.

    >>> dense4d_from_local(LocalConv(1, (1, 2)), (1, 1, 3), [[[[[[1, 2]]]], [[[[3, 4]]]]]])[0, :, 0].tolist()
    [[1, 2, 0], [0, 3, 4]]
    """
    (weight,) = numbers(weight)
    if len(shape) != 3 or shape[0] != 1 or layer.out_channels != 1:
        raise NetworkError("dense4d goes from a one-channel picture to another: 1xHxW and one output channel")
    check_shape(weight, parameter_shapes(layer, shape)["weight"], "the weight")
    out = output_shape(layer, shape)
    dense = np.zeros((*out[1:], *shape[1:]), weight.dtype)
    for position, seen in windows(axes(layer, shape)):
        for tap, cell in seen:
            dense[position + cell] = weight[(*position, 0, 0, *tap)]
    return dense
