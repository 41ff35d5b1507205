"""Which of ten languages a single word is of, told by a 1-d network over its characters; beside it, naive Bayes.

    apt-get install wamerican wdanish wdutch wfrench witalian wngerman wpolish wportuguese wspanish wswedish
    python examples/languages.py [--seed 0]

Debian's word lists are cut to words of 5 to 16 letters, in lower case, that stand in one list alone; 10,000 of each
language are learned from and 1,000 others judge.  It writes ``train/german.txt``, ``test/german.txt`` and so on, a word
a line, and trains on that folder.  The baseline is the usual one: multinomial naive Bayes over trigrams of characters,
the word's ends among them, counted in the same words (Cavnar and Trenkle, 1994, for the trigrams).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LISTS = Path("/usr/share/dict")
LANGUAGES = {
    "danish": "danish",
    "dutch": "dutch",
    "english": "american-english",
    "french": "french",
    "german": "ngerman",
    "italian": "italian",
    "polish": "polish",
    "portuguese": "portuguese",
    "spanish": "spanish",
    "swedish": "swedish",
}
SHORTEST, LONGEST = 5, 16
TRAIN, TEST = 10_000, 1_000
NET = (
    "conv 16 1, conv 48 3 pad 1, relu, batchnorm, conv 64 3 pad 1, relu, batchnorm, conv 96 3 pad 1, relu, "
    "maxpool all, flatten, dropout 0.1, linear 10"
)
SETTINGS = ["--net", NET, "--epochs", "4", "--batch", "128", "--lr", "3e-3", "--val", "0"]
BASELINE = "naive Bayes over character trigrams"


def lines(language: str) -> list[str]:
    """The lines of a list, in lower case and composed."""
    path = LISTS / LANGUAGES[language]
    if not path.is_file():
        sys.exit(f"there is no {path}; apt-get install the packages that python examples/languages.py --help names")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:  # the Swedish list
        text = raw.decode("latin-1")
    return unicodedata.normalize("NFC", text).lower().split("\n")


def write(folder: Path, seed: int = 0) -> None:
    """Write the two splits; no word is in both, or in two languages."""
    lists = {language: lines(language) for language in LANGUAGES}
    known = {language: set(found) for language, found in lists.items()}
    rng = np.random.default_rng(seed)
    for language, found in lists.items():
        others = [known[other] for other in LANGUAGES if other != language]
        chosen: dict[str, None] = {}
        for at in rng.permutation(len(found)).tolist():
            word = found[at]
            if SHORTEST <= len(word) <= LONGEST and word.isalpha() and not any(word in other for other in others):
                chosen[word] = None
            if len(chosen) == TRAIN + TEST:
                break
        for part, some in (("train", list(chosen)[:TRAIN]), ("test", list(chosen)[TRAIN:])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / f"{language}.txt").write_text("\n".join(some) + "\n", encoding="utf-8")


def trigrams(word: str) -> Iterator[str]:
    """The trigrams of a word between its ends."""
    ended = f"^{word}$"
    return (ended[at : at + 3] for at in range(len(ended) - 2))


def naive_bayes(folder: Path) -> float:
    """The share of the test words that naive Bayes places right, with one added to every count."""
    read = {
        part: [(folder / part / f"{language}.txt").read_text("utf-8").split() for language in LANGUAGES]
        for part in ("train", "test")
    }
    known: dict[str, int] = {}
    for found in read["train"]:
        for word in found:
            for trigram in trigrams(word):
                known.setdefault(trigram, len(known))
    counts = np.ones((len(LANGUAGES), len(known)))
    for own, found in zip(counts, read["train"], strict=True):
        np.add.at(own, [known[trigram] for word in found for trigram in trigrams(word)], 1)
    chances = np.log(counts / counts.sum(axis=1, keepdims=True))
    right = [
        chances[:, [known[t] for t in trigrams(word) if t in known]].sum(axis=1).argmax() == at
        for at, found in enumerate(read["test"])
        for word in found
    ]
    return float(np.mean(right))


def main() -> None:
    """Write the words, ask naive Bayes, and train with the arguments given besides the settings above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    folder = Path(tempfile.mkdtemp(prefix="convlens-languages-"))
    write(folder)
    print(f"baseline {BASELINE}: test accuracy {naive_bayes(folder):.4f}", flush=True)
    command = [sys.executable, "-m", "convlens", "train", str(folder), *SETTINGS, *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
