"""Hostile arguments and inputs: one sentence each, and the process lives."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest
import torch

from convlens import nn
from convlens.network import NetworkError

HOSTILE: list[Any] = [
    *(0, -1, -(2**63), 2**31, 2**62, 2**63 - 1, 2**63, 2**64, True, False, 1.5, 1.0, float("nan"), float("inf")),
    *("x", "", b"3", None, (), [], (1, 2, 3, 4), (0,), (2, -1), (2**62, 2), ((1, 2, 3),), {}, object(), 1j),
    *(np.float32(2), np.zeros(1), torch.zeros(2), torch.tensor(1.5)),
]
"""None of them is a size; some are sizes of other things (1.5 a probability is none either)."""

SIZED: list[tuple[Any, dict[str, Any]]] = [
    *((face, {"in_channels": 2, "out_channels": 2, "kernel_size": 3}) for face in (nn.Conv1d, nn.Conv2d, nn.Conv3d)),
    *(
        (face, {"in_channels": 2, "out_channels": 2, "kernel_size": 3, "input_size": 5})
        for face in (nn.LocalConv1d, nn.LocalConv2d, nn.LocalConv3d)
    ),
    *((face, {"kernel_size": 3}) for face in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)),
    *((face, {"kernel_size": 3}) for face in (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)),
    (nn.Linear, {"in_features": 3, "out_features": 2}),
    (nn.Dense4d, {"input_size": 4}),
    (nn.BatchNorm, {"num_features": 3}),
    (nn.Dropout, {}),
]
ARGUMENTS: dict[Any, tuple[str, ...]] = {
    "Conv": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"),
    "Loca": (
        *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"),
        "input_size",
    ),
    "MaxP": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "AvgP": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "Line": ("in_features", "out_features", "bias"),
    "Dens": ("input_size", "output_size", "bias"),
    "Batc": ("num_features", "eps", "momentum"),
    "Drop": ("p",),
}
FITS: dict[str, tuple[Any, ...]] = {
    "stride": (None,),  # of a pool: its window
    "padding": (0, (0,)),
    "output_size": (None,),
    "momentum": (0, 1.0),
    "p": (0, 1.0),
    "eps": (1.0,),
    "bias": (True, False),
    "ceil_mode": (True, False),
    "count_include_pad": (True, False),
}


def _fits(argument: str, value: Any) -> bool:
    return any(type(value) is type(good) and value == good for good in FITS.get(argument, ()))


@pytest.mark.parametrize(("face", "sound"), SIZED, ids=[face.__name__ for face, _ in SIZED])
def test_every_hostile_argument_gets_a_sentence(face: Any, sound: dict[str, Any]) -> None:
    face(**sound)
    for argument in ARGUMENTS[face.__name__[:4]]:
        for value in HOSTILE:
            if _fits(argument, value) and not (argument == "stride" and "Pool" not in face.__name__):
                continue
            # on the meta device: should one get through, nothing is allocated
            with torch.device("meta"), pytest.raises((NetworkError, TypeError)) as caught:
                face(**sound | {argument: value})
            _is_a_sentence(str(caught.value))


def _is_a_sentence(text: str) -> None:
    assert re.match(r"[a-z0-9\"].{10,}", text), text
    assert "Traceback" not in text


RUNS: list[tuple[torch.nn.Module, tuple[int, ...]]] = [
    (nn.Conv1d(2, 3, 2), (2, 5)),
    (nn.Conv2d(2, 3, 2), (2, 5, 5)),
    (nn.Conv3d(2, 3, 2), (2, 3, 3, 3)),
    (nn.LocalConv2d(2, 3, 2, input_size=5), (2, 5, 5)),
    (nn.MaxPool2d(2), (2, 5, 5)),
    (nn.MaxPool1d(2, padding=((1, 0),)), (2, 5)),
    (nn.AvgPool3d(2), (2, 5, 5, 5)),
    (nn.Linear(3, 2), (3,)),
    (nn.Dense4d(4), (1, 4, 4)),
    (nn.BatchNorm(2), (2, 4)),
    (nn.ReLU(), (2, 4)),
    (nn.Flatten(), (2, 4)),
]


@pytest.mark.parametrize(("module", "shape"), RUNS, ids=[str(module) for module, _ in RUNS])
def test_every_hostile_input_gets_a_sentence(module: torch.nn.Module, shape: tuple[int, ...]) -> None:
    module(torch.zeros(2, *shape))
    x = torch.zeros(2, *shape)
    wrong: list[Any] = [
        *(None, 1, "x", [[1.0]], x.numpy(), object(), torch.tensor(1.0), torch.zeros(3), torch.zeros(1, 1, 1, 1, 1, 1)),
        *(x.long(), x.bool(), x.to(torch.complex64), x.to(torch.uint8)),
        *(torch.zeros(0), torch.zeros(2, 0), torch.zeros(2, *shape[:-1], 0)),
    ]
    if any(True for _ in module.parameters()):
        wrong += [x.double(), x.half(), torch.zeros(2, shape[0] + 1, *shape[1:])]
    if len(shape) > 1 and not isinstance(module, (nn.ReLU, nn.Flatten, nn.BatchNorm)):
        wrong += [torch.zeros(shape), torch.zeros(2, *shape, 2), torch.zeros(2, shape[0], *(1,) * (len(shape) - 1))]
    for value in wrong:
        if isinstance(value, torch.Tensor) and isinstance(module, nn.MaxPool1d) and value.shape[-1:] == (1,):
            continue  # padded by one, one cell is enough for its window
        with pytest.raises((NetworkError, TypeError)) as caught:
            module(value)
        _is_a_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nn.Conv2d(3, 4, 3)(torch.zeros(3, 8, 8)), r"for a picture without a batch write x\[None\]"),
        (lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 1, 8, 8)), r"conv 4 3 was built for 3 input channels, but .* has 1"),
        (lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 2)), "conv 4 3: the kernel 3x3 is larger than the padded"),
        (lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8).long()), r"for whole numbers write x.float\(\)"),
        (lambda: nn.Conv2d(3, 4, 3).double()(torch.zeros(1, 3, 8, 8)), "holds torch.float64, but the input is torch.f"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "2 groups do not divide the 3 input channels"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "names 3 axes, but the input is a picture with 2"),
        (lambda: nn.Conv(3, 4, 3, rank=4), "1 to 3, not 4"),
        (lambda: nn.Conv(3, 4, 3, rank=0), "the rank must be at least 1, not 0"),
        (lambda: nn.LocalConv2d(1, 1, 3, input_size=(5, 5))(torch.zeros(1, 1, 6, 5)), "built for inputs of 5x5, not"),
        (lambda: nn.LocalConv2d(1, 1, 3, input_size=(5,)), "the input size needs one number an axis, 2 of them"),
        (lambda: nn.LocalConv2d(1, 1, 3, input_size=2), "the kernel 3x3 is larger than the padded input 2x2"),
        (lambda: nn.MaxPool2d(2, padding=2)(torch.zeros(1, 1, 8, 8)), "must be smaller than the pool's window 2"),
        (lambda: nn.MaxPool2d(2)([1]), "maxpool 2 takes a torch.Tensor, not a list"),
        (lambda: nn.Linear(2**31 - 1, 2**31 - 1), "more elements than a 64-bit index reaches"),
        (lambda: nn.Linear(2**31 - 1, 2**24), "more than there is memory for"),
    ],
)
def test_the_sentences(call: Any, sentence: str) -> None:
    with pytest.raises((NetworkError, TypeError), match=sentence):
        call()


SURVIVES = """
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)  # so that what asks for too much fails at once
    import torch
    from convlens import nn
    from convlens.network import NetworkError
    torch.set_num_threads(1)

    BIG = [2**31 - 1, 2**31, 2**62, 2**63 - 1]
    x = {rank: torch.ones(2, 1, *(8,) * rank) for rank in (1, 2, 3)}
    faces = {rank: [getattr(nn, f"{kind}{rank}d") for kind in ("MaxPool", "AvgPool")] for rank in x}
    tries = 0
    for rank, pools in faces.items():
        for big in BIG:
            for pool in pools:
                for arguments in (
                    {"kernel_size": big},
                    {"kernel_size": 2, "stride": big},
                    {"kernel_size": 2, "stride": big, "ceil_mode": True},
                    {"kernel_size": 2, "padding": big},
                    {"kernel_size": big, "padding": big // 2},
                    {"kernel_size": 2, "dilation": big},
                    {"kernel_size": 1, "dilation": big},
                ):
                    if "dilation" in arguments and "Avg" in pool.__name__:
                        continue
                    try:
                        y = pool(**arguments)(x[rank])
                    except (NetworkError, TypeError):
                        pass
                    else:
                        assert y.isfinite().all(), (pool, arguments)
                        assert y.shape[2:].numel() <= 8**rank, (pool, arguments)
                    tries += 1
            conv = getattr(nn, f"Conv{rank}d")
            for arguments in (
                {"kernel_size": 2, "dilation": big},
                {"kernel_size": 2, "stride": big},
                {"kernel_size": 1, "dilation": big},
                {"kernel_size": 2, "dilation": big, "padding": big // 2},
                {"kernel_size": 2, "groups": big},
            ):
                try:
                    y = conv(1, 1, **arguments)(x[rank])
                except (NetworkError, TypeError):
                    pass
                else:
                    assert y.isfinite().all(), (conv, arguments)
                tries += 1
    print("alive after", tries)
"""


def test_the_process_survives_what_ends_it_or_lies_in_plain_torch() -> None:
    """max_pool1d ends the process for a window of 2**63 - 1, conv2d makes a shape for a dilation of 2**62."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SURVIVES)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alive after ")
