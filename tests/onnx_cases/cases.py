"""The cases of the installed ``onnx`` wheel that concern the layers of the notation: model, inputs and answers.

Node cases are code under ``onnx.backend.test.case.node``; the one- and three-dimensional ones, which PyTorch exported,
are files under ``onnx/backend/test/data``. Nothing here knows a layer of ours.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.case.node as node_cases
from numpy.typing import NDArray
from onnx import numpy_helper

SLIDING = {
    "AveragePool",
    "CausalConvWithState",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DeformConv",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "QLinearConv",
}
"""Operators that slide a window: a case with one of them counts as conv and pooling."""

OTHERS = {"BatchNormalization", "Dropout", "Flatten", "Gemm", "Relu", "Sigmoid", "Tanh"}
"""The other operators that a layer stands for: a case made of them alone counts as other layers."""

WORDS = ("conv", "pool", "batch_norm", "dropout", "flatten", "gemm", "relu", "sigmoid", "tanh")
"""What the names of the modules with these cases contain; the wheel's other modules take seconds to import."""

FOLDERS = ("pytorch-converted", "pytorch-operator", "simple")


@dataclass(frozen=True)
class OnnxCase:
    """One case: a model with its inputs and the outputs that ONNX expects."""

    name: str
    graph: onnx.GraphProto
    inputs: tuple[NDArray[Any], ...]
    outputs: tuple[NDArray[Any], ...]

    @property
    def sliding(self) -> bool:
        """Whether it is a conv or pooling case."""
        return any(node.op_type in SLIDING for node in self.graph.node)


@functools.cache
def onnx_cases() -> tuple[OnnxCase, ...]:
    """Every case of the wheel that concerns us, by name."""
    found = [case for case in (*_from_code(), *_from_files()) if _concerns_us(case.graph)]
    return tuple(sorted(found, key=lambda case: case.name))


def _concerns_us(graph: onnx.GraphProto) -> bool:
    operators = {node.op_type for node in graph.node}
    return bool(operators & SLIDING) or (bool(operators) and operators <= OTHERS)


def _from_code() -> list[OnnxCase]:
    for module in pkgutil.iter_modules(node_cases.__path__):
        if any(word in module.name for word in WORDS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(f"{node_cases.__name__}.{module.name}")
    # the list that collect_testcases() returns after importing all 170 modules; "_expanded" writes an operator out
    return [
        OnnxCase(case.name, case.model.graph, tuple(map(np.asarray, inputs)), tuple(map(np.asarray, outputs)))
        for case in node_cases._NodeTestCases
        for inputs, outputs in case.data_sets
        if "_expanded" not in case.name and _concerns_us(case.model.graph)
    ]


def _from_files() -> list[OnnxCase]:
    found = []
    for folder in FOLDERS:
        for path in sorted((Path(onnx.__file__).parent / "backend/test/data" / folder).glob("*/model.onnx")):
            graph = onnx.load(path).graph
            data = path.parent / "test_data_set_0"
            if data.is_dir() and _concerns_us(graph):
                found.append(OnnxCase(path.parent.name, graph, _read(data, "input"), _read(data, "output")))
    return found


def _read(folder: Path, kind: str) -> tuple[NDArray[Any], ...]:
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
    return tuple(np.asarray(numpy_helper.to_array(onnx.load_tensor(path))) for path in paths)
