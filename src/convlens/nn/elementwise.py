"""Layers that keep the shape: sigmoid, tanh, ReLU, dropout and batch normalisation. torch computes each of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from convlens.network import Axis, NetworkError, parameter_shapes
from convlens.network import BatchNorm as BatchNormLayer
from convlens.network import Dropout as DropoutLayer
from convlens.network import ReLU as ReLULayer
from convlens.network import Sigmoid as SigmoidLayer
from convlens.network import Tanh as TanhLayer
from convlens.network.layers import whole

from .module import Learned, Module


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``, element by element.

    >>> Sigmoid()(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self) -> None:
        super().__init__(SigmoidLayer())

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return torch.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent, element by element.

    >>> Tanh()(torch.zeros(1, 2))
    tensor([[0., 0.]])
    """

    def __init__(self) -> None:
        super().__init__(TanhLayer())

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return torch.tanh(x)


class ReLU(Module):
    """``max(x, 0)``, element by element; NaN stays NaN.

    >>> ReLU()(torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """

    def __init__(self) -> None:
        super().__init__(ReLULayer())

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return torch.relu(x)


class Dropout(Module):
    """While training, zero each value with probability ``p`` and scale the others by 1 / (1 - p).

    >>> Dropout(0.2).eval()(torch.ones(1, 2))
    tensor([[1., 1.]])
    """

    def __init__(self, p: float = 0.5) -> None:
        layer = DropoutLayer(p)
        super().__init__(layer)
        self.p = layer.probability

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return F.dropout(x, self.p, self.training)


class BatchNorm(Learned):
    """Normalise each channel of a batch (N, C, *spatial) with 0 to 3 spatial axes, then scale and shift it.

    While training by the batch's own mean and variance, which also move the running ones; otherwise by the running
    ones. An empty batch moves nothing. Source: Ioffe and Szegedy, 2015.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the weight of the newest batch in the running statistics.

    Raises:
        NetworkError: an argument that cannot be; while training, a batch with a single value per channel.

    >>> BatchNorm(3)(torch.randn(8, 3, 4, 4)).shape
    torch.Size([8, 3, 4, 4])
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        layer = BatchNormLayer(eps, momentum)
        features = whole(num_features, "num_features", 1)
        shape = parameter_shapes(layer, (features,))["weight"]
        super().__init__(layer, None, features, weight=shape, bias=shape, fans=None, generator=None)
        self.num_features, self.eps, self.momentum = features, layer.eps, layer.momentum
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_var", torch.ones(shape))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Scale by 1 and shift by 0; nothing is drawn."""
        assert self.bias is not None
        with torch.no_grad():
            self.weight.fill_(1)
            self.bias.fill_(0)

    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        learning = self.training and x.shape[0] > 0
        if learning and x.numel() == x.shape[1]:
            raise NetworkError(
                f"batchnorm cannot train on a single value per channel: the input is {tuple(x.shape)}; take more "
                "examples a batch, or call .eval()"
            )
        if learning:
            self.num_batches_tracked.add_(1)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, learning, self.momentum, self.eps
        )
