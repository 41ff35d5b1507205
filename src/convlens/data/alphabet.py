"""Which characters have a channel of their own, and texts as codes: 1, 2, 3 ... for those, one more for all others.

0 is no character: what follows the end of a text that is shorter than the others.  Texts are in Unicode's form NFC.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from convlens.data.preprocessing import MOST_CHANNELS, Preprocessing

SEEN = 2
SHARE = 100_000
"""A character is worth a channel that occurs twice in the training texts, and once in 100,000 characters."""
REST = "\N{WHITE VERTICAL RECTANGLE}"
"""What is shown for a character without a channel."""


def composed(text: str) -> str:
    """One spelling of a text: Unicode's form NFC, lines that end in a line feed, nothing blank at either end."""
    return unicodedata.normalize("NFC", "\n".join(text.splitlines())).strip()


def learn_alphabet(texts: Iterable[str]) -> str:
    """The characters that are worth a channel, of more than 254 the most frequent, in the order of Unicode.

    >>> learn_alphabet(["abracadabra", "sesame"])
    'abers'
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    least = max(SEEN, sum(counts.values()) / SHARE)
    usual = sorted((c for c, n in counts.items() if n >= least), key=lambda c: (-counts[c], c))
    return "".join(sorted(usual[: MOST_CHANNELS - 1]))


def codes(text: str, alphabet: str, length: int) -> NDArray[np.uint8]:
    """The first ``length`` characters of a text as codes, (1, length).

    >>> codes("bad!", "abd", 6).tolist()
    [[2, 1, 3, 4, 0, 0]]
    """
    known, said = _points(alphabet), _points(text[:length])
    places = np.searchsorted(known, said)
    found = np.append(known, 0)[places] == said
    row = np.zeros((1, length), np.uint8)
    row[0, : len(said)] = np.where(found, places, len(known)) + 1
    return row


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def spelled(row: NDArray[np.uint8], alphabet: str) -> str:
    """A text of codes, (1, W), as characters again.

    >>> spelled(codes("bad!", "abd", 6), "abd")
    'bad▯'
    """
    return "".join(f"{alphabet}{REST}"[code - 1] for code in row.ravel() if code)


def preprocessing_of_texts(alphabet: str, length: int) -> Preprocessing:
    """The channels of an alphabet, one lit a character, with a mean square of 1 over all of them."""
    channels = len(alphabet) + 1
    lit = math.sqrt(1 / channels)
    zeros, same = (0.0,) * channels, (lit,) * channels
    return Preprocessing("text", (channels, length), "uint8", 1.0, zeros, same, alphabet=alphabet)
