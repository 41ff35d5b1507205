"""A whole network by reference: every layer's output, and the gradient by its input and by each parameter.

Only calls each layer's pair of functions in order; all mathematics lives with the layers. Parameters are a mapping
named as the ``state_dict`` of a ``torch.nn.Sequential``: ``"0.weight"``, ``"0.bias"``, ``"3.running_mean"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    Network,
    NetworkError,
    ReLU,
    Shape,
    Sigmoid,
    Tanh,
    parameter_shapes,
)

from .activation import relu, relu_gradient, sigmoid, sigmoid_gradient, tanh, tanh_gradient
from .arrays import Array, check_shape, numbers
from .correlate import correlate, correlate_gradient
from .linear import flatten, flatten_gradient, linear, linear_gradient
from .local import dense4d, dense4d_gradient, local, local_gradient
from .loss import cross_entropy, cross_entropy_gradient
from .normalise import batch_norm, batch_norm_gradient, batch_norm_training_gradient, batch_statistics, dropout
from .pool import avg_pool, avg_pool_gradient, max_pool, max_pool_gradient

Parameters = Mapping[str, ArrayLike]
Gradients = dict[str, Array]


@dataclass(frozen=True)
class Training:
    """That a run is one of training, and what it needs to be one.

    ``masks`` holds, for the index of each dropout layer, an array (N, *shape) that is true where a value is kept: the
    reference draws no random numbers.
    """

    masks: Mapping[int, ArrayLike] = field(default_factory=dict)


def run(
    network: Network, parameters: Parameters, x: ArrayLike, *, training: Training | None = None
) -> tuple[Array, ...]:
    """Run a batch through a network and keep the output of every layer.

    Args:
        network: the network.
        parameters: name to array, shaped as ``network.parameter_shapes`` says; batchnorm also has ``running_mean`` and
            ``running_var``.
        x: (N, *input_shape).
        training: None runs as after training: dropout does nothing, batchnorm uses its running statistics.

    Returns:
        One array (N, *shape) a layer; each is float64, or int64 where all that made it is whole.

    Raises:
        NetworkError: a parameter is missing, unknown or misshapen, or x does not fit.

    >>> net = Network.parse("1x3x3: conv 1 2, relu, maxpool 2, flatten")
    >>> parameters = {"0.weight": np.arange(4).reshape(1, 1, 2, 2), "0.bias": [-20]}
    >>> [y.tolist() for y in run(net, parameters, np.arange(9).reshape(1, 1, 3, 3))]
    [[[[[-1, 5], [17, 23]]]], [[[[0, 5], [17, 23]]]], [[[[23]]]], [[23]]]
    """
    return _forward(network, parameters, x, training)[1:]


def gradients(
    network: Network, parameters: Parameters, x: ArrayLike, upstream: ArrayLike, *, training: Training | None = None
) -> tuple[Array, Gradients]:
    """Run a network forward, then backward from ``upstream``.

    Args:
        network, parameters, x, training: as in ``run``.
        upstream: (N, *output_shape), the loss's derivative by the network's output.

    Returns:
        The derivative by x, (N, *input_shape), and by each parameter: name to array, shaped as the parameter.

    Raises:
        NetworkError: as ``run``, or upstream does not fit.

    >>> dx, by_name = gradients(Network.parse("2: linear 1"), {"0.weight": [[3, 4]], "0.bias": [5]}, [[1, 2]], [[10]])
    >>> dx.tolist(), {name: gradient.tolist() for name, gradient in by_name.items()}
    ([[30, 40]], {'0.weight': [[10, 20]], '0.bias': [10]})
    """
    values = _forward(network, parameters, x, training)
    (up,) = numbers(upstream)
    check_shape(up, values[-1].shape, "the upstream gradient")
    found: Gradients = {}
    for i in range(len(network.layers) - 1, -1, -1):
        call = _Call(network.layers[i], values[i], _own(parameters, i), training, i)
        up, own = _PAIRS[type(call.layer)][1](call, up)
        found = {f"{i}.{name}": gradient for name, gradient in own.items() if f"{i}.{name}" in parameters} | found
    return up, found


def loss_gradients(
    network: Network, parameters: Parameters, x: ArrayLike, labels: ArrayLike, *, training: Training | None = None
) -> tuple[float, Array, Gradients]:
    """The cross-entropy of a classifier on a batch, and its gradients.

    Args:
        network: one whose output is (classes,).
        parameters, x, training: as in ``run``.
        labels: (N,), whole numbers from 0 on.

    Returns:
        The loss, its derivative by x, and by each parameter.

    Raises:
        NetworkError: as ``run`` and ``cross_entropy``.

    >>> net, parameters = Network.parse("1: linear 2 nobias"), {"0.weight": [[0.0], [0.0]]}
    >>> loss, dx, by_name = loss_gradients(net, parameters, [[4.0]], [1])
    >>> round(loss, 4), by_name["0.weight"].tolist()
    (0.6931, [[2.0], [-2.0]])
    """
    logits = _forward(network, parameters, x, training)[-1]
    dx, found = gradients(network, parameters, x, cross_entropy_gradient(logits, labels), training=training)
    return cross_entropy(logits, labels), dx, found


def _forward(network: Network, parameters: Parameters, x: ArrayLike, training: Training | None) -> tuple[Array, ...]:
    """The input and every layer's output."""
    _check(network, parameters)
    values = [numbers(x)[0]]
    if values[0].shape[1:] != network.input_shape:
        check_shape(values[0], (*values[0].shape[:1], *network.input_shape), f"a batch for {network}")
    for i, layer in enumerate(network.layers):
        call = _Call(layer, values[-1], _own(parameters, i), training, i)
        values.append(_PAIRS[type(layer)][0](call))
    return tuple(values)


def _check(network: Network, parameters: Parameters) -> None:
    expected: dict[str, Shape] = {}
    for i, layer in enumerate(network.layers):
        shapes = parameter_shapes(layer, network.shapes[i])
        if isinstance(layer, BatchNorm):
            shapes |= {"running_mean": shapes["weight"], "running_var": shapes["weight"]}
        expected |= {f"{i}.{name}": shape for name, shape in shapes.items()}
    known = {name for name in parameters if not name.endswith(".num_batches_tracked")}
    if known != set(expected):
        wrong = min(known ^ set(expected))
        problem = "is missing" if wrong in expected else "is not one of this network"
        raise NetworkError(f"the parameter {wrong} {problem}", line=str(network))
    for name, shape in expected.items():
        check_shape(np.asarray(parameters[name]), shape, f"the parameter {name}")


def _own(parameters: Parameters, i: int) -> dict[str, ArrayLike]:
    prefix = f"{i}."
    return {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}


# ---- each layer's pair ----


@dataclass(frozen=True)
class _Call:
    """What a layer's pair of functions works on."""

    layer: Any
    x: Array
    own: dict[str, ArrayLike]
    training: Training | None
    index: int

    def options(self, *names: str) -> dict[str, Any]:
        """Fields of the layer as keyword arguments."""
        return {name: getattr(self.layer, name) for name in names}

    def mask(self) -> ArrayLike:
        """The dropout mask for this layer."""
        assert self.training is not None
        if self.index not in self.training.masks:
            raise NetworkError(f"the reference draws no random numbers: give a mask for the dropout at {self.index}")
        return self.training.masks[self.index]


Forward = Callable[[_Call], Array]
Backward = Callable[[_Call, Array], tuple[Array, Gradients]]

_SLIDE = ("stride", "padding", "dilation", "groups")
_MAX = ("window", "stride", "padding", "dilation", "ceil")
_AVG = ("window", "stride", "padding", "ceil", "count_padding")


def _named(found: tuple[Array, Array, Array]) -> tuple[Array, Gradients]:
    dx, dweight, dbias = found
    return dx, {"weight": dweight, "bias": dbias}


def _weighted(forward: Callable[..., Array], gradient: Callable[..., Any], *names: str) -> tuple[Forward, Backward]:
    """The pair of a layer with a weight, a bias and the named fields."""
    return (
        lambda call: forward(call.x, call.own["weight"], call.own.get("bias"), **call.options(*names)),
        lambda call, up: _named(gradient(call.x, call.own["weight"], up, **call.options(*names))),
    )


def _plain(forward: Callable[..., Array], gradient: Callable[..., Array], *names: str) -> tuple[Forward, Backward]:
    """The pair of a layer without parameters."""
    return (
        lambda call: forward(call.x, **call.options(*names)),
        lambda call, up: (gradient(call.x, up, **call.options(*names)), {}),
    )


def _dropout(call: _Call) -> Array:
    return call.x if call.training is None else dropout(call.x, call.mask(), call.layer.probability)


def _dropout_gradient(call: _Call, up: Array) -> tuple[Array, Gradients]:
    return (up if call.training is None else dropout(up, call.mask(), call.layer.probability)), {}


def _batch_norm(call: _Call) -> Array:
    own = call.own
    mean, variance = (own["running_mean"], own["running_var"]) if call.training is None else batch_statistics(call.x)
    return batch_norm(call.x, own["weight"], own["bias"], mean, variance, call.layer.eps)


def _batch_norm_gradient(call: _Call, up: Array) -> tuple[Array, Gradients]:
    own, eps = call.own, call.layer.eps
    if call.training is not None:
        return _named(batch_norm_training_gradient(call.x, own["weight"], up, eps))
    return _named(batch_norm_gradient(call.x, own["weight"], own["running_mean"], own["running_var"], up, eps))


_PAIRS: dict[type[Layer], tuple[Forward, Backward]] = {
    Conv: _weighted(correlate, correlate_gradient, *_SLIDE),
    LocalConv: _weighted(local, local_gradient, *_SLIDE),
    Dense4d: _weighted(dense4d, dense4d_gradient),
    Linear: _weighted(linear, linear_gradient),
    MaxPool: _plain(max_pool, max_pool_gradient, *_MAX),
    AvgPool: _plain(avg_pool, avg_pool_gradient, *_AVG),
    Sigmoid: _plain(sigmoid, sigmoid_gradient),
    Tanh: _plain(tanh, tanh_gradient),
    ReLU: _plain(relu, relu_gradient),
    Flatten: _plain(flatten, flatten_gradient),
    Dropout: (_dropout, _dropout_gradient),
    BatchNorm: (_batch_norm, _batch_norm_gradient),
}
