"""ONNX Runtime on the CPU, all graph optimisations, one thread."""

from __future__ import annotations

import onnxruntime  # type: ignore[import-untyped]

from ..answers import Problem
from . import Run
from .onnx_model import model


def prepare(problem: Problem) -> Run:
    """Inference with a session for exactly this batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model(problem), options, providers=["CPUExecutionProvider"])
    feed = {"x": problem.inputs[0]}
    return Run(lambda: session.run(None, feed), lambda: {"output": session.run(None, feed)[0]})
