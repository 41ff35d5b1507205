"""Several processes that train one network: what torchrun says of this process, and the few things they agree on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from convlens import engine

from .errors import TrainingError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process among ``size``; rank 0 writes the files and speaks."""

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process writes the files and speaks."""
        return self.rank == 0

    def total(self, values: list[float]) -> list[float]:
        """The sums of ``values`` over all processes, in float64."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(sums)
        return [float(v) for v in sums.cpu()]

    def alike(self, work: Callable[[], T]) -> T:
        """Do ``work`` in every process; where it fails in one it fails in all, so that none waits for another.

        Raises:
            TrainingError: it failed in another process; or else what ``work`` raised here.
        """
        failed: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failed = error
        failures = self.total([float(failed is not None)])
        if failed is not None:
            raise failed
        if failures[0]:
            raise TrainingError("another process of this run could not begin; its message says why")
        return result

    def agree(self, module: torch.nn.Module) -> None:
        """Give every process the first one's buffers (batch norm's running statistics), which are the ones saved."""
        if self.size > 1:
            for buffer in module.buffers():
                torch.distributed.broadcast(buffer, 0)

    def wrap(self, module: torch.nn.Module) -> torch.nn.Module:
        """``module`` with gradients averaged over all processes."""
        if self.size == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(module, device_ids=ids)


def device(name: str, local_rank: int = 0) -> torch.device:
    """The device a person asked for: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"auto"`` (a GPU if there is one).

    Raises:
        TrainingError: there is no such device here.

    >>> device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and torch.cuda.is_available():
        return torch.device("cuda", local_rank)
    if name == "cpu":
        return torch.device("cpu")
    if name.startswith("cuda:") and name[5:].isdigit() and int(name[5:]) < torch.cuda.device_count():
        return torch.device(name)
    if name.startswith("cuda"):
        raise TrainingError(f"--device {name}: torch sees no such GPU here; leave it out or say --device cpu")
    raise TrainingError(f'--device must be cpu, cuda, cuda:N or auto, not "{name}"')


def threads(asked: int | None) -> int:
    """Set and return the CPU threads of this process: as asked, or the cores it may use shared among local processes.

    Raises:
        TrainingError: fewer than 1 or more than 1024 were asked for.
    """
    if asked is not None and not 1 <= asked <= 1024:
        raise TrainingError(f"--threads must be 1 to 1024, not {asked}")
    if asked is None:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        asked = max(1, engine.cores() // local)
    torch.set_num_threads(asked)
    return asked


@contextmanager
def world(device_name: str) -> Iterator[World]:
    """Join the processes that torchrun started, or be the only one; leave them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    chosen = device(device_name, local_rank)
    if size == 1:
        yield World(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(torch.distributed.get_rank(), size, chosen)
        # leave together: a process that goes while another still talks to it takes that one down
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
