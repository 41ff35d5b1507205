"""One grammar: what is printed parses back to the same value, and errors point at the word that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convlens.network import (
    ZOO,
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    NetworkError,
    ReLU,
)
from tests.lines import LINES, networks


@given(networks())
@settings(max_examples=400)
def test_round_trip(network: Network) -> None:
    assert Network.parse(str(network)) == network
    assert str(Network.parse(str(network))) == str(network)
    assert hash(Network.parse(str(network))) == hash(network)


@pytest.mark.parametrize("line", LINES + [named.line for named in ZOO.values()])
def test_the_shared_lines_print_as_one_spelling(line: str) -> None:
    network = Network.parse(line)
    assert Network.parse(str(network)) == network


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("1x28x28: conv 6 5x5 pad 2x2", "1x28x28: conv 6 5 pad 2"),
        ("1x28x28: conv 6 5 pad 2+2x2 stride 1", "1x28x28: conv 6 5 pad 2"),
        ("1x28x28: conv 6 5 pad valid dilation 1 groups 1", "1x28x28: conv 6 5"),
        ("1x28x28: maxpool 2x2 stride 2", "1x28x28: maxpool 2"),
        ("1x28x28: avgpool all", "1x28x28: avgpool 28"),
        ("1x28x27: avgpool all", "1x28x27: avgpool 28x27"),
        ("1x28x28: dense4d 28", "1x28x28: dense4d"),
        ("1x28x28 : nobias conv 6 5", None),
        ("1x28x28 :\n  conv 6 5 nobias   pad 1,\n\trelu", "1x28x28: conv 6 5 pad 1 nobias, relu"),
        ("007: linear 010", "7: linear 10"),
        ("1x9: dropout 0.50, dropout", "1x9: dropout, dropout"),
        ("3x9: batchnorm momentum 0.1 eps 1e-3", "3x9: batchnorm eps 0.001"),
    ],
)
def test_spellings(spelled: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(NetworkError):
            Network.parse(spelled)
    else:
        assert str(Network.parse(spelled)) == canonical


def test_values_and_text_meet() -> None:
    network = Network(
        (1, 28, 28),
        (Conv(6, (5, 5), padding="same"), BatchNorm(), ReLU(), MaxPool(2, 2), Flatten(), Dropout(0.25), Linear(10)),
    )
    assert network == Network.parse(
        "1x28x28: conv 6 5 pad same, batchnorm, relu, maxpool 2, flatten, dropout 0.25, linear 10"
    )
    assert Network((1, 5, 5), (Dense4d((5, 5)),)) == Network((1, 5, 5), (Dense4d(),))
    assert Network((1, 5, 5), (AvgPool("all"),)) == Network((1, 5, 5), (AvgPool(5, 5),))
    assert Network((1, 5, 5), (Conv(1, 3),)) != Network((1, 5, 5), (Conv(1, 3, bias=False),))


# line, the words that the carets must stand under, a part of the sentence
WRONG = [
    ("1x28x28: conv 6 5 pad 2, sigmod", "sigmod", "did you mean sigmoid?"),
    ("1x28x28: conv 6 5 strde 2", "strde", "did you mean stride?"),
    ("1x28x28: conv 6 0", "0", "at least 1, not 0"),
    ("1x28x28: conv 6 5 stride 0", "stride 0", "the stride must be at least 1, not 0"),
    ("1x28x28: conv 6 5 pad -1", "pad -1", "the padding must be at least 0"),
    ("1x28x28: conv 6 5 pad 4611686018427387904", "pad 4611686018427387904", "larger than any index"),
    ("1x28x28: conv 6 5 dilation 4611686018427387904", "dilation 4611686018427387904", "larger than any index"),
    ("1x28x28: conv 6 5 dilation 2147483647", "5", "spread by its dilation"),
    ("1x28x28: conv 6 5 pad 2147483647", "conv 6 5 pad 2147483647", "more elements"),
    ("1x3x3: relu, conv 6 5", "5", "layer 2 (conv 6 5): the kernel 5x5 is larger than the padded input 3x3"),
    ("1x28: conv 6 5x5", "5x5", "names 2 axes, but the input is a signal with 1"),
    ("1x28x28: conv 6 5 pad 1+2", "pad 1+2", "names 1 axis"),
    ("3x28x28: conv 6 5 groups 2", "groups 2", "do not divide the 3 input channels"),
    ("4x28x28: conv 6 5 groups 4", "groups 4", "do not divide the 6 output channels"),
    ("1x28x28: linear 10", "linear 10", "put flatten before it"),
    ("1x28x28: flatten, conv 6 3", "conv 6 3", "at least one axis"),
    ("1x28x28: conv 6 5, , relu", ",", "a layer is missing"),
    ("1x28x28: relu,", ",", "a layer is missing"),
    ("1x28x28: conv 6", "conv", "needs its kernel"),
    ("1x28x28: conv 6 5 7", "7", "unknown word for conv"),
    ("1x28x28: conv 6 5 stride", "stride", "needs a value"),
    ("1x28x28: conv 6 5 pad 1 pad 2", "pad 2", "twice"),
    ("1x28x28: conv 6 5.5", "5.5", "whole numbers"),
    ("1x28x28: conv 6 5x", "5x", "whole numbers"),
    ("1x28x28: conv 6 " + "9" * 5000, "9" * 5000, "whole numbers"),
    ("1x28x28: relu 3", "3", "nothing may follow"),
    ("1x28x28: maxpool 2 pad 2", "pad 2", "nothing but padding"),
    ("1x28x28: avgpool all stride 2", "all", "neither stride nor padding"),
    ("1x28x28: dropout 1.5", "1.5", "at most 1"),
    ("1x28x28: batchnorm eps 0", "eps 0", "more than 0"),
    ("1x28x28: batchnorm eps nan", "eps nan", "must be a number"),
    ("3x28x28: dense4d", "dense4d", "one-channel picture"),
    ("1x0x3: relu", "1x0x3", "at least 1, not 0"),
    ("1x2x3x4x5: relu", "1x2x3x4x5", "up to three axes"),
    ("x: relu", "x", "whole numbers"),
    ("1x65536x65536x65536: flatten, linear 2147483647", "linear 2147483647", "more elements"),
    ("1x28x28: flatten, linear 2147483647, linear 2147483647", "linear 2147483647", "more elements"),
]


@pytest.mark.parametrize(("line", "blamed", "part"), WRONG, ids=[line[:60] for line, _, _ in WRONG])
def test_an_error_points_at_the_word(line: str, blamed: str, part: str) -> None:
    with pytest.raises(NetworkError) as caught:
        Network.parse(line)
    error = caught.value
    assert part in error.sentence
    assert error.span is not None
    assert error.line is not None
    assert error.line[slice(*error.span)] == blamed
    assert "\n" not in error.sentence


def test_the_line_of_an_error_pastes_back() -> None:
    with pytest.raises(NetworkError) as caught:
        Network((1, 28, 28), (Conv(6, 5, padding=2), MaxPool(2), Linear(10)))
    assert caught.value.line == "1x28x28: conv 6 5 pad 2, maxpool 2, linear 10"
    assert caught.value.span == (36, 45)


WORDS = [
    "1x28x28",
    ":",
    ",",
    "conv",
    "6",
    "5",
    "pad",
    "same",
    "1+2",
    "x",
    "stride",
    "linear",
    "flatten",
    "-1",
    "nan",
    "é",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)))
@example("  : relu")
@settings(max_examples=600)
def test_any_text_is_a_network_or_a_sentence(text: str) -> None:
    network = None
    try:
        network = Network.parse(text)
    except NetworkError as caught:
        error = caught
    if network is None:
        assert error.sentence
        assert error.span is None or 0 <= error.span[0] < error.span[1] <= len(error.line or "") + 1
    else:
        assert Network.parse(str(network)) == network
