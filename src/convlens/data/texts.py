"""Text files, read whole or line by line; texts with labels, wherever they lay, as a data set of codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data.alphabet import codes, composed, learn_alphabet, preprocessing_of_texts
from convlens.data.assemble import assemble
from convlens.data.conform import Wanted
from convlens.data.dataset import ArraySplit, Dataset, Note, Raw
from convlens.data.errors import DataError
from convlens.data.lengths import common_length, length_notes

LONGEST = 2**20
"""Characters of a file that is one text; a network reads far fewer."""


@dataclass(frozen=True)
class Text:
    """A text in form NFC, what it is called in messages, its split and its class."""

    text: str
    name: str
    part: str
    label: str


def read_text(path: Path, most: int = -1) -> str:
    """Read a text file in UTF-8.

    Args:
        path: the file.
        most: characters to stop after; -1: none.

    Raises:
        DataError: it cannot be read, or is no text in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(most)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8; save it as that") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def read_whole(path: Path) -> str:
    """The one text of a file, from its beginning, in form NFC.

    Raises:
        DataError: it cannot be read, is no text in UTF-8, or is blank.
    """
    text = composed(read_text(path, LONGEST))
    if not text:
        raise DataError(f"{path} is empty")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that are not blank, in form NFC, with their numbers from 1.

    Raises:
        DataError: it cannot be read, is no text in UTF-8, or has no line.
    """
    lines = [(number, composed(line)) for number, line in enumerate(read_text(path).split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line]
    if not lines:
        raise DataError(f"{path} is empty")
    return lines


def text_set(
    name: str,
    texts: Sequence[Text],
    classes: Sequence[str],
    notes: Sequence[Note],
    *,
    val: float,
    seed: int,
    wanted: Wanted,
) -> Dataset:
    """Make a data set of texts: the alphabet is that of the training texts, the length fits all.

    Args:
        name: what the set is called.
        texts: all of them.
        classes: the name of each label.
        notes: what the reader noticed.
        val: fraction of the training texts to set aside where there is no "val".
        seed: decides which.
        wanted: a length or an alphabet that is prescribed.

    Raises:
        DataError: there is nothing to train on.
    """
    if not texts:
        why = "; ".join(map(str, notes)) or "put some into it"
        raise DataError(f"{name} holds no text that can be read; {why}")
    training = [t.text for t in texts if t.part == "train"]
    alphabet = learn_alphabet(training) if wanted.alphabet is None else wanted.alphabet
    lengths = [len(t.text) for t in texts]
    length = wanted.size[0] if wanted.size else common_length([len(text) for text in training] or [1])
    said = length_notes(lengths, length, [t.name for t in texts], "texts", "nothing", "characters")
    number = {label: k for k, label in enumerate(classes)}
    parts = {}
    for part in ("train", "val", "test"):
        mine = [t for t in texts if t.part == part]
        if mine:
            x: Raw = np.stack([codes(t.text, alphabet, length) for t in mine])
            y = np.array([number[t.label] for t in mine], np.int64)
            parts[part] = ArraySplit(x, y, tuple(t.name for t in mine))
    return assemble(
        name,
        classes,
        parts,
        [*notes, *said, *_rest_notes(texts, alphabet)],
        val=val,
        seed=seed,
        preprocessing=preprocessing_of_texts(alphabet, length),
    )


def _rest_notes(texts: Sequence[Text], alphabet: str) -> list[Note]:
    """Name the characters that share the channel of the rest."""
    known, counts = set(alphabet), dict[str, int]()
    for t in texts:
        for c in t.text:
            if c not in known:
                counts[c] = counts.get(c, 0) + 1
    if not counts:
        return []
    rare = sorted(counts, key=lambda c: (-counts[c], c))
    some = " ".join(map(repr, rare[:8])) + (" ..." if len(rare) > 8 else "")
    text = f"{sum(counts.values()):,} characters of {len(rare):,} kinds are too rare for a channel of their own "
    return [Note("rest", text + f"and share one: {some}", tuple(rare))]
