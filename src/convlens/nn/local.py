"""LocalConv: a kernel and a bias of its own at every output position; locality without shared weights.

Memory: the windows are views until one product gathers them, kernel cells times the output.
"""

from __future__ import annotations

import torch
from torch import Tensor

from convlens.network import Axis, NetworkError, parameter_shapes
from convlens.network import LocalConv as LocalLayer
from convlens.network.layers import Padding, Sizes, whole
from convlens.network.sizes import check_shape

from .convolution import correlation_fans, kernel_shapes
from .module import Learned, checked_rank
from .sliding import pad, strides


class LocalConv(Learned):
    """Correlate each position of a batch with a kernel of its own, along ``rank`` axes.

    ``H[n, o, y, x] = bias[o, y, x] + sum over c, i, j of W[y, x, o, c, i, j] X[n, c, y*stride + i*dilation - before,
    ...]``. Its weights belong to positions, so it takes inputs of one size only.

    Args:
        in_channels, out_channels: channels before and after.
        kernel_size, stride, padding, dilation, groups, bias: as in Conv.
        input_size: cells of the input along each axis: one number for all axes, or one an axis.
        rank: 1, 2 or 3 spatial axes.
        generator: where the initial values are drawn from; None: torch's global one.

    Raises:
        NetworkError: an argument that cannot be, or a kernel that does not fit the input.

    >>> local = LocalConv(1, 2, 3, input_size=(5, 6), rank=2)
    >>> local.weight.shape, local.bias.shape
    (torch.Size([3, 4, 2, 1, 3, 3]), torch.Size([2, 3, 4]))
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
        input_size: Sizes,
        rank: int,
        generator: torch.Generator | None = None,
    ) -> None:
        rank = checked_rank(rank)
        layer = LocalLayer(out_channels, kernel_size, stride, padding, dilation, groups, bias).canonical(rank)
        channels = whole(in_channels, "in_channels", 1)
        spatial = tuple(input_size) if isinstance(input_size, (tuple, list)) else (input_size,) * rank
        if len(spatial) != rank:
            raise NetworkError(f"the input size needs one number an axis, {rank} of them, not {len(spatial)}")
        shape = check_shape((channels, *spatial))
        shapes = parameter_shapes(layer, shape)
        super().__init__(
            layer,
            rank,
            channels,
            shape[1:],
            weight=shapes["weight"],
            bias=shapes.get("bias"),
            fans=correlation_fans(kernel_shapes(layer, channels, rank)["weight"]),
            generator=generator,
        )
        self.in_channels, self.out_channels, self.groups = channels, layer.out_channels, layer.groups

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        rank, groups = len(axes), self.groups
        windows = pad(x, axes)
        for i, (axis, step) in enumerate(zip(axes, strides(axes), strict=True)):
            windows = windows.unfold(2 + i, axis.extent, step)[..., :: axis.dilation]
        out = windows.shape[2 : 2 + rank]
        # (N, groups, channels, *out, *kernel) and (*out, groups, out channels, channels, *kernel)
        windows = windows.view(x.shape[0], groups, self.in_channels // groups, *windows.shape[2:])
        weight = self.weight.view(*out, groups, self.out_channels // groups, *self.weight.shape[rank + 1 :])
        positions, taps = "uvw"[:rank], "ijk"[:rank]
        total = torch.einsum(f"ngc{positions}{taps},{positions}goc{taps}->ngo{positions}", windows, weight)
        total = total.reshape(x.shape[0], self.out_channels, *out)
        return total if self.bias is None else total + self.bias


class LocalConv1d(LocalConv):
    """LocalConv over signals (N, C, W); the arguments are LocalConv's.

    >>> LocalConv1d(1, 2, 3, input_size=7)(torch.zeros(2, 1, 7)).shape
    torch.Size([2, 2, 5])
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
        input_size: Sizes,
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
            input_size=input_size,
            rank=1,
            generator=generator,
        )


class LocalConv2d(LocalConv):
    """LocalConv over pictures (N, C, H, W); the arguments are LocalConv's.

    >>> LocalConv2d(1, 2, 3, input_size=(5, 6))(torch.zeros(2, 1, 5, 6)).shape
    torch.Size([2, 2, 3, 4])
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
        input_size: Sizes,
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
            input_size=input_size,
            rank=2,
            generator=generator,
        )


class LocalConv3d(LocalConv):
    """LocalConv over volumes (N, C, D, H, W); the arguments are LocalConv's.

    >>> LocalConv3d(1, 2, 3, input_size=4)(torch.zeros(2, 1, 4, 4, 4)).shape
    torch.Size([2, 2, 2, 2, 2])
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
        input_size: Sizes,
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
            input_size=input_size,
            rank=3,
            generator=generator,
        )
