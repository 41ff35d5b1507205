"""The scores of a picture as a mixture of things that are sought and the rest, with all that is not known averaged.

*The model.* Of the places that score at least ``cut``, the rest has a density that falls as an exponential or as the
tail of a normal distribution. Objects score about a typical value, with a normal spread; some of them, half hidden,
less. Between the two there may be things that look like objects and are none: a bump of their own, so far below the
typical object (``densities.py`` has the shapes of all three). Not known are the typical value, the shapes and, above
all, how many objects there are. The prior of that number is the same for every doubling of it, but for what similar
pictures lead one to expect, and NONE or REJECTED times as much for none at all: a picture without an instance is never
a surprise.

As long as nothing was rejected, the places just below the cut tell what the rest scores above it: the fewer there are,
the sooner a shape that falls has fallen. They count as a few places at most, for no shape holds far. (Afterwards they
do not, for what looks like objects may lie there too.)

*The answer* is the posterior over a grid of all these, of which every point says with what probability a place of a
given score is an object. Because a model is an approximation, many places do not make it certain: the likelihood of n
places counts as that of ``n ENOUGH / (n + ENOUGH)`` (a coarsened posterior, Miller and Dunson 2019).

Numbers in, numbers out: nothing here knows pictures or marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .densities import ALIKES, BIN, GROUNDS, SPREADS, bins, objects, rests

Floats = NDArray[np.float64]

OFF = np.linspace(-2.4, 2.4, 9)
"""How far the typical object may be off, in standard deviations of what is believed of it."""
NONE, REJECTED = 3.0, 5.0
"""How much likelier no object at all is than any doubling of their number: at first, and once something was rejected,
for there may be such things alone."""
STEP = np.log(2) / 2
"""Between two numbers of objects, as logarithms."""
KINDRED = 5
"""As so many objects of either kind: about half of them are as like the marks as half of the objects elsewhere are."""
STRANGE = 0.15, 0.2
"""Of what is no object, which part is so like the marks; and how many places at the least, whatever there is."""
SIMILAR, ABOUT = 0.7, 0.7
"""How likely a picture holds as many objects as expected, and how far the logarithm of their number then strays."""
OFTEN, PEAK = 0.9, 3.0
"""How likely it holds about as many look-alikes as expected, and how much likelier the expected number is then."""
CLEAR = 2.5
"""How much less likely look-alikes are than none, as a logarithm, before a picture is seen."""
TAUGHT = 0.3
"""What a marked object counts where it is: the network was taught by it."""
LIKES = ((0.05, 0.7), (0.2, 0.2), (0.5, 0.1))
"""Of what is rejected, which part may score as objects do, broken ones or a twin kind, and how likely each part is."""
ENOUGH = 1000.0
BELOW, FEW = 1.0, 10.0
"""Units below the cut where places tell of the rest above it, and as how many any number of them counts at most."""
FAINT = 1e-3
"""Of the likeliest point of the grid: what is less likely is left out."""
EMPTY, WORTH = 0.65, 0.05
"""How likely it is that there is no object, and how large the F1 to be hoped for, when nothing is claimed."""
DRAWS = 2000
LEVEL = 0.9

UNSEEN = (0.0, *(-CLEAR - float(np.log(len(ALIKES) - 1)) for _ in ALIKES[1:]))
"""Logarithms of how likely each of ALIKES is before a picture is seen."""


@dataclass(frozen=True)
class Belief:
    """What is believed of scores before a picture is seen.

    Args:
        cut: the score below which nothing is looked at.
        typical: what a typical object scores, and ``doubt``, its standard deviation.
        unit: by how much scores of the same thing differ; all shapes below are measured in it.
        wrong: which part of the marked places that score like finds was rejected.
        many: objects that are expected in an area as large as one object; 0: not known.
        lookalikes: things that look like objects and are none, expected in such an area; None: not known.
        alike: what of a typical object's score likeness and a closer look tell; None: what is like the marks tells
            nothing.
        half: the same of half of the objects at least; None: how many places are so like the marks tells nothing.
        spreads: logarithms of how likely each of SPREADS is.
        grounds, alikes: the same of each of GROUNDS and of ALIKES.
    """

    cut: float
    typical: float
    doubt: float
    unit: float = 1.0
    wrong: float = 0.0
    many: float = 0.0
    lookalikes: float | None = None
    alike: float | None = None
    half: float | None = None
    spreads: tuple[float, ...] = (0.0,) * len(SPREADS)
    grounds: tuple[float, ...] = (0.0,) * len(GROUNDS)
    alikes: tuple[float, ...] = UNSEEN

    def __post_init__(self) -> None:
        if tuple(map(len, (self.spreads, self.grounds, self.alikes))) != tuple(map(len, (SPREADS, GROUNDS, ALIKES))):
            raise ValueError(
                f"a belief is of {len(SPREADS)} spreads, {len(GROUNDS)} grounds and {len(ALIKES)} look-alikes"
            )
        if not self.unit > 0:
            raise ValueError(f"a unit is more than nothing, not {self.unit}")

    @property
    def fresh(self) -> bool:
        """Whether nothing was rejected, of marks that are several."""
        return self.alike is not None

    @property
    def least(self) -> float:
        """The lowest score that tells anything."""
        return self.cut - self.unit * BELOW * self.fresh

    def scaled(self, scores: Floats) -> Floats:
        """How far scores lie above the cut, in units."""
        return (scores - self.cut) / self.unit


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed of a picture's scores when they are seen: points of a grid with their weights.

    Args:
        belief: from before.
        edges: (K + 1,) of the bins above the cut, in units.
        counts: (K,) places in them.
        weight: (J,) of each point, 1 in all.
        share: (J, K) the probability that a place is an object.
        lower: (J,) objects that are expected below the cut.
        lookalikes: how many things that look like objects and are none there are in the mean.
        typical: what the typical object scores, and its standard deviation.
        spread: (S,) how likely each of SPREADS is, ``ground`` (G,) each of GROUNDS, ``alike`` (A,) each of ALIKES.
    """

    belief: Belief
    edges: Floats
    counts: Floats
    weight: Floats
    share: Floats
    lower: Floats
    lookalikes: float
    typical: tuple[float, float]
    spread: Floats
    ground: Floats
    alike: Floats

    @cached_property
    def odds(self) -> Floats:
        """(K,): the logit of the probability that a place is an object; it never falls."""
        p = np.clip(self.weight @ self.share, 1e-9, 1 - 1e-9)
        found: Floats = np.maximum.accumulate(np.log(p / (1 - p)))
        return found

    def probabilities(self, scores: Floats) -> Floats:
        """The probabilities that places are objects, which rise with their scores even where the model is flat."""
        middles, high_up = (self.edges[:-1] + self.edges[1:]) / 2, self.belief.scaled(scores)
        low, high = np.minimum(high_up - middles[0], 0.0), np.maximum(high_up - middles[-1], 0.0)
        logit = np.interp(high_up, middles, self.odds) + low + high + 0.01 * (high_up - middles[0])
        found: Floats = 1 / (1 + np.exp(-logit))
        return found

    @property
    def expected(self) -> float:
        """How many objects there are in the mean."""
        return float(self.weight @ (self.share @ self.counts + self.lower))

    @property
    def empty(self) -> float:
        """How likely it is that there is no object."""
        chances = np.log1p(-np.minimum(self.share, 1 - 1e-9)) @ self.counts - self.lower
        return float(self.weight @ np.exp(chances))

    def best(self) -> float:
        """The score from which on places are claimed, so that the expected F1 is largest; inf if none should be.

        With k places claimed, of which T are objects, among N objects, F1 is 2 T / (k + N): T and N are what each point
        of the grid expects, and F1 is averaged over them. So what is claimed where objects hardly differ from the rest
        is what is most like them, even if it is likely to be wrong, as its score says.
        """
        claimed = np.cumsum(self.counts[::-1])
        right = np.cumsum((self.share * self.counts)[:, ::-1], axis=1)
        objects = right[:, -1] + self.lower
        f1 = self.weight @ (2 * right / np.maximum(claimed + objects[:, None], 1e-9))
        at = int(np.argmax(f1))
        if self.empty > EMPTY or f1[at] < WORTH:
            return float("inf")
        return self.belief.cut + self.belief.unit * float(self.edges[-2 - at])

    def interval(self) -> tuple[int, int]:
        """Between which numbers the count of objects lies, with a probability of LEVEL.

        What was rejected and still scores like an object shows that others of its kind do so unseen: the lower bound
        is less by that part.
        """
        rng = np.random.default_rng(0)
        points = rng.choice(len(self.weight), DRAWS, p=self.weight)
        drawn = rng.binomial(self.counts.astype(np.int64), self.share[points]).sum(axis=1)
        drawn = drawn + rng.poisson(self.lower[points])
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
        return int(low * (1 - self.belief.wrong)), int(high)


@dataclass(frozen=True, eq=False)
class _Layer:
    """The part of the grid in which the typical object scores the same: M numbers of objects, and all shapes.

    Args:
        density: (S, K) what part of the objects falls into each bin, ``above`` (S,) into any.
        shapes: (A, G, K) the same of the rest.
        others: (M, S) how many places are of the rest.
        true: (A, G, S) which part of what scores like objects is left when the rejected places are known.
        likely: (A, G, M, S) the logarithm of the posterior.
    """

    density: Floats
    above: Floats
    shapes: Floats
    others: Floats
    true: Floats
    likely: Floats


def learn(
    belief: Belief,
    scores: Floats,
    rest: Floats | None = None,
    marked: Floats | None = None,
    expected: float = 0.0,
    lookalikes: float | None = None,
    like: int | None = None,
) -> Posterior:
    """What scores say.

    Args:
        belief: from before.
        scores: of places of which it is not known what they are.
        rest: of places that are known to be none.
        marked: of places that are known to be objects.
        expected: how many objects there are likely to be among the first; 0: not known.
        lookalikes: how many things that look like objects and are none; None: not known.
        like: how many of the first are as like the marks as half of the objects are; None: not known.
    """
    told = [np.zeros(0) if s is None else belief.scaled(s) for s in (scores, rest, marked)]
    below = round(BELOW / BIN) if belief.fresh else 0
    edges = bins(max(float(np.max(s, initial=0.0)) for s in told), below)
    counts, none, taught = (np.histogram(s, edges)[0].astype(np.float64) for s in told)
    none[:below] = taught[:below] = 0
    numbers = _numbers(counts[below:].sum())
    prior = _prior(numbers, expected, NONE if lookalikes is None else REJECTED)
    if like is not None:
        prior += _kindred(numbers, like, counts[below:].sum())
    scaled = belief.scaled(belief.typical + belief.doubt * OFF)
    layers = [_layer(belief, float(t), edges, (counts, none, taught), (numbers, prior)) for t in scaled]
    likely = np.stack([layer.likely - 0.5 * off**2 for layer, off in zip(layers, OFF, strict=True)])
    rivals = np.stack([_rivals(layer.others) for layer in layers])
    if lookalikes is not None:
        off = np.log((rivals + 1) / (lookalikes + 1)) / ABOUT
        likely += np.log(1 - OFTEN + OFTEN * PEAK * np.exp(-0.5 * off**2))[:, :, None]
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    t, a, g, m, s = at = np.nonzero(weight > FAINT * weight.max())
    density, above, shapes, others, true = (
        np.stack([getattr(layer, name) for layer in layers])
        for name in ("density", "above", "shapes", "others", "true")
    )
    density, shapes = density[..., below:], shapes[..., below:]
    here = numbers[m, None] * density[t, s]
    typical = belief.cut + belief.unit * scaled
    each = weight.sum(axis=(1, 2, 3, 4))
    middle = float(each @ typical)
    return Posterior(
        belief=belief,
        edges=edges[below:],
        counts=counts[below:],
        weight=weight[at] / weight[at].sum(),
        share=true[t, a, g, s][:, None] * here / (others[t, m, s][:, None] * shapes[t, a, g] + here + 1e-12),
        lower=true[t, a, g, s] * numbers[m] * (1 - above[t, s]),
        lookalikes=float((weight.sum(axis=2) * rivals).sum()),
        typical=(middle, float(np.sqrt(each @ (typical - middle) ** 2))),
        spread=weight.sum(axis=(0, 1, 2, 3)),
        ground=weight.sum(axis=(0, 1, 3, 4)),
        alike=weight.sum(axis=(0, 2, 3, 4)),
    )


def _layer(
    belief: Belief, typical: float, edges: Floats, told: tuple[Floats, ...], numbers: tuple[Floats, Floats]
) -> _Layer:
    """The grid at a typical object, in units: ``told`` (K,) places that are unknown, of the rest, marked objects."""
    (counts, none, taught), (many, prior), high = told, numbers, edges[:-1] >= 0
    n = counts[high].sum()
    trust = ENOUGH / (n + ENOUGH)
    (density, above), shapes = objects(edges, typical), rests(edges, typical)
    found = many[:, None] * above
    others = np.maximum(n - found, 0.02 * n + 1e-3)
    # more objects than places: the rest would have to be negative
    before = np.where(n - found < -2 * np.sqrt(n + 1), -1e3, -(others + found) * trust) + prior[:, None]
    before += belief.spreads + TAUGHT * (np.log(density / np.maximum(above, 1e-6)[:, None] + 1e-6) @ taught)
    likely = before + np.array(belief.grounds)[:, None, None] + np.array(belief.alikes)[:, None, None, None]
    # bins without places say nothing
    part, chance, some = *np.array(LIKES).T, np.flatnonzero(none)
    rejected = np.log((1 - part) * shapes[:, :, None, some, None] + part * density[:, some, None] + 1e-9)
    twins = trust * np.einsum("agskl,k->agsl", rejected, none[some]) + np.log(chance)
    rejection: Floats = np.logaddexp.reduce(twins, axis=-1)
    likely += rejection[:, :, None]
    true = np.minimum(np.exp(twins - rejection[..., None]) @ (1 - part) / (chance @ (1 - part)), 1)
    if not high.all():
        # of the rest there are as many below the cut as its shape has there for those above it
        few = FEW / (counts[~high].sum() + FEW)
        low = others[:, :, None] * shapes[:, :, None, None, ~high] + many[:, None, None] * density[:, ~high] + 1e-9
        likely += trust * few * (np.log(low) @ counts[~high] - low.sum(axis=-1))
    # single precision is faster here, and wrong by a thousandth of a logarithm
    some = np.flatnonzero(counts * high)
    sought = (many[:, None, None] * density[:, some] + 1e-9).astype(np.float32)
    rest, places = others[:, :, None].astype(np.float32), counts[some].astype(np.float32)
    for alike, shape in zip(likely, shapes[:, :, None, None, some].astype(np.float32), strict=True):
        alike += trust * (np.log(rest * shape + sought) @ places)
    return _Layer(density, above, shapes, others, true, likely)


def _rivals(others: Floats) -> Floats:
    """(A, M, S): how many look-alikes there are, for each of ALIKES, among places of the rest (M, S)."""
    part = np.array(ALIKES)[:, 1]
    return part[:, None, None] * others


def _numbers(n: float) -> Floats:
    """How many objects there may be: none, and two to a doubling."""
    most = max(1.0, 1.5 * n)
    return np.concatenate([[0.0], 0.5 * np.exp(STEP * np.arange(int(np.log(2 * most) / STEP) + 1))])


def _prior(numbers: Floats, expected: float, none: float) -> Floats:
    """Logarithms of how likely numbers of objects are before a picture is seen."""
    found: Floats = np.log(np.where(numbers == 0, none, 1.0))
    if expected > 0:
        off = (np.log(numbers[1:]) - np.log(expected)) / ABOUT
        near = np.exp(-0.5 * off**2) * STEP / (ABOUT * np.sqrt(2 * np.pi)) * (len(numbers) - 1)
        found[1:] = np.log(1 - SIMILAR + SIMILAR * near)
    return found


def _kindred(numbers: Floats, like: int, places: float) -> Floats:
    """Logarithms of how likely so many of a picture's places are as like the marks as half of the objects are.

    Of the objects about half are, a part that is known as from 2 KINDRED of them (beta-binomial); of the rest few
    (Poisson).
    """
    (share, least), most = STRANGE, int(np.ceil(numbers[-1]))
    # factorials of whole numbers, as logarithms
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, max(most, like) + 2 * KINDRED)))])

    def beta(a: NDArray[np.intp], b: NDArray[np.intp]) -> Floats:
        found: Floats = factorial[a - 1] + factorial[b - 1] - factorial[a + b - 1]
        return found

    likely = []
    for number in np.ceil(numbers).astype(int).tolist():
        k = np.arange(min(like, number) + 1)
        own = factorial[number] - factorial[k] - factorial[number - k]
        own += beta(k + KINDRED, number - k + KINDRED)
        others = share * max(places - number, 0.0) + least
        likely.append(np.logaddexp.reduce(own + (like - k) * np.log(others) - others - factorial[like - k]))
    found: Floats = np.array(likely) - max(likely)
    return found
