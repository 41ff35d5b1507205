"""Examples with exactly the same cells, within a split and between splits, and what to say about them.

Works on the digests of a survey; reads nothing and removes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convlens.data.dataset import Note, Split

# How many examples a message spells out; the note's names hold them all.
SHOWN = 3


@dataclass(frozen=True)
class Twins:
    """Examples with the same cells: (split, place in it) of each, in the order of the splits."""

    members: tuple[tuple[str, int], ...]

    def within(self) -> bool:
        """Whether all of them lie in one split."""
        return len({split for split, _ in self.members}) == 1


def find_twins(digests: Mapping[str, Sequence[bytes]]) -> list[Twins]:
    """Group the examples that have the same digest, in the order in which they first occur.

    Args:
        digests: for each split its examples' digests.

    Returns:
        Only groups of two or more.

    >>> find_twins({"train": [b"a", b"b", b"a"], "test": [b"b"]})
    [Twins(members=(('train', 0), ('train', 2))), Twins(members=(('train', 1), ('test', 0)))]
    """
    first: dict[bytes, tuple[str, int]] = {}
    groups: dict[bytes, list[tuple[str, int]]] = {}
    for split, row in digests.items():
        for place, digest in enumerate(row):
            known = first.setdefault(digest, (split, place))
            if known != (split, place):
                groups.setdefault(digest, [known]).append((split, place))
    return sorted((Twins(tuple(group)) for group in groups.values()), key=lambda twins: _order(twins, list(digests)))


def _order(twins: Twins, splits: list[str]) -> tuple[int, int]:
    split, place = twins.members[0]
    return splits.index(split), place


def duplicate_notes(
    splits: Mapping[str, Split], digests: Mapping[str, Sequence[bytes]], classes: Sequence[str]
) -> list[Note]:
    """Say which examples are equal: "duplicate" within a split, "leak" between splits, "label conflict" across classes.

    Args:
        splits: the splits by name.
        digests: likewise, one for each example.
        classes: the name of each label.

    Returns:
        At most one note for each split, for each pair of splits, and for conflicting labels.
    """
    found: dict[tuple[str, str], list[str]] = {}
    conflicts: list[str] = []
    counts: dict[tuple[str, str], int] = {}
    for twins in find_twins(digests):
        labels = [int(splits[split].y[place]) for split, place in twins.members]
        names = [splits[split].names[place] for split, place in twins.members]
        if len(set(labels)) > 1:
            conflicts.append(" = ".join(f"{n} ({classes[k]})" for n, k in zip(names, labels, strict=True)))
        for pair, members in _pairs(twins).items():
            spelled = " = ".join(splits[split].names[place] for split, place in members)
            found.setdefault(pair, []).append(spelled)
            counts[pair] = counts.get(pair, 0) + len([1 for split, _ in members if split == pair[1]])
    notes = [_note(pair, counts[pair], spelled) for pair, spelled in found.items()]
    if conflicts:
        text = f"{_many(len(conflicts), 'group')} of equal examples carry different labels: {_some(conflicts)}"
        notes.append(Note("label conflict", text, tuple(conflicts)))
    return notes


def _pairs(twins: Twins) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """The members by the pairs of splits in which they meet; a pair of a split with itself is a repetition."""
    names = list(dict.fromkeys(split for split, _ in twins.members))
    pairs: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for i, a in enumerate(names):
        own = [member for member in twins.members if member[0] == a]
        if len(own) > 1:
            pairs[a, a] = own
        for b in names[i + 1 :]:
            pairs[a, b] = own + [member for member in twins.members if member[0] == b]
    return pairs


def _note(pair: tuple[str, str], count: int, spelled: list[str]) -> Note:
    a, b = pair
    if a == b:
        again = count - len(spelled)
        text = f"{_many(again, f'{a} example')} repeat{'s' if again == 1 else ''} an earlier one: {_some(spelled)}"
        return Note("duplicate", text, tuple(spelled))
    text = f"{_many(count, f'{b} example')} {'is' if count == 1 else 'are'} also in {a}: {_some(spelled)}"
    return Note("leak", text, tuple(spelled))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _some(items: Sequence[str]) -> str:
    more = len(items) - SHOWN
    return "; ".join(items[:SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
