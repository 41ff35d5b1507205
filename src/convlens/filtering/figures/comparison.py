"""The film of two signals: their convolution, their cross-correlation and the first one's auto-correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .look import FAINT, INK, INPUT, KERNEL, MARGIN, MUTED, OUTPUT, PAPER, WIDTH, Hue, spelled
from .plot import SCALES, Panel
from .scene import Floats, Scene, scene
from .shapes import Film, Path, Reel, Run
from .words import head

HIGH, PITCH, BROAD = 130.0, 222.0, 600.0
"""A row's height, from row to row, and how wide the signals are; the rest is the results'."""
TITLE = "Convolution, cross-correlation, auto-correlation"
NAME, SMALL = 24.0, 18.0
"""Sizes of the letters."""
HELD = 15.0
"""Steps for which all results are seen at the end."""


@dataclass(frozen=True, eq=False)
class Row:
    """One of the three: its name, what slides and how that is said, what is called 0 on the results' axis, a colour."""

    name: tuple[Run, ...]
    scene: Scene
    said: str
    origin: str
    zero: int
    hue: Hue


def rows(a: Floats, b: Floats) -> tuple[Row, Row, Row]:
    """Lay out what slides over the signal ``a`` (N,), from where it first touches it to where it last does.

    All three have as many places, one for each lag at which the longer of both signals touches ``a``.

    >>> found = rows(np.array([1.0, 2, 3]), np.array([0.0, 1, 0.5]))
    >>> for row in found:
    ...     print("".join(words for words, _ in row.name), row.scene.outputs.ravel())
    convolution  a ∗ b [0.  1.  2.5 4.  1.5]
    cross-correlation  a ⋆ b [0.5 2.  3.5 3.  0. ]
    auto-correlation  a ⋆ a [ 3.  8. 14.  8.  3.]
    """
    most = max(len(a), len(b))

    def slid(over: Floats, flip: bool) -> Scene:
        return scene(a[None], over, f"{most - 1}+{len(over) - 1}", flip=flip)

    first, second = ("a", INPUT.dark), ("b", KERNEL.dark)
    return (
        Row((("convolution  ", INK), first, (" ∗ ", INK), second), slid(b, True), "b turned around slides", "n = 0",
            most - len(b), KERNEL),
        Row((("cross-correlation  ", INK), first, (" ⋆ ", INK), second), slid(b, False), "b slides as it is", "lag 0",
            most - 1, KERNEL),
        Row((("auto-correlation  ", INK), first, (" ⋆ ", INK), first), slid(a, False), "a slides over itself", "lag 0",
            most - 1, INPUT),
    )  # fmt: skip


def comparison(found: Sequence[Row], indices: Sequence[int], seconds: float) -> Film:
    """Show rows side by side with what they come to.

    Args:
        found: the rows.
        indices: which places are shown, in order.
        seconds: how long each is.
    """
    reel = Reel(0, len(indices) + HELD)
    a, b = found[0].scene.cells[0, 0], found[0].scene.given[0, 0]
    signals: tuple[Run, ...] = (("a", INPUT.dark), (f" of {len(a)} cells, ", MUTED), ("b", KERNEL.dark))
    signals = (*signals, (f" of {len(b)}:  ", MUTED), ("their products", INK), (" added up are ", MUTED))
    top = head(reel, ((TITLE, INK),), [(*signals, ("the result", OUTPUT.dark))]) + 30
    for row in found:
        _row(reel, row, indices, top)
        top += PITCH
    title = f"{TITLE} of signals of {len(a)} and {len(b)} cells"
    return Film(WIDTH, top + 10, tuple(reel.plays), 0, reel.stop, seconds, title, len(indices) + 1.0)


def _row(reel: Reel, row: Row, indices: Sequence[int], top: float) -> None:
    made, sums = row.scene, row.scene.outputs[0, 0]
    # both signals as large as each other: what counts is how they lie
    x, taps = _normal(made.padded[0, 0]), _normal(made.taps[0, 0])
    both = np.concatenate([x, taps])
    # one axis for all rows: as far as the longest reaches before and after
    cells = made.cells.shape[2] + 2 * made.axes[1].before
    left = Panel.around(both, MARGIN, top + 52, BROAD, HIGH, 0, cells)
    begin = MARGIN + BROAD + 40 + SCALES
    right = Panel.around(sums, begin, top + 52, WIDTH - MARGIN - begin, HIGH, 0, len(sums))
    reel.text(MARGIN, top + 12, row.name, NAME, anchor="start", bold=True)
    reel.text(MARGIN + BROAD, top + 14, row.said, SMALL, anchor="end", colour=MUTED)
    reel.add(Path(left.stairs(x, 0), fill=INPUT.strong))
    reel.add(Path(right.stairs(sums, 0), fill=OUTPUT.strong))
    for n, index in enumerate(indices):
        stop = float(n + 1) if n + 1 < len(indices) else reel.stop
        step = made.step(index)
        first, value = step.columns[0], float(step.parts[0])
        reel.add(Path(left.stairs(x[first : first + len(taps)] * taps, first), fill=MUTED), n, stop)
        reel.add(Path(left.stairs(taps, first), row.hue.dark, 3.0), n, stop)
        total: tuple[Run, ...] = (("sum ", INK), (spelled(value), OUTPUT.dark))
        reel.text(WIDTH - MARGIN, top + 12, total, NAME, n, stop, anchor="end", bold=True)
        reel.add(right.rest(index + 1, PAPER), n, stop)
        reel.add(Path(right.stairs([value], index), OUTPUT.dark, 2.0, OUTPUT.dark), n, stop)
    left.line(reel)
    right.ground(reel)
    middle = right.x(row.zero + 0.5)
    reel.add(Path(((middle, right.top - 4), (middle, right.bottom + 4)), FAINT, 1.5))
    reel.text(middle, right.bottom + 18, row.origin, SMALL, colour=MUTED)


def _normal(values: Floats) -> Floats:
    """Numbers over the largest of their sizes."""
    most = float(np.abs(values).max())
    return values / most if most else values
