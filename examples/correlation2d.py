"""A convolutional layer written by hand learns to find edges: ``python examples/correlation2d.py``.

The layer is the one of a first lecture: two loops over positions, a sum of products at each. It is shown a picture and
where the edges in it are, never the kernel, and finds the kernel [1, -1] by gradient descent. ``convlens.nn.Conv2d``
starts from the same numbers and has to end at the same ones. Source of the task: Dive into Deep Learning, section 7.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from convlens.nn import Conv2d

EPOCHS = 30
RATE = 0.015
"""The book's 0.03 halved: the bias sees all 42 outputs at once, and from 0.017 on its steps overshoot."""


def correlate(picture: Tensor, kernel: Tensor) -> Tensor:
    """Slide ``kernel`` (h, w) over ``picture`` (H, W) and sum the products: (H - h + 1, W - w + 1).

    >>> correlate(torch.arange(9.0).view(3, 3), torch.arange(4.0).view(2, 2))
    tensor([[19., 25.],
            [37., 43.]])
    """
    height, width = kernel.shape
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    out = torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (picture[i : i + height, j : j + width] * kernel).sum()
    return out


class Correlation2d(nn.Module):
    """A kernel and a number that is added everywhere, both learned; pictures (H, W), one at a time."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, picture: Tensor) -> Tensor:
        return correlate(picture, self.weight) + self.bias


def edges() -> tuple[Tensor, Tensor]:
    """A white picture with a black bar (6, 8), and its vertical edges (6, 7): 1 from white to black, -1 back."""
    picture = torch.ones(6, 8)
    picture[:, 2:6] = 0
    return picture, correlate(picture, torch.tensor([[1.0, -1.0]]))


def descend(module: nn.Module, picture: Tensor, wanted: Tensor, *, show: bool) -> None:
    """Move the parameters of ``module`` against the gradient of the squared error, EPOCHS times."""
    for epoch in range(1, EPOCHS + 1):
        loss = ((module(picture) - wanted) ** 2).sum()
        module.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                parameter -= RATE * parameter.grad
        if show and epoch % 2 == 0:
            print(f"epoch {epoch:2}  loss {loss.item():.3f}")


def main() -> None:
    """Learn the edge kernel by hand and with convlens, and compare."""
    torch.manual_seed(0)
    picture, wanted = edges()
    by_hand = Correlation2d((1, 2))
    conv = Conv2d(1, 1, (1, 2))
    conv.load_state_dict({"weight": by_hand.weight[None, None].detach(), "bias": by_hand.bias.detach()})

    descend(by_hand, picture, wanted, show=True)
    descend(conv, picture[None, None], wanted[None, None], show=False)

    print("learned by hand:    ", [round(w, 3) for w in by_hand.weight.flatten().tolist()])
    print("learned by convlens:", [round(w, 3) for w in conv.weight.flatten().tolist()])
    apart = (by_hand(picture) - conv(picture[None, None])[0, 0]).abs().max().item()
    print(f"largest difference between their outputs: {apart:.1e}")


if __name__ == "__main__":
    main()
