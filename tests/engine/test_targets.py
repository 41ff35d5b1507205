"""Which processor is written for, and the code it gets: wide multiply-adds, and no sum on the stack."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest

from convlens.engine import TARGETS, EngineError, Program, Target, compile, host, plan, runnable
from convlens.engine.blueprint import Blueprint
from convlens.engine.kernels import optimisers, spectral, stencil
from convlens.engine.kernels.spectral import Spectral
from convlens.engine.kernels.stencil import Stencil
from convlens.engine.pipeline import groups_of
from convlens.engine.pipeline import kernels as kernels_of
from convlens.engine.schedule import Schedule
from convlens.engine.stages import stages
from convlens.network import Network, zoo

from .compiling import assembly
from .machine_code import assert_wide, fused, innermost_loops, on_the_stack
from .test_program import parameters

WIDE = {"avx512": "zmm", "avx2": "ymm", "neon": "4s"}
"""How a register of the target's full width is spelled in a fused multiply-add."""

NETWORKS = {
    "lenet-relu": zoo.named("lenet-relu"),
    "signal": Network.parse("1x40: conv 8 9, relu, maxpool 2, conv 16 5 stride 2, flatten, linear 10"),
    "picture": Network.parse("3x10x10: conv 16 3, relu, conv 32 3 groups 2, flatten, linear 33"),
    "volume": Network.parse("1x6x6x6: conv 8 3, relu, maxpool 2, conv 16 2, relu"),
}
DENSE = {"conv", "conv_input", "conv_weights", "linear", "linear_input", "linear_weights"}
"""Kernels whose innermost loops are multiply-adds."""


def kernels(network: Network, target: Target) -> list[Blueprint]:
    steps = chain(*Schedule(plan(network, target, training=True)).from_upstream(input_too=True))
    return list({repr(step.kernel): step.kernel for step in steps}.values())


@pytest.mark.parametrize("target", WIDE)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_sums_stay_in_wide_registers(name: str, target: str) -> None:
    for kernel in kernels(NETWORKS[name], TARGETS[target]):
        if kernel.facts[-1] not in DENSE:
            continue
        assert_wide(assembly(kernel), WIDE[target], str(kernel))


SCANS = {
    "pictures": "3x64x64: conv 8 5 pad 2, relu, maxpool 2, conv 16 5, relu, avgpool 2, conv 32 3 pad 1, conv 2 1",
    "strides": "3x64x64: conv 32 7 stride 2 pad 3, relu, conv 64 3 stride 3, conv 6 3 groups 2 dilation 2",
    "narrow": "1x64x64: conv 1 9, conv 5 3 pad 1, sigmoid, conv 5 3 groups 5, conv 1 1, tanh",
}


@pytest.mark.parametrize("target", WIDE)
@pytest.mark.parametrize("name", SCANS)
def test_the_sums_of_a_scan_stay_in_wide_registers(name: str, target: str) -> None:
    for group in groups_of(stages(Network.parse(SCANS[name]), TARGETS[target]), (8, 48)):
        assert_wide(assembly(kernels_of(TARGETS[target], group)[-1]), WIDE[target], str(group.work))


SLID = {
    "3x3": Stencil("float32", (1, 3, 3), step=3, streamed=True),
    "3x3 of bytes": Stencil("uint8", (1, 3, 3), step=3, streamed=True),
    "7x7": Stencil("float32", (1, 7, 7), step=3, streamed=True),
    "31x31 of bytes": Stencil("uint8", (1, 31, 31), step=3),
    "3x3 of words, a line first": Stencil("int16", (1, 3, 3), lined=True),
    "31x31, a line first": Stencil("float32", (1, 31, 31), step=3, lined=True),
    "3x3x3": Stencil("float32", (3, 3, 3)),
    "63": Stencil("float32", (1, 1, 63)),
    "every other row": Stencil("uint8", (1, 5, 5), (2, 2), stride=2),
}


@pytest.mark.parametrize("target", WIDE)
@pytest.mark.parametrize("name", SLID)
def test_the_sums_of_a_filter_stay_in_wide_registers(name: str, target: str) -> None:
    kernel = stencil.forward(TARGETS[target], SLID[name], "slid")
    assert_wide(assembly(kernel), WIDE[target], str(kernel))


@pytest.mark.parametrize("target", WIDE)
def test_the_sums_of_a_transform_stay_in_wide_registers(target: str) -> None:
    kernel = spectral.forward(TARGETS[target], Spectral("uint8", (15, 15), 3), "slid")
    assert_wide(assembly(kernel), WIDE[target], str(kernel))


@pytest.mark.parametrize("target", WIDE)
@pytest.mark.parametrize("write", [optimisers.adamw, optimisers.momentum])
def test_a_step_of_an_optimiser_stays_in_wide_registers(write: Callable[..., Blueprint], target: str) -> None:
    kernel = write(TARGETS[target], "step")
    assert_wide(assembly(kernel), WIDE[target], str(kernel))


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_code_is_emitted_for_every_target(target: Target) -> None:
    sign = {"avx512": "zmm", "avx2": "ymm", "sse2": "xmm", "neon": ".4s"}[target.name]
    for kernel in kernels(NETWORKS["lenet-relu"], target):
        text = assembly(kernel)
        assert f"{kernel.facts[-1]}:" in text
        assert sign in text or kernel.facts[-1] == "into_lanes"


def test_sse2_has_no_instruction_that_it_lacks() -> None:
    for kernel in kernels(
        Network.parse("1x5x5: conv 2 3, sigmoid, avgpool 2, flatten, linear 3, tanh"), TARGETS["sse2"]
    ):
        text = assembly(kernel)
        assert "vfmadd" not in text
        assert "ymm" not in text
        assert "call" not in text, f"{kernel.facts[-1]} calls a function for what has no instruction"


def test_reading_assembly() -> None:
    text = """
.LBB0_1:
	movq	%rax, 8(%rsp)
.LBB0_2:
	vmovups	%ymm0, -64(%rsp)
	vfmadd231ps	(%rbp), %ymm1, %ymm2
	jl	.LBB0_2
	jl	.LBB0_1
.LBB0_3:
	ldr	q0, [sp, #16]
	b.lt	.LBB0_3
"""
    first, second = innermost_loops(text)
    assert on_the_stack(first) == ["vmovups	%ymm0, -64(%rsp)"]
    assert len(fused(first, "ymm")) == 1
    assert on_the_stack(second) == ["ldr	q0, [sp, #16]"]


# ---- which one ----


def test_the_fastest_that_runs_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVLENS_TARGET", raising=False)
    assert host() == runnable()[0]


@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
def test_the_environment_forces_one(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_TARGET", target.name)
    network = Network.parse("3: linear 2")
    assert host() == target
    assert compile(network, parameters(network)).plan.target == target


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "neon" if host().name != "neon" else "avx2"])
def test_what_cannot_run_is_refused_with_what_can(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_TARGET", name)
    network = Network.parse("3: linear 2")
    with pytest.raises(
        EngineError, match=f'CONVLENS_TARGET is "{name}", but this processor runs .*{runnable()[-1].name}'
    ):
        Program(network, parameters(network))
