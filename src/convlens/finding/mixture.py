"""The scores of a picture as a mixture of things that are sought and the rest, with all that is not known averaged.

*The model.* Of the places that score at least ``cut``, the rest has a density that falls as an exponential or as the
tail of a normal distribution, ``exp(-steep x - bent x^2 / 2)``, x the height above the cut. Objects score about a
typical value, with a normal spread; some of them, half hidden, less. Not known are the typical value, the spread, the
shape of the rest and, above all, how many objects there are. The prior of that number is the same for every doubling
of it, and NONE times as much for none at all: a picture without an instance is never a surprise.

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

Floats = NDArray[np.float64]

BIN = 0.125
"""How finely scores are told apart, in units (as all that follows): a quarter of the narrowest spread."""
STEEP = (-2.0, -1.0, -0.5, 0.0, 0.4, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
BENT = (0.0, 0.1, 0.3, 0.7, 1.5, 3.0)
HIGHEST = 0.8
"""How far above the cut the rest may be densest."""
GROUNDS = tuple(
    (steep, bent) for bent in BENT for steep in STEEP if steep > 0 or (bent > 0 and -steep <= HIGHEST * bent)
)
"""The shapes that the rest may have."""
LOWER = 1.2
"""How much lower objects score that are half hidden or badly lit, and how much they differ at the least."""
SPREADS = tuple((spread, poor) for poor in (0.0, 0.1, 0.25) for spread in (0.45, 0.7, 1.0, 1.5))
"""What objects' scores may look like: the standard deviation, and which part of them is so poor."""
OFF = np.linspace(-2.5, 2.5, 11)
"""How far the typical object may be off, in standard deviations of what is believed of it."""
NONE = 3.0
"""How much likelier no object at all is than any doubling of their number."""
ENOUGH = 1000.0
FAINT = 1e-3
"""Of the likeliest point of the grid: what is less likely is left out."""
EMPTY, WORTH = 0.5, 0.05
"""How likely it is that there is no object, and how large the F1 to be hoped for, when nothing is claimed."""
DRAWS = 2000
LEVEL = 0.9


@dataclass(frozen=True)
class Belief:
    """What is believed of scores before a picture is seen.

    Args:
        cut: the score below which nothing is looked at.
        typical: what a typical object scores, and ``doubt``, its standard deviation.
        unit: by how much scores of the same thing differ; all shapes below are measured in it.
        wrong: which part of the marked places that score like finds was rejected.
        spreads: logarithms of how likely each of SPREADS is.
        grounds: the same of each of GROUNDS.
    """

    cut: float
    typical: float
    doubt: float
    unit: float = 1.0
    wrong: float = 0.0
    spreads: tuple[float, ...] = (0.0,) * len(SPREADS)
    grounds: tuple[float, ...] = (0.0,) * len(GROUNDS)

    def __post_init__(self) -> None:
        if len(self.spreads) != len(SPREADS) or len(self.grounds) != len(GROUNDS):
            raise ValueError(f"a belief is of {len(SPREADS)} spreads and {len(GROUNDS)} grounds")
        if not self.unit > 0:
            raise ValueError(f"a unit is more than nothing, not {self.unit}")

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
        typical: (J,) what the typical object scores.
        spread: (S,) how likely each of SPREADS is, and ``ground`` (G,) each of GROUNDS.
    """

    belief: Belief
    edges: Floats
    counts: Floats
    weight: Floats
    share: Floats
    lower: Floats
    typical: Floats
    spread: Floats
    ground: Floats

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


def learn(belief: Belief, scores: Floats, rest: Floats | None = None) -> Posterior:
    """What scores say.

    Args:
        belief: from before.
        scores: of places of which it is not known what they are.
        rest: of places that are known to be none.
    """
    told = [belief.scaled(scores), np.zeros(0) if rest is None else belief.scaled(rest)]
    top = max([BIN] + [float(np.max(s)) for s in told if len(s)])
    edges: Floats = BIN * np.arange(int(np.ceil(top / BIN)) + 2, dtype=np.float64)
    counts, none = (np.histogram(s, edges)[0].astype(np.float64) for s in told)
    n = counts.sum()
    trust = ENOUGH / (n + ENOUGH)
    ground, (density, above), numbers = _grounds(edges), _objects(edges, belief), _numbers(n)
    many = numbers[:, None, None] * above
    others = np.maximum(n - many, 0.02 * n + 1e-3)
    # more objects than places: the rest would have to be negative
    before = np.where(n - many < -2 * np.sqrt(n + 1), -1e3, -(others + many) * trust)
    before += np.log(np.where(numbers == 0, NONE, 1.0))[:, None, None] - 0.5 * OFF[:, None] ** 2 + belief.spreads
    sought = numbers[:, None, None, None] * density
    likely = np.empty((len(ground), *many.shape))
    # single precision is three times as fast here, and wrong by a thousandth of a logarithm
    objects, rests, places = (x.astype(np.float32) for x in (sought + 1e-9, others[..., None], counts))
    for shape, found, prior in zip(ground, likely, belief.grounds, strict=True):
        mixed = np.log(rests * shape.astype(np.float32) + objects) @ places
        found[:] = before + trust * mixed + trust * (np.log(shape + 1e-9) @ none) + prior
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    g, m, t, s = at = np.nonzero(weight > FAINT * weight.max())
    here = sought[m, t, s]
    return Posterior(
        belief=belief,
        edges=edges,
        counts=counts,
        weight=weight[at] / weight[at].sum(),
        share=here / (others[m, t, s][:, None] * ground[g] + here + 1e-12),
        lower=numbers[m] * (1 - above[t, s]),
        typical=(belief.typical + belief.doubt * OFF)[t],
        spread=weight.sum(axis=(0, 1, 2)),
        ground=weight.sum(axis=(1, 2, 3)),
    )


def _grounds(edges: Floats) -> Floats:
    """(G, K): what part of the rest falls into each bin."""
    x = (edges[:-1] + edges[1:]) / 2
    steep, bent = np.array(GROUNDS).T
    height = -steep[:, None] * x - 0.5 * bent[:, None] * x**2
    density = np.exp(height - height.max(axis=1, keepdims=True))
    found: Floats = density / density.sum(axis=1, keepdims=True)
    return found


def _objects(edges: Floats, belief: Belief) -> tuple[Floats, Floats]:
    """(T, S, K): what part of the objects falls into each bin, and (T, S) how many of them lie above the cut."""
    typical = belief.scaled(belief.typical + belief.doubt * OFF)[:, None, None]
    spread, part = np.array(SPREADS).T[:, :, None]
    middles = (edges[:-1] + edges[1:]) / 2
    # as far as objects may reach, not only as far as places do
    wide = np.arange(BIN / 2, max(edges[-1], float(typical.max()) + 4 * float(spread.max())), BIN)

    def bump(x: Floats) -> Floats:
        low = np.maximum(spread, LOWER)
        clear = np.exp(-0.5 * ((x - typical) / spread) ** 2) / spread
        poor = np.exp(-0.5 * ((x - typical + LOWER) / low) ** 2) / low
        found: Floats = ((1 - part) * clear + part * poor) * (BIN / np.sqrt(2 * np.pi))
        return found

    return bump(middles), np.minimum(bump(wide).sum(axis=-1), 1.0)


def _numbers(n: float) -> Floats:
    """How many objects there may be: none, and two to a doubling."""
    most = max(1.0, 1.5 * n)
    return np.concatenate([[0.0], 0.5 * 2 ** (0.5 * np.arange(int(2 * np.log2(2 * most)) + 1))])
