"""What was found in one picture: boxes, how sure each is, how many there are; a value that shows itself in a notebook.

Nothing here finds or decides; drawing is in ``overlay.py``, files are in ``outputs.py``.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from convlens.training.report_text import text

Floats = NDArray[np.float64]
Picture = str | Path | NDArray[Any] | Image.Image
"""A file, an array (H, W) or (H, W, C), or a Pillow image."""

SHOWN = 1200
"""Pixels of a notebook's picture along its longer side."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Places in a picture: (N, 4) x, y of the top left corner, width and height, and scores (N,), the highest first.

    Raises:
        ValueError: the shapes do not fit, numbers are not finite, or the scores rise.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    scores: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4 or self.scores.shape != self.boxes.shape[:1]:
            raise ValueError(f"boxes (N, 4) and scores (N,) are wanted, not {self.boxes.shape} and {self.scores.shape}")
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError("boxes and scores must be finite numbers")
        if (np.diff(self.scores) > 0).any():
            raise ValueError("scores must fall; Finds.split sorts")

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, eq=False)
class Finds(Boxes):
    """What was found in one picture.

    Args:
        boxes: float64 (N, 4): x, y of the top left corner, width and height in displayed pixels.
        scores: float64 (N,), 0 to 1, the highest first.
        image: the picture's name.
        threshold: the score from which on a place counts as found.
        interval: least and greatest number of objects that is credible; None where that cannot be told.
        note: why there is no interval, or what is to be said of it.
        angles: (N,) radians, clockwise on the screen, by which each is turned; None if not asked for.
        near: places just below the threshold, for reports and checks.
        size: (height, width) of the picture.
        picture: where its pixels are, for drawing.
        remarks: what was done to it while it was read that may surprise.
        marked: how many of the first are objects that a person marked.

    >>> finds = Finds.split("a.png", [[0, 0, 9, 9], [20, 0, 9, 9], [40, 0, 9, 9]], [0.2, 0.9, 0.6], threshold=0.5)
    >>> finds.count, finds.scores.tolist(), finds.near.scores.tolist()
    (2, [0.9, 0.6], [0.2])
    >>> finds
    Finds(a.png: 2 found from score 0.5, 1 near miss)
    """

    image: str = ""
    threshold: float = 0.5
    interval: tuple[int, int] | None = None
    note: str = ""
    angles: Floats | None = None
    near: Boxes = field(default_factory=Boxes)
    size: tuple[int, int] | None = None
    picture: Picture | None = None
    remarks: tuple[str, ...] = ()
    marked: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.angles is not None and self.angles.shape != self.scores.shape:
            raise ValueError(f"{len(self)} finds need as many angles, not {self.angles.shape}")
        if not 0 <= self.marked <= len(self):
            raise ValueError(f"of {len(self)} finds {self.marked} cannot be marked")
        if self.interval is not None and not 0 <= self.interval[0] <= self.interval[1]:
            raise ValueError(f"an interval goes from a count up to another, not {self.interval}")

    @classmethod
    def split(
        cls,
        image: str,
        boxes: ArrayLike,
        scores: ArrayLike,
        threshold: float,
        *,
        angles: ArrayLike | None = None,
        interval: tuple[int, int] | None = None,
        note: str = "",
        size: tuple[int, int] | None = None,
        picture: Picture | None = None,
    ) -> Self:
        """Sort places by score, the highest first, and part those from the threshold on from the near misses."""
        values = np.asarray(scores, np.float64).reshape(-1)
        order = np.argsort(-values, kind="stable")
        places, values = np.asarray(boxes, np.float64).reshape(-1, 4)[order], values[order]
        turned = None if angles is None else np.asarray(angles, np.float64).reshape(-1)[order]
        many = int((values >= threshold).sum())
        return cls(
            boxes=places[:many],
            scores=values[:many],
            image=image,
            threshold=threshold,
            interval=interval,
            note=note,
            angles=None if turned is None else turned[:many],
            near=Boxes(places[many:], values[many:]),
            size=size,
            picture=picture,
        )

    @property
    def count(self) -> int:
        """How many were found."""
        return len(self)

    @property
    def counted(self) -> str:
        """The count with its interval, in words.

        >>> Finds.split("a.png", [[0, 0, 9, 9]], [0.9], 0.5, interval=(1, 3)).counted
        '1 (1 to 3)'
        """
        if self.interval is None:
            return f"{self.count:,} ({self.note})" if self.note else f"{self.count:,}"
        low, high = self.interval
        return f"{self.count:,} ({low:,} to {high:,}{f'; {self.note}' if self.note else ''})"

    def draw(self, picture: Picture | None = None, longest: int | None = None) -> Image.Image:
        """The picture with a box around each find.

        Args:
            picture: the pixels, if these finds do not know where they are.
            longest: pixels of the longer side at most, within which a picture of very small finds is enlarged; as large
                as the picture if None.

        Raises:
            ValueError: it is not known where the pixels are.
        """
        from .overlay import draw

        return draw(self, self._pixels(picture), longest)

    def _pixels(self, picture: Picture | None) -> Picture:
        chosen = self.picture if picture is None else picture
        if chosen is None:
            raise ValueError(f"the pixels of {self.image} are not known here; give the picture: finds.draw(picture)")
        return chosen

    def _repr_png_(self) -> bytes | None:
        if self.picture is None:
            return None
        held = io.BytesIO()
        self.draw(longest=SHOWN).save(held, "PNG")
        return held.getvalue()

    def _repr_html_(self) -> str:
        rows = [f"<b>{text(self.image)}</b>: {text(self.counted)} found from score {self.threshold:.2f}"]
        if self.near.scores.size:
            rows.append(f"{len(self.near):,} near {'miss' if len(self.near) == 1 else 'misses'}")
        drawn = self._repr_png_()
        shown = ""
        if drawn is not None:
            source = base64.b64encode(drawn).decode()
            shown = f'<br><img style="max-width:100%" alt="" src="data:image/png;base64,{source}">'
        return f"<p>{', '.join(rows)}{shown}</p>"

    def __repr__(self) -> str:
        near = f", {len(self.near):,} near {'miss' if len(self.near) == 1 else 'misses'}" if len(self.near) else ""
        return f"Finds({self.image}: {self.counted} found from score {self.threshold:.3g}{near})"
