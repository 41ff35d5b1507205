"""Correlation and convolution of numpy arrays: a network of one layer, compiled for the shapes and kept.

Machine code is kept on disk, and what was used last in memory. Images go into lanes (``shelf``), or where they are few,
columns do (``pictures``).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from convlens.network import Conv, Network, output_shape
from convlens.network.layers import Padding, Sizes, whole

from . import pictures
from .arguments import Call, Floats
from .errors import EngineError
from .memory import ensure
from .shelf import Shelf
from .target import host

FIELDS = {"kernel": "weight", "out_channels": "weight", "input": "x"}
"""What a layer calls an argument."""

OPTIONS = ("stride", "padding", "dilation", "groups")
MOST_KNOWN = 256
"""Calls whose networks are kept: to check the arguments again takes longer than a small picture."""

_shelf, _known = Shelf(), dict[object, Network]()


def correlate(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Floats:
    """Slide kernels over a batch, unflipped: what networks call a convolution.

    ``y[n, o, p] = bias[o] + sum over c, t of weight[o, c, t] x[n, c, p * stride - before + t * dilation]``, with zeros
    where that is outside of x.

    Args:
        x: (N, C, *spatial), one to three spatial axes, any real number type; N may be 0.
        weight: (O, C / groups, *kernel).
        bias: (O,), or None for none.
        stride: cells between neighbouring windows: a number, or one an axis.
        padding: zeros around x: a number, one an axis, a (before, after) pair an axis, ``"same"`` or ``"valid"``.
        dilation: cells between neighbouring taps: a number, or one an axis.
        groups: output channel o sees the input channels of group ``o // (O / groups)`` alone.

    Returns:
        (N, O, *out) float32.

    Raises:
        EngineError: an argument cannot be, or the result does not fit into memory; the sentence names it.

    Source: Dive into Deep Learning, section 7.2:

    >>> x = np.arange(9).reshape(1, 1, 3, 3)
    >>> correlate(x, np.arange(4).reshape(1, 1, 2, 2))[0, 0]
    array([[19., 25.],
           [37., 43.]], dtype=float32)
    """
    call = Call("correlate", locals(), FIELDS)
    return _correlated(call, call.array("weight"))


def convolve(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding | Literal["full"] = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Floats:
    """Convolve as mathematics does: ``correlate`` with every kernel flipped along its spatial axes.

    Args:
        x, weight, bias, stride, dilation, groups: as in ``correlate``.
        padding: as there, or ``"full"``: every window that touches x counts.

    Returns:
        (N, O, *out) float32.

    Raises:
        EngineError: as in ``correlate``.

    The product of two polynomials, (3 + 4z + 5z^2)(1 + 2z):

    >>> convolve([[[3, 4, 5]]], [[[1, 2]]], padding="full")
    array([[[ 3., 10., 13., 10.]]], dtype=float32)
    """
    call = Call("convolve", locals(), FIELDS)
    kernels = call.array("weight")
    flipped = np.ascontiguousarray(np.flip(kernels, tuple(range(2, kernels.ndim))))
    return _correlated(call, flipped, full=isinstance(padding, str) and padding == "full")


def _correlated(call: Call, weight: Floats, *, full: bool = False) -> Floats:
    x = call.batch()
    bias = None if call.given["bias"] is None else call.array("bias")
    options = tuple(call.given[name] for name in OPTIONS)
    key = (x.shape[1:], weight.shape, bias is None or bias.shape, full, options) if _plain(options) else None
    if (network := _known.get(key)) is None:
        network = _network(call, x, weight, bias, full)
        if key is not None:
            if len(_known) >= MOST_KNOWN:
                _known.clear()
            _known[key] = network
    shape = (len(x), *network.output_shape)
    try:
        ensure(4 * math.prod(shape), f"the result {'x'.join(map(str, shape))}", "take a smaller batch or less padding")
        if pictures.suits(network, len(x), host()):
            return pictures.correlated(network, x, weight, bias)
        with _shelf.borrowed(network, {"0.weight": weight} | ({} if bias is None else {"0.bias": bias})) as program:
            return program(x)
    except EngineError as error:
        raise EngineError(f"{call.operator}: {error.sentence}") from None


def _plain(value: object) -> bool:
    """Whether it is made of whole numbers and words alone: 1, 1.0 and True are equal, but not all of them a stride."""
    return type(value) in (int, str) or (type(value) is tuple and all(map(_plain, value)))


def _network(call: Call, x: Floats, weight: Floats, bias: Floats | None, full: bool) -> Network:
    """The layer as a network, or the refusal of the argument to blame."""
    if weight.ndim != x.ndim:
        wanted = "x".join(["O", "C", *"kkk"[: x.ndim - 2]])
        raise call.refusal(f"for an x of {x.ndim} axes the weight must have as many, {wanted}", "weight")
    if 0 in weight.shape:
        raise call.refusal("no axis of the weight may be empty", "weight")
    with call.blaming("x"):
        groups, kernel = whole(call.given["groups"], "groups", 1), weight.shape[2:]
        padding: Any = call.given["padding"]
        layer = Conv(len(weight), kernel, call.given["stride"], 0 if full else padding, call.given["dilation"], groups)  # type: ignore[arg-type]
        if x.shape[1] != weight.shape[1] * groups:
            what = f"{weight.shape[1]} channels" + (f" in each of {groups} groups" if groups > 1 else "")
            sentence = f"the weight reads {what}, {weight.shape[1] * groups} in all, but x has {x.shape[1]}"
            raise call.refusal(sentence, "weight" if groups == 1 else "groups")
        if full:
            spread = layer.dilation if isinstance(layer.dilation, tuple) else (layer.dilation,) * len(kernel)
            padding = tuple(d * (k - 1) for k, d in zip(kernel, spread, strict=False))
        if bias is not None and bias.shape != (len(weight),):
            raise call.refusal(f"the bias must hold a number for each of {len(weight)} output channels", "bias")
        layer = Conv(len(weight), kernel, layer.stride, padding, layer.dilation, groups, bias is not None)
        output_shape(layer, x.shape[1:])
    return Network(x.shape[1:], (layer,))
