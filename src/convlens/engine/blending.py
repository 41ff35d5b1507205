"""Pictures with others laid on them, recoloured, blurred and with noise: all of a batch in one call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .arguments import Floats
from .compile import Call, load
from .errors import EngineError
from .kernels.blending import RECORD, blended, margin
from .target import Target, host


@dataclass(frozen=True, eq=False)
class Laid:
    """What is laid on pictures.

    Args:
        on: (L,) whole numbers: on which, no two on the same.
        things: (L, C + 1, H, W): the channels and, last, how much they cover, 0 to 1.
        colours: (L, C, C + 1), as for the pictures.
    """

    on: NDArray[np.intp]
    things: Floats
    colours: Floats


@dataclass(frozen=True, eq=False)
class Noise:
    """Numbers that are added to pictures.

    Args:
        numbers: (M,), a stretch of them.
        starts: (N,) whole numbers: where in it each picture's begin, C * H * W before its end at the latest.
        strengths: (N,), what they are multiplied with.
    """

    numbers: Floats
    starts: NDArray[np.intp]
    strengths: Floats


@cache
def _kernel(target: Target, channels: int) -> Call:
    return load(blended(target, channels, "blended"))


def blend(grounds: Floats, colours: Floats, laid: Laid, blurred: NDArray[np.bool_], noise: Noise) -> Floats:
    """Recolour pictures, lay others on them, blur some, and add noise, in this order.

    Args:
        grounds: (N, C, H, W) float32, of two rows and 16 pixels at least.
        colours: (N, C, C + 1): of each new channel what the old ones are multiplied with, and what is added.
        laid: what is laid on some of them.
        blurred: (N,): which are blurred, by (1 2 1) / 4 along columns and rows. Beside the last pixel of a row lies the
            first of the next, and behind the last row the first.
        noise: what is added.

    Returns:
        (N, C, H, W), the same bits on every processor.

    Raises:
        EngineError: arrays do not fit each other, or the pictures are too small.

    >>> dark, light = np.zeros((1, 1, 4, 4)), np.ones((1, 1, 4, 4))
    >>> same, half = np.array([[[1, 0]]]), np.full_like(light, 0.5)
    >>> laid = Laid(np.array([0]), np.concatenate([light, half], 1), same)
    >>> silent = Noise(np.zeros(16), np.array([0]), np.zeros(1))
    >>> blend(dark, same, laid, np.array([False]), silent)[0, 0, 0]
    array([0.5, 0.5, 0.5, 0.5], dtype=float32)
    """
    target = host()
    grounds, things, numbers = (np.ascontiguousarray(a, np.float32) for a in (grounds, laid.things, noise.numbers))
    many, channels, height, width = _checked(grounds, colours, laid, things, blurred, noise)
    each = channels * (channels + 1)
    how = np.zeros((many, 2 * each + 1), np.float32)
    how[:, :each] = np.reshape(colours, (many, each))
    how[laid.on, each:-1] = np.reshape(laid.colours, (len(things), each))
    how[:, -1] = noise.strengths
    records = np.zeros((many, len(RECORD)), np.int64)
    records[:, 0] = grounds.ctypes.data + np.arange(many) * grounds.strides[0]
    records[laid.on, 1] = things.ctypes.data + np.arange(len(things)) * things.strides[0]
    records[:, 2] = numbers.ctypes.data + np.asarray(noise.starts) * numbers.itemsize
    records[:, 3] = blurred
    found = np.empty_like(grounds)
    if many:
        room = np.empty(channels * (height * width + 2 * margin(width)), np.float32)
        arrays = (array.ctypes.data for array in (records, how, room, found))
        _kernel(target, channels)(*arrays, many, height * width, width)
    return found


def _checked(
    grounds: Floats, colours: Floats, laid: Laid, things: Floats, blurred: NDArray[np.bool_], noise: Noise
) -> tuple[int, int, int, int]:
    """The sizes of pictures that can be blended with all else."""
    if grounds.ndim != 4 or grounds.shape[2] < 2 or grounds.shape[2] * grounds.shape[3] < 16 or not grounds.shape[1]:
        raise EngineError(f"pictures to blend are (N, C, H, W) of two rows and 16 pixels at least, not {grounds.shape}")
    many, channels, height, width = grounds.shape
    listed, on, starts = len(things), np.asarray(laid.on), np.asarray(noise.starts)
    shapes = (
        ("their colours", np.shape(colours), (many, channels, channels + 1)),
        ("what is laid on them", things.shape, (listed, channels + 1, height, width)),
        ("the colours of that", np.shape(laid.colours), (listed, channels, channels + 1)),
        ("where it is laid", on.shape, (listed,)),
        ("which are blurred", np.shape(blurred), (many,)),
        ("the starts of noise", starts.shape, (many,)),
        ("its strengths", np.shape(noise.strengths), (many,)),
    )
    for what, given, wanted in shapes:
        if given != wanted:
            raise EngineError(f"of pictures {grounds.shape} {what} must be {wanted}, not {given}")
    if len(set(laid_on := on.tolist())) < listed or any(not 0 <= picture < many for picture in laid_on):
        raise EngineError(f"things are laid on one picture each of {many}, not on {laid_on}")
    room = len(noise.numbers) - channels * height * width
    if many and (starts.min() < 0 or starts.max() > room):
        raise EngineError(f"noise must start between 0 and {room}, so that it reaches, not at {starts.tolist()}")
    return many, channels, height, width
