"""The network as a value: an input shape and layers, checked as a whole the moment it exists.

Every size inside is known and sound once a Network has been made, so that whatever reads it need not check again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .errors import NetworkError
from .layers import Layer, spell
from .notation import NAMES, Place, parse_layers, parse_line, print_layer, print_line, printed_places
from .parameters import parameter_shapes
from .sizes import Shape, check_shape, output_shape, settled


@dataclass(frozen=True, repr=False)
class Network:
    """An input shape (C, *spatial), without the batch, and the layers that follow.

    Two networks are equal when they mean the same, however they were spelled. ``shapes`` holds the input's shape and
    then every layer's output shape.

    Args:
        input_shape: (C,) features, (C, W) a signal, (C, H, W) a picture or (C, D, H, W) a volume.
        layers: the layers in order.

    Raises:
        NetworkError: a layer cannot take the shape that reaches it; the message points at it in the notation.

    >>> from convlens.network import Conv, MaxPool
    >>> net = Network((1, 28, 28), (Conv(6, 5, padding=2), MaxPool(2)))
    >>> print(net, net.output_shape)
    1x28x28: conv 6 5 pad 2, maxpool 2 (6, 14, 14)
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    shapes: tuple[Shape, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self._settle(None, None)

    @classmethod
    def parse(cls, line: str) -> Network:
        """Read a network from its notation (the grammar stands at the top of ``convlens.network.notation``).

        Raises NetworkError that points at the word that is wrong, in the line as it was written.

        >>> Network.parse("1x28x28: conv 6 5x5 pad valid, relu")
        Network.parse('1x28x28: conv 6 5, relu')
        """
        shape, layers, places = parse_line(line)
        network = object.__new__(cls)
        object.__setattr__(network, "input_shape", shape)
        object.__setattr__(network, "layers", layers)
        network._settle(" ".join(line.split("\n")).rstrip(), places)
        return network

    @classmethod
    def of(cls, input_shape: Shape, layers: str) -> Network:
        """Put an input's shape in front of a line of layers that names none.

        >>> Network.of((1, 8), "conv 2 3, relu")
        Network.parse('1x8: conv 2 3, relu')
        """
        parse_layers(layers)
        return cls.parse(f"{spell(tuple(input_shape))}: {layers}")

    def _settle(self, line: str | None, places: tuple[Place, ...] | None) -> None:
        """Check the whole and replace what was given by its one spelling."""
        layers = tuple(self.layers)
        for layer in layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"a network is made of layers, not of {layer!r}")
        try:
            shapes = [check_shape(self.input_shape)]
        except NetworkError as error:
            raise NetworkError(error.sentence, line=line, span=places[0].span if places else None) from None
        settled_layers: list[Layer] = []
        for i, layer in enumerate(layers):
            try:
                # the size first: it knows the whole shape, so its sentence is the better one
                shapes.append(output_shape(layer, shapes[-1]))
                parameter_shapes(layer, shapes[-2])
                settled_layers.append(settled(layer, shapes[-2]))
            except NetworkError as error:
                raise self._placed(error, i, line, places) from None
        object.__setattr__(self, "input_shape", shapes[0])
        object.__setattr__(self, "layers", tuple(settled_layers))
        object.__setattr__(self, "shapes", tuple(shapes))

    def _placed(self, error: NetworkError, i: int, line: str | None, places: tuple[Place, ...] | None) -> NetworkError:
        if line is None or places is None:
            line, places = print_line(self.input_shape, self.layers), printed_places(self.input_shape, self.layers)
        name = print_layer(self.layers[i])
        sentence = f"layer {i + 1} ({name}): {error.sentence}"
        return NetworkError(sentence, field=error.field, line=line, span=places[i + 1].of(error.field))

    @property
    def output_shape(self) -> Shape:
        """The shape of the last layer's output, without the batch."""
        return self.shapes[-1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The layers' names in the notation: ``("conv", "sigmoid", ...)``."""
        return tuple(NAMES[type(layer)] for layer in self.layers)

    def __str__(self) -> str:
        return print_line(self.input_shape, self.layers)

    def __repr__(self) -> str:
        return f"Network.parse({str(self)!r})"
