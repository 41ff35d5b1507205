"""The kernels that have names: what each does, its formula, its source, and the numbers.

Every kernel is written as it is slid (unflipped), its middle on the cell that the result belongs to. Angles are
degrees, counted from a row's direction against the clock: 0 looks to the right, 90 upwards. Nothing here slides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Taps = NDArray[np.float64]
Sizes = tuple[int, ...]
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Entry:
    """A named kernel.

    Args:
        does: what it is for, in a few words.
        formula: how it is computed; n is its size, G the Gaussian, delta the identity.
        source: where that comes from.
        make: the kernel from its sizes, one an axis, and its parameters.
        size: along every axis where none is said; 0: it has one size, that of ``fixed``.
        fixed: the size of a kernel that has no other.
        axes: for how many axes it is made: 1 signals, 2 pictures, 3 volumes.
        numbers: its parameters with their defaults; NaN: follows from the size, as the formula says.
    """

    does: str
    formula: str
    source: str
    make: Callable[[Sizes, Numbers], Taps]
    size: int = 0
    fixed: int = 3
    axes: tuple[int, ...] = (1, 2, 3)
    numbers: Mapping[str, float] = field(default_factory=dict)


# ---- parts that kernels are made of ----


def outer(lines: list[Taps]) -> Taps:
    """The product of one line of taps an axis."""
    return reduce(np.multiply.outer, lines)


def places(size: int) -> Taps:
    """How far each tap lies from the middle."""
    return np.arange(size, dtype=np.float64) - (size - 1) / 2


def delta(sizes: Sizes) -> Taps:
    """1 at the anchor, else 0."""
    found = np.zeros(sizes)
    found[tuple(size // 2 for size in sizes)] = 1
    return found


def spread(size: int, numbers: Numbers) -> float:
    """The sigma that is asked for, or that of a size."""
    sigma = numbers["sigma"]
    return max(0.3 * ((size - 1) / 2 - 1) + 0.8, 0.1) if math.isnan(sigma) else sigma


def bell(size: int, sigma: float) -> Taps:
    """A line of the Gaussian, its sum 1."""
    line: Taps = np.exp(-(places(size) ** 2) / (2 * sigma**2))
    whole: Taps = line / line.sum()
    return whole


def binomial(size: int) -> Taps:
    """A row of Pascal's triangle."""
    return np.array([math.comb(size - 1, i) for i in range(size)], np.float64)


def seen(sizes: Sizes, angle: float) -> tuple[Taps, Taps]:
    """For each tap of a picture's kernel how far it lies along a direction, and across it."""
    down, right = np.meshgrid(*(places(size) for size in sizes), indexing="ij")
    cos, sin = _turn(angle)
    return right * cos - down * sin, right * sin + down * cos


def _turn(angle: float) -> tuple[float, float]:
    """Cosine and sine, exact at right angles, so that a kernel's zeros are zeros."""
    quarter = angle % 360 / 90
    if quarter == int(quarter):
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter)]
    return math.cos(math.radians(angle)), math.sin(math.radians(angle))


# ---- the kernels ----


def gaussian(sizes: Sizes, numbers: Numbers) -> Taps:
    return outer([bell(size, spread(size, numbers)) for size in sizes])


def box(sizes: Sizes, numbers: Numbers) -> Taps:
    return np.full(sizes, 1 / math.prod(sizes))


def laplacian(sizes: Sizes, numbers: Numbers) -> Taps:
    found = np.zeros(sizes)
    for axis in range(len(sizes)):
        line = [1] * len(sizes)
        line[axis] = 3
        place = tuple(slice(None) if at == axis else 1 for at in range(len(sizes)))
        found[place] += (1, -2, 1)
    return found


def sharpen(sizes: Sizes, numbers: Numbers) -> Taps:
    return delta(sizes) - laplacian(sizes, numbers)


def unsharp(sizes: Sizes, numbers: Numbers) -> Taps:
    amount = numbers["amount"]
    return (1 + amount) * delta(sizes) - amount * gaussian(sizes, numbers)


def edge(sizes: Sizes, numbers: Numbers) -> Taps:
    return math.prod(sizes) * delta(sizes) - np.ones(sizes)


def emboss(sizes: Sizes, numbers: Numbers) -> Taps:
    cos, sin = _turn(numbers["angle"])
    along, _ = seen(sizes, numbers["angle"])
    slope: Taps = np.rint(along * (abs(cos) + abs(sin)))
    return slope + delta(sizes)


def _derivative(smooth: Taps, slope: Taps, sizes: Sizes, angle: float) -> Taps:
    """The derivative along a direction of a picture, or along the last axis, smoothed along the others."""
    found = outer([*[smooth] * (len(sizes) - 1), slope])
    if len(sizes) != 2:
        return found
    cos, sin = _turn(angle)
    turned: Taps = cos * found - sin * found.T + 0.0  # no zero with a sign
    return turned


def sobel(sizes: Sizes, numbers: Numbers) -> Taps:
    size = sizes[0]
    slope = np.convolve(binomial(size - 2), [-1.0, 0.0, 1.0])
    return _derivative(binomial(size), slope, sizes, numbers["angle"])


def prewitt(sizes: Sizes, numbers: Numbers) -> Taps:
    return _derivative(np.ones(3), np.array([-1.0, 0.0, 1.0]), sizes, numbers["angle"])


def scharr(sizes: Sizes, numbers: Numbers) -> Taps:
    return _derivative(np.array([3.0, 10.0, 3.0]), np.array([-1.0, 0.0, 1.0]), sizes, numbers["angle"])


def log(sizes: Sizes, numbers: Numbers) -> Taps:
    sigma = numbers["sigma"]
    if math.isnan(sigma):
        sigma = (sizes[0] - 1) / 6 if sizes[0] > 3 else 0.5
    far = sum(np.meshgrid(*(places(size) ** 2 for size in sizes), indexing="ij"))
    bend = outer([bell(size, sigma) for size in sizes]) * (far - len(sizes) * sigma**2) / sigma**4
    found: Taps = bend - bend.mean()
    return found


def gabor(sizes: Sizes, numbers: Numbers) -> Taps:
    along, across = seen(sizes, numbers["angle"])
    sigma = spread(sizes[0], numbers)
    length = 2 * sigma if math.isnan(numbers["wavelength"]) else numbers["wavelength"]
    envelope = np.exp(-(along**2 + (numbers["aspect"] * across) ** 2) / (2 * sigma**2))
    wave = np.cos(2 * math.pi * along / length + math.radians(numbers["phase"]))
    # the part of the envelope that a uniform surface would answer to is taken away
    stripes = envelope * (wave - (envelope * wave).sum() / envelope.sum())
    found: Taps = stripes / np.abs(stripes).sum()
    return found


def motion(sizes: Sizes, numbers: Numbers) -> Taps:
    along, across = seen(sizes, numbers["angle"])
    far = (max(sizes) - 1) / 2
    # how much of a line one pixel wide lies on each tap, and of the pixel at its end
    covered = (1 - np.abs(across)).clip(0) * (far + 1 - np.abs(along)).clip(0, 1)
    found: Taps = covered / covered.sum()
    return found


NAN = math.nan
OPENCV = "OpenCV, getGaussianKernel"
GALLERY: dict[str, Entry] = {
    "identity": Entry("leaves all as it is", "delta", "", lambda sizes, numbers: delta(sizes), 1),
    "box": Entry("blurs: the mean of a window", "1 / n^axes", "Gonzalez and Woods, 3.5", box, 3),
    "gaussian": Entry(
        "blurs softly",
        "exp(-r^2 / 2 sigma^2), its sum 1; sigma is 0.3 ((n - 1) / 2 - 1) + 0.8 where none is said",
        OPENCV,
        gaussian,
        5,
        numbers={"sigma": NAN},
    ),
    "sharpen": Entry("sharpens", "delta - laplacian", "Gonzalez and Woods, 3.6", sharpen),
    "unsharp": Entry(
        "sharpens what a blur would take away",
        "delta + amount (delta - G)",
        "Gonzalez and Woods, 3.6",
        unsharp,
        5,
        numbers={"sigma": NAN, "amount": 1.0},
    ),
    "emboss": Entry(
        "lights the picture from a side, as if it were a relief",
        "delta + (x cos + y sin) (abs(cos) + abs(sin)), rounded",
        "as image editors have it",
        emboss,
        axes=(2,),
        numbers={"angle": 315.0},
    ),
    "edge": Entry("edges of every direction", "n^axes delta - 1", "Gonzalez and Woods, 10.2", edge),
    "sobel": Entry(
        "the slope along a direction",
        "binomial(n) across, binomial(n - 2) * (-1 0 1) along",
        "Sobel and Feldman 1968; OpenCV, getDerivKernels",
        sobel,
        3,
        numbers={"angle": 0.0},
    ),
    "prewitt": Entry(
        "the slope, plainly smoothed",
        "(1 1 1) across, (-1 0 1) along",
        "Prewitt 1970",
        prewitt,
        numbers={"angle": 0.0},
    ),
    "scharr": Entry(
        "the slope, nearly alike in all directions",
        "(3 10 3) across, (-1 0 1) along",
        "Scharr 2000",
        scharr,
        numbers={"angle": 0.0},
    ),
    "laplacian": Entry("the bend: second differences", "(1 -2 1) along each axis, added", "Jain 1995, 5.3", laplacian),
    "log": Entry(
        "blobs, and edges where it crosses zero",
        "G (r^2 - axes sigma^2) / sigma^4 less its mean; sigma is (n - 1) / 6 where none is said",
        "Marr and Hildreth 1980",
        log,
        9,
        numbers={"sigma": NAN},
    ),
    "gabor": Entry(
        "stripes of one direction and width",
        "exp(-(u^2 + (aspect v)^2) / 2 sigma^2) cos(2 pi u / wavelength + phase), its sum 0, of its sizes 1; "
        "wavelength is 2 sigma where none is said",
        "Daugman 1985",
        gabor,
        15,
        axes=(2,),
        numbers={"angle": 0.0, "wavelength": NAN, "sigma": NAN, "phase": 0.0, "aspect": 1.0},
    ),
    "motion": Entry(
        "smears along a line, as a moving camera does",
        "how much of a line of length n and width 1 lies on each tap, its sum 1",
        "MATLAB, fspecial",
        motion,
        15,
        axes=(2,),
        numbers={"angle": 0.0},
    ),
}


def told(name: str) -> tuple[str, str, str, str, str, str]:
    """A kernel as tables show it: name, what it does, size, parameters, formula, source.

    >>> told("sobel")[:4]
    ('sobel', 'the slope along a direction', '3', 'angle 0')
    """
    entry = GALLERY[name]
    size = str(entry.size) if entry.size else f"{entry.fixed} only"
    numbers = ", ".join(key if math.isnan(value) else f"{key} {value:g}" for key, value in entry.numbers.items())
    return name, entry.does, size, numbers, entry.formula, entry.source
