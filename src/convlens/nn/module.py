"""What every module of this room shares: a layer's value, and one look at the input before torch sees it.

Nothing here computes. A module checks its input against ``network.sizes`` and then calls torch; the sentence that
refuses an input is written here and nowhere else.

None of these modules subclasses the torch.nn layer of the same name. A tool that finds a ``torch.nn.Conv2d`` may read
its ``padding`` and rebuild, fuse or trace it; with a padding per side or TensorFlow's "same" under a stride it would
silently compute something else. Parameters have torch's names, shapes and order instead, so ``load_state_dict`` works
in both directions, and ``network_of`` translates torch.nn layers into the value that these are built from.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import lru_cache

import torch
from torch import Tensor

from convlens.network import AvgPool, Axis, Conv, Layer, LocalConv, MaxPool, NetworkError, Shape, axes, output_shape
from convlens.network.layers import RANK_NAMES, spell, whole
from convlens.network.notation import print_layer
from convlens.network.sizes import check_shape

BATCH = {0: "(N, C)", 1: "(N, C, W)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}


@lru_cache(maxsize=4096)
def resolve(layer: Layer, shape: Shape) -> tuple[Axis, ...]:
    """How ``layer`` slides over one example of ``shape`` (C, *spatial), checked once a shape; () if it does not slide.

    Raises NetworkError where the layer cannot take the shape.
    """
    output_shape(layer, check_shape(shape))
    return axes(layer, shape) if isinstance(layer, (Conv, LocalConv, MaxPool, AvgPool)) else ()


class Module(torch.nn.Module, ABC):
    """A layer of a network as a torch module (abstract).

    Args:
        layer: the value it runs.
        rank: how many spatial axes its inputs have; None takes any number from 0 to 3.
        channels: the size of axis 1 that it was built for; None takes any.
        input_size: the spatial sizes that its weights were built for; None takes any.
    """

    def __init__(
        self, layer: Layer, rank: int | None = None, channels: int | None = None, input_size: Shape | None = None
    ) -> None:
        super().__init__()
        self.layer = layer
        self.notation = print_layer(layer)
        self.rank = rank
        self.channels = channels
        self.input_size = input_size

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer on a batch (N, C, *spatial); N may be 0.

        Raises:
            TypeError: the input is no tensor of floating-point numbers, or not of the weight's dtype.
            NetworkError: the layer cannot take the shape.
        """
        return self.compute(x, self.look_at(x))

    @abstractmethod
    def compute(self, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """The layer on an input that has been looked at; ``axes`` says how its window slides."""

    def look_at(self, x: object) -> tuple[Axis, ...]:
        """Refuse what the layer cannot take, or return how its window slides over ``x``."""
        name = self.notation
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} takes a torch.Tensor, not {_kind(x)}")
        if not x.is_floating_point():
            raise TypeError(f"{name} takes floating-point numbers, not {x.dtype}; for whole numbers write x.float()")
        if self.rank is None and not 2 <= x.ndim <= 5:
            raise NetworkError(f"{name} takes a batch (N, C, ...) of 2 to 5 axes, not a tensor of {tuple(x.shape)}")
        if self.rank is not None and x.ndim != self.rank + 2:
            one = f"; for {RANK_NAMES[self.rank]} without a batch write x[None]" if x.ndim == self.rank + 1 else ""
            raise NetworkError(f"{name} takes a batch {BATCH[self.rank]}, not a tensor of {tuple(x.shape)}{one}")
        if self.channels is not None and x.shape[1] != self.channels:
            what = "channels" if x.ndim > 2 else "features"
            raise NetworkError(
                f"{name} was built for {self.channels} input {what}, but the input {tuple(x.shape)} has {x.shape[1]}"
            )
        if self.input_size is not None and tuple(x.shape[2:]) != self.input_size:
            raise NetworkError(
                f"{name} was built for inputs of {spell(self.input_size)}, not of {spell(tuple(x.shape[2:]))}: "
                "its weights belong to positions"
            )
        try:
            return resolve(self.layer, tuple(x.shape[1:]))
        except NetworkError as error:
            raise NetworkError(f"{name}: {error.sentence}", field=error.field) from None

    def extra_repr(self) -> str:
        """The layer in the notation of networks."""
        return self.notation


class Learned(Module):
    """A module with a weight, and a bias or None (abstract).

    Args:
        layer, rank, channels, input_size: as in Module.
        weight, bias: shapes of the parameters; no bias: None.
        fans: how many inputs one output unit sums, and how many output units one input reaches; None where the
            initial values are not drawn.
        generator: where the initial values are drawn from; None: torch's global one.
    """

    weight: torch.nn.Parameter
    bias: torch.nn.Parameter | None

    def __init__(
        self,
        layer: Layer,
        rank: int | None,
        channels: int | None,
        input_size: Shape | None = None,
        *,
        weight: Shape,
        bias: Shape | None,
        fans: tuple[int, int] | None,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__(layer, rank, channels, input_size)
        self.fans = fans
        self.weight = parameter(weight, layer)
        self.register_parameter("bias", None if bias is None else parameter(bias, layer))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weight and bias anew, as torch.nn draws those of its Conv and Linear, and in the same order.

        Source: LeCun et al., "Efficient BackProp", 1998, in torch.nn's form kaiming_uniform(a=sqrt(5)), which is a
        uniform distribution over plus and minus 1 / sqrt(fan_in).
        """
        assert self.fans is not None
        fan_in = self.fans[0]
        # written as torch.nn.init writes it, so that equal seeds give equal bits
        bound = math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(fan_in))
        draw_uniform(self.weight, bound, generator)
        if self.bias is not None:
            draw_uniform(self.bias, 1 / math.sqrt(fan_in), generator)

    def look_at(self, x: object) -> tuple[Axis, ...]:
        found = super().look_at(x)
        assert isinstance(x, Tensor)
        if x.dtype != self.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(
                f"{self.notation} holds {self.weight.dtype}, but the input is {x.dtype}; move the one with .to(dtype)"
            )
        return found


def parameter(shape: Shape, layer: Layer) -> torch.nn.Parameter:
    """An empty parameter, or NetworkError where this machine has not the memory."""
    try:
        return torch.nn.Parameter(torch.empty(shape))
    except RuntimeError:
        raise NetworkError(
            f"{print_layer(layer)} needs a parameter of {math.prod(shape)} numbers, more than there is memory for"
        ) from None


def draw_uniform(tensor: Tensor, bound: float, generator: torch.Generator | None) -> None:
    """Fill ``tensor`` uniformly from -bound to bound, with what ``generator`` draws on its own device."""
    with torch.no_grad():
        tensor.copy_(_at(generator, tensor).uniform_(-bound, bound, generator=generator))


def draw_normal(tensor: Tensor, deviation: float, generator: torch.Generator | None) -> None:
    """Fill ``tensor`` normally with mean 0, with what ``generator`` draws on its own device."""
    with torch.no_grad():
        tensor.copy_(_at(generator, tensor).normal_(0, deviation, generator=generator))


def _at(generator: torch.Generator | None, tensor: Tensor) -> Tensor:
    """Room for what is drawn: the tensor itself, unless the generator lives on another device."""
    if generator is None or generator.device == tensor.device or tensor.is_meta:
        return tensor
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=generator.device)


def checked_rank(rank: object) -> int:
    """Return the number of spatial axes, 1 to 3, or raise NetworkError."""
    number = whole(rank, "rank", 1)
    if number > 3:
        raise NetworkError(f"the rank is the number of axes a window slides along, 1 to 3, not {number}", field="rank")
    return number


def _kind(x: object) -> str:
    return "None" if x is None else f"a {type(x).__name__}"
