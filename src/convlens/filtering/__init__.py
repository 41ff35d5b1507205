"""One kernel over anything: pictures, signals, volumes; kernels with names, and files in and out.

    convlens.filter(photo, "gaussian 9"), convlens.filter(signal, [1, 0, -1], border="edge")

Importing this imports neither numpy nor the engine; the first name that needs them does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alike import resembling
    from .animation import Animation, animate, compare
    from .errors import FilterError
    from .gallery import GALLERY
    from .large import filter_into
    from .learning import Learned, learn_kernel
    from .notation import kernel
    from .sliding import filter

__all__ = [
    "GALLERY",
    "Animation",
    "FilterError",
    "Learned",
    "animate",
    "compare",
    "filter",
    "filter_into",
    "kernel",
    "learn_kernel",
    "resembling",
]

HOMES = {"GALLERY": "gallery", "FilterError": "errors", "filter": "sliding", "kernel": "notation"}
HOMES |= {"Learned": "learning", "learn_kernel": "learning", "resembling": "alike"}
HOMES |= dict.fromkeys(("Animation", "animate", "compare"), "animation") | {"filter_into": "large"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
