"""What a compiled module runs on the engine, what on torch, and what it refuses."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from convlens import nn as cn
from convlens.network import ZOO, Network, NetworkError, print_layer

from .pairs import SMALL, alike, batch, gradients, near, pair, same

ALONE = "has no conv, linear, dense4d or pool"


def test_where_of_a_whole_network() -> None:
    _, compiled = pair(ZOO["lenet"].line)
    assert compiled.where() == "engine: layers 1-12 (conv 6 5 pad 2 … linear 10)"
    assert repr(compiled).splitlines()[1:3] == ["  " + ZOO["lenet"].line, "  " + compiled.where()]


MIXED = (
    "1x14x14: conv 4 3, batchnorm, relu, maxpool 2, dropout 0.5, conv 6 3, relu, avgpool 2, flatten, relu, "
    "dropout 0.25, linear 8, batchnorm, relu, linear 3"
)


def no_mean(network: Network, *, training: bool) -> list[str]:
    """An engine that has no kernel for one kind of layer, whatever the real one learns."""
    layers = [print_layer(layer) for layer in network.layers]
    return [f"layer {i + 1} ({layer}): it takes no means" for i, layer in enumerate(layers) if "avgpool" in layer]


def test_where_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.engine.refusals", no_mean)
    module, compiled = pair(MIXED, fallback=True)
    assert compiled.where() == (
        "engine: layers 1-4 (conv 4 3 … maxpool 2); torch: layer 5 (dropout); engine: layers 6-7 (conv 6 3, relu); "
        "torch: layers 8-11 (avgpool 2 … dropout 0.25); engine: layers 12-15 (linear 8 … linear 3)"
    )
    for mode in (True, False):
        module.train(mode)
        compiled.train(mode)
        torch.manual_seed(3)
        got = gradients(compiled, batch(MIXED, 6))
        torch.manual_seed(3)
        wanted = gradients(module, batch(MIXED, 6))
        alike(got, wanted)
    for (name, wanted_buffer), buffer in zip(module.named_buffers(), compiled.buffers(), strict=True):
        near(buffer.double(), wanted_buffer.double())
        assert "num_batches" not in name or int(buffer) == 1
    assert compiled.where() == (
        "engine: layers 1-7 (conv 4 3 … relu); torch: layer 8 (avgpool 2); engine: layers 9-15 (flatten … linear 3)"
    )


def test_every_refusal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.engine.refusals", no_mean)
    with pytest.raises(NetworkError) as caught:
        pair("1x14x14: conv 4 3, batchnorm, relu, avgpool 3, dropout 0.2, flatten, linear 3")
    first, *reasons = str(caught.value).splitlines()
    assert "fallback=True" in first
    assert len(reasons) == 2
    assert reasons[0].strip() == "layer 4 (avgpool 3): it takes no means"
    assert "layer 5 (dropout 0.2): " in reasons[1]


def test_dropout_and_batchnorm_that_stand_still_are_the_engines() -> None:
    line = "1x12x12: conv 4 3, batchnorm, relu, maxpool 2, dropout 0.3, flatten, linear 3"
    module = cn.build(Network.parse(line))
    module(batch(line, 8))
    module.eval()
    compiled = cn.compile(copy.deepcopy(module), (1, 12, 12), threads=1)
    assert compiled.where() == "engine: layers 1-7 (conv 4 3 … linear 3)"
    same(module, compiled, batch(line))
    compiled.train()
    with pytest.raises(NetworkError, match=r"layer 5 .*draw no random"):
        compiled(batch(line))
    # random numbers while everything else stands still, and the other way round
    compiled.eval()
    compiled._modules["4"].train()  # type: ignore[union-attr]
    with pytest.raises(NetworkError, match="draw no random"):
        compiled.where()
    compiled._modules["4"].p = 0.0  # type: ignore[union-attr, assignment]
    near(compiled(batch(line)), module(batch(line)))


def test_a_layer_with_hooks_is_torchs() -> None:
    module, compiled = pair(SMALL, fallback=True)
    seen: list[tuple[int, ...]] = []
    handle = compiled._modules["3"].register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape)))  # type: ignore[union-attr]
    assert "torch: layer 4 (conv 5 2)" in compiled.where()
    same(module, compiled, batch(SMALL))
    assert seen == [(5, 5, 2, 2)]
    handle.remove()
    assert "torch" not in compiled.where()
    _, strict = pair(SMALL)
    strict._modules["3"].register_forward_hook(lambda m, i, o: None)  # type: ignore[union-attr]
    with pytest.raises(NetworkError, match="hooks, which only torch calls"):
        strict(batch(SMALL))


def test_a_layer_that_was_replaced_is_torchs() -> None:
    module, compiled = pair(SMALL, fallback=True)
    module[1] = compiled._modules["1"] = nn.Softplus()
    assert "torch: layers 2-3" not in compiled.where()
    assert "torch: layer 2 (sigmoid)" in compiled.where()
    same(module, compiled, batch(SMALL))


def test_what_torch_runs_faster_is_torchs_where_it_may() -> None:
    line = "3x9x9: conv 64 3, relu, conv 64 3, relu, maxpool 5"
    assert (
        cn.compile(Network.parse(line), fallback=True, threads=1).where()
        == "engine: layers 1-5 (conv 64 3 … maxpool 5)"
    )
    line = "3x9x9: conv 64 3, relu, conv 64 3, relu, conv 64 1, flatten, linear 2"
    module, compiled = pair(line, fallback=True)
    assert compiled.where() == (
        "engine: layers 1-2 (conv 64 3, relu); torch: layers 3-5 (conv 64 3 … conv 64 1); "
        "engine: layers 6-7 (flatten, linear 2)"
    )
    same(module, compiled, batch(line))
    assert "torch" not in pair(line)[1].where()


def test_nothing_for_the_engine() -> None:
    for line in ("4: relu", "2x3: flatten, sigmoid"):
        with pytest.raises(NetworkError, match=ALONE):
            pair(line)
        module, compiled = pair(line, fallback=True)
        assert compiled.where().startswith("torch: layer")
        same(module, compiled, batch(line))
    nothing = cn.compile(nn.Sequential(nn.Identity()), (3,), fallback=True)
    assert nothing.where() == ""
    x = torch.randn(2, 3)
    assert nothing(x) is x
    with pytest.raises(NetworkError, match=ALONE):
        cn.compile(nn.Sequential(), (3,))


@pytest.mark.filterwarnings("ignore:.*torch_function.*")
def test_other_dtypes_and_devices() -> None:
    module, compiled = pair(SMALL, fallback=True)
    x = batch(SMALL)
    same(module.double(), compiled.double(), x.double())
    _, strict = pair(SMALL)
    with pytest.raises(NetworkError, match=r"the input is float64 on cpu; compile\(..., fallback=True\)"):
        strict(x.double())
    with pytest.raises(NetworkError, match="a parameter is float64 on cpu"):
        strict.double()(x)
    with pytest.raises(NetworkError, match="the input is float32 on meta"):
        strict.float()(x.to("meta"))
    assert compiled.float().to("meta")(x.to("meta")).shape == (5, 3)


def test_autocast() -> None:
    module, compiled = pair(SMALL, fallback=True)
    _, strict = pair(SMALL)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(compiled(batch(SMALL)), module(batch(SMALL)))
        assert compiled(batch(SMALL)).dtype == torch.bfloat16
        with pytest.raises(NetworkError, match="autocast asks for less"):
            strict(batch(SMALL))


def test_what_it_is_made_of() -> None:
    network = Network.parse(SMALL)
    assert cn.compile(network).network == network
    assert cn.compile(network, (2, 9, 9)).network == network
    with pytest.raises(NetworkError, match="reads 2x9x9, but the input shape says 2x8x8"):
        cn.compile(network, (2, 8, 8))
    with pytest.raises(NetworkError, match="give the input shape"):
        cn.compile(cn.build(network))
    with pytest.raises(NetworkError, match=r"only a torch\.nn\.Sequential"):
        cn.compile(nn.Linear(2, 2), (2,))  # type: ignore[arg-type]
    with pytest.raises(NetworkError, match="threads must be at least 1"):
        cn.compile(network, threads=0)
    compiled = cn.compile(network)
    for shape in ((3, 2, 8, 9), (2, 9, 9), (3, 162), (), (4,)):
        with pytest.raises(NetworkError, match="compiled for batches of 2x9x9"):
            compiled(torch.zeros(shape))
