"""What is looked at while a finder learns: peaks in the scenes, and the marks as they might look elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .calibration import Seen, believe, valley
from .crops import trial
from .learning import Learner
from .likeness import overall
from .mixture import Belief
from .network import Named
from .plans import Material
from .register import Laid
from .rivals import stay
from .scene import Scene
from .scores import SIDES, Closely, cut, places_in, scores_of
from .taken import FRESH, REJECTED, surely
from .templates import Templates

Floats = NDArray[np.float32]

PEAKS, LOOKED = 800, 600
"""Peaks of a scene that say what scores mean, and the highest ones, which are looked at on the way."""
COMMON = 3000
"""Places from which is learned what is common to all."""
TRIALS = 8
"""Crops of each marked object that say what objects score."""
ALONE = 0.75
"""How like each other two marked objects are, for a single one, which has only itself to be compared with."""
FAR = 4.0
"""How far below marked objects other places score where there are none to be seen."""
HARD = 60
"""Places of a scene that look most like objects and are taken for none."""
SURELY, MAYBE = 0.5, 1.5
"""How far below the threshold a place may still be an unmarked object, in scenes with marks and without."""


class Kind(IntEnum):
    """What is said of a place: nothing, that it is an object, that it is none; or it was taken for an object."""

    UNKNOWN, MARKED, REST, TAKEN = range(4)


class Looked(NamedTuple):
    """Places (N, 2) of a scene, their scores, what the network says of them, and the marks; each unknown one is one of
    so many."""

    scene: Scene
    places: Floats
    scores: Floats
    firm: Floats
    kinds: NDArray[np.intp]
    each: int

    @property
    def alike(self) -> Floats:
        """What likeness and a closer look tell of their scores."""
        found: Floats = self.scores - self.firm
        return found

    def chosen(self, which: NDArray[np.bool_]) -> Looked:
        """Some of them."""
        return Looked(
            self.scene, self.places[which], self.scores[which], self.firm[which], self.kinds[which], self.each
        )


Matched = tuple[Floats, NDArray[np.intp]]
"""How like each marked object places are (N, M), and which variants of it match (N, M)."""


@dataclass(eq=False)
class Study:
    """Looks at scenes with the eyes of a network.

    Args:
        material: the scenes and what is cut from them.
        learner: whose network it is.
        templates: what places are compared with.
        own: the objects among them: each one's place among all objects, its scene and its box.
        seed: of the trials.
        step: displayed pixels a working pixel at the typical scale.
    """

    material: Material
    learner: Learner
    templates: Templates
    own: list[tuple[int, Scene, Floats]]
    seed: int
    step: float
    _trials: tuple[Floats, Floats, Floats] | None = field(default=None, init=False, repr=False)

    def _alike(self, scene: Scene, places: Floats) -> Matched:
        """How like the marks places of a scene are, as ``Likeness.matched``; no mark is compared with itself."""
        alike, variants = self.templates.likeness.matched(scene.canvas.pixels, places)
        if len(self.own) > 1:
            for k, (_, home, thing) in enumerate(self.own):
                if home is scene:
                    alike[np.abs(places - thing[:2]).max(axis=1, initial=0) < 0.4 * self.material.side, k] = np.nan
        return alike, variants

    def _laid(self, scene: Scene, places: Floats, alike: Floats, variants: NDArray[np.intp]) -> Laid:
        """Marks laid on places of a scene that are like them as ``_alike`` says."""
        how = self.templates.likeness.angles[variants], self.templates.likeness.scales[variants]
        return self.templates.register.lay(scene.canvas.pixels, places, alike, *how)

    @cached_property
    def _fitting(self) -> Floats:
        """How closely the other marks fit each marked object where it is; asked once it is known what is common."""
        found = np.empty(len(self.own), np.float32)
        for scene in self.material.scenes:
            here = [k for k, (_, home, _) in enumerate(self.own) if home is scene]
            if not here:
                continue
            places = np.stack([self.own[k][2][:2] for k in here])
            found[here] = self._laid(scene, places, *self._alike(scene, places)).overall()
        return found if len(self.own) > 1 else np.minimum(found, np.float32(ALONE))

    def _objects(self, weights: Named) -> tuple[Floats, Floats]:
        """Scores of marked objects as they might look elsewhere, and how like the others; without a closer look."""
        if self._trials is None:
            self._trials = self._tried()
        crops, spots, like = self._trials
        alike = overall(like)
        return scores_of(self.learner.at(crops, spots, weights), alike), alike

    def _tried(self) -> tuple[Floats, Floats, Floats]:
        """The crops of the trials, where the objects are in them, and how like the others they are."""
        seeds = [(thing, np.random.default_rng((self.seed, 1, thing))) for thing, _, _ in self.own]
        made = [trial(self.material, thing, TRIALS, rng) for thing, rng in seeds]
        crops, spots = (np.concatenate(parts) for parts in zip(*made, strict=True))
        like = self.templates.likeness.each(crops, spots)
        if len(self.own) == 1:
            return crops, spots, np.minimum(like, np.float32(ALONE))
        # no object is compared with itself
        like[np.arange(len(like)), np.repeat(np.arange(len(self.own)), TRIALS)] = np.nan
        return crops, spots, like

    def _peaks(self, scene: Scene, weights: Named) -> tuple[Floats, Floats]:
        """The network's peaks in a scene, but for those at objects of which another working scale tells.

        It is not searched again for weights that it was last searched with.
        """
        if scene.peaks is None or scene.peaks[0] is not weights:
            scene.peaks = weights, *places_in(scene.canvas, weights, self.material.side)
        _, places, firm = scene.peaks
        told = ~_near(places, scene.aside, SIDES * self.material.side)
        return places[told], firm[told]

    def calibration(self, weights: Named) -> tuple[Belief, Closely]:
        """What scores mean, and which places are looked at closely."""
        peaks = [(*self._peaks(scene, weights), PEAKS) for scene in self.material.scenes]
        looked, closely, tried, alike = self._judged(peaks, weights)
        # what was rejected may be as like the marks as objects are, and others of its kind with it
        typical = float(np.median(alike)) if len(self.own) > 1 and not self._rejected else None
        return believe(tried, self._seen(looked), marks=len(self.own), alike=typical), closely

    @property
    def _rejected(self) -> bool:
        """Whether anything was."""
        return any(len(scene.nots) for scene in self.material.scenes)

    def _judged(
        self, peaks: Sequence[tuple[Floats, Floats, int]], weights: Named
    ) -> tuple[list[Looked], Closely, Floats, Floats]:
        """Each scene's places with their scores, and what marked objects score as they might look elsewhere.

        Args:
            peaks: places, logits, and of about how many unmarked ones the scene is told by.
            weights: that gave them.

        Returns:
            The places, which of them were looked at closely, the marked objects' scores, and what of these likeness
            and the closer look tell.
        """
        looked: list[Looked] = []
        matched: list[Matched] = []
        for scene, (places, firm, most) in zip(self.material.scenes, peaks, strict=True):
            kinds = _kinds(scene, places, self.material.side)
            # of very many unmarked ones every second, third ...: the highest alone would hide what is common
            step = -(-len(places) // most) or 1
            some = (kinds != Kind.UNKNOWN) | (np.arange(len(places)) % step == 0)
            matched.append(self._alike(scene, places[some]))
            scores = scores_of(firm[some], overall(matched[-1][0]))
            looked.append(Looked(scene, places[some], scores, firm[some], kinds[some], step))
        tried, like = self._objects(weights)
        closely = self._closely(looked, matched, tried)
        gain = np.repeat(closely.gain(self._fitting), TRIALS)
        return looked, closely, tried + gain, scores_of(gain, like)

    def _closely(self, looked: list[Looked], matched: list[Matched], tried: Floats) -> Closely:
        """Look closely at the sure ones of some places, which match as told; they are moved and score anew."""
        others = np.concatenate([one.scores[one.kinds != Kind.MARKED] for one in looked] or [tried[:0]])
        typical = float(np.median(tried))
        least = cut(typical, others if len(others) else np.full(1, typical - FAR, np.float32))
        sure = [one.scores >= least for one in looked]
        laid = [
            self._laid(one.scene, one.places[which], alike[which], variants[which])
            for one, which, (alike, variants) in zip(looked, sure, matched, strict=True)
        ]
        fits = [one.overall() for one in laid]
        unmarked = [
            found[one.kinds[which] != Kind.MARKED] for one, which, found in zip(looked, sure, fits, strict=True)
        ]
        closely = Closely.of(least, np.concatenate(unmarked))
        for one, which, on, found in zip(looked, sure, laid, fits, strict=True):
            one.places[which] = on.middles()
            one.scores[which] += closely.gain(found)
        return closely

    def _seen(self, looked: Sequence[Looked]) -> list[Seen]:
        """What each block says; where there are several scales, what all of a picture say together."""
        several = len({one.scene.canvas.step for one in looked}) > 1
        groups: dict[str, list[Looked]] = {}
        for k, one in enumerate(looked):
            groups.setdefault(one.scene.name if several else str(k), []).append(one)
        return [self._joined(own) for own in groups.values()]

    def _joined(self, own: Sequence[Looked]) -> Seen:
        """What some scenes say, in which unknown places give way to surer ones that other scales show."""
        many, steps = [len(one.places) for one in own], [one.scene.canvas.step for one in own]
        at = np.concatenate([one.scene.canvas.outward(one.places) for one in own])
        told = ((one.scores, one.alike, one.kinds) for one in own)
        scores, like, kinds = (np.concatenate(parts) for parts in zip(*told, strict=True))
        stays = stay(at, self.material.side * np.repeat(np.array(steps), many), scores) | (kinds != Kind.UNKNOWN)
        unknown, marked, rest, taken = (scores[stays & (kinds == kind)] for kind in Kind)
        marks = [one.scene.canvas for one in own if one.scene.marked]
        area = sum(c.block.area * (c.step / self.step) ** 2 for c in marks) / self.material.side**2 / len(set(steps))
        likes, liked = (like[stays & np.isin(kinds, some)] for some in (Kind.UNKNOWN, (Kind.MARKED, Kind.TAKEN)))
        return Seen(unknown, marked, rest, area, max(one.each for one in own), likes, liked, taken)

    def look(self, weights: Named) -> None:
        """Tell in every scene what is taken for an object, what may be one, and what looks like one and is none."""
        scenes = self.material.scenes
        peaks = [[told[:LOOKED] for told in self._peaks(scene, weights)] for scene in scenes]
        if self.templates.axes is None:
            # what all look alike that could be taken for objects tells nothing
            at = [(scene.canvas.pixels, places) for scene, (places, _) in zip(scenes, peaks, strict=True)]
            self.templates.learn(at, COMMON, np.random.default_rng((self.seed, 3)))
        looked, _, tried, _ = self._judged([(places, firm, LOOKED) for places, firm in peaks], weights)
        threshold = valley(tried, np.concatenate([one.scores for one in looked]))
        free = [one.chosen(~_near(one.places, one.scene.known, SIDES * self.material.side)) for one in looked]
        taken = surely(
            np.concatenate([one.scores for one in free]),
            # nothing is taken for an object where all are marked
            np.concatenate([np.where(_inside(one.places, one.scene.complete), -np.inf, one.alike) for one in free]),
            own=np.concatenate([one.alike[one.kinds == Kind.MARKED] for one in looked]),
            threshold=threshold,
            typical=float(np.median(tried)),
            caution=REJECTED if self._rejected else FRESH,
        )
        for one, sure in zip(free, np.split(taken, np.cumsum([len(one.places) for one in free])[:-1]), strict=True):
            self._tell(one, sure, threshold)
        self.material.gather()

    def _tell(self, one: Looked, sure: NDArray[np.bool_], threshold: float) -> None:
        """Tell a scene what some of its places, which bear no mark, are taken for; ``sure`` are objects."""
        scene = one.scene
        size = np.median([thing[2:] for _, _, thing in self.own], axis=0).astype(np.float32)
        scene.taken = np.concatenate([one.places[sure], np.tile(size, (int(sure.sum()), 1))], 1)
        # in a picture without marks nothing is certain, and what is not likely there teaches its background away
        maybe = one.scores > threshold - (SURELY if scene.marked else MAYBE)
        maybe &= ~_inside(one.places, scene.complete)
        scene.unknown = np.concatenate([one.places[maybe & ~sure], scene.aside])
        rest = np.flatnonzero(~maybe & ~sure)
        hard = one.places[rest[np.argsort(-one.firm[rest], kind="stable")]]
        scene.hard = hard[:HARD] if scene.marked else hard[:0]


def _kinds(scene: Scene, places: Floats, side: float) -> NDArray[np.intp]:
    """What is said of places; of those about a marked object the nearest is it, and the others are none."""
    kinds = np.full(len(places), Kind.UNKNOWN, np.intp)
    kinds[_near(places, scene.known, SIDES * side) | _inside(places, scene.complete)] = Kind.REST
    for kind, shown in ((Kind.TAKEN, scene.taken), (Kind.MARKED, scene.objects)):
        for centre in shown[:, :2]:
            away = np.hypot(*(places - centre).T)
            if away.min(initial=np.inf) < SIDES * side:
                kinds[int(away.argmin())] = kind
    return kinds


def _near(places: Floats, known: Floats, distance: float) -> NDArray[np.bool_]:
    if not len(known) or not len(places):
        return np.zeros(len(places), np.bool_)
    apart_ = np.hypot(*(places[:, None, :] - known[None, :, :]).transpose(2, 0, 1))
    found: NDArray[np.bool_] = apart_.min(axis=1) < distance
    return found


def _inside(places: Floats, regions: Floats) -> NDArray[np.bool_]:
    found = np.zeros(len(places), np.bool_)
    for x0, y0, x1, y1 in regions:
        found |= (places[:, 0] >= x0) & (places[:, 0] < x1) & (places[:, 1] >= y0) & (places[:, 1] < y1)
    return found
