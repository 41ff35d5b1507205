"""What is handed to PyTorch: wide convolutions without a max pool behind, and heavy layers among dense ones."""

from __future__ import annotations

import pytest

from convlens.engine import outrun, slower
from convlens.engine.slower import CONVOLUTION, DENSE
from convlens.network import ZOO, Network


@pytest.mark.parametrize(
    ("line", "found", "whole"),
    [
        ("64x9x9: conv 64 3", {0: CONVOLUTION}, True),
        ("63x9x9: conv 64 3", {}, False),
        ("64x9x9: conv 63 3", {}, False),
        ("64x9x9: conv 64 1, batchnorm, relu", {0: CONVOLUTION}, True),
        ("64x9x9: conv 64 3, batchnorm, relu, maxpool 2", {}, False),
        ("64x9x9: conv 64 3, maxpool 3 stride 2", {0: CONVOLUTION}, True),
        ("64x9x9: conv 64 3, avgpool 2", {0: CONVOLUTION}, True),
        ("64x9: conv 64 3", {}, False),
        ("64x5x5x5: conv 64 3", {0: CONVOLUTION}, True),
        ("64x9x9: conv 64 3 groups 2", {}, False),
        ("128x9x9: conv 128 3 groups 2", {0: CONVOLUTION}, True),
        ("64x9x9: relu, maxpool 2", {}, False),
        ("64x9x9: batchnorm, relu", {}, False),
        ("64x3x3: conv 64 3, flatten, linear 9000", {0: CONVOLUTION}, False),
        ("256: linear 255, relu, linear 3", {}, False),
        ("256: linear 256, relu, linear 3", {0: DENSE, 2: DENSE}, True),
        ("1x16x16: conv 1 1, flatten, linear 256", {}, False),
        ("1x16x16: maxpool 1, flatten, linear 256", {2: DENSE}, True),
        ("1x16x16: dense4d", {0: DENSE}, True),
        ("64x9x9: local 64 3", {}, False),
    ],
)
def test_the_rule(line: str, found: dict[int, str], whole: bool) -> None:
    network = Network.parse(line)
    assert slower(network) == found
    assert bool(outrun(network)) is whole


def test_the_named_networks() -> None:
    assert {name for name, named in ZOO.items() if ":" in named.line and outrun(Network.parse(named.line))} == {
        "dense4d",
        "mlp",
    }
