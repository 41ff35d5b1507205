"""Sounds: four instruments at any pitch, told apart by a 1-d network that hears the wave itself.

    python examples/instruments.py [--seed 0]

It makes .wav files of a flute, a clarinet, a violin and a bell (sums of sines with the overtones and the rise and fall
that make these sound as they do), at pitches of two octaves, in noise, some in stereo, at three rates, and trains on
the folder.  The baseline is the nearest centroid of the classes' spectra: as the pitch is any, a spectrum that is
averaged says little, and a network has to hear the overtones' ratios and how they fade.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

from convlens.data import load

# of each overtone: its frequency in fundamentals, its strength, and how fast it fades, a second
OVERTONES = {
    "flute": [(1, 1.0, 0), (2, 0.25, 0), (3, 0.06, 0)],
    "clarinet": [(1, 1.0, 0), (3, 0.6, 0), (5, 0.35, 0), (7, 0.15, 0)],
    "violin": [(n, 1 / n, 0) for n in range(1, 9)],
    "bell": [(0.5, 0.5, 2), (1, 1.0, 5), (1.19, 0.7, 7), (1.5, 0.5, 9), (2, 0.5, 11), (2.74, 0.3, 14)],
}
RATES = (8000, 11025, 16000)
LOWEST, OCTAVES = 200, 2
SETTINGS = [
    "--rate",
    "8000",
    "--net",
    "conv 16 16 stride 4, relu, batchnorm, conv 32 8 stride 2, relu, batchnorm, conv 32 8 stride 2, relu, batchnorm, "
    "conv 64 8 stride 2, relu, avgpool all, flatten, linear 4",
    *["--epochs", "20", "--batch", "32", "--lr", "3e-3", "--val", "0"],
]
BASELINE = "nearest centroid of spectra"


def sound(name: str, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A note of an instrument, (W,) in -1 to 1."""
    time = np.arange(round(rate * rng.uniform(0.35, 0.5))) / rate
    pitch = LOWEST * 2 ** rng.uniform(0, OCTAVES)
    note = np.zeros(len(time))
    for multiple, strength, fading in OVERTONES[name]:
        if multiple * pitch < rate / 2:
            phase = 2 * np.pi * (multiple * pitch * time + rng.random())
            note += strength * rng.uniform(0.6, 1.4) * np.exp(-fading * time) * np.sin(phase)
    rise = 0.002 if name == "bell" else rng.uniform(0.02, 0.08)
    note *= np.minimum(time / rise, 1)
    note += rng.normal(0, 0.3 * note.std(), len(note))
    return note / abs(note).max() * rng.uniform(0.2, 0.9)


def write(folder: Path, seed: int = 0) -> None:
    """Write 150 sounds of each instrument to learn from, and 100 to judge."""
    rng = np.random.default_rng(seed)
    for part, count in (("train", 150), ("test", 100)):
        for name in OVERTONES:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for at in range(count):
                rate = int(rng.choice(RATES))
                channels = int(rng.integers(1, 3))
                samples = np.repeat(sound(name, rate, rng)[:, None], channels, axis=1)
                with wave.open(str(folder / part / name / f"{at}.wav"), "wb") as file:
                    file.setparams((channels, 2, rate, len(samples), "NONE", ""))
                    file.writeframes((samples * 32767).astype("<i2").tobytes())


def nearest_centroid(folder: Path) -> float:
    """The share of the test sounds whose spectrum is most like the mean of its own class, by the angle between them."""
    data = load(folder, val=0, rate=8000)
    assert data.test is not None
    spectra = []
    for split in (data.train, data.test):
        magnitude = abs(np.fft.rfft(split.read(np.arange(len(split)))[:, 0]))
        spectra.append(magnitude / np.linalg.norm(magnitude, axis=1, keepdims=True))
    means = np.stack([spectra[0][data.train.y == at].mean(axis=0) for at in range(len(data.classes))])
    said = (spectra[1] @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)
    return float((said == data.test.y).mean())


def main() -> None:
    """Make the sounds, ask the centroids, and train with the arguments given besides the settings above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    folder = Path(tempfile.mkdtemp(prefix="convlens-instruments-"))
    write(folder)
    print(f"baseline {BASELINE}: test accuracy {nearest_centroid(folder):.4f}", flush=True)
    command = [sys.executable, "-m", "convlens", "train", str(folder), *SETTINGS, *more]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
