"""The training loop: epochs of batches, a checkpoint, and the same bits again after a kill.

Every random draw of a step comes from a generator seeded by (seed, epoch, batch), never from a running one: the state
of a run is its weights, its optimiser and where it stood.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convlens import nn
from convlens.data import CellSet, Dataset, Preprocessing
from convlens.network import Network, total

from .augment import augment
from .checkpoint import Checkpoint, Standing
from .distributed import World
from .errors import TrainingError
from .interruption import Interruption
from .judge import Judgement, to_input
from .judge_cells import CellJudgement
from .learner import Backend, learner
from .progress import Reporter
from .recipe import Recipe
from .schedule import rate
from .target import How, Target, target

SECONDS_BETWEEN_CHECKPOINTS = 30.0
PURPOSES = {"order": 0, "augment": 1, "dropout": 2, "weights": 3}


@dataclass(frozen=True)
class Job:
    """Everything that the weights at the end are a function of, on one machine with one number of threads."""

    network: Network
    data: Dataset | CellSet
    recipe: Recipe
    seed: int
    workers: int = 0
    threads: int = 1
    backend: Backend = "auto"

    @cached_property
    def target(self) -> Target:
        """What is learned."""
        return target(self.data, self.network.input_shape[1:])

    @property
    def preprocessing(self) -> Preprocessing:
        """The data's preprocessing for the network's input; without standardisation only the division by its scale."""
        own = replace(self.data.preprocessing, shape=self.network.input_shape)
        if self.recipe.standardise:
            return own
        channels = own.shape[0]
        return replace(own, mean=(0.0,) * channels, std=(1.0,) * channels)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps an epoch."""
        return self.target.steps(self.recipe.batch)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """The shuffled places of an epoch's examples, cut into batches whose sizes differ by one at most.

        Evenly cut, so that no last batch is too small for batch norm and every step weighs the same.
        """
        order = self.target.draw(np.random.default_rng(draw_seed("order", self.seed, epoch)))
        return np.array_split(order, self.steps_per_epoch)


def draw_seed(purpose: str, *numbers: int) -> int:
    """A 63-bit seed for one purpose, from (seed, epoch, batch, ...), by numpy's SeedSequence."""
    words = np.random.SeedSequence([PURPOSES[purpose], *numbers]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(purpose: str, *numbers: int) -> torch.Generator:
    """A CPU generator for one purpose, seeded by ``draw_seed``."""
    return torch.Generator().manual_seed(draw_seed(purpose, *numbers))


def initial(job: Job) -> torch.nn.Sequential:
    """The network with its first weights, which depend on the seed and the recipe alone."""
    module = nn.build(job.network)
    nn.initialise(module, job.recipe.initialise, generator("weights", job.seed))
    return module


def check(job: Job) -> None:
    """Raise TrainingError where the network cannot learn these classes."""
    job.target.check(job.network)
    if isinstance(job.data, CellSet) and "crop" in job.recipe.augment:
        raise TrainingError("--augment crop stretches, and labels of cells are not resampled; take shift or flip")
    if total(job.network).parameters == 0:
        raise TrainingError("the network has no weights to train; add a conv or linear layer")
    if len(job.data.train) == 0:
        raise TrainingError(f"{job.data.name} has no training examples left; lower --val or add data")
    if job.recipe.patience is not None and job.data.val is None:
        raise TrainingError("--patience needs validation examples; raise --val above 0")


class Fit:
    """One run of the loop: what it holds while it goes."""

    checkpoint: Checkpoint

    def __init__(self, job: Job, world: World, reporter: Reporter) -> None:
        check(job)
        self.job, self.world, self.reporter = job, world, reporter
        self.module = initial(job).to(world.device)
        self.learner = learner(self.module, job.network, world, job.threads, job.backend)
        self.optimizer = self.learner.optimizer(job.recipe)
        self.standing = Standing()
        self.interruption = Interruption()

    def keep(self, path: Path) -> None:
        """Keep where the run stands in a file."""
        self.checkpoint = Checkpoint(path)

    def resume(self) -> None:
        """Continue from the checkpoint, if there is one."""
        if self.checkpoint.path.exists():
            self.standing = self.checkpoint.load(self.module, self.optimizer)

    def save(self) -> None:
        """Write where the run stands; only the first process does."""
        if self.world.main:
            self.checkpoint.save(self.module, self.optimizer, self.standing)

    def run(self, on_epoch: Callable[[dict[str, Any], bool], None]) -> None:
        """Train to the end. ``on_epoch`` gets each epoch's row, and whether it is the best so far.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM came; where the run stands between two batches has been saved.
        """
        with self.interruption:
            self._run(on_epoch)

    def _run(self, on_epoch: Callable[[dict[str, Any], bool], None]) -> None:
        recipe = self.job.recipe
        while self.standing.epoch < recipe.epochs and not self.standing.stopped(recipe.patience):
            row = self._epoch()
            better = self.standing.judge(row)
            if self.world.main:
                on_epoch(row, better)
            self.standing = self.standing.next_epoch()
            self.save()
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.interruption.asked:
            self.save()
            raise KeyboardInterrupt

    def _epoch(self) -> dict[str, Any]:
        job, standing = self.job, self.standing
        self.reporter.start(standing.epoch + 1, job.recipe.epochs, len(job.target))
        self.module.train()
        every = job.batches(standing.epoch)
        parts, done = every[standing.batch :], sum(map(len, every[: standing.batch]))
        shares = [part[self.world.rank :: self.world.size] for part in parts]
        started, saved, done_before = time.perf_counter(), time.perf_counter(), done
        for part, (raw, labels) in zip(parts, job.target.read(shares, job.workers), strict=True):
            self._step(raw, labels, job.target.labels(labels, len(part), self.world))
            done += len(part)
            self._stop_if_asked()
            self.reporter.batch(done, standing.loss / standing.seen)
            if time.perf_counter() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                self.save()
                saved = time.perf_counter()
        seconds = time.perf_counter() - started
        row = {
            "epoch": standing.epoch + 1,
            "train_loss": standing.loss / standing.seen,
            "train_accuracy": standing.right / standing.seen,
            "learning_rate": self._rate(job.steps_per_epoch - 1),
            "images_per_second": (done - done_before) / max(seconds, 1e-9),
            "seconds": seconds,
        }
        return {**row, **self._validate()}

    def _rate(self, batch: int) -> float:
        """The learning rate of a batch of this epoch."""
        each = self.job.steps_per_epoch
        return rate(self.job.recipe, self.standing.epoch * each + batch, self.job.recipe.epochs * each)

    def _step(self, raw: Tensor, labels: Tensor, together: int) -> None:
        """One step on this process's share of a batch of ``together`` labels."""
        job, standing, world = self.job, self.standing, self.world
        where = (job.seed, standing.epoch, standing.batch, world.rank)
        lr = self._rate(standing.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        x = to_input(raw, job.preprocessing, world.device)
        if job.recipe.augment:
            x = augment(x, job.recipe.augment, generator("augment", *where))
            if labels.dim() > 1:  # what a cell is goes where the cell goes: whole cells, so no label is mixed
                moved = augment(labels[:, None].float(), job.recipe.augment, generator("augment", *where))
                labels = moved[:, 0].long()
        loss, right = self.learner.learn(x, labels.to(world.device), together, draw_seed("dropout", *where))
        self.optimizer.step()
        sums = world.total([loss, right])
        standing.add(sums[0], sums[1], together)
        if not math.isfinite(sums[0]):
            raise TrainingError(self._diverged(sums[0], lr))

    def _diverged(self, loss: float, lr: float) -> str:
        kept = "; model.safetensors keeps the best epoch so far" if self.standing.best_epoch else ""
        return (
            f"the loss became {loss} in epoch {self.standing.epoch + 1}, batch {self.standing.batch}, at learning rate "
            f"{lr:.3g}; try --lr {lr / 10:.1g}, or look for NaN in the data with convlens data{kept}"
        )

    def _validate(self) -> dict[str, Any]:
        """Loss and accuracy on the validation split, each process judging its share."""
        val = self.job.data.val
        if val is None or not len(val):
            return {"val_loss": None, "val_accuracy": None}
        self.world.agree(self.module)
        judged = self.judge("val", shared=True)
        n = judged.count
        sums = self.world.total([judged.loss * n if n else 0.0, judged.accuracy * n if n else 0.0, float(n)])
        return {"val_loss": sums[0] / sums[2], "val_accuracy": sums[1] / sums[2]}

    def judge(self, split: str, *, shared: bool = False) -> Judgement | CellJudgement:
        """What the module says of a split; ``shared``: of this process's share of it."""
        job = self.job
        how = How(job.preprocessing, job.threads, job.backend, job.workers, shared=shared)
        was_training = self.module.training
        self.module.eval()
        judged = job.target.judge(self.module, job.network, split, self.world, how)
        self.module.train(was_training)
        return judged
