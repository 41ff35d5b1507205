"""The learned tensors of a layer: their names and shapes, equal to PyTorch's wherever PyTorch has the layer."""

from __future__ import annotations

from .layers import BatchNorm, Conv, Dense4d, Layer, Linear, LocalConv
from .sizes import Shape, check_elements, output_shape


def parameter_shapes(layer: Layer, shape: Shape) -> dict[str, Shape]:
    """The learned tensors of ``layer`` for an input of ``shape`` (C, *spatial): name to shape, named as in PyTorch.

    LocalConv has one conv weight an output position: (*out, out_channels, channels / groups, *kernel).

    >>> parameter_shapes(Conv(6, 5), (1, 28, 28))
    {'weight': (6, 1, 5, 5), 'bias': (6,)}
    >>> parameter_shapes(Dense4d((4, 4), bias=False), (1, 6, 6))
    {'weight': (4, 4, 6, 6)}
    """
    out = output_shape(layer, shape)
    weight, bias = _weight_and_bias(layer, shape, out)
    found = {}
    if weight is not None:
        found["weight"] = check_elements(weight, "the weight")
    if bias is not None:
        found["bias"] = check_elements(bias, "the bias")
    return found


def _weight_and_bias(layer: Layer, shape: Shape, out: Shape) -> tuple[Shape | None, Shape | None]:
    if isinstance(layer, (Conv, LocalConv)):
        rank = len(shape) - 1
        kernel = (layer.kernel,) * rank if isinstance(layer.kernel, int) else layer.kernel
        one = (layer.out_channels, shape[0] // layer.groups, *kernel)
        if isinstance(layer, Conv):
            return one, (layer.out_channels,) if layer.bias else None
        return (*out[1:], *one), out if layer.bias else None
    if isinstance(layer, Dense4d):
        return (*out[1:], *shape[1:]), out[1:] if layer.bias else None
    if isinstance(layer, Linear):
        return (layer.out_features, shape[0]), (layer.out_features,) if layer.bias else None
    if isinstance(layer, BatchNorm):
        return (shape[0],), (shape[0],)
    return None, None
