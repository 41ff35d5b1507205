"""Named networks: the ones the chapter names, ready for any input they can take and any number of classes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from .errors import NetworkError
from .layers import Conv, Linear
from .network import Network
from .notation import FORMS, parse_line
from .sizes import Shape


@dataclass(frozen=True)
class Named:
    """A network by name: its line at the size of its source, what it is, and where it comes from."""

    name: str
    line: str
    about: str
    source: str


OF_CELLS = "dilated"
"""The named network whose last convolution scores classes."""

ZOO: dict[str, Named] = {
    named.name: named
    for named in (
        Named(
            "lenet",
            "1x28x28: conv 6 5 pad 2, sigmoid, avgpool 2, conv 16 5, sigmoid, avgpool 2, "
            "flatten, linear 120, sigmoid, linear 84, sigmoid, linear 10",
            "LeNet-5 with sigmoid and average pooling",
            "LeCun et al., 1998, as simplified in Dive into Deep Learning, section 7.6",
        ),
        Named(
            "lenet-relu",
            "1x28x28: conv 6 5 pad 2, relu, maxpool 2, conv 16 5, relu, maxpool 2, "
            "flatten, linear 120, relu, linear 84, relu, linear 10",
            "the same with ReLU and max pooling",
            "LeNet with the choices of Krizhevsky et al., 2012",
        ),
        Named(
            "mlp",
            "1x28x28: flatten, linear 256, relu, linear 10",
            "one hidden dense layer, the thing to beat",
            "Dive into Deep Learning, section 5.2",
        ),
        Named(
            "fcn",
            "1x427: conv 32 7 pad same, batchnorm, relu, maxpool 2, conv 64 5 pad same, batchnorm, relu, maxpool 2, "
            "conv 64 3 pad same, batchnorm, relu, avgpool all, flatten, linear 6",
            "a fully convolutional network for signals: its head averages over all positions",
            "after Wang, Yan and Oates, 2017, at half its width, with two pools",
        ),
        Named(
            "dilated",
            "1x64x64: conv 16 3 pad same, relu, conv 16 3 dilation 2 pad same, relu, conv 16 3 dilation 4 pad same, "
            "relu, conv 16 3 pad same, relu, conv 2 1",
            "a class for every cell: a score a class where the input has a cell, seen from 17 cells about it",
            "after Yu and Koltun, 2016: contexts widened by dilation, at full resolution",
        ),
        Named(
            "dense4d",
            "1x28x28: dense4d 24x24",
            "a dense layer from picture to picture, its weight 4-dimensional: where the derivation starts",
            "Dive into Deep Learning, section 7.1",
        ),
        Named(
            "local",
            "1x28x28: local 1 5",
            "dense4d cut to a 5x5 neighbourhood (locality), weights not shared",
            "LeCun, 1989",
        ),
        Named(
            "conv",
            "1x28x28: conv 1 5",
            "local with the same weights everywhere (translation invariance): a convolution",
            "Dive into Deep Learning, section 7.1",
        ),
    )
}


def named(name: str, input_shape: Shape | None = None, classes: int | None = None) -> Network:
    """A network by its name, for another input or number of classes where they are given.

    Args:
        name: one of ``ZOO``.
        input_shape: (C, *spatial); None keeps that of the source. One number a size serves any number of axes, so
            lenet also reads signals and volumes.
        classes: outputs of the last linear layer, or scores of every cell; None keeps the source's.

    Raises:
        NetworkError: no such name, or the network does not fit the input.

    >>> named("lenet", (3, 32, 32), classes=5).output_shape
    (5,)
    """
    if name not in ZOO:
        close = difflib.get_close_matches(name, ZOO, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the named ones are {', '.join(ZOO)}"
        raise NetworkError(f'there is no network named "{name}"; {hint}')
    # the layers as they are written: "all" is for the shape to settle
    shape, layers, _ = parse_line(ZOO[name].line)
    if classes is not None and isinstance(layers[-1], Linear):
        layers = (*layers[:-1], replace(layers[-1], out_features=classes))
    elif classes is not None and name == OF_CELLS:
        assert isinstance(layers[-1], Conv)
        layers = (*layers[:-1], replace(layers[-1], out_channels=classes))
    return Network(shape if input_shape is None else input_shape, layers)


def resolve(text: str, input_shape: Shape | None = None, classes: int | None = None) -> Network:
    """What a person means by ``text``: a name of the zoo, a line of notation, or layers without an input.

    Args:
        text: ``"lenet"``, ``"1x28x28: conv 6 5, ..."``, or ``"conv 6 5, ..."`` when ``input_shape`` is known.
        input_shape: (C, *spatial) that a name or bare layers take.
        classes: outputs of a named network's last layer.

    Raises:
        NetworkError: none of the three, or it does not fit.

    >>> resolve("conv 4 3, relu", (1, 8, 8)).output_shape
    (4, 6, 6)
    """
    if ":" in text:
        return Network.parse(text)
    word = text.strip()
    alone = " " not in word and "," not in word
    if word in ZOO or (alone and word not in FORMS):
        return named(word, input_shape, classes)
    if input_shape is None:
        raise NetworkError(
            'a network starts with its input and a colon, for example "1x28x28: conv 6 5, relu"', line=text
        )
    return Network.of(input_shape, text)
