"""Who computes a step's gradients: the engine where it can, PyTorch everywhere else. One place decides, and says so."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from convlens import engine, nn
from convlens.data.cell_set import IGNORED
from convlens.network import BatchNorm, Network

from .cell_loss import cell_loss
from .distributed import World
from .errors import TrainingError
from .optimizer import OnEngine, Optimizer, on_torch
from .recipe import Recipe

Backend = Literal["auto", "engine", "torch"]
Floats = NDArray[np.float32]


class Learner(Protocol):
    """Computes the gradients of a batch into the parameters of a module."""

    where: str
    """What runs where, in a line."""

    def optimizer(self, recipe: Recipe) -> Optimizer:
        """What moves the module's parameters."""

    def learn(self, x: Tensor, labels: Tensor, together: int, seed: int) -> tuple[float, float]:
        """Set every parameter's gradient of the mean cross-entropy.

        Args:
            x: (n, *input_shape) float32, this process's share of a batch.
            labels: (n,) int64, or for every cell (n, *spatial), of which ``IGNORED`` counts for nothing.
            together: labels that count in the whole batch, over all processes.
            seed: of what dropouts draw.

        Returns:
            The share's summed loss, and how many labels had the largest score.
        """


class TorchLearner:
    """PyTorch: any layer, any device, gradients averaged by DistributedDataParallel."""

    def __init__(self, module: torch.nn.Sequential, world: World, threads: int, reasons: list[str]) -> None:
        self._module, self._wrapped, self._world = module, world.wrap(module), world
        processes = f"{world.size} processes, " if world.size > 1 else ""
        why = f" ({reasons[0]})" if reasons else ""
        self.where = f"PyTorch {torch.__version__} on {world.device}, {processes}{threads} threads{why}"

    def optimizer(self, recipe: Recipe) -> Optimizer:
        return on_torch(self._module, recipe)

    def learn(self, x: Tensor, labels: Tensor, together: int, seed: int) -> tuple[float, float]:
        torch.manual_seed(seed)
        logits = self._wrapped(x)
        summed = F.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED if labels.dim() > 1 else -1)
        # DistributedDataParallel averages over processes: times their number, over the whole batch's labels
        loss = summed * (self._world.size / together)
        self._wrapped.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(summed.detach()), float((logits.detach().argmax(1) == labels).sum())


class EngineLearner:
    """The engine: forward, loss and backward of a block of images while it lies in cache."""

    def __init__(self, module: torch.nn.Sequential, network: Network, world: World, threads: int) -> None:
        self._module = module
        self._parameters, self._buffers = dict(module.named_parameters()), dict(module.named_buffers())
        self._world = world
        norms = [(i, layer) for i, layer in enumerate(network.layers) if isinstance(layer, BatchNorm)]
        self._momenta = {f"{i}.{name}": norm.momentum for i, norm in norms for name in ("running_mean", "running_var")}
        self._counters = [self._buffers[f"{i}.num_batches_tracked"] for i, _ in norms]
        self._program = engine.compile(network, self._arrays(), training=True, threads=threads)
        # what is left to PyTorch is small: its own threads would only wait, and keep the engine's cores busy waiting
        torch.set_num_threads(1)
        processes = f"{world.size} processes, " if world.size > 1 else ""
        self.where = f"engine ({self._program.plan.target.name}) on cpu, {processes}{threads} threads"

    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        gathered = {name: self._buffers[name] for name in self._momenta}
        return {name: tensor.detach().numpy() for name, tensor in (self._parameters | gathered).items()}

    def optimizer(self, recipe: Recipe) -> Optimizer:
        return OnEngine(self._module, recipe)

    def learn(self, x: Tensor, labels: Tensor, together: int, seed: int) -> tuple[float, float]:
        self._program.load(self._arrays())
        statistics: dict[str, Floats] = {}
        of = self._of_examples if labels.dim() == 1 else self._of_cells
        lost, right, gradients = of(x.numpy(), labels.numpy(), together, seed, statistics)
        self._gather(statistics)
        for name, p in self._parameters.items():
            p.grad = torch.from_numpy(gradients[name])
            if self._world.size > 1:  # shares of one mean: their sum is the batch's
                torch.distributed.all_reduce(p.grad)
        return lost, right

    def _of_examples(
        self, x: Floats, labels: NDArray[np.int64], together: int, seed: int, statistics: dict[str, Floats]
    ) -> tuple[float, float, dict[str, Floats]]:
        """Summed loss, labels that were right, and gradients, where an example has a label."""
        mean, right, gradients = self._program.loss_and_gradients(x, labels, together, seed=seed, statistics=statistics)
        return mean * together, float(right), gradients

    def _of_cells(
        self, x: Floats, labels: NDArray[np.int64], together: int, seed: int, statistics: dict[str, Floats]
    ) -> tuple[float, float, dict[str, Floats]]:
        """The same where every cell has one: the slope is NumPy's, 4 % of a step with 16 channels, 10 % with 8."""
        lost, right = np.zeros(len(x)), np.zeros(len(x))

        def slope(scores: Floats, images: slice) -> Floats:
            found = cell_loss(scores, labels[images])
            lost[images], right[images] = found.loss, found.right
            return found.slope / np.float32(together)

        _, gradients = self._program.outputs_and_gradients(x, slope, seed=seed, statistics=statistics)
        return float(lost.sum()), float(right.sum()), gradients

    def _gather(self, statistics: dict[str, NDArray[np.float32]]) -> None:
        """Move the running statistics of batch norms towards the batch's."""
        for name, values in statistics.items():
            momentum = self._momenta[name]
            self._buffers[name].mul_(1 - momentum).add_(torch.from_numpy(values), alpha=momentum)
        for counter in self._counters if statistics else ():
            counter.add_(1)


def runner(
    module: torch.nn.Sequential, network: Network, device: torch.device, threads: int, backend: Backend
) -> torch.nn.Module:
    """``module`` for judging: on the CPU the engine runs the layers that it can, unless PyTorch was asked for."""
    if device.type != "cpu" or backend == "torch":
        return module
    return nn.compile(module, network.input_shape, fallback=True, threads=threads)


def learner(module: torch.nn.Sequential, network: Network, world: World, threads: int, backend: Backend) -> Learner:
    """The engine where the network and the device allow it, and it is not the slower one; else PyTorch with the reason.

    Raises:
        TrainingError: the engine was asked for and cannot, or there is no such backend.
    """
    if backend not in get_args(Backend):
        raise TrainingError(f'--backend must be one of {", ".join(get_args(Backend))}, not "{backend}"')
    reasons = [] if backend == "torch" else engine.refusals(network, training=True)
    if world.device.type != "cpu" and backend != "torch":
        reasons.insert(0, f"the engine runs on the CPU, not on {world.device}")
    if backend == "auto" and not reasons:
        reasons = [reason] if (reason := engine.outrun(network)) else []
    if backend == "engine" and reasons:
        raise TrainingError(f"--backend engine: {'; '.join(reasons)}; leave it out to let PyTorch run this network")
    if backend == "torch" or reasons:
        return TorchLearner(module, world, threads, reasons)
    return EngineLearner(module, network, world, threads)
