"""A network as an ONNX model for its batch, written node by node: what ONNX Runtime and OpenVINO read."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper, numpy_helper

from convlens.network import AvgPool, Conv, Flatten, Layer, Linear, MaxPool, ReLU, Shape, Sigmoid, Tanh, axes

from ..answers import Problem
from . import RefusedError

NODES = {Conv: "Conv", MaxPool: "MaxPool", AvgPool: "AveragePool", Linear: "Gemm", Flatten: "Flatten"}
NODES |= {ReLU: "Relu", Sigmoid: "Sigmoid", Tanh: "Tanh"}


def model(problem: Problem) -> bytes:
    """The model, its input "x" and its output "y"."""
    network, batch = problem.network, problem.job.batch
    nodes, name = [], "x"
    for i, layer in enumerate(network.layers):
        if type(layer) not in NODES:
            raise RefusedError(f"the benchmark does not write {type(layer).__name__} in ONNX")
        result = "y" if i == len(network.layers) - 1 else f"after{i}"
        learned = [f"{i}.{part}" for part in ("weight", "bias") if f"{i}.{part}" in problem.parameters]
        attributes = _attributes(layer, network.shapes[i])
        nodes.append(helper.make_node(NODES[type(layer)], [name, *learned], [result], **attributes))
        name = result
    weights = [numpy_helper.from_array(value, key) for key, value in problem.parameters.items()]
    shapes = ((batch, *network.input_shape), (batch, *network.output_shape))
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in zip("xy", shapes, strict=True))
    graph = helper.make_graph(nodes, "network", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    found: bytes = made.SerializeToString()
    return found


def _attributes(layer: Layer, shape: Shape) -> dict[str, Any]:
    if isinstance(layer, Linear):
        return {"transB": 1}
    if not isinstance(layer, (Conv, MaxPool, AvgPool)):
        return {}
    found = axes(layer, shape)
    common = {
        "kernel_shape": [a.kernel for a in found],
        "strides": [a.stride for a in found],
        "pads": [*(a.before for a in found), *(a.after for a in found)],
    }
    if isinstance(layer, Conv):
        return {**common, "dilations": [a.dilation for a in found], "group": layer.groups}
    return common
