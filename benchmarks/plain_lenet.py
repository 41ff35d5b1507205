"""LeNet on Fashion-MNIST in plain PyTorch, as somebody who knows it writes it: no convlens, no DataLoader.

    python plain_lenet.py FOLDER [--epochs 10] [--seed 0] [--threads N] [--channels-last]

The pictures lie in memory as one tensor and a batch is one indexing. AdamW in its fused form, one cycle of the learning
rate, the best epoch on 6,000 pictures set aside is kept and judged on the test pictures. Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH, PEAK, WARMUP, DECAY, HELD_OUT = 256, 1e-2, 0.2, 0.01, 6000


def read(folder: Path, name: str) -> Tensor:
    """One idx file, packed or not, without its header."""
    path = folder / name
    raw = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    sizes = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes).copy())


def lenet() -> nn.Sequential:
    """LeNet as in Dive into Deep Learning."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )


def rate(t: float) -> float:
    """The learning rate at a fraction of all steps: up in a straight line, down along a cosine."""
    if t < WARMUP:
        return PEAK * (1 / 25 + 24 / 25 * t / WARMUP)
    return PEAK * (1 + math.cos(math.pi * (t - WARMUP) / (1 - WARMUP))) / 2


@torch.inference_mode()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of pictures whose largest score is their class's."""
    model.eval()
    right = sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(x.split(1000), y.split(1000), strict=True))
    model.train()
    return right / len(y)


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--channels-last", action="store_true")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    layout = torch.channels_last if given.channels_last else torch.contiguous_format

    x, y = read(given.folder, "train-images-idx3-ubyte"), read(given.folder, "train-labels-idx1-ubyte").long()
    test_x, test_y = read(given.folder, "t10k-images-idx3-ubyte"), read(given.folder, "t10k-labels-idx1-ubyte").long()
    x, test_x = x[:, None].float() / 255, test_x[:, None].float() / 255
    mean, deviation = x.mean(), x.std()
    x, test_x = (((v - mean) / deviation).contiguous(memory_format=layout) for v in (x, test_x))
    shuffled = torch.randperm(len(x))
    val_x, val_y = x[shuffled[:HELD_OUT]], y[shuffled[:HELD_OUT]]
    x, y = x[shuffled[HELD_OUT:]], y[shuffled[HELD_OUT:]]

    model = lenet().to(memory_format=layout)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": DECAY},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, fused=True)
    best, kept, step, began = -1.0, model.state_dict(), 0, time.perf_counter()
    steps = given.epochs * -(-len(x) // BATCH)
    for _ in range(given.epochs):
        for places in torch.randperm(len(x)).split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = rate(step / steps)
            loss = F.cross_entropy(model(x[places]), y[places])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
        if (now := accuracy(model, val_x, val_y)) >= best:
            best, kept = now, copy.deepcopy(model.state_dict())
    seconds = time.perf_counter() - began
    model.load_state_dict(kept)
    print(json.dumps({"test_accuracy": accuracy(model, test_x, test_y), "training_seconds": seconds}))


if __name__ == "__main__":
    main()
