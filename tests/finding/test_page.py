"""A photographed page, lit from the right and bent at the left: five letters e are marked, the others sought."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.finding import Finder

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = {
    57: (15, 103, 117, 156, 207, 272, 373),  # Let us first determine markers of the coins and the
    75: (112, 125, 172, 212, 245, 313, 370),  # background. These markers are pixels that we can label
    93: (138, 164, 207, 358, 370),  # unambiguously as either object or background. Here,
    110: (23, 68, 107, 199, 244, 271, 292, 374),  # the markers are found at the two extreme parts of the
    129: (108, 157),  # histogram of grey values:
}
"""Middles of the letters e in the paragraph: x in each line, which rises or falls by some pixels."""
LINES = 45, 140
"""From where to where the paragraph reaches; the title's letters are larger, those of the code of another kind."""


@pytest.mark.parametrize("seed", [0, 1])
def test_five_letters_find_the_others(seed: int) -> None:
    finder = Finder.fit([EXAMPLES / "page.png"], EXAMPLES / "page.csv", seed)
    found = finder.find(EXAMPLES / "page.png")
    x, y = (found.boxes[:, :2] + found.boxes[:, 2:] / 2).T
    inside = (y > LINES[0]) & (y < LINES[1])
    letters = np.array([(at, line) for line, own in ROWS.items() for at in own], np.float64)
    near = (abs(x[inside, None] - letters[:, 0]) < 3.5) & (abs(y[inside, None] - letters[:, 1]) < 6)
    assert len(letters) == 29
    assert near.any(axis=0).sum() >= 26, "letters that were found"
    assert (~near.any(axis=1)).sum() <= 1, "other letters that were found"
    assert (~inside).sum() <= 3, "the code has three letters e, of another kind"
