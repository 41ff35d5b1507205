"""Dense layers: Linear on flat vectors, Dense4d from picture to picture, and Flatten between pictures and vectors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.network import Axis, NetworkError, parameter_shapes
from convlens.network import Dense4d as Dense4dLayer
from convlens.network import Flatten as FlattenLayer
from convlens.network import Linear as LinearLayer
from convlens.network.layers import Sizes, whole
from convlens.network.sizes import check_shape

from .module import Learned, Module


class Flatten(Module):
    """All channels and positions of an example as one vector: (N, C, *spatial) to (N, C * cells).

    >>> Flatten()(torch.zeros(2, 3, 4, 5)).shape
    torch.Size([2, 60])
    """

    def __init__(self) -> None:
        super().__init__(FlattenLayer())

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return x.flatten(1)


class Linear(Learned):
    """A dense layer on flat vectors, ``y = W x + b``: (N, in_features) to (N, out_features).

    Args:
        in_features, out_features: numbers before and after.
        bias: whether a number is added per output.
        generator: where the initial values are drawn from; None: torch's global one.

    Raises:
        NetworkError: an argument that cannot be.

    >>> Linear(120, 84)(torch.zeros(2, 120)).shape
    torch.Size([2, 84])
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: torch.Generator | None = None
    ) -> None:
        layer = LinearLayer(out_features, bias)
        features = whole(in_features, "in_features", 1)
        shapes = parameter_shapes(layer, (features,))
        super().__init__(
            layer,
            0,
            features,
            weight=shapes["weight"],
            bias=shapes.get("bias"),
            fans=(features, layer.out_features),
            generator=generator,
        )
        self.in_features, self.out_features = features, layer.out_features

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Dense4d(Learned):
    """The dense layer from picture to picture with its 4-d weight: (N, 1, *input_size) to (N, 1, *output_size).

    ``H[n, i, j] = U[i, j] + sum over k, l of W[i, j, k, l] X[n, k, l]``; weight is W, bias is U. Source: Dive into Deep
    Learning, section 7.1.

    Args:
        input_size, output_size: height and width before and after: one number for both, or two; output_size None:
            the input's.
        bias: whether a number is added per output cell.
        generator: where the initial values are drawn from; None: torch's global one.

    Raises:
        NetworkError: an argument that cannot be.

    >>> dense = Dense4d((28, 28), (24, 24))
    >>> dense.weight.shape, dense(torch.zeros(2, 1, 28, 28)).shape
    (torch.Size([24, 24, 28, 28]), torch.Size([2, 1, 24, 24]))
    """

    def __init__(
        self,
        input_size: Sizes,
        output_size: Sizes | None = None,
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        layer = Dense4dLayer(output_size, bias).canonical(2)
        spatial = tuple(input_size) if isinstance(input_size, (tuple, list)) else (input_size, input_size)
        if len(spatial) != 2:
            raise NetworkError(f"the input size of dense4d is a height and a width, not {len(spatial)} numbers")
        shape = check_shape((1, *spatial))
        shapes = parameter_shapes(layer, shape)
        rows, columns, height, width = shapes["weight"]
        super().__init__(
            layer,
            2,
            1,
            shape[1:],
            weight=shapes["weight"],
            bias=shapes.get("bias"),
            fans=(height * width, rows * columns),
            generator=generator,
        )
        self.output_size = rows, columns

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        bias = None if self.bias is None else self.bias.flatten()
        out = F.linear(x.flatten(1), self.weight.flatten(2).flatten(0, 1), bias)
        return out.view(x.shape[0], 1, *self.output_size)
