"""What places are compared with: marked objects, how they look and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .extent import DIRECTIONS
from .likeness import Likeness
from .register import Register

Floats = NDArray[np.float32]


@dataclass(eq=False)
class Templates:
    """Marked objects as they are compared with places.

    Args:
        examples: (M, C, S, S) marked objects at the working scale, as ``example`` cuts them.
        breadths: (M, DIRECTIONS) how wide they are along each direction, in displayed pixels at the typical scale.
        things: (C + 1, S, S) of each of them, cut out as it is laid on places (``register.py``).
        side: working pixels of the side of a typical object.
        turn: the largest angle by which objects are turned, in radians.
        axes: (D, K) along which places are compared (``likeness.py``); None: not learned yet.
    """

    examples: Floats
    breadths: Floats
    things: tuple[Floats, ...] = field(repr=False)
    side: float
    turn: float
    axes: Floats | None = field(default=None, repr=False)

    @classmethod
    def none(cls, channels: int) -> Templates:
        """No marked objects, before anything was learned."""
        nothing = np.zeros((0, channels, 2, 2), np.float32), np.zeros((0, DIRECTIONS), np.float32)
        return cls(*nothing, (), 1.0, np.pi)

    @cached_property
    def likeness(self) -> Likeness:
        """To the marked objects; made once, for turning them all takes as long as a thousand places."""
        return Likeness(self.examples, self.side, self.turn, self.axes)

    @cached_property
    def register(self) -> Register:
        """To lay the marked objects on places; made once, too."""
        return Register(self.things)

    def learn(self, places: Sequence[tuple[Floats, Floats]], most: int, rng: np.random.Generator) -> None:
        """Learn along which axes places are compared, as ``Likeness.learn`` says."""
        self.likeness.learn(places, most, rng)
        self.axes = self.likeness.axes
