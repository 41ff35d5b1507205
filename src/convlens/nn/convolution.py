"""Conv: correlation with learned kernels, shared by all positions. One n-d class; its 1-d, 2-d and 3-d faces.

torch correlates; this file resolves the padding and hands over numbers that torch can take.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.network import Axis, LocalConv, Shape, parameter_shapes
from convlens.network import Conv as ConvLayer
from convlens.network.layers import Padding, Sizes, whole

from .module import Learned, checked_rank
from .sliding import dilations, pad, strides

_CORRELATE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class Conv(Learned):
    """Correlate a batch with learned kernels, along ``rank`` axes.

    ``H[n, o, y, x] = bias[o] + sum over c, i, j of W[o, c, i, j] X[n, c, y*stride + i*dilation - before, ...]``

    Args:
        in_channels, out_channels: channels before and after.
        kernel_size, stride, dilation: one number for all axes, or one an axis.
        padding: a number, one an axis, a (before, after) pair an axis, "valid", or "same" (with a stride: TensorFlow's
            rule, output = input / stride rounded up, the odd cell after).
        groups: how many bundles of channels that do not see each other.
        bias: whether a number is added per output channel.
        rank: 1, 2 or 3 spatial axes.
        generator: where the initial values are drawn from; None: torch's global one.

    Raises:
        NetworkError: an argument that cannot be.

    >>> conv = Conv(1, 6, (5, 3), padding=((2, 1), 1), rank=2)
    >>> conv, conv(torch.zeros(2, 1, 28, 28)).shape
    (Conv(conv 6 5x3 pad 2+1x1), torch.Size([2, 6, 27, 28]))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rank: int,
        generator: torch.Generator | None = None,
    ) -> None:
        rank = checked_rank(rank)
        layer = ConvLayer(out_channels, kernel_size, stride, padding, dilation, groups, bias).canonical(rank)
        channels = whole(in_channels, "in_channels", 1)
        shapes = kernel_shapes(layer, channels, rank)
        super().__init__(
            layer,
            rank,
            channels,
            weight=shapes["weight"],
            bias=shapes.get("bias"),
            fans=correlation_fans(shapes["weight"]),
            generator=generator,
        )
        self.in_channels, self.out_channels, self.groups = channels, layer.out_channels, layer.groups

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        padding = tuple(axis.before for axis in axes)
        if any(axis.before != axis.after for axis in axes):
            x, padding = pad(x, axes), (0,) * len(axes)
        correlate = _CORRELATE[len(axes)]
        return correlate(x, self.weight, self.bias, strides(axes), padding, dilations(axes), self.groups)


def kernel_shapes(layer: ConvLayer | LocalConv, channels: int, rank: int) -> dict[str, Shape]:
    """Shapes of a conv's weight and bias, before any input is known: for the smallest input its kernel fits."""
    bare = ConvLayer(layer.out_channels, layer.kernel, groups=layer.groups, bias=layer.bias)
    kernel = (layer.kernel,) * rank if isinstance(layer.kernel, int) else layer.kernel
    return parameter_shapes(bare, (channels, *kernel))


def correlation_fans(kernel: Shape) -> tuple[int, int]:
    """Fans (in, out) of kernels (out_channels, channels / groups, *kernel), counted as torch.nn.init counts them."""
    taps = math.prod(kernel[2:])
    return kernel[1] * taps, kernel[0] * taps


class Conv1d(Conv):
    """Conv over signals (N, C, W); the arguments are Conv's.

    >>> Conv1d(1, 4, 3, padding="same", stride=2)(torch.zeros(2, 1, 7)).shape
    torch.Size([2, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            rank=1,
            generator=generator,
        )


class Conv2d(Conv):
    """Conv over pictures (N, C, H, W); the arguments are Conv's.

    >>> Conv2d(1, 6, 5, padding=2)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 6, 28, 28])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            rank=2,
            generator=generator,
        )


class Conv3d(Conv):
    """Conv over volumes (N, C, D, H, W); the arguments are Conv's.

    >>> Conv3d(1, 2, 3)(torch.zeros(2, 1, 4, 5, 6)).shape
    torch.Size([2, 2, 2, 3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            rank=3,
            generator=generator,
        )
