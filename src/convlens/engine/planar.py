"""One convolution of a picture as it lies in an array: (C, H, W) in, (C, H, W) out, neighbouring columns in the lanes.

For a single picture or a small batch of them, where a block of images would leave lanes empty. No tiles and
no threads: the caller has the numbers where they are read and written. ``scan`` is for whole networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convlens.network import Conv, Shape, axes, output_shape, print_layer

from . import compile as machine_code
from .errors import EngineError
from .kernels import rows
from .kernels.activation import Activation
from .kernels.convolution import Convolution
from .layout import Layout, Window
from .target import Target, host


@dataclass(frozen=True)
class Planar:
    """A convolution compiled for pictures of one size.

    Args:
        source: how the picture lies: one lane, with the zero borders that its padding asks for; without padding it is
            the array (C, H, W) itself.
        result: how the result lies: the array (C_out, H_out, W_out).
        call: the machine code.
        apart: what is run before it where the layer moves by more than one column, and how many floats it writes.
    """

    source: Layout
    result: Layout
    call: Callable[..., None]
    apart: tuple[Callable[..., None], int] | None

    def __call__(self, picture: int, weight: int, bias: int, result: int) -> None:
        """Run it on one picture.

        Args:
            picture: the address of float32 numbers that lie as ``source`` says, borders zero.
            weight: of the weight (C_out, C / groups, kernel, kernel), float32.
            bias: of the bias (C_out,), float32; any address where the layer has none.
            result: of where the result goes, as ``result`` says. It may not overlap the others.
        """
        if self.apart is None:
            self.call(picture, weight, bias, result, *self.result.size[1:])
            return
        take, floats = self.apart
        taken = np.empty(floats, np.float32)
        take(picture, taken.ctypes.data, *self.source.padded[1:])
        self.call(taken.ctypes.data, weight, bias, result, *self.result.size[1:])


def planar(layer: Conv, shape: Shape, *, activation: Activation = None, target: Target | None = None) -> Planar:
    """Compile one convolution for pictures of one size.

    Args:
        layer: the convolution.
        shape: of a picture, (C, H, W).
        activation: of its sums, or None.
        target: the processor; None: this one.

    Raises:
        NetworkError: the layer does not fit the shape.
        EngineError: a row of the result has fewer columns than a vector has lanes.

    >>> import numpy as np
    >>> conv = planar(Conv(2, 3), (1, 20, 30))
    >>> picture, weight, bias = np.ones((1, 20, 30), "f4"), np.ones((2, 1, 3, 3), "f4"), np.ones(2, "f4")
    >>> result = np.empty((2, 18, 28), "f4")
    >>> conv(*(array.ctypes.data for array in (picture, weight, bias, result)))
    >>> bool((result == 10).all())
    True
    """
    target, (filters, *size) = target or host(), output_shape(layer, shape)
    if len(size) != 2:
        raise EngineError(f"a row of columns needs a picture CxHxW, not {'x'.join(map(str, shape))}")
    if size[1] < target.lanes:
        raise EngineError(
            f"{print_layer(layer)} makes rows of {size[1]} columns, fewer than the {target.lanes} of a vector; "
            "put images in lanes instead"
        )
    window = Window.of(axes(layer, shape))
    c = Convolution(window, shape[0], filters, layer.groups, layer.bias, activation)
    source, result = Layout(1, shape[0], window.size, *window.borders), Layout(1, filters, window.out)
    read, apart = source, None
    if window.stride[2] > 1:
        read = rows.taken_apart(source, window.axes[2])
        apart = machine_code.load(rows.apart(target, source, window.axes[2], "rows_apart")), read.floats
    return Planar(source, result, machine_code.load(rows.forward(target, c, read, result, "rows")), apart)
