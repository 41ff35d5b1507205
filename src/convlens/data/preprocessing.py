"""From a raw example to what a network sees: one multiplication and one addition a channel.

A text is kept as a code a character and becomes as many channels as its alphabet has characters, one of them lit.
The numbers come from the training split (`survey.py` computes them) and are stored in model files, so they also come
back from files that somebody else wrote: `Preprocessing` checks every field.  Nothing here reads an example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from convlens.data.errors import DataError

Kind = Literal["signal", "picture", "volume", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AXES: dict[Kind, int] = {"signal": 2, "picture": 3, "volume": 4, "text": 2}
"""Of an example, its channels among them."""

# Whole-number cells are divided by their largest value, so that mean and std speak of 0 to 1; floats stay as they are.
SCALES: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
DTYPES = tuple(SCALES)
MOST_CHANNELS = 255
"""Of a text: a byte holds the codes, and 0 is no character."""


def kind_of(shape: tuple[int, ...]) -> Kind:
    """Name what an example of this shape is: CxW a signal, CxHxW a picture, CxDxHxW a volume.

    >>> kind_of((1, 28, 28))
    'picture'

    Raises:
        DataError: there are fewer or more than one to three spatial dimensions.
    """
    if not 2 <= len(shape) <= 4:
        raise DataError(f"an example is CxW, CxHxW or CxDxHxW, not {'x'.join(map(str, shape)) or 'a single number'}")
    return KINDS[len(shape) - 2]


@dataclass(frozen=True)
class Preprocessing:
    """How a raw example becomes the input of a network: ``(raw / scale - mean) / std``, channel by channel.

    Args:
        kind: "signal", "picture" or "volume".
        shape: of one example, (C, *spatial).
        dtype: of the raw cells: "uint8", "uint16" or "float32".
        scale: what the raw cells are divided by: 255, 65535 or 1.
        mean: of the training split after the division, one a channel.
        std: likewise; 1 where a channel does not vary.
        rate: samples a second, of sounds.
        alphabet: of texts, the characters that have a channel each, in the order of Unicode; the last channel is that
            of all other characters.

    Raises:
        DataError: a field contradicts another or is no finite number.

    >>> p = Preprocessing("picture", (1, 2, 2), "uint8", 255.0, (0.5,), (0.25,))
    >>> p.apply(np.array([[[[0, 255], [0, 255]]]], np.uint8)).tolist()
    [[[[-2.0, 2.0], [-2.0, 2.0]]]]
    """

    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rate: int | None = None
    alphabet: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or len(self.shape) != AXES[self.kind]:
            raise DataError(f"preprocessing says {self.kind!r} of shape {self.shape}, which do not fit together")
        if not all(1 <= n < 2**31 for n in self.shape):
            raise DataError(f"preprocessing has the shape {self.shape}; sizes are at least 1 and below 2**31")
        if self.kind == "text":
            self._check_text()
        elif self.alphabet or SCALES.get(self.dtype) != self.scale:
            raise DataError(f"preprocessing divides {self.dtype!r} by {self.scale}; known are {SCALES}")
        if self.rate is not None and (self.kind != "signal" or not 1 <= self.rate < 2**32):
            raise DataError(f"preprocessing gives a {self.kind} the rate {self.rate}; signals have one, from 1")
        if not len(self.mean) == len(self.std) == self.shape[0]:
            raise DataError(f"preprocessing needs {self.shape[0]} means and stds, one a channel")
        if not all(math.isfinite(m) for m in self.mean) or not all(math.isfinite(s) and s > 0 for s in self.std):
            raise DataError(f"preprocessing has mean {self.mean} and std {self.std}; they are finite and std above 0")

    def _check_text(self) -> None:
        if (self.dtype, self.scale) != ("uint8", 1.0):
            raise DataError(f"preprocessing keeps text as {self.dtype!r} over {self.scale}; its codes are uint8 over 1")
        if list(self.alphabet) != sorted(set(self.alphabet)) or len(self.alphabet) != self.shape[0] - 1:
            raise DataError(
                f"preprocessing has {self.shape[0]} channels for an alphabet of {len(self.alphabet)} characters; it "
                "needs one for each, in the order of Unicode, and one for the rest"
            )
        if self.shape[0] > MOST_CHANNELS:
            raise DataError(
                f"preprocessing has an alphabet of {self.shape[0]} channels; a code reaches {MOST_CHANNELS}"
            )

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """The shape of a raw example: of a text a code a character, (1, W); of all else that of the input."""
        return (1, *self.shape[1:]) if self.kind == "text" else self.shape

    @property
    def gain(self) -> NDArray[np.float32]:
        """What a raw cell is multiplied by, float32 (C,)."""
        return (1.0 / (np.asarray(self.std, np.float64) * self.scale)).astype(np.float32)

    @property
    def offset(self) -> NDArray[np.float32]:
        """What is added to the product, float32 (C,)."""
        return (-np.asarray(self.mean, np.float64) / np.asarray(self.std, np.float64)).astype(np.float32)

    def apply(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Turn raw examples, (N, C, *spatial), into float32 input of the same shape.

        Raises:
            DataError: the shape or the cell type differs from what the network was trained on.
        """
        if raw.shape[1:] != self.raw_shape or raw.dtype.name != self.dtype:
            raise DataError(
                f"the network sees {self.dtype} of shape {self.raw_shape}, not {raw.dtype} of shape {raw.shape[1:]}; "
                "read the example with read_example, which conforms it"
            )
        column = (-1,) + (1,) * (len(self.shape) - 1)
        x = self.lit(raw) if self.kind == "text" else raw.astype(np.float32)
        x *= self.gain.reshape(column)
        x += self.offset.reshape(column)
        return x

    def lit(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes of texts, (N, 1, W), as channels, (N, C, W): 1 in that of the character, 0 elsewhere.

        >>> two = Preprocessing("text", (3, 4), "uint8", 1.0, (0.0,) * 3, (1.0,) * 3, alphabet="ab")
        >>> two.lit(np.array([[[1, 2, 3, 0]]], np.uint8)).tolist()
        [[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]]
        """
        number = np.arange(1, self.shape[0] + 1, dtype=np.uint8)[:, None]
        channels: NDArray[np.float32] = (codes == number).astype(np.float32)
        return channels

    def to_json(self) -> dict[str, Any]:
        """Give the fields as values that JSON can hold; the rate and the alphabet only where there is one."""
        more = {"rate": self.rate, "alphabet": self.alphabet}
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
            **{name: value for name, value in more.items() if value},
        }

    @classmethod
    def from_json(cls, value: object) -> Preprocessing:
        """Take the fields back from JSON that may have been written by anyone.

        Raises:
            DataError: a field is missing, unknown or of the wrong type or value.

        >>> p = Preprocessing("signal", (1, 9), "float32", 1.0, (0.0,), (1.0,))
        >>> Preprocessing.from_json(p.to_json()) == p
        True
        """
        names = ("kind", "shape", "dtype", "scale", "mean", "std")
        if not isinstance(value, Mapping) or set(value) - {"rate", "alphabet"} != set(names):
            raise DataError(
                f"preprocessing must be an object with exactly the fields {', '.join(names)}, "
                "and perhaps rate or alphabet"
            )
        if not isinstance(value["kind"], str) or not isinstance(value["dtype"], str):
            raise DataError("preprocessing must name its kind and dtype in words")
        shape = tuple(_numbers(value["shape"], "shape", whole=True))
        (scale,) = _numbers([value["scale"]], "scale")
        mean, std = (tuple(_numbers(value[name], name)) for name in ("mean", "std"))
        rate = _numbers([value["rate"]], "rate", whole=True)[0] if "rate" in value else None
        alphabet = value.get("alphabet", "")
        if not isinstance(alphabet, str):
            raise DataError("preprocessing must hold the alphabet as text")
        kind, shape = cast(Kind, value["kind"]), cast(tuple[int, ...], shape)
        return cls(kind, shape, value["dtype"], scale, mean, std, cast(int | None, rate), alphabet)


def _numbers(value: object, name: str, whole: bool = False) -> list[float]:
    """Take a list of numbers; true and false are none, though Python counts them as whole numbers."""
    if not isinstance(value, list):
        raise DataError(f"preprocessing must hold a list of numbers as {name}")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int if whole else (int, float)):
            raise DataError(
                f"preprocessing holds {item!r} in {name}, where a {'whole ' if whole else ''}number belongs"
            )
        if abs(item) > 2**1000:
            raise DataError(f"preprocessing holds a number in {name} that is too large")
    return [item if whole else float(item) for item in value]
