"""A finder: learns from a few marks, finds every instance, and goes on learning from corrections.

marks -> scenes -> crops -> network     what is learned (learning.py)
picture -> blocks -> logits -> peaks -> likeness -> probabilities     what is found (here)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convlens.data import Mark, read_marks
from convlens.data.marks_check import pictures_of

from . import saving
from .calibration import kindred, recognised
from .candidates import Candidates
from .canvas import Canvas, View, full_range, working_scale
from .errors import FindingError, ensure_seed
from .extent import breadths, sizes, turns
from .finds import Finds
from .known import Known, distances, middles
from .lean import lean
from .learning import Course, Learner
from .lessons import Lessons
from .likeness import NUDGE, Likeness, example, overall
from .mixture import Belief, Posterior, learn
from .network import Named, initial, network
from .pictures import Given, Pictures, named, source_of
from .plans import Material
from .points import Window
from .points import side as side_of
from .register import Register
from .scene import patch
from .scores import LIKE, Closely, places_in, scores_of
from .study import Study
from .templates import Templates
from .views import Views, lengths
from .whitening import whitened
from .why import Asker, Why, block_about

Floats = NDArray[np.float32]
Angles = NDArray[np.float64]
Whole = NDArray[np.intp]
Progress = Callable[[float], None]

FIRST = Course(steps=140, rate=3e-3, looks=(1 / 3, 2 / 3))
AGAIN = Course(steps=30, rate=2e-3, looks=(0.0,))
EXAMPLES = 12
"""Marked objects that places are compared with: more take time and tell little."""
SCANNED = 0.7
"""Of the time for a block, what the network takes."""
VAGUE, FEW = 2, 4
"""Bounds of a count of which the upper one is so many times the lower one, and so many more, tell little."""
FADED = "it is grey, and what was marked has colour: mark some in a grey one to tell the count"


@dataclass(eq=False)
class Finder:
    """What was learned from marks.

    Make one with ``fit`` or ``load``.

    Args:
        views: how pictures are seen, at one working scale or at several.
        box: width and height of a typical object, in displayed pixels.
        turn: the largest angle by which objects are turned, in radians.
        seed: of every random number.
        weights: of the network.
        templates: what places are compared with.
        calibration: what scores mean.
        marks: what was learned from.
        rounds: how often it learned.
        closely: which places are looked at closely.
        grey: whether an object was marked in a grey picture.
        leaning: of how many marks it was asked how far objects are turned.
        taken: what it took for objects, besides the marks, when it learned last (``taken.py``); what of it is wrong is
            worth a mark of kind ``not``.
    """

    views: Views
    box: tuple[float, float]
    turn: float
    seed: int
    weights: Named
    templates: Templates
    calibration: Belief = field(default_factory=lambda: Belief(0.0, 4.0, 1.0))
    marks: tuple[Mark, ...] = ()
    rounds: int = 0
    grey: bool = False
    leaning: int = 0
    taken: tuple[Mark, ...] = ()
    closely: Closely = field(default_factory=Closely)
    _lessons: Lessons | None = field(default=None, repr=False)

    # ---- learning ----

    @classmethod
    def fit(
        cls, pictures: Pictures, marks: str | Path | Sequence[Mark], seed: int = 0, progress: Progress | None = None
    ) -> Self:
        """Learn from marks.

        Args:
            pictures: paths, arrays (H, W) or (H, W, C), or any of these by name; those without marks help to know
                backgrounds.
            marks: a file of marks, or the marks; at least one object.
            seed: of every random number: the same marks, pictures and seed give the same finder.
            progress: called with the fraction that is done.

        Returns:
            The finder.

        Raises:
            MarksError: a mark names no picture or lies outside, or no object is marked.
            PictureError: a picture with marks cannot be read.
            FindingError: the seed is no number from 0 on.
        """
        ensure_seed(seed)
        given, known = named(pictures), _marks(marks)
        by_name = pictures_of(known, list(given))
        marked = next((name for name, own in by_name.items() if own), next(iter(given)))
        with source_of(given[marked]) as source:
            channels, white = source.shape[0], full_range(source)
        boxes = [(m.w, m.h) for m in known if m.kind == "object" and m.w and m.h]
        if boxes:
            width, height = (float(v) for v in np.median(boxes, axis=0))
            side = float(np.median([np.sqrt(w * h) for w, h in boxes]))
        else:
            width = height = side = _stand_out(given, by_name, white)
        long = lengths(known)
        view, typical = View(working_scale(side), white, channels), float(np.median(long[long > 0])) if boxes else side
        net = network(channels, 8, 8)
        weights = initial(net, np.random.default_rng((seed, 0)))
        views = Views(view, typical).suiting(known)
        finder = cls(views, (width, height), np.pi, seed, weights, Templates.none(channels))
        lessons = Lessons.read(views, finder.box, given, known)
        finder._lessons = lessons
        seen = [scene.canvas.pixels for scene in lessons.scenes]
        finder.weights = weights | whitened(seen, weights, np.random.default_rng((seed, 4)))
        finder._learn(lessons, known, FIRST, progress)
        return finder

    def correct(
        self, marks: str | Path | Sequence[Mark], pictures: Pictures | None = None, progress: Progress | None = None
    ) -> None:
        """Learn from more marks, going on from where it stands.

        Args:
            marks: a file of marks, or the marks: all of them, old and new.
            pictures: as for ``fit``; None: those that it has in memory.
            progress: called with the fraction that is done.

        Raises:
            FindingError: it was loaded from a file and no pictures are given.
            MarksError, PictureError: as for ``fit``.
        """
        known, lessons = _marks(marks), self._lessons
        views = self.views.suiting(known)
        if pictures is not None:
            lessons = Lessons.read(views, self.box, named(pictures), known)
        elif lessons is None:
            raise FindingError(
                "a finder that was loaded has no pictures in memory; give them: correct(marks, pictures)"
            )
        elif views != lessons.views:
            lessons = Lessons.read(views, self.box, lessons.given, known)
        else:
            lessons.enter(known)
        self.views, self._lessons = views, lessons
        self._learn(lessons, known, AGAIN, progress)

    @property
    def side(self) -> float:
        """Working pixels of the side of an object at the scale that suits it."""
        return self.views.side(self.box)

    def _learn(self, lessons: Lessons, marks: tuple[Mark, ...], course: Course, progress: Progress | None) -> None:
        scenes, self.marks, self.grey = lessons.scenes, marks, lessons.grey
        own = [(s, o) for s in scenes for o in s.objects]
        chosen = _some(len(own))
        templates = [(k, *own[k]) for k in chosen]
        if len(own) >= 2 * self.leaning:
            # so many more marks tell it better
            places = [(s.canvas.pixels, o[:2]) for _, s, o in templates]
            self.turn, self.leaning = lean(places, self.side, np.random.default_rng((self.seed, 2))), len(own)
        typical = np.array(self.box, np.float32) * np.float32(self.views.typical.scale)
        things = [patch(s.canvas, o) for s, o in own]
        others = [patch(s.canvas, np.concatenate([o, typical])) for s in scenes for o in s.nots]
        material = Material(scenes, things, others, self.turn, self.side)
        material.gather()
        drawn = any(m.kind == "object" and not m.is_point for m in marks)
        # what was marked before is not made ready again
        ready = self.templates.register
        self.templates = Templates(
            np.stack([example(s.canvas.pixels, o[:2], self.side) for _, s, o in templates]),
            breadths([things[k] for k in chosen], drawn=drawn) / np.float32(self.views.typical.scale),
            tuple(things[k].pixels for k in chosen),
            self.side,
            self.turn,
            self.templates.axes,
        )
        self.templates.register = Register(self.templates.things, ready)
        self.rounds += 1
        learner = Learner(self.views.typical.channels, self.weights)
        study = Study(material, learner, self.templates, templates, self.seed, self.views.typical.step)
        self.weights = learner.run(material, course, (self.seed, self.rounds), study.look, progress)
        self.calibration, self.closely = study.calibration(self.weights)
        self.taken = lessons.taken()

    # ---- keeping ----

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, in one step: the network, the marked objects as templates, and the marks.

        Raises:
            OSError: it cannot be written there.
        """
        saving.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote; it finds as before, and learns on when it is given pictures.

        Raises:
            FindingError: there is no such file, or it is damaged or something else.
        """
        return cls(**saving.load(Path(path)))

    # ---- finding ----

    def find(
        self, picture: Given, progress: Progress | None = None, marks: Sequence[Mark] = (), *, angles: bool = False
    ) -> Finds:
        """Find every instance in a picture.

        Args:
            picture: a path, an array (H, W) or (H, W, C), or a Pillow image.
            progress: called with the fraction that is done.
            marks: those of this very picture, whatever it is called in them. They stand above what is found: a marked
                object is a find of score 1 with its own box, a rejected place is none, and in a complete region there
                is nothing but the marked objects. None are taken from memory: a name may mean another picture now.
            angles: whether it is asked how each find is turned against the first marked object.

        Returns:
            What was found, the surest first.

        Raises:
            PictureError: it cannot be read.
            ValueError: it has other channels than those that were learned from.
        """
        likeness, known = self.templates.likeness, Known.of(marks, self.box)
        found, lying = [Candidates.none()], np.zeros(len(known.objects))
        home = self.views.home(known.objects[:, 2:].max(axis=1))
        with source_of(picture) as source:
            views, done = self.views.suited(source).all, 0
            blocks = sum(1 for view in views for _ in view.searched(source))
            for scale, view in enumerate(views):
                for canvas in view.canvases(source):

                    def told(part: float, done: int = done) -> None:
                        if progress is not None:
                            progress((done + part) / blocks)

                    found.append(self._candidates(canvas, likeness, told))
                    at = canvas.inward(middles(known.objects))
                    own = canvas.owns(at) & (home == scale)
                    lying[own] = turns(likeness, likeness.matched(canvas.pixels, at[own])[1])
                    told(1.0)
                    done += 1
            size = source.shape[1], source.shape[2]
            remarks = tuple(f"{kind}: {text}" for kind, text in source.remarks)
            faded = source.shape[0] == 1 < self.views.typical.channels and not self.grey
        name = Path(picture).name if isinstance(picture, (str, Path)) else ""
        area = size[0] * size[1] / (self.box[0] * self.box[1])
        claimed = self._claimed(Candidates.joined(found), known, lying, area)
        if faded:
            claimed = replace(claimed, interval=None, note=FADED)
        turned = claimed.angles if angles else None
        return replace(claimed, image=name, size=size, picture=picture, angles=turned, remarks=remarks)

    def _candidates(self, canvas: Canvas, likeness: Likeness, progress: Progress) -> Candidates:
        """What could be objects in a canvas' block."""
        # a picture that was learned from was searched at the end
        looked = self._lessons.peaks(canvas, self.weights) if self._lessons else None
        at, firm = looked or places_in(canvas, self.weights, self.side)
        progress(SCANNED)

        least = min(self.closely.least, self.calibration.least)

        def hopeful(some: Whole, rough: Floats) -> NDArray[np.bool_]:
            # most peaks are so unlike the marks that they are not sure enough: they are compared at one shift alone
            found: NDArray[np.bool_] = firm[some] + LIKE * (overall(rough) + NUDGE) >= least
            return found

        close, alike, variants = likeness.promising(canvas.pixels, at, hopeful)
        at, firm = at[close], firm[close]
        scores = scores_of(firm, overall(alike))
        some = scores >= least
        at, firm, scores, alike, variants = at[some], firm[some], scores[some], alike[some], variants[some]
        sure, gain, middle = scores >= self.closely.least, np.zeros_like(scores), at.copy()
        how = likeness.angles[variants[sure]], likeness.scales[variants[sure]]
        laid = self.templates.register.lay(canvas.pixels, at[sure], alike[sure], *how)
        gain[sure], middle[sure] = self.closely.gain(laid.overall()), laid.middles()
        large = sizes(likeness, self.templates.breadths, alike, variants) * (canvas.step / self.views.typical.step)
        return Candidates(
            boxes=np.concatenate([canvas.outward(middle) - large / 2, large], 1),
            scores=scores + gain,
            turned=turns(likeness, variants),
            sides=np.full(len(at), self.side * canvas.step),
            logits=firm,
        )

    def why(self, picture: Given, boxes: ArrayLike) -> list[Why]:
        """What speaks for places of a picture: the marked object each is most like, and where the network looked.

        Args:
            picture: as for ``find``.
            boxes: (N, 4) x, y, w, h in displayed pixels, as in ``Finds``.

        Returns:
            A ``Why`` for each box, which draws itself.

        Raises:
            PictureError, ValueError: as for ``find``.
        """
        around, found = np.asarray(boxes, np.float64).reshape(-1, 4), list[Why]()
        asker = Asker(self.views.typical, self.weights, self.templates)
        home = self.views.home(around[:, 2:].max(axis=1))
        with source_of(picture) as source:
            views = self.views.suited(source).all
            for place, view in zip(middles(around), (views[scale] for scale in home), strict=True):
                canvas = view.canvas(source, block_about(view, view.size(source), place))
                found += asker.ask(canvas, canvas.inward(place[None]))
        return found

    def _claimed(self, found: Candidates, known: Known, lying: Angles, area: float) -> Finds:
        """Finds and near misses from candidates of any order, and from what is known, with the angles of both.

        ``area`` says how many times as large as an object the picture is.
        """
        found = found.ordered()
        score, at = found.scores.astype(np.float64), middles(found.boxes)
        free = known.free(at)
        for side in np.unique(found.sides) if len(self.views.sizes) > 1 else ():
            own = found.sides == side
            free[own] = known.about(float(side)).free(at[own])
        rest = score[~free & ~distances(known.objects, at)[1]]
        told = score[free], found.logits[free].astype(np.float64)
        belief, like = recognised(self.calibration, *told), kindred(self.calibration, *told)
        others = belief.lookalikes
        if others is not None:
            others = max(others * area - int((rest >= belief.cut).sum()), 0.0)
        many = belief.many * area - len(lying)
        seen = learn(belief, score[free], rest, expected=many, lookalikes=others, like=like)
        kept = free & (score >= self.calibration.cut)
        found, score = found.chosen(kept), score[kept]
        best = seen.best()
        interval, note = self._counted(seen, int((score >= best).sum()), len(lying))
        finds = Finds.split(
            "",
            np.concatenate([known.objects, found.boxes]),
            np.concatenate([np.ones_like(lying), seen.probabilities(score)]),
            float(seen.probabilities(np.array(best))) if np.isfinite(best) else 1.0,
            angles=np.concatenate([lying, found.turned]),
            interval=interval,
            note=note,
        )
        return replace(finds, marked=len(lying))

    def _counted(self, seen: Posterior, claimed: int, known: int) -> tuple[tuple[int, int] | None, str]:
        """The count's interval, which holds what is claimed as well, and what there is to say of it."""
        if sum(m.kind == "object" for m in self.marks) < 2:
            return None, "one mark is too few to tell how sure the count is"
        low, high = seen.interval()
        low, high = known + min(low, claimed), known + max(high, claimed)
        return (low, high), "too few marks to tell the count" if high > VAGUE * low + FEW else ""


def _some(count: int) -> list[int]:
    """Which of so many places are compared with: of many some of all, for the last ones came with corrections."""
    found: list[int] = np.unique(np.linspace(0, count - 1, min(count, EXAMPLES)).round().astype(int)).tolist()
    return found


def _stand_out(given: dict[str, Given], by_name: dict[str, list[Mark]], white: float) -> float:
    """The side of what is marked by points, in displayed pixels."""
    windows: list[Window] = []
    for name, own in by_name.items():
        points = [m.centre for m in own if m.kind == "object"][: EXAMPLES - len(windows)]
        if points:
            with source_of(given[name]) as source:
                windows += [Window.of(source, point, white) for point in points]
    return side_of(windows)


def _marks(marks: str | Path | Sequence[Mark]) -> tuple[Mark, ...]:
    return tuple(read_marks(marks) if isinstance(marks, (str, Path)) else marks)
