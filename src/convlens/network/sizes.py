"""Output sizes: how a window slides along each axis, what padding adds, and which cells are dropped at the end.

Only arithmetic on shapes; nothing here allocates. A shape is (C,), (C, W), (C, H, W) or (C, D, H, W): no batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .errors import NetworkError
from .layers import (
    AvgPool,
    Conv,
    Dense4d,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Padding,
    Windowed,
    check_rank,
    spell,
    whole,
)

Shape = tuple[int, ...]

MOST_ELEMENTS = (2**63 - 1) // 4
"""The most elements a tensor may have: float32 bytes that a signed 64-bit index reaches."""


@dataclass(frozen=True)
class Axis:
    """One axis of a sliding window, resolved to numbers.

    ``size`` input cells, ``before`` and ``after`` padded cells, a window of ``kernel`` taps ``dilation`` apart that
    moves by ``stride``; ``ceil`` keeps a last window that reaches over the end.

    >>> Axis(size=7, kernel=3, stride=2).out, Axis(size=8, kernel=3, stride=2).dropped
    (3, 1)
    """

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Cells from the first tap to the last: ``dilation * (kernel - 1) + 1``."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> int:
        """Cells of the padded input."""
        return self.before + self.size + self.after

    @property
    def out(self) -> int:
        """Positions of the window: ``(padded - extent) // stride + 1``; with ``ceil`` rounded up, but no window starts
        past the last real cell (the rule of PyTorch and ONNX)."""
        room = self.padded - self.extent
        if not self.ceil:
            return room // self.stride + 1
        out = -(-room // self.stride) + 1
        return out - 1 if (out - 1) * self.stride >= self.size + self.before else out

    @property
    def dropped(self) -> int:
        """Real input cells at the end that no window reaches."""
        last = (self.out - 1) * self.stride + self.extent - self.before
        return min(self.size, max(0, self.size - last))

    def first(self, position: int) -> int:
        """The input cell under the first tap of the window at ``position``; negative in the padding before."""
        return position * self.stride - self.before


def check_shape(shape: object) -> Shape:
    """Return an input shape as a tuple of 1 to 4 sizes, channels first, or raise NetworkError."""
    if not isinstance(shape, (tuple, list)) or not 1 <= len(shape) <= 4:
        raise NetworkError(
            "the input shape must be C, CxW, CxHxW or CxDxHxW: channels and up to three axes", field="input"
        )
    return check_elements(tuple(whole(n, "input", 1) for n in shape), "the input")


def check_elements(shape: Shape, what: str) -> Shape:
    """Return ``shape``, or raise NetworkError where its float32 bytes overflow a 64-bit index."""
    if math.prod(shape) > MOST_ELEMENTS:
        raise NetworkError(
            f"{what} of {spell(shape)} has more elements than a 64-bit index reaches in bytes ({MOST_ELEMENTS})"
        )
    return shape


def axes(layer: Windowed, shape: Shape) -> tuple[Axis, ...]:
    """Resolve how ``layer`` slides over an input of ``shape`` (C, *spatial): one Axis a spatial axis.

    Raises NetworkError where the input is flat, a tuple has another number of axes, or the window does not fit.

    >>> [axis.out for axis in axes(Conv(6, 5, padding="same", stride=2), (1, 28, 27))]
    [14, 14]
    """
    spatial = shape[1:]
    if not spatial:
        raise NetworkError(
            f"a {_name(layer)} needs an input with at least one axis to slide along, not {shape[0]} features"
        )
    kernel_field = "kernel" if isinstance(layer, (Conv, LocalConv)) else "window"
    kernels = spatial if _kernel(layer) == "all" else _each(_kernel(layer), len(spatial), kernel_field)
    strides = kernels if layer.stride is None else _each(layer.stride, len(spatial), "stride")
    dilations = (1,) * len(spatial) if isinstance(layer, AvgPool) else _each(layer.dilation, len(spatial), "dilation")
    ceil = isinstance(layer, (MaxPool, AvgPool)) and layer.ceil
    found = []
    for i, size in enumerate(spatial):
        axis = Axis(size, kernels[i], strides[i], 0, 0, dilations[i], ceil)
        before, after = _sides(layer.padding, i, len(spatial), axis)
        found.append(Axis(size, kernels[i], strides[i], before, after, dilations[i], ceil))
    for i, axis in enumerate(found):
        _check_fits(layer, tuple(found), i, axis, kernel_field)
    return tuple(found)


def _kernel(layer: Windowed) -> object:
    return layer.kernel if isinstance(layer, (Conv, LocalConv)) else layer.window


def _name(layer: Layer) -> str:
    return type(layer).__name__.lower().replace("localconv", "local")


def _each(value: object, rank: int, field: str) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * rank
    assert isinstance(value, tuple)
    check_rank(value, field, rank)
    return value


def _sides(padding: Padding, i: int, rank: int, axis: Axis) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        # As many outputs as strides that start inside the input; an odd cell goes after (PyTorch, TensorFlow).
        total = max(0, (-(-axis.size // axis.stride) - 1) * axis.stride + axis.extent - axis.size)
        return total // 2, total - total // 2
    if isinstance(padding, int):
        return padding, padding
    assert isinstance(padding, tuple)
    check_rank(padding, "padding", rank)
    side = padding[i]
    return side if isinstance(side, tuple) else (side, side)


def _check_fits(layer: Windowed, found: tuple[Axis, ...], i: int, axis: Axis, field: str) -> None:
    if axis.extent > axis.padded:
        window, padded = spell(tuple(a.extent for a in found)), spell(tuple(a.padded for a in found))
        spread = f" (spread by its dilation to {window})" if any(a.extent != a.kernel for a in found) else ""
        raise NetworkError(
            f"the {field} {spell(tuple(a.kernel for a in found))}{spread} is larger than the padded input {padded}; "
            f"take a smaller {field} or pad axis {i + 1} by {axis.extent - axis.padded} more",
            field=field,
        )
    if isinstance(layer, (MaxPool, AvgPool)) and max(axis.before, axis.after) >= axis.extent:
        raise NetworkError(
            f"the padding {max(axis.before, axis.after)} must be smaller than the pool's window {axis.extent}, "
            "or a window would see nothing but padding",
            field="padding",
        )
    if isinstance(layer, MaxPool) and axis.kernel > 1 and axis.size < axis.dilation and (axis.before or axis.after):
        raise NetworkError(
            f"the dilation {axis.dilation} steps over all {axis.size} cells, so that with padding a window could see "
            "nothing but padding; take a smaller dilation",
            field="dilation",
        )


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape that ``layer`` makes of an input of ``shape``, both without the batch.

    Raises NetworkError where the layer cannot take the shape.

    >>> output_shape(Conv(6, 5, padding=2), (1, 28, 28))
    (6, 28, 28)
    >>> output_shape(MaxPool(2), (6, 27, 28))
    (6, 13, 14)
    """
    if isinstance(layer, (Conv, LocalConv)):
        for what, channels in (("input", shape[0]), ("output", layer.out_channels)):
            if channels % layer.groups:
                raise NetworkError(
                    f"{layer.groups} groups do not divide the {channels} {what} channels", field="groups"
                )
        out = (layer.out_channels, *(axis.out for axis in axes(layer, shape)))
    elif isinstance(layer, (MaxPool, AvgPool)):
        out = (shape[0], *(axis.out for axis in axes(layer, shape)))
    elif isinstance(layer, Dense4d):
        if len(shape) != 3 or shape[0] != 1:
            raise NetworkError(
                f"dense4d is the dense layer of a one-channel picture 1xHxW, not of {spell(shape)}; "
                "for any other input write flatten, linear"
            )
        out = (1, *(shape[1:] if layer.size is None else _each(layer.size, 2, "size")))
    elif isinstance(layer, Flatten):
        out = (math.prod(shape),)
    elif isinstance(layer, Linear):
        if len(shape) != 1:
            raise NetworkError(f"linear needs a flat input, not {spell(shape)}; put flatten before it")
        out = (layer.out_features,)
    else:
        out = shape
    return check_elements(out, "the output")


def settled(layer: Layer, shape: Shape) -> Layer:
    """The one spelling of ``layer`` for an input of ``shape``: what depends on the shape is written as a number.

    >>> settled(AvgPool("all"), (8, 7, 7))
    AvgPool(window=7, stride=None, padding=0, ceil=False, count_padding=True)
    """
    if isinstance(layer, (MaxPool, AvgPool)) and layer.window == "all":
        layer = replace(layer, window=shape[1:])
    if isinstance(layer, Dense4d) and layer.size is not None and _each(layer.size, 2, "size") == shape[1:]:
        layer = replace(layer, size=None)
    return layer.canonical(len(shape) - 1)
