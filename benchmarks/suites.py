"""What is measured, as data: a job is a network in the notation, what is asked of it, and a batch.

``layers.txt`` holds the lines of the suite ``layers``; the other suites are short enough to stand here.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convlens.network import Network, costs, resolve

from .measure import ARITHMETIC, MEMORY, Scale

Task = Literal["train", "infer", "gradients", "pool", "scan"]
LAYERS = Path(__file__).with_name("layers.txt")

SIGNAL_NET = "1x128: conv 8 5, relu, maxpool 2, conv 16 5, relu, maxpool 2, flatten, linear 64, relu, linear 6"
VOLUME_NET = (
    "1x20x20x20: conv 6 5 pad 2, relu, maxpool 2, conv 16 5, relu, maxpool 2, flatten, linear 64, relu, linear 3"
)
_POOLED = (
    "conv 8 5 pad 2, relu, maxpool 2, conv 16 5 pad 2, relu, maxpool 2, conv 32 5 pad 2, relu, maxpool 2, conv 2 1"
)
SCAN_NETS = (
    f"3x3000x4000: {_POOLED}",
    f"3x480x640: {_POOLED}",
    "1x1080x1920: conv 16 3 pad 1, relu, conv 16 3 pad 1, relu, conv 1 3 pad 1",
    "3x1080x1920: conv 32 7 stride 2 pad 3, relu, maxpool 3 stride 2 pad 1, conv 32 3 pad 1, relu, conv 4 1",
)


@dataclass(frozen=True)
class Job:
    """One row of a suite.

    Args:
        task: "train": forward, cross-entropy, backward and the step of SGD. "infer": outputs from inputs, numpy to
            numpy. "gradients": forward, and back from a given gradient of the outputs to the input and all parameters.
            "pool": one pool of an array that lies as the contender likes it best.
            "scan": the output of a fully convolutional network for one large picture, numpy to numpy.
        net: a name or a line of notation.
        batch: examples a call.
        seed: of the inputs and parameters.
    """

    task: Task
    net: str
    batch: int
    seed: int = 0

    @property
    def network(self) -> Network:
        """The network."""
        return resolve(self.net)

    @property
    def title(self) -> str:
        """How the row is called: the task, the network as it was named, the batch."""
        verb = {"gradients": "forward+backward"}.get(self.task, self.task)
        return f"{verb} {self.net}, batch {self.batch}"

    @property
    def inference(self) -> bool:
        """Whether outputs are all that is wanted."""
        return self.task in ("infer", "pool", "scan")

    @property
    def scale(self) -> Scale:
        """What its work is counted in: pools wait for memory, all else for arithmetic."""
        return MEMORY if self.task == "pool" else ARITHMETIC

    @property
    def work(self) -> int:
        """The work of one call: bytes read and written, or floating-point operations."""
        if self.task != "pool":
            return self.flop
        return 4 * self.batch * sum(math.prod(shape) for shape in (self.network.input_shape, self.network.output_shape))

    @property
    def flop(self) -> int:
        """Floating-point operations of one call: two a multiply-add; biases, pools and activations are not counted.

        Backward costs as much again for the weights and once more for the inputs; training needs no gradient of the
        network's own input, so its first layer saves one of the three.
        """
        each = [cost.multiply_adds for cost in costs(self.network)]
        if self.inference:
            return 2 * self.batch * sum(each)
        first = next(i for i, adds in enumerate(each) if adds)
        return 2 * self.batch * (3 * sum(each) - (each[first] if self.task == "train" else 0))

    def fields(self) -> dict[str, object]:
        """The job as JSON takes it."""
        return dataclasses.asdict(self)


def layer_lines() -> list[str]:
    """The lines of ``layers.txt``."""
    return [line.strip() for line in LAYERS.read_text().splitlines() if line.strip() and not line.startswith("#")]


def jobs(suite: str) -> list[Job]:
    """The rows of a suite, in order.

    >>> [job.title for job in jobs("infer")][:2]
    ['infer lenet-relu, batch 1', 'infer lenet, batch 1']
    """
    if suite == "train":
        nets = [("lenet-relu", 256), ("lenet", 256), (SIGNAL_NET, 256), (VOLUME_NET, 32)]
        return [Job("train", net, batch) for net, batch in nets]
    if suite == "infer":
        return [Job("infer", net, batch) for batch in (1, 1024) for net in ("lenet-relu", "lenet")]
    if suite == "pools":
        pools = ("maxpool 2", "avgpool 2", "maxpool 3 stride 2", "avgpool 3 stride 2", "maxpool 3 stride 2 pad 1")
        return [Job("pool", f"64x56x56: {pool}", 64) for pool in pools]
    if suite == "scan":
        return [Job("scan", net, 1) for net in SCAN_NETS]
    return [Job("gradients", line, 64) for line in layer_lines()]


SUITES = ("train", "infer", "layers", "pools", "scan", "startup")
