"""What an operator is given: arrays of any number type as float32, and refusals that name the argument and its value.

    correlate(stride=0): the stride must be at least 1, not 0

Nothing here computes; what a layer may look like is said by ``network``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.network import NetworkError
from convlens.network.errors import shown
from convlens.network.layers import spell

from .errors import EngineError
from .memory import ensure

Floats = NDArray[np.float32]

AXES = {3: "N, C and one axis", 4: "N, C and two axes", 5: "N, C and three axes"}


@dataclass(frozen=True)
class Call:
    """A call of an operator, for whoever has to refuse it.

    Args:
        operator: its name.
        given: its arguments by name.
        fields: what a layer calls an argument, where its name is another.
    """

    operator: str
    given: Mapping[str, object]
    fields: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, sentence: str, argument: str) -> EngineError:
        """The error that says why an argument cannot be."""
        return EngineError(f"{self.operator}({argument}={described(self.given[argument])}): {sentence}", field=argument)

    @contextmanager
    def blaming(self, otherwise: str) -> Iterator[None]:
        """Let a NetworkError name the argument that it blames, or ``otherwise``."""
        try:
            yield
        except EngineError:
            raise
        except NetworkError as error:
            argument = self.fields.get(error.field or "", error.field or "")
            raise self.refusal(error.sentence, argument if argument in self.given else otherwise) from None

    def array(self, name: str) -> Floats:
        """The argument ``name`` as ``floats`` makes it."""
        try:
            return floats(self.given[name], name)
        except EngineError as error:
            raise self.refusal(error.sentence, name) from None

    def batch(self) -> Floats:
        """The argument ``x`` as (N, C, *spatial) with one to three spatial axes.

        Raises:
            EngineError: it has other axes, or one of size 0 besides N.
        """
        x = self.array("x")
        if x.ndim not in AXES:
            lacking = "; for a single example give x[None]" if x.ndim in (2, 3) else ""
            raise self.refusal(f"x must have the axes N, C and one to three more, not {x.ndim} axes{lacking}", "x")
        if 0 in x.shape[1:]:
            raise self.refusal(f"only the batch may be empty, not axis {x.shape[1:].index(0) + 1} of x", "x")
        return x

    def result(self, shape: tuple[int, ...], x: Floats, remedy: str) -> Floats:
        """The array ``out`` that is given for the result, or a new one.

        Args:
            shape: of the result.
            x: what is read meanwhile.
            remedy: what to do where the result does not fit into memory.

        Raises:
            EngineError: it does not, or ``out`` cannot hold the result.
        """
        out, named = self.given["out"], "x".join(map(str, shape))
        if out is None:
            ensure(4 * math.prod(shape), f"{self.operator}: the result {named}", remedy)
            return np.empty(shape, np.float32)
        if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.float32:
            raise self.refusal(f"out must be a float32 array of {named}", "out")
        if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
            raise self.refusal("out must be an array without gaps that may be written", "out")
        if np.may_share_memory(out, x):
            raise self.refusal("out must not share memory with x", "out")
        return out


def numbers(value: object, name: str) -> NDArray[Any]:
    """A value as an array of whatever it holds.

    Raises:
        EngineError: it is none, or its mask would be lost.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise EngineError(f"the mask of {name} would be lost; fill its holes first, as {name}.filled(0) does")
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split(".")[0].split())
        raise EngineError(f"{name} must be an array of numbers ({reason})") from None


def floats(value: object, name: str) -> Floats:
    """A value as a float32 array without gaps; what is beyond float32 becomes infinite.

    Raises:
        EngineError: it is no array of real numbers.

    >>> floats([True, 2, 1e300], "x")
    array([ 1.,  2., inf], dtype=float32)
    """
    array = numbers(value, name)
    if array.dtype.kind not in "biuf":
        remedy = "take .real or .imag" if array.dtype.kind == "c" else "convert it to float32 first"
        raise EngineError(f"{name} must hold real numbers, not {array.dtype}; {remedy}")
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        ensure(4 * array.size, f"{name} as float32", "take fewer numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32).reshape(array.shape)


def described(value: object) -> str:
    """A value as a sentence shows it: arrays by shape and type, all else shortened.

    >>> described(np.zeros((2, 3))), described((5, 5))
    ('2x3 float64', '(5, 5)')
    """
    if isinstance(value, np.ndarray):
        return f"{spell(value.shape) or 'one number'} {value.dtype}"
    return shown(value)
