"""A kernel that is asked for but not yet written: its name in the cache of machine code, and who writes it if need be.

Nothing here says how a kernel is written; that is ``builder``'s vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from .builder import Kernel
from .target import Target

Facts = ParamSpec("Facts")


@dataclass(frozen=True)
class Blueprint:
    """A kernel that is only written when its machine code is in no cache: who writes it, and from which facts."""

    write: Callable[..., Kernel]
    facts: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...]

    def __repr__(self) -> str:
        """What determines the text, together with the sources of the engine: facts are values, and print as such."""
        return f"{self.write.__module__}.{self.write.__qualname__} {self.facts} {self.named}"

    @property
    def target(self) -> Target:
        """Whose lanes it is written for."""
        return next(fact for fact in self.facts if isinstance(fact, Target))

    def kernel(self) -> Kernel:
        """Write it."""
        return self.write(*self.facts, **dict(self.named))


def blueprint(write: Callable[Facts, Kernel]) -> Callable[Facts, Blueprint]:
    """Let a function that writes a kernel only take note of what it is asked for."""

    @wraps(write)
    def noted(*facts: Facts.args, **named: Facts.kwargs) -> Blueprint:
        return Blueprint(write, facts, tuple(sorted(named.items())))

    return noted
