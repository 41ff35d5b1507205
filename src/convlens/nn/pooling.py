"""MaxPool and AvgPool: one n-d class each; their 1-d, 2-d and 3-d faces.

torch pools. Where it refuses a padding, or would mistake it (``_torch_pads`` says where), the input is padded first:
with -inf for the maximum, with zeros for the mean, whose divisors are then counted from the axes.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.network import AvgPool as AvgPoolLayer
from convlens.network import Axis
from convlens.network import MaxPool as MaxPoolLayer
from convlens.network.layers import Padding, Sizes

from .module import Module, checked_rank
from .sliding import dilations, pad, strides, written_out

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


class MaxPool(Module):
    """The largest value under each window, along ``rank`` axes; padding never wins, NaN does.

    Args:
        kernel_size: the window: one number for all axes, one an axis, or "all" for the whole input.
        stride: as kernel_size; None: the window's own size.
        padding: a number, one an axis, a (before, after) pair an axis, "same" or "valid"; less than the window.
        dilation: cells between neighbouring taps.
        ceil_mode: keep a last window that reaches over the end (the rule of ``network.sizes.Axis``).
        rank: 1, 2 or 3 spatial axes.

    Raises:
        NetworkError: an argument that cannot be.

    >>> MaxPool((2, 3), padding=((1, 0), 0), rank=2)(torch.arange(9.0).view(1, 1, 3, 3))
    tensor([[[[2.],
              [8.]]]])
    """

    layer: MaxPoolLayer

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        *,
        rank: int,
    ) -> None:
        rank = checked_rank(rank)
        super().__init__(MaxPoolLayer(kernel_size, stride, padding, dilation, ceil_mode).canonical(rank), rank)

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        largest = _MAX[len(axes)]
        if _torch_pads(axes):
            return largest(x, _windows(axes), strides(axes), _before(axes), dilations(axes), axes[0].ceil)
        bare = tuple(written_out(axis) for axis in axes)
        return largest(pad(x, bare, float("-inf")), _windows(bare), strides(bare), 0, dilations(bare))


class AvgPool(Module):
    """The mean under each window, along ``rank`` axes.

    Args:
        kernel_size, stride, padding, ceil_mode, rank: as in MaxPool.
        count_include_pad: whether padded zeros count as cells; what a window of ceil_mode sees past the padding never
            does.

    Raises:
        NetworkError: an argument that cannot be.

    >>> AvgPool(2, padding=((1, 0),), count_include_pad=False, rank=1)(torch.tensor([[[1.0, 2.0, 4.0]]]))
    tensor([[[1., 3.]]])
    """

    layer: AvgPoolLayer

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        rank: int,
    ) -> None:
        rank = checked_rank(rank)
        super().__init__(AvgPoolLayer(kernel_size, stride, padding, ceil_mode, count_include_pad).canonical(rank), rank)

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        if _torch_pads(axes):
            return _mean(x, axes, self.layer)
        bare = tuple(written_out(axis) for axis in axes)
        total = _sum(pad(x, bare), bare)
        for i, axis in enumerate(axes):
            cells = torch.tensor(counts(axis, self.layer.count_padding), dtype=x.dtype, device=x.device)
            total = total / cells.view(-1, *(1,) * (len(axes) - 1 - i))
        return total


def counts(axis: Axis, padding: bool) -> list[int]:
    """How many cells each window along ``axis`` covers: the real ones, with ``padding`` the padded ones too.

    >>> counts(Axis(size=4, kernel=3, stride=2, before=1, after=2, ceil=True), True)
    [3, 3, 3]
    >>> counts(Axis(size=4, kernel=3, stride=2, before=1, after=2, ceil=True), False)
    [2, 3, 1]
    """
    low, high = (-axis.before, axis.size + axis.after) if padding else (0, axis.size)
    firsts = (axis.first(position) for position in range(axis.out))
    return [min(first + axis.kernel, high) - max(first, low) for first in firsts]


def _torch_pads(axes: tuple[Axis, ...]) -> bool:
    """Whether torch takes the padding as it is.

    It takes the same on both sides, at most half the window; avg_pool3d wants the window within the unpadded input as
    well. Where every tap of a dilated window falls on padding, max_pool's index lies past the input (torch 2.13: cell 3
    of 3 for ``1x3: maxpool 2 stride 3 pad 1 dilation 4``), and backward would write there.
    """
    return all(
        axis.before == axis.after <= axis.kernel // 2
        and axis.kernel <= axis.size
        and (axis.before == 0 or axis.dilation == 1)
        for axis in axes
    )


def _windows(axes: tuple[Axis, ...]) -> tuple[int, ...]:
    return tuple(axis.kernel for axis in axes)


def _before(axes: tuple[Axis, ...]) -> tuple[int, ...]:
    return tuple(axis.before for axis in axes)


def _mean(x: Tensor, axes: tuple[Axis, ...], layer: AvgPoolLayer) -> Tensor:
    window, step, padding = _windows(axes), strides(axes), _before(axes)
    if len(axes) == 1:
        return F.avg_pool1d(x, window, step, padding, layer.ceil, layer.count_padding)
    if len(axes) == 2:
        return F.avg_pool2d(x, window, step, padding, layer.ceil, layer.count_padding)
    return F.avg_pool3d(x, window, step, padding, layer.ceil, layer.count_padding)


def _sum(x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
    """The sum under each window of an input that is already padded: torch's mean with a divisor of 1."""
    window, step = _windows(axes), strides(axes)
    if len(axes) == 1:  # avg_pool1d takes no divisor; a signal is a picture one row high
        return F.avg_pool2d(x.unsqueeze(2), (1, *window), (1, *step), divisor_override=1).squeeze(2)
    if len(axes) == 2:
        return F.avg_pool2d(x, window, step, divisor_override=1)
    return F.avg_pool3d(x, window, step, divisor_override=1)


class MaxPool1d(MaxPool):
    """MaxPool over signals (N, C, W); the arguments are MaxPool's.

    >>> MaxPool1d(2)(torch.zeros(2, 3, 7)).shape
    torch.Size([2, 3, 3])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode, rank=1)


class MaxPool2d(MaxPool):
    """MaxPool over pictures (N, C, H, W); the arguments are MaxPool's.

    >>> MaxPool2d(2)(torch.zeros(2, 3, 7, 8)).shape
    torch.Size([2, 3, 3, 4])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode, rank=2)


class MaxPool3d(MaxPool):
    """MaxPool over volumes (N, C, D, H, W); the arguments are MaxPool's.

    >>> MaxPool3d(2)(torch.zeros(2, 3, 4, 6, 8)).shape
    torch.Size([2, 3, 2, 3, 4])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode, rank=3)


class AvgPool1d(AvgPool):
    """AvgPool over signals (N, C, W); the arguments are AvgPool's.

    >>> AvgPool1d(2)(torch.zeros(2, 3, 7)).shape
    torch.Size([2, 3, 3])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, rank=1)


class AvgPool2d(AvgPool):
    """AvgPool over pictures (N, C, H, W); the arguments are AvgPool's.

    >>> AvgPool2d(2)(torch.zeros(2, 3, 7, 8)).shape
    torch.Size([2, 3, 3, 4])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, rank=2)


class AvgPool3d(AvgPool):
    """AvgPool over volumes (N, C, D, H, W); the arguments are AvgPool's.

    >>> AvgPool3d(2)(torch.zeros(2, 3, 4, 6, 8)).shape
    torch.Size([2, 3, 2, 3, 4])
    """

    def __init__(
        self,
        kernel_size: Sizes | Literal["all"],
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, rank=3)
