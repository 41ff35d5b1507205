"""Compiled modules against the same modules run by torch: values, gradients, and everything people do with a module."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convlens import nn as cn
from convlens.network import ZOO, Network, NetworkError, print_layer
from tests.lines import LINES

SMALL = "2x9x9: conv 4 3 pad 1, sigmoid, avgpool 3, conv 5 2, tanh, flatten, linear 6, relu, linear 3"
MORE = [
    ZOO["lenet"].line,
    ZOO["lenet-relu"].line,
    SMALL,
    "3x11x13: conv 6 3 stride 2 pad 1+2x0+1 groups 3, relu, conv 4 3 dilation 2 pad same, sigmoid, avgpool 3x2",
    "1x21: conv 4 3, relu, maxpool 2, flatten, linear 5",
    "1x6x7x8: conv 3 2, tanh, maxpool 2, conv 2 1 nobias",
    "6: linear 4, sigmoid, linear 2 nobias",
    "1x5x4: dense4d 3x2, relu, flatten, linear 2",
]
ALONE = "has no conv, linear, dense4d or pool"


def line_of(name: str) -> Network:
    return Network.parse(name)


def pair(line: str, **options: object) -> tuple[nn.Sequential, cn.Compiled]:
    """A module, and a compiled copy of it with parameters of its own."""
    module = cn.build(line_of(line), torch.Generator().manual_seed(0))
    options = {"threads": 1, **options}
    return module, cn.compile(copy.deepcopy(module), line_of(line).input_shape, **options)  # type: ignore[arg-type]


def batch(module_or_line: cn.Compiled | str, n: int = 5, seed: int = 1) -> Tensor:
    network = line_of(module_or_line) if isinstance(module_or_line, str) else module_or_line.network
    return torch.randn(n, *network.input_shape, generator=torch.Generator().manual_seed(seed))


Gradients = tuple[Tensor, Tensor, dict[str, Tensor]]


def gradients(module: nn.Module, x: Tensor) -> Gradients:
    """Outputs, the gradient of the input, and those of the parameters, for an uneven upstream."""
    x = x.clone().requires_grad_()
    module.zero_grad()
    y = module(x)
    upstream = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    y.backward(upstream)
    assert x.grad is not None
    return y.detach(), x.grad, {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def near(got: Tensor, wanted: Tensor) -> None:
    # float32 sums of at most some thousand terms, in another order: 1e-5 of the largest
    got, wanted = got.detach(), wanted.detach()
    assert got.shape == wanted.shape
    scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5 * scale)


def alike(got: Gradients, wanted: Gradients) -> None:
    """Outputs and gradients are near each other."""
    near(got[0], wanted[0])
    near(got[1], wanted[1])
    assert got[2].keys() == wanted[2].keys()
    for name, gradient in wanted[2].items():
        near(got[2][name], gradient)


def same(module: nn.Module, compiled: nn.Module, x: Tensor) -> None:
    """Both give the same outputs and gradients."""
    alike(gradients(compiled, x), gradients(module, x))


# ---- values and gradients ----


# the engine's own tests run all of LINES: here it is the way there and back that is tested
@pytest.mark.parametrize("line", LINES[::3] + MORE)
def test_torch_gives_the_same(line: str) -> None:
    module, compiled = pair(line, fallback=True)
    if line in MORE:
        assert compiled.where().startswith("engine: ")
        assert "torch" not in compiled.where()
    torch.manual_seed(0)
    wanted = gradients(module, batch(line, 17))
    torch.manual_seed(0)
    alike(gradients(compiled, batch(line, 17)), wanted)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17])
def test_batches(n: int) -> None:
    module, compiled = pair(SMALL)
    same(module, compiled, batch(SMALL, n))


def test_inputs_as_they_come() -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL, 12)
    turned = batch(SMALL, 12).transpose(2, 3)
    imaginary = torch.complex(x, x).conj().imag
    assert imaginary.is_neg()
    for given in (x[::3], turned, x.to(memory_format=torch.channels_last), x[:1].expand(4, -1, -1, -1), imaginary):
        near(compiled(given), module(given))
    read_only = torch.from_numpy(x.numpy().copy())
    near(compiled(read_only), module(x))
    near(compiled.to(memory_format=torch.channels_last)(x), module(x))


def test_upstreams_as_they_come() -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL)
    for m in (module, compiled):
        m.zero_grad()
        (m(x).sum() + m(x)[:, 1].mean()).backward()
    for wanted, got in zip(module.parameters(), compiled.parameters(), strict=True):
        assert wanted.grad is not None
        assert got.grad is not None
        near(got.grad, wanted.grad)


def test_gradcheck_by_differences() -> None:
    # float32: a step of 1e-2 leaves 1e-7 / 1e-2 = 1e-5 of rounding and 1e-4 of curvature, a slope is of order 1
    line = "1x6x6: conv 2 3, sigmoid, avgpool 2, flatten, linear 2"
    _, compiled = pair(line)
    names = [name for name, _ in compiled.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(compiled, dict(zip(names, values, strict=True)), (x,))

    x = batch(line, 2).requires_grad_()
    with pytest.warns(UserWarning, match="double precision"):
        assert torch.autograd.gradcheck(run, (x, *compiled.parameters()), eps=1e-2, atol=1e-3, rtol=1e-3)


def test_no_gradient_of_gradients() -> None:
    _, compiled = pair(SMALL)
    x = batch(SMALL).requires_grad_()
    (slope,) = torch.autograd.grad(compiled(x).sum(), x, create_graph=True)
    with pytest.raises(NetworkError, match="first derivatives only"):
        slope.square().sum().backward()


def test_only_what_is_asked_for() -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL)
    for m in (module, compiled):
        for name, p in m.named_parameters():
            p.requires_grad_(name.startswith("6"))
        m(x).sum().backward()
    assert [n for n, p in compiled.named_parameters() if p.grad is not None] == ["6.weight", "6.bias"]
    near(compiled.get_parameter("6.weight").grad, module.get_parameter("6.weight").grad)  # type: ignore[arg-type]
    compiled.requires_grad_(False)
    assert not compiled(x).requires_grad
    given = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(compiled(given).sum(), given)
    given = x.clone().requires_grad_()
    near(slope, torch.autograd.grad(module(given).sum(), given)[0])


def test_without_gradients() -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL)
    wanted = module(x).detach()
    with torch.no_grad():
        y = compiled(x)
        assert not y.requires_grad
        near(y, wanted)
    with torch.inference_mode():
        y = compiled(x)
        assert y.is_inference()
        near(y, wanted)


def test_changing_a_parameter_before_backward_is_seen() -> None:
    _, compiled = pair(SMALL)
    loss = compiled(batch(SMALL)).sum()
    with torch.no_grad():
        next(compiled.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_threads_leave_no_trace() -> None:
    from convlens.nn.operators import PROGRAMS

    x = batch(SMALL, 70)
    one = gradients(pair(SMALL, threads=None)[1], x)
    assert PROGRAMS._idle[-1][1].threads == torch.get_num_threads() == 1
    two = gradients(pair(SMALL, threads=2)[1], x)
    assert PROGRAMS._idle[-1][1].threads == 2
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert all(torch.equal(one[2][name], two[2][name]) for name in one[2])


# ---- the operators ----


def operator_arguments(requires_grad: bool) -> tuple[Tensor, list[Tensor], str, int]:
    line = "2x6x6: conv 3 3, relu, flatten, linear 3"
    network = line_of(line)
    parameters = [p.detach().requires_grad_(requires_grad) for p in cn.build(network).parameters()]
    return batch(line, 3).requires_grad_(requires_grad), parameters, str(network), 1


def test_opcheck_forward() -> None:
    torch.library.opcheck(torch.ops.convlens.forward.default, operator_arguments(True))


def test_opcheck_learn() -> None:
    line = "2x6x6: conv 3 3, batchnorm, relu, flatten, linear 4, batchnorm, linear 2"
    parameters = [p.detach().requires_grad_() for p in cn.build(line_of(line)).parameters()]
    torch.library.opcheck(torch.ops.convlens.learn.default, (batch(line, 7).requires_grad_(), parameters, line, 1))


@pytest.mark.parametrize("input_too", [False, True])
def test_opcheck_backward(input_too: bool) -> None:
    x, parameters, line, threads = operator_arguments(False)
    upstream = torch.randn(3, *line_of(line).output_shape)
    arguments = (x, parameters, upstream, line, threads, input_too)
    # its own gradient is refused, so there is nothing for test_aot_dispatch to differentiate: it runs without
    torch.library.opcheck(torch.ops.convlens.backward.default, arguments)


def test_fake_tensors_and_shapes() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    x, parameters, line, threads = operator_arguments(False)
    with FakeTensorMode() as mode:
        faked = [mode.from_tensor(p) for p in parameters]
        assert torch.ops.convlens.forward(mode.from_tensor(x), faked, line, threads).shape == (3, 3)


class Surrounded(nn.Module):
    """A compiled network between other computations."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.log_softmax(self.inner(torch.sin(x) * self.scale), 1)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
def test_inside_a_compiled_model() -> None:
    # aot_eager traces the backward too, as the default inductor does, but needs no C++ compiler
    line = "2x6x6: conv 3 3, relu, dropout 0.5, flatten, linear 3"
    module, compiled = pair(line, fallback=True)
    outer, wanted = Surrounded(compiled), Surrounded(module)
    torch._dynamo.reset()
    traced = torch.compile(outer, backend="aot_eager", fullgraph=True, dynamic=True)
    for n in (4, 9):
        torch.manual_seed(n)
        got = gradients(traced, batch(line, n))
        torch.manual_seed(n)
        alike(
            (*got[:2], {k.removeprefix("_orig_mod."): v for k, v in got[2].items()}), gradients(wanted, batch(line, n))
        )
    outer.eval()
    near(traced(batch(line)), wanted.eval()(batch(line)))
    with torch.no_grad():
        compiled.get_parameter("0.weight").mul_(2)
        module.get_parameter("0.weight").mul_(2)
    near(traced(batch(line)), wanted(batch(line)))
    torch._dynamo.reset()


# ---- what runs where ----


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
    module = cn.build(line_of(line))
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
    module = cn.build(line_of(line), torch.Generator().manual_seed(0))
    for x in (batch(line, 16, 1) * 2 + 1, batch(line, 16, 2)):
        module(x)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.ndim == 1:
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(len(name))))
    module.eval()
    compiled = cn.compile(copy.deepcopy(module), line_of(line).input_shape, threads=1)
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


def test_parametrised_weights() -> None:
    module, compiled = pair(SMALL)
    for m in (module, compiled):
        torch.manual_seed(0)
        nn.utils.parametrizations.weight_norm(m.get_submodule("3"))
    same(module, compiled, batch(SMALL))
    assert "3.parametrizations.weight.original0" in dict(compiled.named_parameters())


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
    network = line_of(SMALL)
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


# ---- what people do with a module ----


def test_parameters_and_names_are_those_of_the_module() -> None:
    shared = nn.Linear(6, 6)
    module = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3, padding="same"), nn.Identity(), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Sequential(nn.Linear(3, 6), shared, nn.Tanh(), shared),
    )
    compiled = cn.compile(module, (1, 8, 8), threads=1)
    assert "torch" not in compiled.where()
    assert all(a is b for a, b in zip(module.parameters(), compiled.parameters(), strict=True))
    assert list(module.state_dict()) == list(compiled.state_dict())
    same(module, compiled, batch(compiled))


@pytest.mark.parametrize(
    "optimiser",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3),
        lambda p: torch.optim.Adam(p, 0.01),
        lambda p: torch.optim.LBFGS(p, 0.1, max_iter=4),
    ],
    ids=["SGD", "Adam", "LBFGS"],
)
def test_optimisers(optimiser: object) -> None:
    x, labels = batch(SMALL, 20), torch.arange(20) % 3
    losses = []
    for module in pair(SMALL):
        steps = optimiser(module.parameters())  # type: ignore[operator]

        def closure(module: nn.Module = module, steps: torch.optim.Optimizer = steps) -> Tensor:
            steps.zero_grad()
            loss = F.cross_entropy(module(x), labels)
            loss.backward()
            return loss

        losses.append([float(steps.step(closure).detach()) for _ in range(4)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0]


def test_changes_are_seen_at_once() -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL)
    weight, wanted = compiled.get_parameter("6.weight"), module.get_parameter("6.weight")
    for change in (
        lambda p: p.data.mul_(2),
        lambda p: p.detach().numpy().__iadd__(1),
        lambda p: setattr(p, "data", torch.flip(p.data, [0])),
    ):
        change(weight)
        change(wanted)
        near(compiled(x), module(x))
    compiled.get_submodule("6").weight = nn.Parameter(torch.zeros_like(weight))
    assert torch.equal(compiled(x)[0], compiled(x)[1])


def test_copies_and_files(tmp_path: Path) -> None:
    module, compiled = pair(SMALL)
    x = batch(SMALL)
    compiled(x)
    copied, read = copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))
    torch.save(compiled, tmp_path / "whole.pt")
    loaded = torch.load(tmp_path / "whole.pt", weights_only=False)
    with torch.no_grad():
        compiled.get_parameter("0.weight").zero_()
    for other in (copied, read, loaded):
        assert other.where() == compiled.where()
        same(module, other, x)
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    compiled.load_state_dict(torch.load(tmp_path / "weights.pt"))
    same(module, compiled, x)
    module.load_state_dict(compiled.state_dict())


def test_functional_call() -> None:
    module, compiled = pair(SMALL)
    values = {name: (p.detach() * 1.5).requires_grad_() for name, p in compiled.named_parameters()}
    found = []
    for m in (module, compiled):
        loss = torch.func.functional_call(m, values, (batch(SMALL),)).square().sum()
        found.append(torch.autograd.grad(loss, list(values.values())))
    for wanted, got in zip(*found, strict=True):
        near(got, wanted)


def test_many_threads_with_weights_of_their_own() -> None:
    x = batch(SMALL, 40)
    modules = [
        cn.compile(cn.build(line_of(SMALL), torch.Generator().manual_seed(s)), (2, 9, 9), threads=1) for s in range(3)
    ]
    wanted = [gradients(m, x) for m in modules]

    def work(i: int) -> bool:
        # gradients by torch.autograd.grad: .grad of one parameter is not for several threads
        module = modules[i % 3]
        y = module(x)
        upstream = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        found = torch.autograd.grad(y, list(module.parameters()), upstream)
        expected = wanted[i % 3]
        return torch.equal(y, expected[0]) and all(map(torch.equal, found, expected[2].values()))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(32)))


def test_programs_do_not_pile_up() -> None:
    from convlens.nn.operators import IDLE, PROGRAMS

    for width in range(1, IDLE + 4):
        cn.compile(Network.parse(f"2: linear {width}"), threads=1)(torch.zeros(1, 2))
    assert len(PROGRAMS._idle) == IDLE


def test_an_error_leaves_the_rest_working() -> None:
    module, compiled = pair(SMALL)
    x, parameters, line, threads = operator_arguments(False)
    with pytest.raises(ValueError, match="shape"):
        torch.ops.convlens.forward(x, [p[..., :1] for p in parameters], line, threads)
    with pytest.raises(ValueError, match="reads a batch"):
        torch.ops.convlens.forward(x[:, :1], parameters, line, threads)
    same(module, compiled, batch(SMALL))


def _in_a_fork(compiled: cn.Compiled, x: Tensor, wanted: Tensor) -> None:
    os._exit(0 if torch.equal(compiled(x), wanted) else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_programs_of_its_own() -> None:
    _, compiled = pair(SMALL, threads=2)
    x = batch(SMALL, 70)
    with torch.no_grad():
        process = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=(compiled, x, compiled(x)))
    process.start()
    process.join(30)
    code = process.exitcode
    process.kill()
    assert code == 0


def _one_of_two(rank: int, folder: str) -> None:
    """A process of the test below."""
    # all that this file imports is imported here: convlens.nn waits with LLVM until it is needed
    assert "llvmlite" not in sys.modules
    assert "convlens.engine" not in sys.modules
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    module, compiled = pair(SMALL, fallback=True)
    parallel = nn.parallel.DistributedDataParallel(compiled)
    steps = torch.optim.SGD(parallel.parameters(), 0.5)
    for step in range(2):
        x, labels = batch(SMALL, 16, step), torch.arange(16) % 3
        steps.zero_grad()
        F.cross_entropy(parallel(x[rank::2]), labels[rank::2]).backward()
        module.load_state_dict(compiled.state_dict())
        module.zero_grad()
        F.cross_entropy(module(x), labels).backward()
        for wanted, got in zip(module.parameters(), compiled.parameters(), strict=True):
            near(got.grad, wanted.grad)  # type: ignore[arg-type]
        steps.step()
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)


def test_what_torch_runs_faster_is_torchs_where_it_may() -> None:
    line = "3x9x9: conv 64 3, relu, conv 64 3, relu, maxpool 5"
    assert cn.compile(line_of(line), fallback=True, threads=1).where() == "engine: layers 1-5 (conv 64 3 … maxpool 5)"
    line = "3x9x9: conv 64 3, relu, conv 64 3, relu, conv 64 1, flatten, linear 2"
    module, compiled = pair(line, fallback=True)
    assert compiled.where() == (
        "engine: layers 1-2 (conv 64 3, relu); torch: layers 3-5 (conv 64 3 … conv 64 1); "
        "engine: layers 6-7 (flatten, linear 2)"
    )
    same(module, compiled, batch(line))
    assert "torch" not in pair(line)[1].where()
