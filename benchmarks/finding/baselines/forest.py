"""A random forest on the answers of a bank of filters, pixel by pixel; needs scikit-learn.

The bank is the usual one of interactive segmentation: colour at several blurs, edges, blobs, and the eigenvalues of
Hessian and structure tensor, none of which depends on rotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-not-found,import-untyped,unused-ignore]

from convlens.data import Mark

from ..protocol import Finds
from ..truth import Family, Pixels
from .working import Floats, Labels, extent, finds, peaks, resized

BLURS = (0.7, 1.5, 3.0, 5.0)
FREE, UNSURE = -1, -2
FOLDS = 5
"""Parts of the marks that are left out in turn to see what they would score."""


def bank(small: Floats) -> Floats:
    """(H, W, F): what the filters answer."""
    answers = [small]
    grey = small.mean(2)
    for sigma in BLURS:
        answers.append(ndimage.gaussian_filter(small, (sigma, sigma, 0)))
        answers.append(np.stack([ndimage.gaussian_gradient_magnitude(small[..., c], sigma) for c in range(3)], 2))
        answers.append(ndimage.gaussian_laplace(grey, sigma)[..., None])
        gy, gx = (ndimage.gaussian_filter(grey, sigma, order) for order in ((1, 0), (0, 1)))
        tensor = [ndimage.gaussian_filter(a, 2 * sigma) for a in (gy * gy, gy * gx, gx * gx)]
        hessian = [ndimage.gaussian_filter(grey, sigma, order) for order in ((2, 0), (1, 1), (0, 2))]
        answers += [_eigenvalues(tensor), _eigenvalues(hessian)]
    return np.concatenate(answers, 2).astype(np.float32)


def _eigenvalues(matrix: Sequence[Floats]) -> Floats:
    a, b, c = matrix
    middle, half = (a + c) / 2, np.sqrt(((a - c) / 2) ** 2 + b * b)
    return np.stack([middle + half, middle - half], 2)


class Forest:
    """The finder.

    Args:
        side: pixels of a typical object at the working scale.
        background: pixels of the marked photos that are taken for none of the objects; some are, which costs little.
        trees: of the forest.
        smooth: blur of the map of probabilities, in sides of an object.
        rule: of the threshold.
    """

    def __init__(
        self,
        family: Family,
        side: float = 16.0,
        background: int = 3000,
        trees: int = 40,
        smooth: float = 0.2,
        rule: str = "otsu",
    ) -> None:
        self.side, self.background, self.trees, self.smooth, self.rule = side, background, trees, smooth, rule

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        self.labels, self.seed = Labels(pictures, list(marks)), seed
        self._learn()

    def correct(self, marks: Sequence[Mark]) -> None:
        self.labels.marks += marks
        self._learn()

    def find(self, picture: Pixels) -> Finds:
        response = self._probability(bank(resized(picture, self.scale)))
        places, scores = peaks(response, 0.5 * self.side)
        sizes = np.tile(self.labels.size, (len(places), 1))
        return finds((places + 0.5) / self.scale, scores, sizes, self.rule, self.own, self.own_nots)

    def _learn(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.scale = self.side / self.labels.side
        names = list(dict.fromkeys(mark.image for mark in self.labels.marks))
        rows: list[Floats] = []
        owners: list[NDArray[np.intp]] = []
        for name in names:
            answers = bank(resized(self.labels.pictures[name], self.scale))
            owner = self._owners(name, answers.shape[:2]).ravel()
            free = np.flatnonzero(owner == FREE)
            some = rng.choice(free, min(len(free), self.background // len(names)), replace=False)
            chosen = np.concatenate([np.flatnonzero(owner >= 0), some])
            rows.append(answers.reshape(-1, answers.shape[2])[chosen])
            owners.append(owner[chosen])
        x, owner = np.concatenate(rows), np.concatenate(owners)
        objects = np.array([mark.kind == "object" for mark in self.labels.marks])
        y = (owner >= 0) & objects[owner]
        self.forest = self._grown(x, y, self.trees)
        unmarked = self._unmarked(x, y, owner, objects)
        self.own, self.own_nots = unmarked[objects], unmarked[~objects]

    def _grown(self, x: Floats, y: NDArray[np.bool_], trees: int) -> RandomForestClassifier:
        return RandomForestClassifier(
            trees, min_samples_leaf=2, class_weight="balanced_subsample", random_state=self.seed, n_jobs=1
        ).fit(x, y)

    def _unmarked(
        self, x: Floats, y: NDArray[np.bool_], owner: NDArray[np.intp], objects: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """What each mark would score if it were not marked, from forests that grow without a part of the marks."""
        found = np.zeros(len(objects))
        for fold in range(FOLDS):
            out = (owner >= 0) & (owner % FOLDS == fold)
            if not out.any():
                continue
            rest = ~out
            # one mark alone scores as itself
            forest = self._grown(x[rest], y[rest], self.trees // 2) if y[rest].any() else self.forest
            known = forest.predict_proba(x[out])[:, 1]
            for i in np.unique(owner[out]):
                found[i] = known[owner[out] == i].mean()
        return found

    def _owners(self, name: str, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Whose each pixel is: a mark's by its number, FREE, or UNSURE at an object's edge."""
        owner = np.full(shape, FREE, np.intp)
        y, x = np.indices(shape, np.float32)
        for i, mark in enumerate(self.labels.marks):
            if mark.image == name:
                cx, cy, width, height = (v * self.scale for v in extent(mark))
                # an ellipse of half the box's sides is certainly the object; up to its sides it may be
                r = np.hypot((x + 0.5 - cx) / (width / 2), (y + 0.5 - cy) / (height / 2))
                owner[(r < 1.2) & (owner < 0)] = UNSURE
                owner[r < 0.5] = i
        return owner

    def _probability(self, answers: Floats) -> Floats:
        # every second pixel of every second row: the map is blurred over four pixels anyway
        some = answers[::2, ::2]
        known = self.forest.predict_proba(some.reshape(-1, answers.shape[2]))[:, 1].reshape(some.shape[:2])
        whole = np.repeat(np.repeat(known.astype(np.float32), 2, 0), 2, 1)[: answers.shape[0], : answers.shape[1]]
        smooth: Floats = ndimage.gaussian_filter(whole, self.smooth * self.side)
        return smooth
