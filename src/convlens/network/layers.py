"""The layers of a network as frozen values: what was asked for, checked field by field, and nothing that runs.

A layer does not know the shape it will meet; what depends on the shape (output sizes, costs, fields) lives in
``sizes``, ``cost`` and ``field``. Every size is one number for all axes or a tuple with one number an axis.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, fields, replace
from typing import Literal, Self

from .errors import NetworkError, shown

LARGEST = 2**31 - 1
"""The largest number a size may have: what a signed 32-bit index reaches."""

Sizes = int | tuple[int, ...]
Sides = int | tuple[int, int]
Padding = int | tuple[Sides, ...] | Literal["same", "valid"]

RANK_NAMES = {0: "a flat vector", 1: "a signal", 2: "a picture", 3: "a volume"}


def whole(value: object, field: str, at_least: int) -> int:
    """Return ``value`` as an int between ``at_least`` and 2**31 - 1, or raise NetworkError with a sentence."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise NetworkError(f"the {_spoken(field)} must be a whole number, not {shown(value)}", field=field)
    if number < at_least:
        raise NetworkError(f"the {_spoken(field)} must be at least {at_least}, not {shown(number)}", field=field)
    if number > LARGEST:
        raise NetworkError(
            f"the {_spoken(field)} {shown(number)} is larger than any index can be ({LARGEST})", field=field
        )
    return number


def _spoken(field: str) -> str:
    return field.replace("_", " ")


def _sizes(value: object, field: str, at_least: int = 1) -> Sizes:
    if isinstance(value, (tuple, list)):
        if not 1 <= len(value) <= 3:
            raise NetworkError(f"the {_spoken(field)} needs one number an axis, 1 to 3 of them", field=field)
        return tuple(whole(v, field, at_least) for v in value)
    return whole(value, field, at_least)


def _padding(value: object, field: str = "padding") -> Padding:
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise NetworkError(f'the padding must be a number, "same" or "valid", not {shown(value)}', field=field)
        return value  # type: ignore[return-value]
    if isinstance(value, (tuple, list)):
        if not 1 <= len(value) <= 3:
            raise NetworkError("the padding needs one number, or a (before, after) pair, an axis", field=field)
        return tuple(_sides(v, field) for v in value)
    return whole(value, field, 0)


def _sides(value: object, field: str) -> Sides:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise NetworkError("a padding per side is a pair (before, after)", field=field)
        return whole(value[0], field, 0), whole(value[1], field, 0)
    return whole(value, field, 0)


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise NetworkError(f"{_spoken(field)} must be True or False, not {shown(value)}", field=field)
    return value


def _fraction(value: object, field: str, *, low: float, high: float, open_low: bool = False) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise NetworkError(f"the {_spoken(field)} must be a number, not {shown(value)}", field=field)
    if not low <= number <= high or (open_low and number == low):
        least = f"more than {low:g}" if open_low else f"at least {low:g}"
        raise NetworkError(f"the {_spoken(field)} must be {least} and at most {high:g}, not {number!r}", field=field)
    return number


@dataclass(frozen=True)
class Layer:
    """One layer: a value that is equal to another when it asks for the same."""

    def canonical(self, rank: int) -> Self:
        """Return the same layer in its one spelling for inputs with ``rank`` spatial axes.

        A tuple of equal numbers becomes the number, ``"valid"`` becomes 0, a pool's stride equal to its window becomes
        None. Raises NetworkError where a tuple does not have ``rank`` entries.

        >>> Conv(6, (5, 5), padding=((2, 2), 2)).canonical(2)
        Conv(out_channels=6, kernel=5, stride=1, padding=2, dilation=1, groups=1, bias=True)
        """
        changes: dict[str, object] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, tuple):
                changes[f.name] = _collapsed(value, f.name, rank)
            elif value == "valid":
                changes[f.name] = 0
        return replace(self, **changes) if changes else self


def check_rank(value: tuple[Sides, ...], field: str, rank: int) -> None:
    """Raise NetworkError unless ``value`` has one entry for each of ``rank`` (0 to 3) spatial axes."""
    if len(value) != rank:
        axes = "1 axis" if len(value) == 1 else f"{len(value)} axes"
        kind = RANK_NAMES.get(rank, "something")
        raise NetworkError(
            f"the {_spoken(field)} {spell(value)} names {axes}, but the input is {kind} with {rank}",
            field=field,
        )


def _collapsed(value: tuple[Sides, ...], field: str, rank: int) -> object:
    check_rank(value, field, rank)
    per_axis = tuple(v[0] if isinstance(v, tuple) and v[0] == v[1] else v for v in value)
    return per_axis[0] if len(set(per_axis)) == 1 and isinstance(per_axis[0], int) else per_axis


def spell(value: object) -> str:
    """Write a size or padding as the notation does.

    >>> spell(5), spell((5, 3)), spell(((1, 2), 0)), spell("same")
    ('5', '5x3', '1+2x0', 'same')
    """
    if isinstance(value, tuple):
        return "x".join("+".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value)
    return str(value)


@dataclass(frozen=True)
class _Correlation(Layer):
    out_channels: int
    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        _set(
            self,
            out_channels=whole(self.out_channels, "out_channels", 1),
            kernel=_sizes(self.kernel, "kernel"),
            stride=_sizes(self.stride, "stride"),
            padding=_padding(self.padding),
            dilation=_sizes(self.dilation, "dilation"),
            groups=whole(self.groups, "groups", 1),
            bias=_flag(self.bias, "bias"),
        )


def _set(layer: Layer, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(layer, name, value)


@dataclass(frozen=True)
class Conv(_Correlation):
    """Correlate with one learned kernel per (output, input) channel pair, the same at every position.

    ``H[o, y, x] = bias[o] + sum over c, i, j of W[o, c, i, j] X[c, y*stride + i*dilation - before, ...]``: the kernel
    is not flipped, as in every network library (``reference.convolve`` flips). ``padding`` is a number, one number an
    axis, a (before, after) pair an axis, ``"same"`` (output size = input size / stride, rounded up) or ``"valid"``.

    >>> Conv(6, 5, padding=2).kernel
    5
    """


@dataclass(frozen=True)
class LocalConv(_Correlation):
    """Locality without weight sharing: a conv with its own kernel and bias at every output position."""


@dataclass(frozen=True)
class Dense4d(Layer):
    """The dense layer on a one-channel picture, its weight 4-d: ``H[i,j] = U[i,j] + sum of W[i,j,k,l] X[k,l]``.

    ``size`` is the output's height and width; None keeps the input's. It is where the derivation of the convolution
    starts: translation invariance ties W along i and j, locality cuts it to a window, and Conv is left.
    """

    size: Sizes | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        size = None if self.size is None else _sizes(self.size, "size")
        _set(self, size=size, bias=_flag(self.bias, "bias"))


@dataclass(frozen=True)
class _Pool(Layer):
    window: Sizes | Literal["all"]
    stride: Sizes | None = None
    padding: Padding = 0

    def __post_init__(self) -> None:
        whole_input = isinstance(self.window, str) and self.window == "all"
        _set(
            self,
            window="all" if whole_input else _sizes(self.window, "window"),
            stride=None if self.stride is None else _sizes(self.stride, "stride"),
            padding=_padding(self.padding),
        )
        if whole_input and (self.stride is not None or self.padding not in (0, "valid")):
            raise NetworkError('a pool over "all" has one window, so neither stride nor padding', field="window")

    def canonical(self, rank: int) -> Self:
        same = super().canonical(rank)
        return replace(same, stride=None) if same.stride == same.window else same


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value under each window; padding never wins. ``stride`` None means the window's own size.

    ``ceil`` keeps a last window that reaches over the end, if it starts inside the input or the padding before it.
    The window may be ``"all"``: the whole input.
    """

    dilation: Sizes = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _set(self, dilation=_sizes(self.dilation, "dilation"), ceil=_flag(self.ceil, "ceil"))


@dataclass(frozen=True)
class AvgPool(_Pool):
    """The mean under each window. ``count_padding`` says whether padded zeros count as cells (PyTorch: they do)."""

    ceil: bool = False
    count_padding: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _set(self, ceil=_flag(self.ceil, "ceil"), count_padding=_flag(self.count_padding, "count_padding"))


@dataclass(frozen=True)
class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``, element by element."""


@dataclass(frozen=True)
class Tanh(Layer):
    """The hyperbolic tangent, element by element."""


@dataclass(frozen=True)
class ReLU(Layer):
    """``max(x, 0)``, element by element; NaN stays NaN."""


@dataclass(frozen=True)
class Flatten(Layer):
    """All channels and positions of an example as one vector, channels outermost."""


@dataclass(frozen=True)
class Linear(Layer):
    """A dense layer on a flat vector: ``y = W x + b`` with W of shape (out_features, in_features)."""

    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        _set(self, out_features=whole(self.out_features, "out_features", 1), bias=_flag(self.bias, "bias"))


@dataclass(frozen=True)
class Dropout(Layer):
    """While training, zero each value with the given probability and scale the others by 1 / (1 - probability)."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        _set(self, probability=_fraction(self.probability, "probability", low=0, high=1))


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalise each channel: over the batch while training, by running statistics afterwards; then scale and shift.

    Source: Ioffe and Szegedy, 2015. ``momentum`` is the weight of the newest batch in the running statistics.
    """

    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        eps = _fraction(self.eps, "eps", low=0, high=1, open_low=True)
        _set(self, eps=eps, momentum=_fraction(self.momentum, "momentum", low=0, high=1))


Windowed = Conv | LocalConv | MaxPool | AvgPool
"""The layers that slide a window."""
