"""Pictures of any size as a scan reads them: a region at a time, whatever holds them, as planar float32.

Nothing here knows a network. A picture is never copied as a whole.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import EngineError
from .parameters import Floats

Order = Literal["first", "last"]


class Source(Protocol):
    """What holds a picture: an array, a memory map, or any object with these three.

    ``shape`` is (H, W), (H, W, C) or (C, H, W); slices ``[y0:y1, x0:x1]`` give that part of every channel, (h, w),
    (h, w, C) or (C, h, w). An array is sliced as arrays are, wherever its channels stand.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, part: Any, /) -> Any: ...


class Picture:
    """A source and how its numbers are read.

    Args:
        source: the picture.
        channels: how many it has.
        order: where its channels stand; None: first if there are as many as ``channels``, else last.
        scale: numbers are multiplied by it, see ``per_channel``.
        shift: and it is added.

    Raises:
        EngineError: it is no picture of so many channels, has no pixels, or holds no numbers.
    """

    def __init__(
        self, source: Source, channels: int, order: Order | None, scale: Floats | None, shift: Floats | None
    ) -> None:
        try:
            shape, kind = tuple(source.shape), np.dtype(source.dtype).kind
        except (AttributeError, TypeError):
            raise EngineError(
                "a picture is a NumPy array, or has shape, dtype and slices [rows, columns] as one has; "
                f"this is a {type(source).__name__}"
            ) from None
        if kind not in "biuf":
            raise EngineError(f"a picture holds numbers, not {source.dtype}")
        if order not in (None, "first", "last"):
            raise EngineError(f'channels stand "first" or "last", not "{order}"')
        spelled = "x".join(map(str, shape)) or "one number"
        if order is None:
            order = "first" if len(shape) == 3 and shape[0] == channels else "last"
        if len(shape) == 2:
            shape, order = (*shape, 1), "last"
        if len(shape) != 3:
            raise EngineError(f"a picture has rows, columns and channels, not the shape {spelled}")
        if (found := shape[0 if order == "first" else 2]) != channels:
            raise EngineError(
                f"the network reads {_counted(channels)}, but the picture {spelled} has {_counted(found)}"
                + ("" if order == "first" else " in its last place")
            )
        self.size: tuple[int, int] = shape[1:3] if order == "first" else shape[:2]
        if 0 in self.size:
            raise EngineError(f"the picture {spelled} has no pixels")
        self._source, self._first, self._flat = source, order == "first", len(source.shape) == 2
        self._all = (slice(None),) if self._first and isinstance(source, np.ndarray) else ()
        self._scale, self._shift = scale, shift

    def read(self, rows: slice, columns: slice, into: Floats) -> None:
        """Write the part of the picture at these rows and columns to ``into`` (C, rows, columns).

        Raises:
            EngineError: the source gives another shape than was asked for.
        """
        part: NDArray[Any] = np.asarray(self._source[(*self._all, rows, columns)])
        if self._flat:
            part = part[None]
        elif not self._first:
            part = part.transpose(2, 0, 1) if part.ndim == 3 else part
        if part.shape != into.shape:
            raise EngineError(
                f"the picture gave an array of {part.shape} for the rows {rows.start} to {rows.stop} and the columns "
                f"{columns.start} to {columns.stop}"
            )
        np.copyto(into, part, casting="unsafe")
        if self._scale is not None:
            into *= self._scale
        if self._shift is not None:
            into += self._shift


def per_channel(numbers: ArrayLike, channels: int, what: str) -> Floats | None:
    """A number for every channel, as (C, 1, 1) float32; None where it changes nothing.

    Raises:
        EngineError: it is neither one number nor one a channel.

    >>> per_channel(1.0, 3, "scale") is None, per_channel([1, 2], 2, "scale").shape
    (True, (2, 1, 1))
    """
    try:
        found = np.asarray(numbers, np.float32)
    except (TypeError, ValueError):
        raise EngineError(f"the {what} must be a number, or one for each channel, not {numbers!r}") from None
    if found.shape not in ((), (channels,)):
        raise EngineError(
            f"the {what} must be one number, or {_counted(channels, 'number')}, not an array of {found.shape}"
        )
    nothing = 1.0 if what == "scale" else 0.0
    return None if (found == nothing).all() else found.reshape(-1, 1, 1)


def _counted(count: int, noun: str = "channel") -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
