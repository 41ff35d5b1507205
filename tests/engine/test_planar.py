"""One convolution of a picture with its columns in the lanes: the numbers of the reference, inside its arrays."""

from __future__ import annotations

import numpy as np
import pytest

from convlens import reference
from convlens.engine import EngineError, Target, planar, runnable
from convlens.network import Conv, Network

LINES = [
    "1x7x40: conv 1 1",
    "3x9x23: conv 5 3",
    "3x9x19: conv 13 3x5 pad 1+2x0+3",
    "2x11x40: conv 4 3 stride 2 pad 1",
    "2x16x61: conv 3 2x3 stride 3 dilation 2",
    "1x5x120: conv 2 1x2 stride 1x7",
    "6x7x33: conv 6 3 groups 6 pad 1",
    "4x8x97: conv 6 5x3 groups 2 nobias",
    "17x3x16: conv 33 1",
    "3x10x30: conv 2 4x3 pad 1+3x2",
    "2x3x41: conv 1 3x2",
    "1x8x25: conv 1 7x3 dilation 1x2 stride 1x2",
]


@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
@pytest.mark.parametrize("line", LINES)
def test_equal_bit_for_bit(line: str, target: Target) -> None:
    network, rng = Network.parse(line), np.random.default_rng(0)
    layer = network.layers[0]
    assert isinstance(layer, Conv)
    if network.output_shape[2] < target.lanes:
        with pytest.raises(EngineError, match="columns, fewer than the 16 of a vector"):
            planar(layer, network.input_shape, target=target)
        return
    made = planar(layer, network.input_shape, activation="relu", target=target)
    x = rng.integers(-2, 3, network.input_shape).astype(np.float32)
    weight = rng.integers(-1, 2, (layer.out_channels, x.shape[0] // layer.groups, *_pair(layer.kernel)))
    bias = rng.integers(-1, 2, layer.out_channels)
    parameters = {"0.weight": weight.astype(np.float32), "0.bias": bias.astype(np.float32)}
    if not layer.bias:
        del parameters["0.bias"]
    (_, top, left), (_, bottom, right) = made.source.before, made.source.after
    padded = np.ascontiguousarray(np.pad(x, ((0, 0), (top, bottom), (left, right))))
    assert padded.size == made.source.floats
    # cells beside the result that nobody may write
    room = np.full(made.result.floats + 64, np.float32(-7))
    result = room[32:-32]
    made(padded.ctypes.data, *(parameters.get(f"0.{n}", x).ctypes.data for n in ("weight", "bias")), result.ctypes.data)
    wanted = np.maximum(reference.run(network, parameters, x[None])[-1][0], 0)
    np.testing.assert_array_equal(result.reshape(network.output_shape), wanted)
    assert (room[:32] == -7).all()
    assert (room[-32:] == -7).all()


def _pair(kernel: object) -> tuple[int, int]:
    return kernel if isinstance(kernel, tuple) else (kernel, kernel)  # type: ignore[return-value]


def test_what_it_refuses() -> None:
    with pytest.raises(EngineError, match="conv 1 3 makes rows of 1 columns, fewer than the"):
        planar(Conv(1, 3), (1, 5, 3))
    with pytest.raises(EngineError, match="needs a picture CxHxW, not 1x50"):
        planar(Conv(1, 3), (1, 50))
