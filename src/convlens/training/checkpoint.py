"""Where a run stands, on disk: weights, optimiser, epoch and batch, and the sums of the epoch that is going on.

One safetensors file, replaced in one step; there is no random state in it, because every draw is seeded by where the
run stands.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import tensors
from .errors import TrainingError
from .optimizer import Optimizer

FORMAT = "convlens checkpoint 1"


@dataclass
class Standing:
    """How far a run has come: finished epochs and batches, the sums of this epoch, the best epoch, the last rise.

    Python floats, written with all their digits, so that a resumed sum is the same sum.
    """

    epoch: int = 0
    batch: int = 0
    seen: float = 0
    loss: float = 0.0
    right: float = 0.0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    risen_epoch: int = 0

    def add(self, loss: float, right: float, examples: int) -> None:
        """Count one batch."""
        self.batch += 1
        self.seen += examples
        self.loss += loss
        self.right += right

    def judge(self, row: dict[str, Any]) -> bool:
        """Take note of an epoch's row; True when it is the best so far (a tie goes to the later one).

        Without validation examples the latest epoch is the best.
        """
        accuracy = row["val_accuracy"]
        if accuracy is not None and accuracy < self.best_accuracy:
            return False
        if accuracy is None or accuracy > self.best_accuracy:
            self.risen_epoch = row["epoch"]
        self.best_epoch, self.best_accuracy = row["epoch"], -1.0 if accuracy is None else accuracy
        return True

    def stopped(self, patience: int | None) -> bool:
        """Whether early stopping ends the run here: a tie keeps the later epoch, but is no rise."""
        return patience is not None and self.epoch - self.risen_epoch >= patience

    def next_epoch(self) -> Standing:
        """The standing at the start of the next epoch."""
        return replace(self, epoch=self.epoch + 1, batch=0, seen=0, loss=0.0, right=0.0)


class Checkpoint:
    """The file that a run continues from."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, module: torch.nn.Module, optimizer: Optimizer, standing: Standing) -> None:
        """Write weights, optimiser state and standing in one step."""
        found = {f"model/{name}": tensor for name, tensor in module.state_dict().items()}
        for index, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    found[f"optimizer/{index}/{name}"] = value
        tensors.write(self.path, found, {"format": FORMAT, "standing": json.dumps(asdict(standing))})

    def load(self, module: torch.nn.Module, optimizer: Optimizer) -> Standing:
        """Put weights and optimiser back as they were, and return where the run stood.

        Raises:
            TrainingError: the file is damaged or belongs to another run.
        """
        found, metadata = tensors.read(self.path, "a convlens checkpoint")
        standing = self._standing(metadata)
        own = {name.removeprefix("model/"): t for name, t in found.items() if name.startswith("model/")}
        tensors.same_tensors(own, module.state_dict(), self.path)
        module.load_state_dict(own)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in found.items():
            if name.startswith("optimizer/"):
                _, index, field = name.split("/")
                state.setdefault(int(index), {})[field] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return standing

    def _standing(self, metadata: dict[str, str]) -> Standing:
        try:
            values = json.loads(metadata["standing"])
            if metadata["format"] != FORMAT or set(values) != {f.name for f in fields(Standing)}:
                raise KeyError("standing")
            return Standing(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise TrainingError(
                f"{self.path} was not written by this version of convlens; start a new run with another --out"
            ) from error
