"""Metrics as TensorBoard event files, where the tensorboard package is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import TrainingError


def installed() -> None:
    """Raise TrainingError unless the tensorboard package is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise TrainingError("--tensorboard needs the tensorboard package; pip install tensorboard")


def board(folder: Path | None) -> Callable[[dict[str, Any]], None]:
    """A function that writes one epoch's row into ``folder``; without a folder it does nothing."""
    if folder is None:
        return lambda row: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def write(row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "epoch" and value is not None:
                group = name.replace("_", "/", 1) if name.startswith(("train_", "val_")) else f"run/{name}"
                writer.add_scalar(group, value, row["epoch"])
        writer.flush()

    return write
