"""The modules as torch's own machinery meets them: copies, pickles, dtypes, state, NaN, the way they print."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from convlens.network import Network, NetworkError
from convlens.nn import BatchNorm, Dropout, MaxPool1d, MaxPool2d, MaxPool3d, ReLU, build

from ..lines import LINES

NAN = float("nan")
EVERY = Network.parse(
    "2x9x9: conv 4 3 pad same stride 2, batchnorm, relu, maxpool 2 pad 1+0x0+1 stride 1, local 2 2 groups 2, tanh, "
    "avgpool 2, dropout 0.5, sigmoid, flatten, linear 3"
)


def test_copies_and_pickles_compute_the_same() -> None:
    module, x = build(EVERY).eval(), torch.randn(2, 2, 9, 9)
    expected = module(x)
    assert torch.equal(copy.deepcopy(module)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(module))(x), expected)
    whole = io.BytesIO()
    torch.save(module, whole)
    whole.seek(0)
    assert torch.equal(torch.load(whole, weights_only=False)(x), expected)


def test_a_state_dict_holds_tensors_only_and_loads_back() -> None:
    first, second, x = build(EVERY).eval(), build(EVERY).eval(), torch.randn(2, 2, 9, 9)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(first(x), second(x))


@pytest.mark.parametrize("line", LINES)
def test_float64_all_the_way(line: str) -> None:
    network = Network.parse(line)
    y = build(network).to(torch.float64).eval()(torch.randn(2, *network.input_shape, dtype=torch.float64))
    assert y.dtype == torch.float64


def test_autocast_may_mix_dtypes() -> None:
    module = build(Network.parse("1x8x8: conv 2 3, relu, flatten, linear 3"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(torch.randn(2, 1, 8, 8)).dtype == torch.bfloat16


def test_shapes_on_the_meta_device_cost_nothing() -> None:
    network = Network.parse("3x1024x1024: conv 64 5, maxpool 2 pad 1+0x0, avgpool 2 pad 1+0x0, local 8 3, flatten")
    with torch.device("meta"):
        module = build(network)
        assert module(torch.empty(2, 3, 1024, 1024)).shape == (2, *network.output_shape)


def test_frozen_parameters_get_no_gradient() -> None:
    module = build(EVERY).requires_grad_(False)
    x = torch.randn(2, 2, 9, 9, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert all(p.grad is None for p in module.parameters())


def test_slices_of_a_network_are_networks() -> None:
    module, x = build(EVERY).eval(), torch.randn(2, 2, 9, 9)
    assert torch.equal(module[4:](module[:4](x)), module(x))


def test_a_module_prints_its_notation() -> None:
    assert str(build(Network.parse("1x9x9: conv 2 3 pad 1+0x2 nobias, maxpool 2, batchnorm"))) == (
        "Sequential(\n  (0): Conv2d(conv 2 3 pad 1+0x2 nobias)\n  (1): MaxPool2d(maxpool 2)\n"
        "  (2): BatchNorm(batchnorm)\n)"
    )


def test_nan_goes_through_relu_and_through_every_max_pool() -> None:
    assert ReLU()(torch.tensor([[NAN, -1.0]])).isnan().tolist() == [[True, False]]
    for pool, rank in ((MaxPool1d, 1), (MaxPool2d, 2), (MaxPool3d, 3)):
        for padding in (0, ((1, 0),) * rank, 1):
            for ceil in (False, True):
                for at in range(4):
                    x = torch.zeros(1, 1, *(4,) * rank)
                    x[(0, 0, *(at,) * rank)] = NAN
                    for leaf in (x, x.clone().requires_grad_()):  # torch takes another road where no gradient is asked
                        assert bool(pool(2, 1, padding, ceil_mode=ceil)(leaf).isnan().any())


def test_a_pool_over_all_fits_any_input() -> None:
    pool = MaxPool2d("all")
    assert pool(torch.arange(12.0).view(1, 1, 3, 4)).tolist() == [[[[11]]]]
    assert pool(torch.zeros(2, 3, 5, 1)).shape == (2, 3, 1, 1)


def test_dropout_drops_while_training_only() -> None:
    x = torch.ones(1, 1000)
    torch.manual_seed(0)
    assert set(Dropout(0.5)(x).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert not Dropout(1)(x).any()


def test_batchnorm_refuses_to_train_on_one_value_a_channel_and_counts_batches() -> None:
    norm = BatchNorm(2)
    with pytest.raises(NetworkError, match="batchnorm cannot train on a single value per channel"):
        norm(torch.zeros(1, 2))
    norm(torch.zeros(0, 2))
    assert norm.num_batches_tracked.item() == 0
    norm(torch.zeros(2, 2))
    assert norm.num_batches_tracked.item() == 1
    assert norm.eval()(torch.zeros(1, 2)).shape == (1, 2)
