"""Who is judged: a name, and how its finder is built for a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from .protocol import Finder
from .truth import Family


@dataclass(frozen=True)
class Contender:
    """A finder by where it is defined.

    Args:
        name: as the table shows it.
        place: ``module:callable``; it is called with the family, of which it may use no truth but the rotation range.
        options: what else it is called with.
    """

    name: str
    place: str
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, family: Family) -> Finder:
        """A new finder; ImportError where something that it needs is not installed."""
        module, _, name = self.place.partition(":")
        make: Callable[..., Finder] = getattr(import_module(module), name)
        return make(family, **self.options)


def named(text: str) -> Contender:
    """A contender from the command line's ``[name=]module:callable``."""
    name, equals, place = text.rpartition("=")
    module, colon, attribute = place.partition(":")
    if not (module and colon and attribute):
        raise ValueError(f"{text} is no module:callable that builds a finder")
    return Contender(name if equals else place, place)


BASELINES = f"{__package__}.baselines"

CONTENDERS: tuple[Contender, ...] = (
    Contender("convlens", f"{__package__}.ours:Ours"),
    Contender("NCC, rotated", f"{BASELINES}.correlation:Correlation"),
    Contender("SIFT", f"{BASELINES}.sift:Sift"),
    Contender("random forest", f"{BASELINES}.forest:Forest"),
)
