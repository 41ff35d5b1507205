"""network_of: what it reads, and every reason why it does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convlens.network import Network, NetworkError
from convlens.nn import LocalConv2d, build, network_of

from ..lines import LINES


@pytest.mark.parametrize("line", LINES)
def test_there_and_back(line: str) -> None:
    network = Network.parse(line)
    assert network_of(build(network), network.input_shape) == network


def test_nested_sequentials_identity_and_adaptive_pools() -> None:
    shared = nn.ReLU(inplace=True)
    module = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=(1, 0)), nn.Identity(), shared),
        nn.MaxPool2d(2, padding=1, ceil_mode=True),
        shared,
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    line = "3x8x9: conv 4 3 pad 1x0, relu, maxpool 2 pad 1 ceil, relu, avgpool 5x4, flatten, linear 2"
    assert network_of(module, (3, 8, 9)) == Network.parse(line)


def test_weights_follow_the_value() -> None:
    theirs = nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.Tanh(), nn.Flatten(), nn.Linear(32, 3))
    ours = build(network_of(theirs, (1, 4, 4)))
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 1, 4, 4)
    assert torch.equal(ours(x), theirs(x))


class Doubled(nn.Conv2d):
    """A conv that computes something else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Conv2d(1, 2, 3, padding_mode="reflect"), 'padding_mode "reflect": a network pads with zeros only'),
        (nn.Conv2d(1, 2, 3, dtype=torch.complex64), "its weight is torch.complex64: a network is real"),
        (nn.MaxPool2d(2, return_indices=True), "return_indices: a network passes on values only"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override 3: a network's mean divides by the cells it sees"),
        (nn.AdaptiveAvgPool2d(3), "an adaptive pool to 3 has windows of unequal sizes"),
        (nn.AdaptiveMaxPool2d(1, return_indices=True), "return_indices"),
        (nn.ConvTranspose2d(1, 2, 3), "a transposed convolution makes its input larger"),
        (nn.BatchNorm2d(1, affine=False), "affine=False"),
        (nn.BatchNorm2d(1, track_running_stats=False), "track_running_stats=False"),
        (nn.BatchNorm2d(1, momentum=None), "momentum=None"),
        (nn.BatchNorm2d(1, eps=0.0), "the eps must be more than 0"),
        (nn.Flatten(2), "start_dim=2: a network flattens everything but the batch"),
        (nn.Flatten(1, 2), "end_dim=2"),
        (nn.LazyConv2d(2, 3), "it does not know its input channels until it has run once"),
        (nn.Softmax(1), "no layer of a network does this"),
        (nn.Dropout2d(), "no layer of a network does this"),
        (Doubled(1, 2, 3), "a subclass may compute something else"),
        (nn.Conv1d(1, 2, 3), "it takes a signal, but 1x8x8 reaches it"),
        (nn.MaxPool1d(2), "it takes a signal, but 1x8x8 reaches it"),
        (nn.BatchNorm1d(1), "it takes a flat vector or a signal, but 1x8x8 reaches it"),
        (nn.Linear(8, 2), "it takes a flat vector, but 1x8x8 reaches it"),
        (nn.Conv2d(3, 2, 3), "it was built for 3 channels or features, but 1x8x8 reaches it"),
        (nn.Conv2d(1, 2, 9), "the kernel 9x9 is larger than the padded input 8x8"),
        (LocalConv2d(1, 1, 3, input_size=7), "it was built for inputs of 7x7, but 1x8x8 reaches it"),
    ],
)
def test_what_is_no_network_is_refused_with_its_reason(layer: nn.Module, reason: str) -> None:
    with pytest.raises(NetworkError) as caught:
        network_of(nn.Sequential(nn.ReLU(), layer), (1, 8, 8))
    assert f"1 ({type(layer).__name__}): {reason}" in str(caught.value)


def test_all_reasons_come_at_once() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding_mode="circular"),
        nn.BatchNorm2d(2, affine=False, track_running_stats=False),
        nn.Sequential(nn.GELU()),
        nn.Linear(3, 3),
    )
    with pytest.raises(NetworkError) as caught:
        network_of(module, (1, 8, 8))
    lines = str(caught.value).splitlines()
    assert lines[0] == "this module is not a network:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "0 (Conv2d)",
        "1 (BatchNorm2d)",
        "1 (BatchNorm2d)",
        "2.0 (GELU)",
    ]


def test_only_a_sequential_says_what_follows_what() -> None:
    with pytest.raises(NetworkError, match=r"only a torch.nn.Sequential says what runs after what, not a Conv2d"):
        network_of(nn.Conv2d(1, 1, 1), (1, 8, 8))  # type: ignore[arg-type]
