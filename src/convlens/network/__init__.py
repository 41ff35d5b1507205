"""The network as a value: layers, notation, sizes, costs and receptive fields. Standard library only.

>>> from convlens.network import Network
>>> Network.parse("1x28x28: conv 6 5 pad 2, relu, maxpool 2").output_shape
(6, 14, 14)
"""

from .cost import LayerCost, activation_bytes, costs, multiply_adds, total
from .errors import NetworkError
from .field import Field, cells, fields, halo, stride
from .layers import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    ReLU,
    Sigmoid,
    Tanh,
)
from .network import Network
from .notation import print_layer
from .parameters import parameter_shapes
from .sizes import Axis, Shape, axes, output_shape
from .zoo import ZOO, Named, named, resolve

__all__ = [
    "ZOO",
    "AvgPool",
    "Axis",
    "BatchNorm",
    "Conv",
    "Dense4d",
    "Dropout",
    "Field",
    "Flatten",
    "Layer",
    "LayerCost",
    "Linear",
    "LocalConv",
    "MaxPool",
    "Named",
    "Network",
    "NetworkError",
    "ReLU",
    "Shape",
    "Sigmoid",
    "Tanh",
    "activation_bytes",
    "axes",
    "cells",
    "costs",
    "fields",
    "halo",
    "multiply_adds",
    "named",
    "output_shape",
    "parameter_shapes",
    "print_layer",
    "resolve",
    "stride",
    "total",
]
