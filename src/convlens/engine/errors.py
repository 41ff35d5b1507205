"""The one error of the engine floor: a sentence that says what it cannot do, and why."""

from __future__ import annotations


class EngineError(ValueError):
    """Something that the engine cannot compile or run: one sentence."""
