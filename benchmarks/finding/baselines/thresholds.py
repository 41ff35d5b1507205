"""Thresholds that no truth chooses: from the scores of a photo's peaks, and of the marks as if they were unmarked.

Every rule is called with the peaks' scores of one photo, the scores of the marked objects, and those of what was
rejected, and says from which score on a peak is a find.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Rule = Callable[[Scores, Scores, Scores], float]

BINS = 128


def otsu(peaks: Scores, objects: Scores, nots: Scores) -> float:
    """Where two classes of peaks have the least variance within (Otsu, 1979).

    >>> 0.2 < otsu(np.array([0.1, 0.2, 0.8, 0.9]), np.ones(1), np.zeros(0)) < 0.8
    True
    """
    if len(peaks) < 2 or np.ptp(peaks) == 0:
        return _share(objects)
    ranked = np.sort(peaks)
    n = np.arange(1, len(ranked))
    low = np.cumsum(ranked)[:-1] / n
    high = (ranked.sum() - low * n) / (len(ranked) - n)
    cut = int((n * (len(ranked) - n) * (high - low) ** 2).argmax())
    return float(ranked[cut : cut + 2].mean())


def valley(peaks: Scores, objects: Scores, nots: Scores) -> float:
    """The thinnest place between the crowd of peaks and the middle of the marked objects' scores.

    >>> crowd = np.random.default_rng(0).normal([0.2, 0.9], 0.05, (50, 2)).ravel()
    >>> 0.3 < valley(crowd, np.array([0.9]), np.zeros(0)) < 0.8
    True
    """
    top = float(np.median(objects))
    if len(peaks) < 2:
        return _share(objects)
    low = float(np.median(peaks))
    if top <= low:
        return top
    grid = np.linspace(low, top, BINS)
    width = max(0.05 * (top - low), 1e-9)
    density = np.exp(-0.5 * ((grid[:, None] - peaks[None]) / width) ** 2).sum(1)
    # of equally thin places the middle one
    thin = np.flatnonzero(density <= density.min() * 1.05 + 1e-6)
    return float(grid[thin].mean())


def marks(peaks: Scores, objects: Scores, nots: Scores) -> float:
    """Below the marked objects by two of their deviations, and not below the middle to what was rejected.

    >>> marks(np.zeros(0), np.array([0.8, 0.9, 1.0]), np.array([0.75]))
    0.775
    """
    lowest = float(objects.mean() - 2 * objects.std(ddof=1)) if len(objects) > 1 else _share(objects)
    if not len(nots):
        return lowest
    # of all cuts between marks the one with the fewest on its wrong side; the highest of equals
    ranked = np.unique(np.concatenate([objects, nots]))
    cuts = np.concatenate([(ranked[1:] + ranked[:-1]) / 2, ranked[:1]])
    wrong = [(objects < cut).sum() + (nots >= cut).sum() for cut in cuts]
    fewest = min(wrong)
    parting = [cut for cut, w in zip(cuts, wrong, strict=True) if w == fewest]
    return float(max(lowest, min(parting)))


def best(peaks: Scores, objects: Scores, nots: Scores) -> float:
    """A share of the photo's best peak, but not below the same share of the marks: for what is rare.

    >>> best(np.array([0.3, 1.0]), np.array([0.9]), np.zeros(0))
    0.65
    """
    return max(_share(objects), SHARE * float(peaks.max(initial=0)))


SHARE = 0.65


def _share(objects: Scores) -> float:
    return SHARE * float(np.median(objects))


RULES: dict[str, Rule] = {"otsu": otsu, "valley": valley, "marks": marks, "best": best}
