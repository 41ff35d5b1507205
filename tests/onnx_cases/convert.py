"""From an ONNX case to a network and its parameters, or the one sentence why it cannot be one.

Only reads what ONNX wrote: attributes become fields, inputs become parameters. No arithmetic of a layer is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from convlens.network import (
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Sigmoid,
    Tanh,
    axes,
)

from .cases import OnnxCase

Values = dict[str, NDArray[Any]]
Found = tuple[Layer, Values]


class RefusedError(Exception):
    """What the notation has no word for: one sentence."""


@dataclass(frozen=True)
class Converted:
    """A case in our words: run ``network`` with ``parameters`` on ``x`` and compare with ``expected``."""

    name: str
    network: Network
    parameters: Values
    x: NDArray[Any]
    expected: NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One ONNX node: its attributes, its inputs that are known arrays (None for an empty name), and its outputs."""

    attributes: dict[str, Any]
    known: tuple[NDArray[Any] | None, ...]
    outputs: int
    shape: tuple[int, ...]

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or ONNX's default for it."""
        return self.attributes.get(name, default)

    def input(self, i: int) -> NDArray[Any] | None:
        """The i-th input after the data, or None where it is absent."""
        return self.known[i] if i < len(self.known) else None


def convert(case: OnnxCase) -> Converted:
    """Read a case as a network. Raises RefusedError with the reason where the notation has no word for it."""
    graph = _without_squeezes(case)
    unknown = [node.op_type for node in graph.node if node.op_type not in READERS]
    if unknown:
        raise RefusedError(f"{unknown[0]} is no layer of the notation")
    values: Values = {tensor.name: np.asarray(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    free = [value.name for value in graph.input if value.name not in values]
    if len(case.inputs) == len(graph.input):
        free = [value.name for value in graph.input]
    values |= dict(zip(free, case.inputs, strict=True))
    current = graph.node[0].input[0]
    x, expected = values.pop(current), case.outputs[0]
    if x.ndim == 1:
        if not {node.op_type for node in graph.node} <= ELEMENTWISE:
            raise RefusedError("an input without channels, one axis of nothing but examples")
        x, expected = x[None], expected[None]
    network, parameters = Network(x.shape[1:], ()), {}
    for node in graph.node:
        if node.input[0] != current or any(name and name not in values for name in node.input[1:]):
            raise RefusedError("a graph that is not a chain of layers")
        known = tuple(values[name] if name else None for name in node.input[1:])
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        outputs = sum(1 for name in node.output if name)
        layer, own = READERS[node.op_type](Node(attributes, known, outputs, network.output_shape))
        parameters |= {f"{len(network.layers)}.{name}": value for name, value in own.items()}
        network = Network(network.input_shape, (*network.layers, layer))
        current = node.output[0]
    return Converted(case.name, network, parameters, x, expected)


def _without_squeezes(case: OnnxCase) -> onnx.GraphProto:
    """Drop an Unsqueeze before and a Squeeze after that only lend a one-dimensional pool a last axis of size 1."""
    nodes = case.graph.node
    if [node.op_type for node in nodes] != ["Unsqueeze", "AveragePool", "Squeeze"]:
        return case.graph
    if any(list(node.attribute[0].ints) != [case.inputs[0].ndim] for node in (nodes[0], nodes[2])):
        return case.graph
    pool = {attribute.name: helper.get_attribute_value(attribute) for attribute in nodes[1].attribute}
    short = {name: values[::2] if name == "pads" else values[:1] for name, values in pool.items()}
    graph = onnx.GraphProto()
    graph.CopyFrom(case.graph)
    del graph.node[:]
    graph.node.append(helper.make_node("AveragePool", nodes[0].input[:1], nodes[2].output[:1], **short))
    return graph


# ---- one reader an operator ----


def _slide(node: Node, kernel: Any) -> dict[str, Any]:
    """Stride and padding as fields: ONNX's default stride is 1, and it pads all befores, then all afters."""
    rank = len(node.shape) - 1
    auto, pads = node.get("auto_pad", b"NOTSET").decode(), node.get("pads", [0] * 2 * rank)
    padding: Any = tuple(zip(pads[:rank], pads[rank:], strict=True)) if auto == "NOTSET" else "same"
    return {"stride": tuple(node.get("strides", [1] * rank)), "padding": "valid" if auto == "VALID" else padding}


def _lower(node: Node, layer: Any) -> Any:
    """SAME_LOWER is our ``same`` with its two sides exchanged: the odd cell goes before."""
    if node.get("auto_pad", b"") != b"SAME_LOWER":
        return layer
    return replace(layer, padding=tuple((axis.after, axis.before) for axis in axes(layer, node.shape)))


def _conv(node: Node) -> Found:
    weight, bias = node.input(0), node.input(1)
    assert weight is not None
    layer = Conv(
        weight.shape[0],
        weight.shape[2:],
        dilation=tuple(node.get("dilations", [1] * (weight.ndim - 2))),
        groups=node.get("group", 1),
        bias=bias is not None,
        **_slide(node, weight.shape[2:]),
    )
    return _lower(node, layer), {"weight": weight} | ({} if bias is None else {"bias": bias})


def _max_pool(node: Node) -> Found:
    if node.outputs > 1:
        raise RefusedError("MaxPool with its second output, the indices of the winners")
    window = tuple(node.get("kernel_shape", None))
    dilation, ceil = tuple(node.get("dilations", [1] * len(window))), bool(node.get("ceil_mode", 0))
    return _lower(node, MaxPool(window, dilation=dilation, ceil=ceil, **_slide(node, window))), {}


def _avg_pool(node: Node) -> Found:
    if any(dilation != 1 for dilation in node.get("dilations", [])):
        raise RefusedError("AveragePool with a dilation, which avgpool (like PyTorch's) does not have")
    window = tuple(node.get("kernel_shape", None))
    ceil, count = bool(node.get("ceil_mode", 0)), bool(node.get("count_include_pad", 0))
    return _lower(node, AvgPool(window, ceil=ceil, count_padding=count, **_slide(node, window))), {}


def _flatten(node: Node) -> Found:
    rank = len(node.shape) + 1
    if node.get("axis", 1) % rank != 1 % rank:
        raise RefusedError("Flatten at another axis than 1, which mixes examples")
    return Flatten(), {}


def _gemm(node: Node) -> Found:
    weight, bias = node.input(0), node.input(1)
    assert weight is not None
    if node.get("transA", 0):
        raise RefusedError("Gemm with its data transposed, examples last")
    weight = node.get("alpha", 1.0) * (weight if node.get("transB", 0) else weight.T)
    if bias is None or not node.get("beta", 1.0):
        return Linear(len(weight), bias=False), {"weight": weight}
    if bias.ndim == 2 and bias.shape[0] > 1:
        raise RefusedError("Gemm with another bias for every example")
    shared = np.broadcast_to(node.get("beta", 1.0) * bias.reshape(-1), (len(weight),))
    return Linear(len(weight)), {"weight": weight, "bias": shared}


def _batch_norm(node: Node) -> Found:
    if node.get("training_mode", 0):
        raise RefusedError("BatchNormalization in training mode, whose running variance is not PyTorch's unbiased one")
    named = dict(zip(("weight", "bias", "running_mean", "running_var"), node.known, strict=True))
    momentum = 1 - node.get("momentum", 0.9)
    return BatchNorm(node.get("epsilon", 1e-5), momentum), {k: v for k, v in named.items() if v is not None}


def _dropout(node: Node) -> Found:
    training = node.input(1)
    if training is not None and bool(training):
        raise RefusedError("Dropout while training, which depends on ONNX's random numbers")
    if node.outputs > 1:
        raise RefusedError("Dropout with its second output, the mask")
    ratio = node.input(0)
    return Dropout(float(node.get("ratio", 0.5) if ratio is None else ratio)), {}


READERS: dict[str, Callable[[Node], Found]] = {
    "AveragePool": _avg_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda node: (AvgPool("all"), {}),
    "GlobalMaxPool": lambda node: (MaxPool("all"), {}),
    "MaxPool": _max_pool,
    "Relu": lambda node: (ReLU(), {}),
    "Sigmoid": lambda node: (Sigmoid(), {}),
    "Tanh": lambda node: (Tanh(), {}),
}
ELEMENTWISE = {"Dropout", "Relu", "Sigmoid", "Tanh"}
