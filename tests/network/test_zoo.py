"""Named networks: they fit their own input and others, and a wrong name gets a hint."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convlens.network import ZOO, Network, NetworkError, named, resolve


@pytest.mark.parametrize("name", ZOO)
def test_every_name_is_its_line(name: str) -> None:
    assert named(name) == Network.parse(ZOO[name].line)


@pytest.mark.parametrize("name", ["lenet", "lenet-relu", "mlp", "fcn"])
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 427), (1, 16, 17, 18)])
def test_any_rank_and_number_of_classes(name: str, shape: tuple[int, ...]) -> None:
    network = named(name, shape, 3)
    assert network.input_shape == shape
    assert network.output_shape == (3,)


def test_resolve() -> None:
    assert resolve("lenet") == named("lenet")
    assert resolve("1x8: relu") == Network.parse("1x8: relu")
    assert resolve("relu", (1, 8)) == Network.parse("1x8: relu")
    with pytest.raises(NetworkError, match="did you mean lenet"):
        resolve("lenett")
    with pytest.raises(NetworkError, match="starts with its input"):
        resolve("conv 6 5, relu")
    with pytest.raises(NetworkError, match="larger than the padded input"):
        named("lenet", (1, 8, 8))


def test_the_floor_imports_only_the_standard_library() -> None:
    code = "import sys, convlens.network; print([m for m in ('numpy', 'torch', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
