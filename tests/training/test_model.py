"""The model file: what is written comes back, and anything else is refused with the reason."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from convlens import nn
from convlens.data import Preprocessing
from convlens.network import Network
from convlens.training.errors import TrainingError
from convlens.training.header import metadata
from convlens.training.model import Model

NETWORK = Network.parse("1x6x6: conv 2 3, batchnorm, relu, flatten, linear 2")


def model() -> Model:
    torch.manual_seed(0)
    return Model(
        NETWORK,
        ("a, b", "ünï\n"),
        Preprocessing("picture", (1, 6, 6), "uint8", 255.0, (0.25,), (0.5,)),
        nn.build(NETWORK).state_dict(),
        "data",
        7,
        {"val_accuracy": 0.5},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model().save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_round_trip(path: Path) -> None:
    before, after = model(), Model.load(path)
    assert (after.network, after.classes, after.preprocessing) == (before.network, before.classes, before.preprocessing)
    assert (after.data, after.seed, after.scores) == (before.data, before.seed, before.scores)
    assert all(torch.equal(after.state[name], before.state[name]) for name in before.state)
    x = torch.randn(3, 1, 6, 6)
    assert torch.equal(after.module()(x), before.module()(x))
    assert not list(path.parent.glob(".*"))


def test_the_same_model_is_the_same_file(path: Path) -> None:
    first = path.read_bytes()
    for _ in range(8):
        model().save(path)
        assert path.read_bytes() == first


def resave(path: Path, tensors: dict[str, torch.Tensor] | None = None, **changes: str | None) -> None:
    values = metadata(path, "a model") | {k: v for k, v in changes.items() if v is not None}
    values = {k: v for k, v in values.items() if k not in changes or changes[k] is not None}
    save_file(load_file(path) if tensors is None else tensors, path, values)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "other"}, "not a convlens model of this version"),
        ({"network": "1x6x6: conv 2 9"}, "cannot be"),
        ({"network": "1x6x6: conv 3 3, batchnorm, relu, flatten, linear 2"}, "does not match the network"),
        ({"network": "1x6x6: conv 2 3, batchnorm, relu, flatten, linear 3"}, "does not fit together"),
        ({"network": "1x7x7: conv 2 3, batchnorm, relu, flatten, linear 2"}, "does not fit together"),
        ({"network": "1x6x6: conv 2 3, relu, flatten, linear 2"}, "does not match the network"),
        ({"network": None}, "lacks"),
        ({"classes": "[1, 2]"}, "names no classes"),
        ({"classes": "{"}, "garbles"),
        ({"classes": "3"}, "garbles"),
        ({"preprocessing": "{}"}, "cannot be"),
        ({"scores": "[]"}, "scores"),
    ],
)
def test_mismatched_metadata(path: Path, changes: dict[str, str | None], reason: str) -> None:
    resave(path, **changes)
    with pytest.raises(TrainingError, match=reason):
        Model.load(path)


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("0.weight", torch.zeros(2, 1, 3, 4), "0.weight is float32 2x1x3x4, not float32 2x1x3x3"),
        ("0.weight", torch.zeros(2, 1, 3, 3, dtype=torch.float64), "float64"),
        ("0.weight", torch.full((2, 1, 3, 3), float("nan")), "not finite"),
        ("9.weight", torch.zeros(1), "adds 9.weight"),
        ("0.bias", None, "lacks 0.bias"),
    ],
)
def test_mismatched_tensors(path: Path, name: str, tensor: torch.Tensor | None, reason: str) -> None:
    tensors = load_file(path)
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor
    resave(path, tensors)
    with pytest.raises(TrainingError, match=reason):
        Model.load(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return (Path.touch, (tmp_path / "exploded",))  # type: ignore[return-value]

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(TrainingError, match="not a convlens model"):
        Model.load(path)
    assert not (tmp_path / "exploded").exists()


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(TrainingError, match="is no file"):
            Model.load(path)


def test_every_truncation_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for stop in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:stop])
        with pytest.raises(TrainingError):
            Model.load(path)


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_is_a_model_or_a_sentence(tmp_path: Path, at: int, value: int) -> None:
    path = tmp_path / "flipped.safetensors"
    model().save(path)
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(bytes(content))
    error = None
    try:
        loaded = Model.load(path)
    except TrainingError as caught:
        error = caught
    if error is None:
        assert loaded.module()(torch.zeros(1, 1, 6, 6)).shape == (1, 2)
    else:
        assert str(path) in str(error)


def test_metadata_is_json_and_readable_without_torch(path: Path) -> None:
    found = metadata(path, "a model")
    assert found["network"] == str(NETWORK)
    assert json.loads(found["classes"]) == ["a, b", "ünï\n"]
