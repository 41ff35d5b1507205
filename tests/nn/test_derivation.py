"""The derivation of the convolution: dense4d with tied, local weights is a local layer with tied weights is a conv."""

from __future__ import annotations

import itertools

import pytest
import torch

from convlens.network import Conv
from convlens.nn import Conv2d, Dense4d, LocalConv1d, LocalConv2d, LocalConv3d, build_layer


def test_dense4d_equals_local_equals_conv_with_tied_weights() -> None:
    conv = Conv2d(1, 1, (3, 2)).double()
    local = LocalConv2d(1, 1, (3, 2), input_size=(6, 5)).double()
    dense = Dense4d((6, 5), (4, 4)).double()
    assert conv.bias is not None
    assert local.bias is not None
    assert dense.bias is not None
    with torch.no_grad():
        local.weight.copy_(conv.weight)  # the same kernel at every position
        local.bias.copy_(conv.bias)
        dense.bias.copy_(conv.bias)
        dense.weight.zero_()
        for i, j in itertools.product(range(4), range(4)):
            dense.weight[i, j, i : i + 3, j : j + 2] = conv.weight[0, 0]  # W[i, j, k, l] = V[k - i, l - j]
    x = torch.randn(3, 1, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(local(x), conv(x), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(dense(x), conv(x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("local", "shape"),
    [
        (LocalConv1d(4, 6, 3, 2, ((2, 1),), 2, 2, input_size=11), (4, 11)),
        (LocalConv2d(3, 2, (3, 2), (1, 2), "same", input_size=(5, 6)), (3, 5, 6)),
        (LocalConv3d(2, 4, 2, (2, 1, 1), ((0, 1), 0, 1), (1, 2, 1), 2, False, input_size=(4, 5, 3)), (2, 4, 5, 3)),
    ],
)
def test_tied_local_equals_conv_with_every_option(local: LocalConv1d, shape: tuple[int, ...]) -> None:
    value = local.layer
    conv = build_layer(Conv(**{name: getattr(value, name) for name in value.__dataclass_fields__}), shape).double()
    local = local.double()
    with torch.no_grad():
        local.weight.copy_(conv.weight)
        if local.bias is not None:
            local.bias.copy_(conv.bias.view(-1, *(1,) * (len(shape) - 1)))
    x = torch.randn(3, *shape, dtype=torch.float64)
    torch.testing.assert_close(local(x), conv(x), rtol=1e-12, atol=1e-13)


def test_untied_local_uses_each_positions_own_kernel() -> None:
    local = LocalConv1d(1, 1, 2, input_size=3, bias=False)
    with torch.no_grad():
        local.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0]).view(2, 1, 1, 2))
    assert local(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[21.0, 3200.0]]]
