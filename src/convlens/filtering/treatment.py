"""What a file's cells are made into before a kernel slides over them, and what its sums become in the file's type.

The same for a picture in memory and for a tile of one that is larger: what depends on all sums comes in a ``Tally``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .gallery import Taps
from .rounding import rounded
from .showing import Tally, centred, signed, told_centred, told_ended

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue in what a colour's lightness is: ITU-R BT.601, as in Pillow and OpenCV."""


@dataclass(frozen=True)
class Treatment:
    """How cells become sums, and sums cells.

    Args:
        cells: the type of what is read.
        sums: the type that the kernel slides over.
        shown: "plain": the sums, rounded as ``filter`` does; "ended": as the cells' type, where it ends they end;
            "centred": with zero in the middle of it; "wide": as they are, in another type than the cells'.
        light: whether red, green and blue are taken as their lightness.
    """

    cells: np.dtype[Any]
    sums: np.dtype[Any]
    shown: Literal["plain", "ended", "centred", "wide"] = "plain"
    light: bool = False

    @classmethod
    def of(cls, cells: np.dtype[Any], taps: Taps, *, light: bool, any_type: bool) -> Treatment:
        """For cells of a type and a kernel.

        Args:
            cells: the type.
            taps: the kernel.
            light: whether colours are taken as their lightness.
            any_type: whether what is written can hold floats as well as whole numbers.
        """
        cells = cells.newbyteorder("=")
        if cells.kind == "f":
            # floats stay what they are; lightness is computed in float32
            return cls(cells, np.dtype(np.float32) if light else cells, "plain", light)
        wide = np.dtype(np.float32 if light or cells.itemsize < 4 else np.float64)
        if not light and taps.min() >= 0 and taps.sum() <= 1:
            # a mean of cells is none that their type does not have
            return cls(cells, cells)
        if signed(taps) and cells.kind == "u":
            return cls(cells, wide, "wide" if any_type else "centred", light)
        return cls(cells, wide, "ended", light)

    @property
    def written(self) -> np.dtype[Any]:
        """The type of the result."""
        return self.sums if self.shown == "wide" else self.cells

    def before(self, cells: NDArray[Any]) -> NDArray[Any]:
        """What the kernel slides over: (..., 3) becomes (...) where lightness is taken."""
        if self.light:
            # colour by colour: a product of matrices rounds by where a cell lies among others
            red, green, blue = (cells[..., c].astype(np.float32) * np.float32(w) for c, w in enumerate(LUMINANCE))
            found: NDArray[Any] = red + green + blue
            return found
        return cells.astype(self.sums, copy=False)

    def tally(self, sums: NDArray[Any]) -> Tally:
        """What there is to say of sums."""
        return Tally.of(sums, self.cells) if self.shown in ("ended", "centred") else Tally()

    def after(self, sums: NDArray[Any], tally: Tally) -> NDArray[Any]:
        """The cells that sums become; ``tally`` is that of all of them."""
        if self.shown == "centred":
            return centred(sums, self.cells, tally)
        return rounded(sums, self.written)

    def told(self, tally: Tally) -> tuple[str, ...]:
        """What may surprise."""
        if self.shown == "wide":
            return (f"signed sums of {self.cells} are written as {self.sums}",)
        if self.shown == "centred":
            return (told_centred(tally, self.cells),)
        said = told_ended(tally, self.cells) if self.shown == "ended" else ""
        return (said,) if said else ()
