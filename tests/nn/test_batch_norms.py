"""Batch norms of compiled modules: multiplied into what stands before them, and learning."""

from __future__ import annotations

import copy

import pytest
import torch

from convlens import nn as cn
from convlens.network import Network, NetworkError

from .pairs import batch, gradients, near, pair, same

BATCHNORMS = [
    "2x6x6: batchnorm, conv 3 3, relu",
    "2x6x6: conv 3 3 nobias, batchnorm, batchnorm, sigmoid",
    "2x6x6: conv 3 3, relu, batchnorm, flatten, linear 4, batchnorm, relu, linear 2",
    "2x9: conv 3 3, dropout 0.5, batchnorm, maxpool 2",
    "2x4x4x4: conv 3 2, batchnorm, relu",
    "5: linear 4 nobias, batchnorm, relu, linear 3",
]


@pytest.mark.parametrize("line", BATCHNORMS)
def test_batch_norms_are_multiplied_in(line: str) -> None:
    module = cn.build(Network.parse(line), torch.Generator().manual_seed(0))
    for x in (batch(line, 16, 1) * 2 + 1, batch(line, 16, 2)):
        module(x)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.ndim == 1:
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(len(name))))
    module.eval()
    compiled = cn.compile(copy.deepcopy(module), Network.parse(line).input_shape, threads=1)
    assert "torch" not in compiled.where()
    same(module, compiled, batch(line))


@pytest.mark.parametrize("line", [line for line in BATCHNORMS if "dropout" not in line])
@pytest.mark.parametrize("n", [4, 11])
def test_batch_norms_learn(line: str, n: int) -> None:
    module, compiled = pair(line)
    assert "torch" not in compiled.where()
    # in float64: where a norm divides by nearly nothing, PyTorch's own float32 is no witness
    exact = copy.deepcopy(module).double()
    for seed in (1, 2):
        x = batch(line, n, seed) * 2 + 1
        wanted, found = gradients(exact, x.double()), gradients(compiled, x)
        near(found[0].double(), wanted[0])
        near(found[1].double(), wanted[1])
        assert found[2].keys() == wanted[2].keys()
        for name, gradient in wanted[2].items():
            near(found[2][name].double(), gradient)
    for (name, wanted_buffer), buffer in zip(exact.named_buffers(), compiled.buffers(), strict=True):
        near(buffer.double(), wanted_buffer.double())
        assert "num_batches" not in name or int(buffer) == 2


def test_a_batch_norm_learns_beside_one_that_stands_still() -> None:
    module, compiled = pair("5: linear 4, batchnorm, relu, linear 3, batchnorm, tanh, linear 2")
    for still in (module[1], compiled._modules["1"]):
        still.eval()  # type: ignore[union-attr]
    same(module, compiled, batch(compiled, 9))
    assert int(module[1].num_batches_tracked) == int(compiled._modules["1"].num_batches_tracked) == 0  # type: ignore[union-attr, arg-type]
    for a, b in zip(module.buffers(), compiled.buffers(), strict=True):
        near(a.double(), b.double())


def test_a_batch_norm_of_a_single_value_and_of_none() -> None:
    _, compiled = pair("5: linear 4, batchnorm, relu, linear 3")
    before = copy.deepcopy(compiled.state_dict())
    with pytest.raises(NetworkError, match="cannot train on a single value per channel"):
        compiled(batch(compiled, 1))
    assert compiled(batch(compiled, 0)).shape == (0, 3)
    assert all(torch.equal(value, before[name]) for name, value in compiled.state_dict().items())


def test_a_flat_batch_norm_behind_no_linear() -> None:
    line = "5: linear 4, relu, batchnorm, linear 3"
    module, compiled = pair(line, fallback=True)
    assert compiled.eval().where() == (
        "engine: layers 1-2 (linear 4, relu); torch: layer 3 (batchnorm); engine: layer 4 (linear 3)"
    )
    same(module.eval(), compiled, batch(line))
    with pytest.raises(NetworkError, match="no conv or linear before it"):
        cn.compile(module, (5,))
