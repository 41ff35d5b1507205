"""One length for signals and texts that have many: which, and what that does to each. Reads nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from convlens.data.dataset import Note

TIMES = 2
"""A set's length is at most so many medians, so that a single long one does not make the others mostly filling."""


def common_length(lengths: Sequence[int]) -> int:
    """The longest, but at most twice the median: shorter ones are filled up, longer ones lose their end.

    >>> common_length([5, 9, 6]), common_length([5, 900, 6])
    (9, 12)
    """
    return max(1, min(max(lengths), int(TIMES * statistics.median(lengths))))


def length_notes(
    lengths: Sequence[int],
    length: int,
    names: Sequence[str],
    noun: str,
    filling: str,
    unit: str,
    spell: Callable[[int], str] = "{:,}".format,
) -> list[Note]:
    """Say how long they are and what becomes of them; nothing where all have the length already.

    Args:
        lengths: of each.
        length: what all get.
        names: of each.
        noun: what they are: "sounds".
        filling: what follows those that are shorter: "silence".
        unit: of lengths, as a person says it: "s".
        spell: a length in this unit: "0.40".
    """
    if set(lengths) == {length}:
        return []
    cut = [name for name, own in zip(names, lengths, strict=True) if own > length]
    short = sum(own < length for own in lengths)
    text = f"the {noun} are {spell(min(lengths))} to {spell(max(lengths))} {unit} long, the median "
    text += f"{spell(int(statistics.median(lengths)))}; all get {spell(length)} {unit}"
    if short:
        text += f"; {short:,} {'is' if short == 1 else 'are'} followed by {filling}"
    if cut:
        some = ", ".join(cut[:3]) + (", ..." if len(cut) > 3 else "")
        text += f"; {len(cut):,} {'loses its' if len(cut) == 1 else 'lose their'} end: {some}"
    return [Note("lengths", text, tuple(cut))]
