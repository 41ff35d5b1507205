"""The one error of the engine floor: a sentence that says what it cannot do, and why."""

from __future__ import annotations

from convlens.network import NetworkError


class EngineError(NetworkError):
    """A network, or an array for it, that the engine cannot compile or run: one sentence."""
