"""What a layer of torch.nn asks for, as a value, or every reason why a network cannot say it.

A class is read only if it is exactly one of ``READERS``: a subclass may compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    NetworkError,
    ReLU,
    Shape,
    Sigmoid,
    Tanh,
)

EVERY_RANK = (0, 1, 2, 3)


@dataclass(frozen=True)
class Reading:
    """A layer, and the inputs that the module was built for: numbers of spatial axes, channels, size (None: any)."""

    layer: Layer
    ranks: tuple[int, ...] = EVERY_RANK
    channels: int | None = None
    input_size: Shape | None = None


class Refused(Exception):  # noqa: N818  (it never leaves this room)
    """The reasons why a module is not a layer of a network, one sentence each."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


def read(module: nn.Module) -> Reading:
    """Read one layer of torch.nn, or raise Refused with every reason against it.

    >>> read(nn.MaxPool2d(3, 2)).layer
    MaxPool(window=(3, 3), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil=False)
    """
    reader = READERS.get(type(module))
    if reader is None:
        raise Refused(_strange(module))
    try:
        return reader(module)
    except NetworkError as error:
        raise Refused(error.sentence) from None


def _strange(module: nn.Module) -> str:
    if isinstance(module, nn.modules.lazy.LazyModuleMixin):
        return "it does not know its input channels until it has run once"
    if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return "a transposed convolution makes its input larger, which no layer of a network does"
    if isinstance(module, tuple(READERS)):
        return "a subclass may compute something else than the layer it is derived from"
    return "no layer of a network does this"


def _refuse_if(*found: tuple[bool, str]) -> None:
    reasons = [reason for holds, reason in found if holds]
    if reasons:
        raise Refused(*reasons)


# Below, a module is Any: each reader knows the one torch.nn class whose documented attributes it reads.


def _conv(rank: int) -> Callable[[Any], Reading]:
    def reader(module: Any) -> Reading:
        _refuse_if(
            (module.padding_mode != "zeros", f'padding_mode "{module.padding_mode}": a network pads with zeros only'),
            (module.weight.dtype.is_complex, f"its weight is {module.weight.dtype}: a network is real"),
        )
        layer = Conv(
            module.out_channels,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            module.groups,
            module.bias is not None,
        )
        return Reading(layer, (rank,), module.in_channels)

    return reader


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    """One number an axis, so that a 2-d pool of one number is not taken for a 1-d one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def _window(module: Any, rank: int) -> tuple[Any, Any, Any]:
    return _each(module.kernel_size, rank), _each(module.stride, rank), _each(module.padding, rank)


def _max_pool(rank: int) -> Callable[[Any], Reading]:
    def reader(module: Any) -> Reading:
        _refuse_if((module.return_indices, "return_indices: a network passes on values only"))
        window, stride, padding = _window(module, rank)
        return Reading(MaxPool(window, stride, padding, _each(module.dilation, rank), module.ceil_mode), (rank,))

    return reader


def _avg_pool(rank: int) -> Callable[[Any], Reading]:
    def reader(module: Any) -> Reading:
        divisor = None if type(module) is nn.AvgPool1d else module.divisor_override
        _refuse_if((divisor is not None, f"divisor_override {divisor}: a network's mean divides by the cells it sees"))
        return Reading(AvgPool(*_window(module, rank), module.ceil_mode, module.count_include_pad), (rank,))

    return reader


def _adaptive_pool(rank: int, pool: type[AvgPool] | type[MaxPool]) -> Callable[[Any], Reading]:
    def reader(module: Any) -> Reading:
        _refuse_if(
            (
                _each(module.output_size, rank) != (1,) * rank,
                f"an adaptive pool to {module.output_size} has windows of unequal sizes; only one to 1 cell is a pool",
            ),
            (
                pool is MaxPool and module.return_indices,
                "return_indices: a network passes on values only",
            ),
        )
        return Reading(pool("all"), (rank,))

    return reader


def _batch_norm(*ranks: int) -> Callable[[Any], Reading]:
    def reader(module: Any) -> Reading:
        _refuse_if(
            (not module.affine, "affine=False: a network's batchnorm scales and shifts"),
            (
                not module.track_running_stats,
                "track_running_stats=False: a network's batchnorm has running statistics",
            ),
            (
                module.momentum is None,
                "momentum=None: a network's batchnorm keeps a moving average, no cumulative one",
            ),
        )
        return Reading(BatchNorm(module.eps, module.momentum), ranks, module.num_features)

    return reader


def _linear(module: Any) -> Reading:
    _refuse_if((module.weight.dtype.is_complex, f"its weight is {module.weight.dtype}: a network is real"))
    return Reading(Linear(module.out_features, module.bias is not None), (0,), module.in_features)


def _flatten(module: Any) -> Reading:
    _refuse_if(
        (module.start_dim != 1, f"start_dim={module.start_dim}: a network flattens everything but the batch"),
        (module.end_dim != -1, f"end_dim={module.end_dim}: a network flattens everything but the batch"),
    )
    return Reading(Flatten())


READERS: dict[type[nn.Module], Callable[[Any], Reading]] = {
    nn.Conv1d: _conv(1),
    nn.Conv2d: _conv(2),
    nn.Conv3d: _conv(3),
    nn.MaxPool1d: _max_pool(1),
    nn.MaxPool2d: _max_pool(2),
    nn.MaxPool3d: _max_pool(3),
    nn.AvgPool1d: _avg_pool(1),
    nn.AvgPool2d: _avg_pool(2),
    nn.AvgPool3d: _avg_pool(3),
    nn.AdaptiveAvgPool1d: _adaptive_pool(1, AvgPool),
    nn.AdaptiveAvgPool2d: _adaptive_pool(2, AvgPool),
    nn.AdaptiveAvgPool3d: _adaptive_pool(3, AvgPool),
    nn.AdaptiveMaxPool1d: _adaptive_pool(1, MaxPool),
    nn.AdaptiveMaxPool2d: _adaptive_pool(2, MaxPool),
    nn.AdaptiveMaxPool3d: _adaptive_pool(3, MaxPool),
    nn.BatchNorm1d: _batch_norm(0, 1),
    nn.BatchNorm2d: _batch_norm(2),
    nn.BatchNorm3d: _batch_norm(3),
    nn.Linear: _linear,
    nn.Flatten: _flatten,
    nn.Dropout: lambda module: Reading(Dropout(module.p)),
    nn.ReLU: lambda module: Reading(ReLU()),
    nn.Sigmoid: lambda module: Reading(Sigmoid()),
    nn.Tanh: lambda module: Reading(Tanh()),
}
