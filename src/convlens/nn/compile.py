"""A Sequential whose forward and backward run on the engine, with the parameters it had: optimisers see no difference.

The batch goes through the operators of ``operators``. Nothing here computes, but for batch norms: the scale and shift
of one that stands still are multiplied into the weights before it in torch, so that their gradients flow, and the
running statistics of one that learns move towards those that the engine found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from convlens.network import (
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    Network,
    NetworkError,
    ReLU,
    Sigmoid,
    Tanh,
    parameter_shapes,
    print_layer,
)
from convlens.network.layers import spell, whole

from . import operators
from .build import build
from .convert import network_of

if TYPE_CHECKING:
    pass

DRAWS = "operators on the engine are pure functions: they draw no random numbers, as dropout does while training"
HOOKED = "it has hooks, which only torch calls"
CARRIERLESS = "no conv or linear before it can take the scale and shift of a batchnorm of flat vectors"
CHEAP = (Flatten, ReLU, Sigmoid, Tanh, Dropout, BatchNorm)
"""Layers that are not worth a trip to the engine alone."""


def compile(
    module: nn.Sequential | Network,
    input_shape: Sequence[int] | None = None,
    *,
    fallback: bool = False,
    threads: int | None = None,
) -> Compiled:
    """Let the engine run a network's forward and backward for float32 tensors on the CPU.

    Compiled for the mode that ``module`` is in: dropout is refused, or left to torch, only while it trains.
    Machine code is made when it is first needed, and kept on disk.

    Args:
        module: layers of ``nn.build`` or torch.nn in order, or a Network, which is built first.
        input_shape: (C, *spatial), without the batch; None where a Network says it.
        fallback: let torch run the layers, devices and dtypes that the engine cannot, and layers at which torch is
            faster (``engine.slower`` names them).
        threads: how many the engine runs at once; None: as many as torch does (``torch.set_num_threads``) at the call.

    Returns:
        A module with the same Parameter objects under the same names. ``module`` stays as it is, and shares them.

    Raises:
        NetworkError: the module is not a network; without ``fallback``: the engine cannot run it, one line a reason.

    >>> network = Network.parse("1x12x12: conv 4 3, relu, maxpool 2, flatten, dropout 0.2, linear 3")
    >>> compiled = compile(network, fallback=True)
    >>> compiled.where()
    'engine: layers 1-4 (conv 4 3 … flatten); torch: layer 5 (dropout 0.2); engine: layer 6 (linear 3)'
    >>> compiled(torch.zeros(2, 1, 12, 12)).shape
    torch.Size([2, 3])
    """
    count = None if threads is None else whole(threads, "threads", 1)
    if isinstance(module, Network):
        network, module = module, build(module)
        if input_shape is not None and tuple(input_shape) != network.input_shape:
            given, own = spell(tuple(input_shape)), spell(network.input_shape)
            raise NetworkError(f"the network reads {own}, but the input shape says {given}; leave it out")
    elif input_shape is None:
        raise NetworkError("a module does not say what it reads: give the input shape (C, *spatial), without the batch")
    else:
        network = network_of(module, tuple(input_shape))
    return Compiled(module, network, fallback=fallback, threads=count)


# ---- what runs where ----


@dataclass(frozen=True)
class _Learned:
    """A layer of a part that has parameters, and the batch norms whose scale and shift it takes on.

    ``learns`` where it is a batch norm that learns itself.
    """

    at: int
    norms: tuple[int, ...] = ()
    learns: bool = False


@dataclass(frozen=True)
class _Part:
    """Layers ``first`` to ``stop`` (past the end): on the engine as the network ``line``, or, without one, by torch."""

    first: int
    stop: int
    line: str = ""
    learned: tuple[_Learned, ...] = ()

    @property
    def norms(self) -> tuple[int, ...]:
        """The batch norms that learn here."""
        return tuple(learned.at for learned in self.learned if learned.learns)


def _refused(network: Network, *, handed_over: bool) -> tuple[str, ...]:
    """Why the engine does not run a layer, layer by layer, whatever the mode; "" where it does.

    It has no kernel for it, or torch is faster and layers are ``handed_over`` to it.
    """
    from convlens.engine import refusals, slower

    faster = slower(network) if handed_over else {}
    found = []
    for i, (layer, shape) in enumerate(zip(network.layers, network.shapes, strict=False)):
        if i in faster or isinstance(layer, (Dropout, BatchNorm)):
            found.append(faster.get(i, ""))
            continue
        head = f"layer 1 ({print_layer(layer)}): "
        found.append("; ".join(s.removeprefix(head) for s in refusals(Network(shape, (layer,)), training=True)))
    return tuple(found)


def _placed(network: Network, reasons: tuple[str, ...], learning: tuple[int, ...]) -> tuple[str, ...]:
    """``reasons``, and one for every flat batch norm that nothing before it can take on."""
    found, carried = list(reasons), False
    for i, layer in enumerate(network.layers):
        stands = isinstance(layer, BatchNorm) and i not in learning
        if stands and len(network.shapes[i]) == 1 and not carried and not found[i]:
            found[i] = CARRIERLESS
        if not isinstance(layer, Dropout) or found[i]:
            carried = (stands or isinstance(layer, (Conv, Linear))) and not found[i]
    return tuple(found)


def _parts(network: Network, reasons: tuple[str, ...], learning: tuple[int, ...]) -> tuple[_Part, ...]:
    """The longest runs of layers that the engine can run and that are worth it, and what lies between them."""
    if not reasons:
        return ()
    bounds = [0, *(i for i in range(1, len(reasons)) if bool(reasons[i]) != bool(reasons[i - 1])), len(reasons)]
    parts: list[_Part] = []
    for first, stop in pairwise(bounds):
        if not reasons[first] and not all(isinstance(layer, CHEAP) for layer in network.layers[first:stop]):
            parts.append(_on_engine(network, first, stop, learning))
        elif parts and not parts[-1].line:
            parts[-1] = replace(parts[-1], stop=stop)
        else:
            parts.append(_Part(first, stop))
    return tuple(parts)


def _on_engine(network: Network, first: int, stop: int, learning: tuple[int, ...]) -> _Part:
    """Layers as the engine is to see them: dropout gone, and so are batch norms that do not learn.

    Those are in the layer before, or a 1x1 convolution.
    """
    layers: list[Layer] = []
    learned: list[_Learned] = []
    for i in range(first, stop):
        layer, shape = network.layers[i], network.shapes[i]
        if isinstance(layer, Dropout):
            continue
        if i in learning:
            layers.append(layer)
            learned.append(_Learned(i, learns=True))
            continue
        if isinstance(layer, BatchNorm) and layers and isinstance(layers[-1], (Conv, Linear)):
            layers[-1] = replace(layers[-1], bias=True)
            learned[-1] = replace(learned[-1], norms=(*learned[-1].norms, i))
            continue
        layers.append(Conv(shape[0], 1, groups=shape[0]) if isinstance(layer, BatchNorm) else layer)
        if parameter_shapes(layer, shape):
            learned.append(_Learned(i))
    return _Part(first, stop, str(Network(network.shapes[first], tuple(layers))), tuple(learned))


class Compiled(nn.Module):
    """A network on the engine, as a module with the parameters, buffers and names of the one it was made from.

    ``train()`` and ``eval()`` switch it and the layers inside; each layer's own mode counts. Parameters are read anew
    in every call, so it never matters how they were changed. Layers that the engine runs are not called: a layer with
    hooks is left to torch, and a hook of the whole belongs on this module. Safe to call from several threads.
    Second derivatives are refused here, and vmap and torch.func.grad by torch. Made by ``convlens.nn.compile``.
    """

    def __init__(self, module: nn.Sequential, network: Network, *, fallback: bool, threads: int | None) -> None:
        super().__init__()
        self._modules.update(module._modules)
        self.training = module.training
        self._network, self._fallback, self._threads = network, fallback, threads
        self._paths = tuple(_leaf_paths(module, ()))
        self._kinds = tuple(type(self._leaf(i)) for i in range(len(network.layers)))
        self._refused = _refused(network, handed_over=fallback)
        self._known: dict[tuple[tuple[str, ...], tuple[int, ...]], tuple[_Part, ...]] = {}
        self._look_up()

    @property
    def network(self) -> Network:
        """The network that is run."""
        return self._network

    def where(self) -> str:
        """One line that says what runs where, in the mode of now.

        Raises:
            NetworkError: in this mode the engine cannot run it, and torch may not.
        """
        texts = []
        for part in self._look_up():
            layers = [print_layer(layer) for layer in self._network.layers[part.first : part.stop]]
            shown = ", ".join(layers) if len(layers) < 3 else f"{layers[0]} … {layers[-1]}"
            places = f"layers {part.first + 1}-{part.stop}" if len(layers) > 1 else f"layer {part.stop}"
            texts.append(f"{'engine' if part.line else 'torch'}: {places} ({shown})")
        return "; ".join(texts)

    def extra_repr(self) -> str:
        """The network in its notation, and what runs where."""
        return f"{self._network}\n{self.where()}"

    def forward(self, x: Tensor) -> Tensor:
        """Run the network on a batch (N, *input_shape); N may be 0.

        Raises:
            NetworkError: the shape is another; without ``fallback``: the device, the dtype or the mode of a layer is
                not the engine's.
        """
        if tuple(x.shape[1:]) != self._network.input_shape or x.ndim < 2:
            wanted, given = spell(self._network.input_shape), tuple(x.shape)
            raise NetworkError(f"compiled for batches of {wanted}, not for a tensor of {given}; compile it anew")
        parts = self._look_up()
        parameters = [self._parameters_of(part) for part in parts]
        if elsewhere := _elsewhere(x, parameters):
            if not self._fallback:
                raise NetworkError(f"{elsewhere}; compile(..., fallback=True) lets torch run it")
            parts = (_Part(0, len(self._paths)),)
        for part, learned in zip(parts, parameters, strict=False):
            if part.norms:
                x, statistics = operators.learn(x, learned, part.line, self._threads or 0)
                if len(x):
                    self._gather(part.norms, statistics)
            elif part.line:
                x = operators.forward(x, learned, part.line, self._threads or 0)
            else:
                for i in range(part.first, part.stop):
                    x = self._leaf(i)(x)
        return x

    def _leaf(self, i: int) -> Any:
        module: Any = self
        for name in self._paths[i]:
            module = module._modules[name]
        return module

    def _reasons(self) -> tuple[str, ...]:
        """Why torch must run a layer as it stands now, layer by layer; "" where it need not."""
        found = []
        for i, layer in enumerate(self._network.layers):
            leaf = self._leaf(i)
            reason = self._refused[i]
            if not isinstance(leaf, self._kinds[i]):
                reason = f"it was a {self._kinds[i].__name__} when it was compiled, and now is a {type(leaf).__name__}"
            elif leaf._forward_hooks or leaf._forward_pre_hooks or leaf._backward_hooks or leaf._backward_pre_hooks:
                reason = HOOKED
            elif leaf.training and isinstance(layer, Dropout) and leaf.p > 0:
                reason = DRAWS
            found.append(reason)
        return tuple(found)

    def _learning(self) -> tuple[int, ...]:
        """The batch norms that learn as they stand now."""
        layers = self._network.layers
        return tuple(i for i, layer in enumerate(layers) if isinstance(layer, BatchNorm) and self._leaf(i).training)

    def _look_up(self) -> tuple[_Part, ...]:
        mode = self._reasons(), self._learning()
        if mode not in self._known:
            self._known[mode] = self._split(*mode)
        return self._known[mode]

    def _split(self, reasons: tuple[str, ...], learning: tuple[int, ...]) -> tuple[_Part, ...]:
        layers, reasons = self._network.layers, _placed(self._network, reasons, learning)
        if not self._fallback:
            found = [f"layer {i + 1} ({print_layer(layers[i])}): {r}" for i, r in enumerate(reasons) if r]
            if not found and all(isinstance(layer, CHEAP) for layer in layers):
                found = ["it has no conv, linear, dense4d or pool, and the rest alone is not worth the engine"]
            if found:
                raise NetworkError(
                    "the engine cannot run this network; compile(..., fallback=True) lets torch run these parts:\n  "
                    + "\n  ".join(found)
                )
        return _parts(self._network, reasons, learning)

    def _parameters_of(self, part: _Part) -> list[Tensor]:
        """What the operators take: weight and bias of each layer that learns, batch norms multiplied in."""
        found: list[Tensor] = []
        for learned in part.learned:
            leaf = self._leaf(learned.at)
            weight, bias = leaf.weight, leaf.bias
            if isinstance(self._network.layers[learned.at], BatchNorm) and not learned.learns:
                gain, bias = _gain_and_shift(leaf)
                weight = gain.reshape(-1, *[1] * len(self._network.shapes[learned.at]))
            for at in learned.norms:
                gain, shift = _gain_and_shift(self._leaf(at))
                weight = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
                bias = shift if bias is None else shift + bias * gain
            found += [weight] if bias is None else [weight, bias]
        return found

    def _gather(self, norms: tuple[int, ...], statistics: Tensor) -> None:
        """Move the running statistics of batch norms towards the batch's."""
        sizes = [self._network.shapes[at][0] for at in norms for _ in range(2)]
        newest = iter(torch.split(statistics, sizes))
        with torch.no_grad():
            for at in norms:
                norm = self._leaf(at)
                for running in (norm.running_mean, norm.running_var):
                    running.mul_(1 - norm.momentum).add_(next(newest), alpha=norm.momentum)
                norm.num_batches_tracked.add_(1)


def _leaf_paths(module: nn.Module, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where the layers stand, in the order in which ``network_of`` reads them."""
    for name, child in module._modules.items():
        if type(child) is nn.Sequential:
            yield from _leaf_paths(child, (*before, name))
        elif child is not None and type(child) is not nn.Identity:
            yield (*before, name)


def _gain_and_shift(norm: Any) -> tuple[Tensor, Tensor]:
    """What a batch norm that stands still multiplies and adds, in torch: gradients reach its weight and bias."""
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return gain, norm.bias - norm.running_mean * gain


def _elsewhere(x: Tensor, parameters: list[list[Tensor]]) -> str:
    """Why these tensors are not for the engine, or ""."""
    if torch.is_autocast_enabled("cpu"):
        return "the engine computes in float32, but autocast asks for less"
    for tensor, what in ((x, "the input"), *((p, "a parameter") for given in parameters for p in given)):
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32 or tensor.layout != torch.strided:
            kind = f"{tensor.dtype} on {tensor.device.type}".removeprefix("torch.")
            return f"the engine runs on dense float32 tensors on cpu, but {what} is {kind}"
    return ""
