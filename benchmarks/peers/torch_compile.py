"""torch.compile with inductor; for inference with frozen weights. It needs a C++ compiler."""

from __future__ import annotations

import os
import shutil
from typing import Any

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import torch
import torch._dynamo
import torch._inductor.config

from ..answers import Problem
from . import RefusedError, Run
from .torch_eager import runs


def prepare(problem: Problem, channels_last: bool = False, autotune: bool = False) -> Run:
    """A job compiled for exactly its shapes."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++")):
        raise RefusedError("inductor needs a C++ compiler, and there is none")
    torch.set_num_threads(1)
    torch._dynamo.reset()
    torch._inductor.config.freezing = problem.job.inference
    settings: dict[str, Any] = {"dynamic": False, "fullgraph": True}
    if autotune:
        settings["mode"] = "max-autotune-no-cudagraphs"
    return runs(problem, channels_last, lambda function: torch.compile(function, **settings))
