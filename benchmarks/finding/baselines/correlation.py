"""Rotated normalised cross-correlation: every mark is a template, turned through its range.

The ellipse that fills a mark's box is compared, per channel without its mean. A rejected place is a template as well:
where one fits better than every object, nothing is found. PyTorch does the sums; nothing is learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from convlens.data import Mark

from ..protocol import Finds
from ..truth import Family, Pixels
from .working import Floats, Labels, extent, finds, peaks, resized

AT_ONCE = 16
"""Templates that are correlated in one call: enough to be quick, few enough to fit in memory."""
FLAT = 1e-3
"""Deviation of a pixel below which surroundings are flat and correlate with nothing."""


@dataclass(frozen=True, eq=False)
class Template:
    """A mark's surroundings at the working scale, (S, S, 3), the box in it, and the box's size in pixels."""

    patch: Floats
    inner: tuple[float, float]
    size: tuple[float, float]

    def turned(self, angle: float, magnified: float = 1.0) -> tuple[Floats, Floats]:
        """The patch and the mask (S, S) of the ellipse in the box, turned by degrees."""
        turn = np.deg2rad(angle)
        inverse = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / magnified
        middle = (self.patch.shape[0] - 1) / 2
        offset = middle - inverse @ (middle, middle)
        planes = [
            ndimage.affine_transform(self.patch[..., c], inverse, offset, order=1, mode="reflect") for c in range(3)
        ]
        y, x = np.indices(self.patch.shape[:2]) - middle
        y, x = np.tensordot(inverse, np.stack([y, x]), 1)
        inside = np.hypot(x / (self.inner[0] / 2), y / (self.inner[1] / 2)) <= 1
        return np.stack(planes, 2), inside.astype(np.float32)


class Correlation:
    """The finder.

    Args:
        family: its rotation range alone is used.
        side: pixels of a typical object at the working scale.
        step: degrees between two turns.
        rule: of the threshold.
        most: templates of each kind; the newest stay.
    """

    def __init__(
        self, family: Family, side: float = 12.0, step: float = 20.0, rule: str = "valley", most: int = 6
    ) -> None:
        self.side, self.rule, self.most = side, rule, most
        if family.rotation >= 180:
            self.angles = np.arange(0, 360, step)
        else:
            self.angles = np.linspace(-family.rotation, family.rotation, 2 * round(family.rotation / step) + 1)

    def fit(self, pictures: Mapping[str, Pixels], marks: Sequence[Mark], seed: int) -> None:
        self.labels = Labels(pictures, list(marks))
        self._prepare()

    def correct(self, marks: Sequence[Mark]) -> None:
        self.labels.marks += marks
        self._prepare()

    def find(self, picture: Pixels) -> Finds:
        small = resized(picture, self.scale)
        response, which = self._respond(small, self.objects)
        if self.nots:
            response = np.where(self._respond(small, self.nots)[0] >= response, np.float32(-1), response)
        places, scores = peaks(response, 0.5 * self.side)
        sizes = np.array([t.size for t in self.objects])[which[places[:, 1].astype(int), places[:, 0].astype(int)]]
        return finds((places + 0.5) / self.scale, scores, sizes, self.rule, self.own, self.own_nots)

    def _prepare(self) -> None:
        self.scale = self.side / self.labels.side
        marks = {kind: self.labels.of(kind)[-self.most :] for kind in ("object", "not")}
        longest = max(max(extent(mark)[2:]) for kind in marks.values() for mark in kind)
        self.reach = int(np.ceil(longest * self.scale / 2))
        self.smalls = {name: resized(picture, self.scale) for name, picture in self.labels.pictures.items()}
        self.objects = [self._template(mark) for mark in marks["object"]]
        self.nots = [self._template(mark) for mark in marks["not"]]
        self.own = np.array([self._unmarked(i) for i in range(len(self.objects))])
        self.own_nots = np.array([self._score(t, self.objects) for t in self.nots])

    def _template(self, mark: Mark) -> Template:
        reach = self.reach
        cx, cy, width, height = extent(mark)
        x, y = round(cx * self.scale - 0.5), round(cy * self.scale - 0.5)
        wide = np.pad(self.smalls[mark.image], ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        patch = wide[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
        return Template(patch, (width * self.scale, height * self.scale), (width, height))

    def _respond(self, small: Floats, templates: Sequence[Template]) -> tuple[Floats, NDArray[np.intp]]:
        """The best correlation at each pixel as a template's centre, and whose it is."""
        picture = torch.from_numpy(np.ascontiguousarray((small - small.mean((0, 1))).transpose(2, 0, 1)))
        picture = F.pad(picture[None], (self.reach,) * 4, mode="replicate")
        best = torch.full(small.shape[:2], -1.0)
        which = torch.zeros(small.shape[:2], dtype=torch.int64)
        turned = [(i, *template.turned(angle)) for i, template in enumerate(templates) for angle in self.angles]
        for begin in range(0, len(turned), AT_ONCE):
            some = turned[begin : begin + AT_ONCE]
            parts = np.stack([part.transpose(2, 0, 1) for _, part, _ in some])
            found = correlate(picture, torch.from_numpy(parts), torch.from_numpy(np.stack([mask for *_, mask in some])))
            top, place = found.max(0)
            better = top > best
            best[better] = top[better]
            which[better] = torch.tensor([i for i, *_ in some])[place[better]]
        return best.numpy(), which.numpy()

    def _score(self, template: Template, others: Sequence[Template]) -> float:
        """The best that other templates score near the middle of this one's patch."""
        reach = max(1, round(0.15 * self.side))
        middle = slice(self.reach - reach, self.reach + reach + 1)
        return float(self._respond(template.patch, others)[0][middle, middle].max())

    def _unmarked(self, i: int) -> float:
        """What an object would score if it were not marked; one alone: as itself, turned and magnified a little."""
        others = [template for j, template in enumerate(self.objects) if j != i]
        template = self.objects[i]
        if others:
            return self._score(template, others)
        return self._score(Template(template.turned(7.5, 1.15)[0], template.inner, template.size), [template])


def correlate(picture: torch.Tensor, parts: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Normalised cross-correlations under masks: covariance over both deviations, channels together.

    Args:
        picture: (1, C, H + S - 1, W + S - 1).
        parts: (T, C, S, S).
        masks: (T, S, S), 0 or 1.

    Returns:
        (T, H, W), from -1 to 1; -1 where the picture is flat.
    """
    inside = masks[:, None]
    count = inside.sum((2, 3), keepdim=True)
    parts = (parts - (parts * inside).sum((2, 3), keepdim=True) / count) * inside
    parts = parts / (parts.square().sum((1, 2, 3), keepdim=True).sqrt() + 1e-9)
    sums = F.conv2d(picture.transpose(0, 1), inside)
    squares = F.conv2d(picture.square().sum(1, keepdim=True), inside)[0]
    spread = squares - (sums.square() / count[None, :, 0]).sum(0)
    flat = spread < FLAT**2 * count[:, 0]
    found = F.conv2d(picture, parts)[0] / spread.clamp_min(1e-12).sqrt()
    found[flat] = -1
    return found
