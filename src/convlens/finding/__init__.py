"""Mark a few, find them all: a small network learned from a few marks finds and counts every instance.

Importing this imports neither numpy nor the engine; the first name that needs them does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .finder import Finder
    from .finds import Finds

__all__ = ["Finder", "Finds"]

HOMES = {"Finder": "finder", "Finds": "finds"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
