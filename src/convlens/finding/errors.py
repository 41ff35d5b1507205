"""The one error of the finding floor: a sentence that says what is wrong and how to mend it."""

from __future__ import annotations


class FindingError(ValueError):
    """A search that cannot be: one sentence, what and how to mend it."""
