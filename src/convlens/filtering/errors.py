"""What this room raises: one sentence that says what is wrong with a kernel, or with what it is slid over."""

from __future__ import annotations


class FilterError(ValueError):
    """A kernel, a border or an array with which there is nothing to compute; the message says why."""
