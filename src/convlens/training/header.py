"""Opening a safetensors file with suspicion, and reading its metadata alone: no tensor, and no torch, is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from .errors import TrainingError

MODEL = "model.safetensors"
"""What the model file in a run's folder is called."""


@contextmanager
def opened(path: Path, what: str, framework: str) -> Iterator[Any]:
    """The open file, for the framework ``"pt"`` or ``"numpy"``.

    Args:
        path: the file.
        what: what it should be, for the sentence (``"a convlens model"``).
        framework: as whose tensors it is read.

    Raises:
        TrainingError: there is no such file, or it is damaged, cut short or something else.
    """
    if (path / MODEL).is_file():
        raise TrainingError(f"{path} is a run's folder; did you mean {path / MODEL}?")
    if not path.is_file():
        raise TrainingError(f"{path} is no file; give the path of {what}, such as runs/lenet/model.safetensors")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, OverflowError) as error:
        if isinstance(error, TrainingError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"{path} is not {what}, or it is damaged or cut short ({reason}); copy or train it anew"
        ) from error


def metadata(path: Path, what: str) -> dict[str, str]:
    """The metadata of a safetensors file; raises as ``opened`` does."""
    with opened(path, what, "numpy") as file:
        return file.metadata() or {}
