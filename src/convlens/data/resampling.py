"""Another number of samples a second: correlation with a windowed sinc, one kernel for each phase of the output.

Of the sinc's crossings 32 on each side are kept, under a Kaiser window (beta 8.6: what does not belong there is 80 dB
down), and a twelfth below the lower of the two Nyquist frequencies is given to the slope (Smith, *Digital Audio
Resampling*, 2002; Crochiere and Rabiner, *Multirate Digital Signal Processing*, 1983, for the phases).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

CROSSINGS = 32
BETA = 8.6
CUTOFF = 11 / 12
AWAY = np.linspace(-1, 1, 2**12 + 1)
WINDOW = np.kaiser(len(AWAY), BETA)
"""From -1 to 1, so fine that the lines between its points are off by 1e-6: two odd rates have thousands of phases."""


def resampled_length(length: int, rate: int, wanted: int) -> int:
    """How many samples at ``wanted`` a second last as long as ``length`` at ``rate``, rounded up.

    >>> resampled_length(44100, 44100, 16000), resampled_length(1, 8000, 16000)
    (16000, 2)
    """
    return -(-length * wanted // rate)


def resample(samples: NDArray[np.float32], rate: int, wanted: int, most: int | None = None) -> NDArray[np.float32]:
    """Change the rate of a sound; beyond its ends it is taken as silent.

    Args:
        samples: (C, N) float32.
        rate: samples a second.
        wanted: likewise, of what is returned.
        most: samples of the result to stop after; None: all.

    Returns:
        (C, N') float32, N' = N * wanted / rate, rounded up.

    >>> wave = np.sin(2 * np.pi * 440 * np.arange(800) / 8000).astype(np.float32)[None]
    >>> finer = resample(wave, 8000, 12000)
    >>> meant = np.sin(2 * np.pi * 440 * np.arange(1200) / 12000)
    >>> finer.shape, bool(abs(finer[0] - meant)[100:-100].max() < 1e-3)
    ((1, 1200), True)
    """
    length = resampled_length(samples.shape[1], rate, wanted)
    length = length if most is None else min(length, most)
    if rate == wanted:
        return samples[:, :length]
    up, down = wanted // math.gcd(rate, wanted), rate // math.gcd(rate, wanted)
    half = len(_kernel(up, down, 0)) // 2
    used = samples[:, : length * down // up + half + 1]
    padded = np.pad(used, ((0, 0), (half - 1, half + down)))
    result = np.empty((len(samples), length), np.float32)
    windows = sliding_window_view(padded, 2 * half, axis=1)
    for phase in range(min(up, length)):
        rows = -(-(length - phase) // up)
        result[:, phase::up] = windows[:, phase * down // up :: down][:, :rows] @ _kernel(up, down, phase)
    return result


@lru_cache(maxsize=2048)
def _kernel(up: int, down: int, phase: int) -> NDArray[np.float32]:
    """The weights of the samples around the place of an output, which lies ``phase * down / up`` after a sample."""
    scale = CUTOFF * min(1.0, up / down)
    half = math.ceil(CROSSINGS / scale)
    away = np.arange(1 - half, half + 1) - phase * down % up / up
    weights = np.sinc(scale * away) * np.interp(away / half, AWAY, WINDOW)
    kernel: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)  # a constant stays what it is
    return kernel
