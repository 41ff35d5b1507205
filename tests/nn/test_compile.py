"""Compiled modules against the same modules run by torch: values, gradients, and everything people do with a module."""

from __future__ import annotations

import copy
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
from convlens.network import ZOO, Network, NetworkError
from tests.lines import LINES

from .pairs import SMALL, alike, batch, gradients, near, pair, same

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


def test_parametrised_weights() -> None:
    module, compiled = pair(SMALL)
    for m in (module, compiled):
        torch.manual_seed(0)
        nn.utils.parametrizations.weight_norm(m.get_submodule("3"))
    same(module, compiled, batch(SMALL))
    assert "3.parametrizations.weight.original0" in dict(compiled.named_parameters())


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
        cn.compile(cn.build(Network.parse(SMALL), torch.Generator().manual_seed(s)), (2, 9, 9), threads=1)
        for s in range(3)
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
    # all held: a thread of torch's that is not joined when the interpreter is taken down would abort the process
    os._exit(0)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
