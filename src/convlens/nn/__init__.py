"""A network as PyTorch modules: build it, translate it back, initialise it. The first floor where torch may appear.

>>> from convlens.network import Network
>>> build(Network.parse("1x28x28: conv 6 5 pad 2, relu, maxpool 2"))
Sequential(
  (0): Conv2d(conv 6 5 pad 2)
  (1): ReLU(relu)
  (2): MaxPool2d(maxpool 2)
)
"""

from .build import build, build_layer
from .compile import Compiled, compile
from .convert import network_of
from .convolution import Conv, Conv1d, Conv2d, Conv3d
from .dense import Dense4d, Flatten, Linear
from .elementwise import BatchNorm, Dropout, ReLU, Sigmoid, Tanh
from .initialise import initialise
from .local import LocalConv, LocalConv1d, LocalConv2d, LocalConv3d
from .module import Learned, Module
from .pooling import AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d

__all__ = [
    "AvgPool",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Compiled",
    "Conv",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Dense4d",
    "Dropout",
    "Flatten",
    "Learned",
    "Linear",
    "LocalConv",
    "LocalConv1d",
    "LocalConv2d",
    "LocalConv3d",
    "MaxPool",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ReLU",
    "Sigmoid",
    "Tanh",
    "build",
    "build_layer",
    "compile",
    "initialise",
    "network_of",
]
