"""The operators behind a compiled module, as torch's own checks see them, and the programs that they keep."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from convlens import nn as cn
from convlens.network import Network
from tests.forked import forks, in_a_fork

from .pairs import SMALL, alike, batch, gradients, near, pair, same


def operator_arguments(requires_grad: bool) -> tuple[Tensor, list[Tensor], str, int]:
    line = "2x6x6: conv 3 3, relu, flatten, linear 3"
    network = Network.parse(line)
    parameters = [p.detach().requires_grad_(requires_grad) for p in cn.build(network).parameters()]
    return batch(line, 3).requires_grad_(requires_grad), parameters, str(network), 1


def test_opcheck_forward() -> None:
    torch.library.opcheck(torch.ops.convlens.forward.default, operator_arguments(True))


def test_opcheck_learn() -> None:
    line = "2x6x6: conv 3 3, batchnorm, relu, flatten, linear 4, batchnorm, linear 2"
    parameters = [p.detach().requires_grad_() for p in cn.build(Network.parse(line)).parameters()]
    torch.library.opcheck(torch.ops.convlens.learn.default, (batch(line, 7).requires_grad_(), parameters, line, 1))


@pytest.mark.parametrize("input_too", [False, True])
def test_opcheck_backward(input_too: bool) -> None:
    x, parameters, line, threads = operator_arguments(False)
    upstream = torch.randn(3, *Network.parse(line).output_shape)
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


def test_an_error_leaves_the_rest_working() -> None:
    module, compiled = pair(SMALL)
    x, parameters, line, threads = operator_arguments(False)
    with pytest.raises(ValueError, match="shape"):
        torch.ops.convlens.forward(x, [p[..., :1] for p in parameters], line, threads)
    with pytest.raises(ValueError, match="reads a batch"):
        torch.ops.convlens.forward(x[:, :1], parameters, line, threads)
    same(module, compiled, batch(SMALL))


def test_programs_do_not_pile_up() -> None:
    from convlens.nn.operators import IDLE, PROGRAMS

    for width in range(1, IDLE + 4):
        cn.compile(Network.parse(f"2: linear {width}"), threads=1)(torch.zeros(1, 2))
    assert len(PROGRAMS._idle) == IDLE


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


@forks
def test_a_forked_process_has_programs_of_its_own() -> None:
    _, compiled = pair(SMALL, threads=2)
    x = batch(SMALL, 70)
    with torch.no_grad():
        wanted = compiled(x)
        assert in_a_fork(lambda: torch.equal(compiled(x), wanted))
