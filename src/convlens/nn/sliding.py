"""A window's axes in the words of torch: padding lists, strides and dilations that overflow nothing, padded inputs.

Nothing here decides where a window stands; that is ``network.sizes.Axis``.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from convlens.network import Axis, NetworkError


def pad(x: Tensor, axes: tuple[Axis, ...], value: float = 0.0) -> Tensor:
    """Pad each spatial axis of ``x`` (N, C, *spatial) by its own numbers before and after, or raise NetworkError where
    this machine has not the memory."""
    # F.pad wants (before, after) of the last axis first
    sides = [side for axis in reversed(axes) for side in (axis.before, axis.after)]
    if not any(sides):
        return x
    try:
        return F.pad(x, sides, value=value)
    except RuntimeError:
        cells = math.prod(x.shape[:2]) * math.prod(axis.padded for axis in axes)
        raise NetworkError(f"the padded input has {cells} numbers, more than there is memory for") from None


def strides(axes: tuple[Axis, ...]) -> tuple[int, ...]:
    """The strides; one beyond the padded input is clipped to it, which moves no window."""
    return tuple(min(axis.stride, axis.padded) for axis in axes)


def dilations(axes: tuple[Axis, ...]) -> tuple[int, ...]:
    """The dilations; that of a single tap means nothing and is 1."""
    return tuple(axis.dilation if axis.kernel > 1 else 1 for axis in axes)


def written_out(axis: Axis) -> Axis:
    """The same windows over the same real cells, all padding written out: that of ceil too, and none that is idle.

    A window without dilation that begins before the input at every position, or ends past it at every position, is
    cut to where that is still so.

    >>> written_out(Axis(size=4, kernel=3, stride=3, ceil=True))
    Axis(size=4, kernel=3, stride=3, before=0, after=2, dilation=1, ceil=False)
    >>> written_out(Axis(size=4, kernel=1000, stride=1, before=500, after=499))
    Axis(size=4, kernel=7, stride=1, before=3, after=3, dilation=1, ceil=False)
    """
    last = (axis.out - 1) * axis.stride
    kernel, before, spread = axis.kernel, axis.before, dilations((axis,))[0]
    if spread == 1:
        idle = max(0, before - last)
        kernel, before = kernel - idle, before - idle
        kernel -= max(0, kernel - before - axis.size)
    after = last + (kernel - 1) * spread + 1 - before - axis.size
    return Axis(axis.size, kernel, axis.stride, before, max(0, after), spread)
