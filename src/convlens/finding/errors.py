"""The one error of the finding floor: a sentence that says what is wrong and how to mend it."""

from __future__ import annotations


class FindingError(ValueError):
    """A search that cannot be: one sentence, what and how to mend it."""


def ensure_seed(seed: int) -> None:
    """Raise FindingError unless random numbers can be drawn from this seed."""
    if seed < 0:
        raise FindingError(f"a seed is a whole number from 0 on, not {seed}")
