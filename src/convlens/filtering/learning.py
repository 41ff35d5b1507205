"""Which kernel turned one array into another: found by gradient descent, and checked by least squares.

    after[p] = bias + sum over taps t of kernel[t] before[p + t - anchor]

The squared error over all windows is a quadratic in the taps. Its numbers, how the cells of a window vary together and
with the result, are summed up once, in float64; then a step costs what taps times taps cost, however large the picture.
What tells nothing is left out: windows that reach over the border; results at the end of their type, which may have
been cut off there; plain windows of rounded pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import FilterError
from .gallery import Taps
from .plan import axes_of
from .sliding import cells_of

Reals = NDArray[np.float64]

MOST_WINDOWS = 1 << 22
"""Windows that are looked at; of more, rows that lie evenly apart."""
AT_ONCE = 1 << 20
"""Numbers of windows that are laid out beside each other: 8 MB."""
MOST_TAPS = 2048
"""Taps of a kernel; its quadratic has that many squared."""
MOST_STEPS = 200_000
"""Steps of descent at most where none are said."""
STILL = 1e-9
"""Of the first gradient's length, what ends the descent."""
PLAIN, LEVELS = 4.0, 32
"""Variance of a window, in steps of a whole number, up to which it is left out where results are whole numbers of more
than so many levels: in the plain all results are rounded the same way, as if that were what the kernel does."""
FLAT = 1e-11
"""Of the largest curvature, what is taken for none: those directions of the taps the arrays say nothing about."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A kernel that was learned.

    Args:
        kernel: its taps, by gradient descent.
        bias: what is added to every cell.
        steps: of the descent.
        solved: taps and bias (taps + 1,) by least squares, flat, the bias last.
        errors: their standard errors, likewise: infinite where the arrays say nothing.
        residual: root of the mean squared difference between the result and what kernel and bias make.
        explained: the share of the result's variance that they make.
        windows: how many were compared.
        cut: results that were left out, for they lie at the end of their type.
        loose: directions of the taps that the arrays say nothing about.
    """

    kernel: Taps
    bias: float
    steps: int
    solved: Reals
    errors: Reals
    residual: float
    explained: float
    windows: int
    cut: int
    loose: int

    @property
    def apart(self) -> float:
        """The largest difference between a tap of the descent and of least squares."""
        return float(np.abs(self.kernel.ravel() - self.solved[:-1]).max())

    @property
    def doubt(self) -> float:
        """Two standard errors of the tap that is known least."""
        return 2 * float(self.errors[:-1].max())

    @property
    def product(self) -> float:
        """How much of the kernel is a product of one line of taps an axis: 1 is all; of its squares."""
        if self.kernel.ndim == 1 or not self.kernel.any():
            return 1.0
        share = 1.0
        for axis in range(self.kernel.ndim):
            sizes = np.linalg.svd(np.moveaxis(self.kernel, axis, 0).reshape(self.kernel.shape[axis], -1))[1] ** 2
            share = min(share, float(sizes[0] / sizes.sum()))
        return share


@dataclass(frozen=True, eq=False)
class Quadratic:
    """The squared error of all windows: ``k G k - 2 c k + s`` of the taps and the bias k.

    Args:
        curvature: G, (taps + 1, taps + 1).
        pull: c, (taps + 1,).
        square: s.
        mean: of the result.
        windows: how many.
        cut: results that were left out, for they may have been cut off.
    """

    curvature: Reals
    pull: Reals
    square: float
    mean: float
    windows: int
    cut: int

    def error(self, taps: Reals) -> float:
        """The squared error, summed up."""
        return max(0.0, float(taps @ self.curvature @ taps - 2 * self.pull @ taps + self.square))


def learn_kernel(
    before: ArrayLike,
    after: ArrayLike,
    size: int | Sequence[int] = 7,
    *,
    bias: bool = True,
    steps: int | None = None,
    rate: float | None = None,
) -> Learned:
    """Find the kernel and bias that turn one array into another.

    Args:
        before: a signal (N,) or (N, C), a picture (H, W) or (H, W, C), or a volume (D, H, W) or (D, H, W, C); of three
            axes the last are channels if they are at most 4. All channels share the kernel.
        after: as large; or smaller by the kernel's size less 1 along each axis, as filtering with border "valid" gives.
        size: taps along every axis, or one number an axis.
        bias: whether a number is added to every cell, too.
        steps: of gradient descent; None: until it stands still.
        rate: what a step goes of the gradient of the squared error, summed over all windows, as the course does it;
            None: as far as the largest curvature allows, with Nesterov's momentum.

    Returns:
        A ``Learned``.

    Raises:
        FilterError: the arrays do not belong together, are no numbers or too small, or an argument cannot be.

    Source: Dive into Deep Learning, section 7.2: ten steps from the picture's edge to the kernel that finds it.

    >>> before = np.ones((6, 8))
    >>> before[:, 2:6] = 0
    >>> after = before[:, :-1] - before[:, 1:]
    >>> learned = learn_kernel(before, after, (1, 2), bias=False, steps=10, rate=3e-2)
    >>> learned.kernel.round(2).tolist(), learned.solved[:2].round(6).tolist()
    ([[0.99, -0.99]], [1.0, -1.0])
    """
    x, y, sizes = _pair(before, after, size)
    summed = _quadratic(x, y, sizes, bias=bias)
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise FilterError(f"the rate must be a number above 0, not {rate!r}")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise FilterError(f"the steps must be 1 to {MOST_STEPS:,}, not {steps!r}")
    values, directions = np.linalg.eigh(summed.curvature)
    known = values > FLAT * max(values[-1], 1e-300)
    found, count = _descent(summed, float(values[-1]), steps, rate)
    if not np.isfinite(found).all():
        raise FilterError(f"the descent ran away at rate {rate:g}; below {1 / values[-1]:.2g} it does not")
    solved = directions[:, known] @ ((directions[:, known].T @ summed.pull) / values[known])
    free = max(1, summed.windows - int(known.sum()))
    spread = summed.error(solved) / free
    errors = np.sqrt(spread * (directions[:, known] ** 2 / values[known]).sum(axis=1))
    # a tap that a loose direction moves is not known at all; a bias that was not asked for is
    errors[(directions[:, ~known] ** 2).sum(axis=1) > 1e-6] = math.inf
    if not bias:
        errors[-1] = 0.0
    residual = math.sqrt(summed.error(found) / summed.windows)
    variance = summed.square / summed.windows - summed.mean**2
    return Learned(
        kernel=found[:-1].reshape(sizes),
        bias=float(found[-1]),
        steps=count,
        solved=solved,
        errors=errors,
        residual=residual,
        explained=1 - residual**2 / variance if variance > 1e-12 * max(1.0, summed.mean**2) else math.nan,
        windows=summed.windows,
        cut=summed.cut,
        loose=int((~known).sum()) - (not bias),
    )


def _pair(
    before: ArrayLike, after: ArrayLike, size: int | Sequence[int]
) -> tuple[NDArray[Any], NDArray[Any], tuple[int, ...]]:
    """Both arrays, channels last, of the result what windows inside make; and the kernel's sizes."""
    x, y = cells_of(before), cells_of(after)
    if x.ndim != y.ndim:
        raise FilterError(f"the arrays must have as many axes, not {x.ndim} and {y.ndim}")
    sizes = (size,) * axes_of(x.shape) if isinstance(size, int) else tuple(size)
    axes = len(sizes)
    if x.ndim not in (axes, axes + 1) or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise FilterError(
            f"the size is a whole number, or {axes_of(x.shape)} of them, one an axis, at least 1, not {size!r}"
        )
    if math.prod(sizes) > MOST_TAPS:
        raise FilterError(
            f"a kernel of {math.prod(sizes):,} taps is too large to be learned; {MOST_TAPS:,} are possible"
        )
    inside = tuple(n - k + 1 for n, k in zip(x.shape, sizes, strict=False))
    if min(inside) < 1:
        raise FilterError(
            f"a kernel of {_spelled(sizes)} does not fit into {_spelled(x.shape[:axes])}; take a smaller size"
        )
    if y.shape[axes:] != x.shape[axes:] or y.shape[:axes] not in (x.shape[:axes], inside):
        raise FilterError(
            f"{_spelled(y.shape)} cannot have come from {_spelled(x.shape)} by a kernel of {_spelled(sizes)}: "
            f"the result is as large, or {_spelled((*inside, *x.shape[axes:]))} where only windows inside count"
        )
    if y.shape[:axes] == x.shape[:axes]:
        y = y[tuple(slice(k // 2, k // 2 + n) for k, n in zip(sizes, inside, strict=True))]
    for array, name in ((x, "first"), (y, "second")):
        if not np.isfinite(array).all():
            raise FilterError(f"the {name} array holds NaN or infinite numbers")
    return (x, y, sizes) if x.ndim > axes else (x[..., None], y[..., None], sizes)


def _spelled(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _quadratic(x: NDArray[Any], y: NDArray[Any], sizes: tuple[int, ...], *, bias: bool) -> Quadratic:
    """Sum up the squared error of every window, or of as many rows as hold MOST_WINDOWS."""
    taps = math.prod(sizes)
    # cells about their mean: what all have in common would drown in rounding what tells taps apart
    level = float(x.mean(dtype=np.float64))
    curvature, pull, square, total, count, cut = np.zeros((taps + 1,) * 2), np.zeros(taps + 1), 0.0, 0.0, 0, 0
    ends = (np.iinfo(y.dtype).min, np.iinfo(y.dtype).max) if y.dtype.kind in "iu" else None
    plain = PLAIN if ends is not None and int(y.max()) - int(y.min()) > LEVELS else -1.0
    for laid, told in _laid(x, y, sizes, level):
        if ends is not None:
            whole = (told > ends[0]) & (told < ends[1])
            cut += told.size - int(whole.sum())
            whole &= laid[:-1].var(axis=0) > plain
            laid, told = laid[:, whole], told[whole]
        curvature += laid @ laid.T
        pull += laid @ told
        square += float(told @ told)
        total += float(told.sum())
        count += told.size
    if count <= taps:
        left = " that are neither plain nor cut off" if ends is not None else ""
        raise FilterError(
            f"{count} windows{left} are too few to tell {taps} taps; take larger arrays or a smaller size"
        )
    back = np.eye(taps + 1)
    back[:-1, -1] = level  # a window's cell is the level more than what was summed up
    curvature, pull = back @ curvature @ back.T, back @ pull
    if not bias:
        curvature[-1], curvature[:, -1], pull[-1] = 0.0, 0.0, 0.0
    return Quadratic(curvature, pull, square, total / count, count, cut)


def _laid(x: NDArray[Any], y: NDArray[Any], sizes: tuple[int, ...], level: float) -> Iterator[tuple[Reals, Reals]]:
    """Some rows of windows after the other: (taps + 1, windows) cells less ``level`` and a row of ones; and results."""
    each = y[0].size
    seen = np.unique(np.linspace(0, len(y) - 1, min(len(y), max(1, MOST_WINDOWS // each))).round().astype(int))
    many = max(1, AT_ONCE // (each * (math.prod(sizes) + 1)))
    for first in range(0, len(seen), many):
        some = seen[first : first + many]
        told = y[some].astype(np.float64).ravel()
        laid = np.ones((math.prod(sizes) + 1, told.size))
        for row, (down, *aside) in zip(laid, np.ndindex(sizes), strict=False):
            inner = tuple(slice(at, at + n) for at, n in zip(aside, y.shape[1:], strict=False))
            np.subtract(x[some + down][:, *inner].ravel(), level, out=row)
        yield laid, told


def _descent(summed: Quadratic, steepest: float, steps: int | None, rate: float | None) -> tuple[Reals, int]:
    """Go down from nothing: taps and bias, and how many steps it took."""
    now = np.zeros(len(summed.pull))
    if rate is not None:
        for _ in range(steps or 10):
            now = now - rate * 2 * (summed.curvature @ now - summed.pull)
        return now, steps or 10
    if steepest == 0:
        return now, 0
    # the bias is curved far more than any tap: each is measured by its own curvature, or it would take ages
    unit = 1 / np.sqrt(np.maximum(np.diag(summed.curvature), 1e-300))
    unit[np.diag(summed.curvature) == 0] = 0.0
    curvature, pull = unit[:, None] * summed.curvature * unit, unit * summed.pull
    step, enough = 1 / float(np.linalg.eigvalsh(curvature)[-1]), STILL * float(np.linalg.norm(pull))
    ahead, speed, last = now, 1.0, now
    count, still = 0, False
    while count < (steps or MOST_STEPS) and not still:
        slope = curvature @ ahead - pull
        now = ahead - step * slope
        if slope @ (now - last) > 0:  # it goes up: forget the momentum (O'Donoghue and Candes, 2015)
            speed = 1.0
        faster = (1 + math.sqrt(1 + 4 * speed * speed)) / 2
        ahead, last, speed = now + (speed - 1) / faster * (now - last), now, faster
        count += 1
        still = steps is None and float(np.linalg.norm(slope)) <= enough
    return unit * now, count
