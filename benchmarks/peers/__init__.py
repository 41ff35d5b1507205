"""The contenders: one file a peer, each with ``prepare(problem, options) -> Run``.

``prepare`` may raise ImportError (the peer is not installed) or RefusedError (it has no such task, with the reason).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, get_args

from ..answers import Answers, Problem
from ..suites import Task


class RefusedError(Exception):
    """The peer has nothing to run a job with; the message is a sentence that says why."""


@dataclass(frozen=True)
class Run:
    """A prepared job: ``call`` does it once; ``answers`` does it once too and says what came out."""

    call: Callable[[], object]
    answers: Callable[[], Answers]


@dataclass(frozen=True)
class Contender:
    """Who runs, how, and in what surroundings.

    Args:
        name: as the table shows it.
        module: the file in this folder.
        options: what its ``prepare`` takes.
        tuned: whether malloc keeps large blocks instead of mapping them anew, see MALLOC.
        both: whether it runs with malloc tuned as well.
        tasks: what it can be asked.
        slow: takes long to prepare, so --quick leaves it out.
    """

    name: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    tuned: bool = False
    both: bool = True
    tasks: tuple[Task, ...] = ("train", "infer", "gradients", "scan")
    slow: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is convlens, as a user runs it: what the ratios are of."""
        return self.module == "ours" and not self.tuned


MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 28),
}
"""glibc's malloc told to keep what was freed: fresh pages cost PyTorch half its speed at large batches."""

ALL: tuple[Task, ...] = get_args(Task)
_BASE = (
    Contender("convlens", "ours", tasks=ALL),
    Contender("torch eager", "torch_eager", tasks=ALL),
    Contender("torch eager, channels_last", "torch_eager", {"channels_last": True}, tasks=ALL),
    Contender("torch.compile", "torch_compile", slow=True),
    Contender("torch.compile, channels_last", "torch_compile", {"channels_last": True}, slow=True),
    Contender("torch.compile, max-autotune", "torch_compile", {"autotune": True}, tuned=True, both=False, slow=True),
    Contender("JAX jit, NHWC", "jax_jit", {"channels_last": True}, both=False),
    Contender("JAX jit, NCHW", "jax_jit", both=False),
    Contender("ONNX Runtime", "onnx_runtime", tasks=("infer", "pool", "scan")),
    Contender("OpenVINO", "openvino_runtime", tasks=("infer", "pool", "scan")),
)

CONTENDERS = tuple(
    replace(c, name=c.name + (", malloc tuned" if tuned else ""), tuned=tuned)
    for c in _BASE
    for tuned in ((False, True) if c.both else (c.tuned,))
)


def prepare(contender: Contender, problem: Problem) -> Run:
    """Prepare a job with a contender; called in the contender's own process."""
    run: Run = import_module(f"{__name__}.{contender.module}").prepare(problem, **contender.options)
    return run
