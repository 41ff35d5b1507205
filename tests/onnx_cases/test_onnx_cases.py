"""Every ONNX case that is a network gives ONNX's answer on every reading; every other one has a known reason."""

from __future__ import annotations

import pytest

from .cases import onnx_cases
from .readings import READINGS, check, exact
from .tally import Tally, converted, refused

KNOWN_REASONS = {
    "AveragePool with a dilation, which avgpool (like PyTorch's) does not have",
    "BatchNormalization in training mode, whose running variance is not PyTorch's unbiased one",
    "CausalConvWithState is no layer of the notation",
    "ConvInteger is no layer of the notation",
    "ConvTranspose is no layer of the notation",
    "DeformConv is no layer of the notation",
    "Dropout while training, which depends on ONNX's random numbers",
    "Dropout with its second output, the mask",
    "Flatten at another axis than 1, which mixes examples",
    "Gemm with another bias for every example",
    "Gemm with its data transposed, examples last",
    "LpPool is no layer of the notation",
    "MaxPool with its second output, the indices of the winners",
    "MaxUnpool is no layer of the notation",
    "QLinearConv is no layer of the notation",
    "a graph that is not a chain of layers",
    "an input without channels, one axis of nothing but examples",
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", converted())
def test_onnx_case(name: str, reading: str, tally: Tally) -> None:
    check(converted()[name], reading)
    tally.passed[reading].add(name)


def test_what_is_refused_is_refused_for_a_known_reason() -> None:
    unknown = {name: reason for name, reason in refused().items() if reason not in KNOWN_REASONS}
    assert not unknown
    assert set(refused().values()) == KNOWN_REASONS


def test_the_witness_speaks_of_every_dimension_and_option() -> None:
    """That a new version of the wheel did not move its cases away from under us."""
    sliding = {case.name for case in onnx_cases() if case.sliding}
    networks = {name: str(case.network) for name, case in converted().items() if name in sliding}
    assert networks
    for word in ("conv", "maxpool", "avgpool", "stride", "pad", "dilation", "groups", "ceil", "excludepad", "nobias"):
        assert any(word in line.split() for line in networks.values()), word
    assert {len(case.network.input_shape) for name, case in converted().items() if name in sliding} == {2, 3, 4}
    assert any(exact(case) for name, case in converted().items() if name in sliding)
