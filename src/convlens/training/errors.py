"""The one error of the training floor: a sentence that says what is wrong and how to mend it."""

from __future__ import annotations


class TrainingError(ValueError):
    """A run, a model file or a request that cannot be: one sentence, what and how to mend it."""
