"""convlens: a convolutional network is a value, and it has readings.

``convlens.network`` is the value (standard library only), ``convlens.reference`` what it means (plain loops),
``convlens.nn`` how PyTorch runs it, ``convlens.data`` what it learns from, ``convlens.training`` how.
``convlens.correlate``, ``convolve``, ``max_pool`` and ``avg_pool`` compute with arrays at once, in machine code.
``convlens.filter`` slides one kernel over a picture, a signal or a volume.
``convlens.Finder`` learns from a few ``convlens.Mark`` and finds all of them in big pictures.
Importing this package imports neither numpy nor torch; each room is imported when it is first named.

>>> import convlens
>>> convlens.Network.parse("1x28x28: conv 6 5 pad 2, relu, maxpool 2").output_shape
(6, 14, 14)
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.data import Mark
    from convlens.engine import avg_pool, convolve, correlate, max_pool
    from convlens.filtering import filter
    from convlens.finding import Finder, Finds
    from convlens.network import Network, NetworkError

__version__ = "0.1.0"
OPERATORS = ("avg_pool", "convolve", "correlate", "max_pool")
HOMES = dict.fromkeys(("Network", "NetworkError"), "network")
HOMES |= dict.fromkeys(OPERATORS, "engine")
HOMES |= {"filter": "filtering", "Finder": "finding", "Finds": "finding", "Mark": "data"}

__all__ = [
    "Finder",
    "Finds",
    "Mark",
    "Network",
    "NetworkError",
    "__version__",
    "avg_pool",
    "convolve",
    "correlate",
    "filter",
    "max_pool",
]


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    if name.startswith("_") or find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
