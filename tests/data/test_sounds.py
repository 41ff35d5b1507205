"""Sounds and series of class folders: written by Python's wave module, brought to one form, broken ones named."""

from __future__ import annotations

import pickle
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from convlens.data import DataError, Note, describe, load, read_example
from convlens.data.conform import Look
from convlens.data.dataset import Dataset, FileSplit
from convlens.data.lengths import common_length
from convlens.data.preprocessing import Preprocessing
from convlens.data.resampling import resample, resampled_length
from convlens.data.signal_folder import SignalForm, SignalLook, read_sound

RATE = 8000


def tone(frequency: float, seconds: float, rate: int = RATE) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def write(path: Path, channels: NDArray[np.float64], rate: int = RATE, width: int = 2) -> None:
    """Samples (W,) or (W, C) in -1 to 1, by the standard library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.rint(np.atleast_2d(channels.T).T * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        raw = (whole + 128).astype(np.uint8).tobytes()
    elif width == 3:
        raw = whole.astype("<i4").reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        raw = whole.astype(f"<i{width}").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(whole.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)


def write_floats(path: Path, samples: NDArray[np.float64], rate: int = RATE) -> None:
    body = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, rate, 4 * rate, 4, 32)
    head = struct.pack("<4sI4s4sI", b"RIFF", 28 + len(body) + 8, b"WAVE", b"fmt ", len(form))
    path.write_bytes(head + form + struct.pack("<4sI", b"data", len(body)) + body)


def note(data: Dataset, kind: str) -> Note:
    (found,) = [n for n in data.notes if n.kind == kind]
    return found


@pytest.fixture
def beeps(tmp_path: Path) -> Path:
    """Two classes of six tones, a quarter of a second each."""
    folder = tmp_path / "beeps"
    for name, frequency in (("high", 900), ("low", 200)):
        for i in range(6):
            write(folder / name / f"{i}.wav", tone(frequency + i, 0.25))
    return folder


def test_sounds_of_one_kind(beeps: Path) -> None:
    data = load(beeps, val=0)
    assert (data.kind, data.classes, data.train.shape, data.preprocessing.rate) == (
        "signal",
        ("high", "low"),
        (1, 2000),
        RATE,
    )
    assert not data.notes
    assert data.train.read([6])[0, 0] == pytest.approx(tone(200, 0.25), abs=1e-4)
    told = describe(data)
    assert (told["preprocessing"]["rate"], told["shape"]) == (RATE, [1, 2000])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_is_the_same_sound(tmp_path: Path, width: int) -> None:
    write(tmp_path / "a.wav", tone(440, 0.1), width=width)
    assert read_sound(tmp_path / "a.wav").pixels[0] == pytest.approx(tone(440, 0.1), abs=2.0 ** (2 - 8 * width) + 1e-6)


def test_floats_are_what_they_are(tmp_path: Path) -> None:
    write_floats(tmp_path / "a.wav", tone(440, 0.1))
    assert np.array_equal(read_sound(tmp_path / "a.wav").pixels[0], tone(440, 0.1).astype(np.float32))


def test_mixed_rates_channels_and_lengths(beeps: Path) -> None:
    write(beeps / "high/fine.wav", tone(900, 0.25, 44100), 44100)
    write(beeps / "low/stereo.wav", np.stack([tone(200, 0.2), tone(200, 0.2) / 2], axis=1))
    write(beeps / "low/long.wav", tone(200, 9))
    data = load(beeps, val=0)
    assert data.train.shape == (1, 4000)  # twice the median
    at = {name: data.train.read([i])[0, 0] for i, name in enumerate(data.train.names)}
    assert at["high/fine.wav"][100:1900] == pytest.approx(tone(900, 0.25)[100:1900], abs=2e-3)
    assert at["low/stereo.wav"][:1600] == pytest.approx(0.75 * tone(200, 0.2), abs=1e-3)
    assert not at["low/stereo.wav"][1600:].any()
    assert at["low/long.wav"] == pytest.approx(tone(200, 0.5), abs=1e-3)
    assert note(data, "resampled").names == ("high/fine.wav",)
    assert note(data, "mixed channels").names == ("low/stereo.wav",)
    assert note(data, "lengths").names == ("low/long.wav",)
    assert note(data, "lengths").message.startswith(
        "the sounds are 0.20 to 9.00 s long, the median 0.25; all get 0.50 s"
    )


def test_a_rate_and_a_length_that_are_prescribed(beeps: Path) -> None:
    data = load(beeps, val=0, rate=4000, size=(500,))
    assert (data.preprocessing.rate, data.train.shape) == (4000, (1, 500))
    assert data.train.read([6])[0, 0, 50:] == pytest.approx(tone(200, 0.125, 4000)[50:], abs=2e-3)
    for rate in (0, 1, 10**9):
        with pytest.raises(DataError, match="samples a second"):
            load(beeps, rate=rate)


def test_broken_files_are_named_and_left_out(beeps: Path) -> None:
    whole = (beeps / "low/0.wav").read_bytes()
    (beeps / "low/a cut.wav").write_bytes(whole[:-900])
    (beeps / "low/b empty.wav").write_bytes(b"")
    (beeps / "low/c text.wav").write_text("no sound")
    (beeps / "low/d silent.wav").write_bytes(whole[:40] + struct.pack("<I", 0))
    (beeps / "low/e.mp3").write_bytes(b"ID3")
    write_floats(beeps / "low/f nan.wav", np.array([0.0, np.nan]))
    data = load(beeps, val=0)
    assert len(data.train) == 12
    assert note(data, "skipped").names == (
        "low/a cut.wav: it is cut off: it promises 4,000 bytes of sound and has 3,100",
        "low/b empty.wav: it is empty",
        "low/c text.wav: it is no .wav file; its first bytes are not those of one",
        "low/d silent.wav: it holds no sound",
        "low/e.mp3: it is no .wav file; its first bytes are not those of one",
        "low/f nan.wav: it holds 1 values that are NaN, infinite or too large for float32; fill or remove them first",
    )


def test_no_sound_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"no sound that can be read; skipped: 1 file.*a/1\.wav"):
        load(tmp_path)


def test_sounds_above_memory_are_read_each_time(beeps: Path) -> None:
    write(beeps / "high/fine.wav", tone(900, 0.25, 44100), 44100)
    kept, streamed = load(beeps, val=0.2), load(beeps, val=0.2, memory=10_000)
    assert isinstance(streamed.train, FileSplit)
    copied = pickle.loads(pickle.dumps(streamed.train))  # as loader processes get it
    assert np.array_equal(copied.read([9]), streamed.train.read([9]))
    assert streamed.preprocessing == kept.preprocessing
    assert np.array_equal(streamed.train.read(range(10)), kept.train.read(range(10)))


def test_a_prediction_hears_what_was_trained_on(beeps: Path, tmp_path: Path) -> None:
    data = load(beeps, val=0)
    write(tmp_path / "fine.wav", tone(200, 0.5, 44100), 44100)
    heard = read_example(tmp_path / "fine.wav", Preprocessing.from_json(data.preprocessing.to_json()))
    assert heard.shape == (1, 2000)
    assert heard[0, 100:] == pytest.approx(tone(200, 0.25)[100:], abs=2e-3)
    assert load(beeps, like=data.preprocessing).preprocessing.shape == (1, 2000)
    with pytest.raises(DataError, match="network sees a picture"):
        read_example(tmp_path / "fine.wav", Preprocessing("picture", (1, 2, 2), "uint8", 255.0, (0.0,), (1.0,)))
    silent = Preprocessing("signal", (1, 2000), "float32", 1.0, (0.0,), (1.0,))
    with pytest.raises(DataError, match=r"neither \.csv nor \.npy"):
        read_example(tmp_path / "fine.wav", silent)


# ---- rates ----


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 16000), (44100, 16000), (22050, 8000), (48000, 44100), (7, 5)])
def test_a_tone_keeps_its_pitch_or_is_gone(rate: int, wanted: int) -> None:
    """What lies below the slope of the lower Nyquist frequency stays, what lies above it goes."""
    low = min(rate, wanted)
    for frequency in (0.01 * low, 0.3 * low, 0.41 * low, 0.5 * max(rate, wanted) * 0.99):
        if frequency >= rate / 2 or 0.41 * low < frequency < low / 2:
            continue
        samples = np.sin(2 * np.pi * frequency * np.arange(40 * rate if rate < 100 else rate) / rate)
        got = resample(samples.astype(np.float32)[None], rate, wanted)[0]
        meant = np.sin(2 * np.pi * frequency * np.arange(len(got)) / wanted) if frequency < low / 2 else 0 * got
        edge = len(got) // 4
        assert abs(got - meant)[edge:-edge].max() < 1e-4


def test_resampling_is_scipys_within_the_band(rng: np.random.Generator) -> None:
    smooth = signal.lfilter(*signal.butter(8, 0.2), rng.standard_normal(9000)).astype(np.float32)
    got, witness = resample(smooth[None], 9000, 6000)[0], signal.resample_poly(smooth, 2, 3)
    assert got.shape == witness.shape
    assert abs(got - witness)[200:-200].max() < 0.02 * witness.std()


def test_laws_of_resampling(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, 1, 300)).astype(np.float32)
    both = resample(2 * a + b, 300, 200)
    assert both == pytest.approx(2 * resample(a, 300, 200) + resample(b, 300, 200), abs=1e-5)
    assert resample(np.ones((1, 900), np.float32), 9, 7)[0, 100:-100] == pytest.approx(1, abs=1e-6)
    moved = resample(np.pad(a, ((0, 0), (30, 0))), 300, 200)
    assert moved[0, 20:] == pytest.approx(resample(a, 300, 200)[0], abs=1e-5)
    assert np.array_equal(resample(a, 5, 5), a)


@pytest.mark.parametrize("length", [1, 2, 3, 17, 441])
@pytest.mark.parametrize(("rate", "wanted"), [(3, 2), (2, 3), (441, 160), (1, 7), (7, 1), (101, 97)])
def test_how_many_samples_there_are(length: int, rate: int, wanted: int) -> None:
    whole = resample(np.ones((2, length), np.float32), rate, wanted)
    assert whole.shape == (2, resampled_length(length, rate, wanted))
    some = resample(np.ones((2, length), np.float32), rate, wanted, most=3)
    assert some == pytest.approx(whole[:, :3], abs=1e-6)


# ---- forms ----


def test_lengths_are_at_most_twice_the_median() -> None:
    assert [common_length(lengths) for lengths in ([7], [7, 7], [1, 2, 9], [3, 4, 4, 5])] == [7, 7, 4, 5]


def test_one_channel_is_given_to_as_many_as_are_wanted() -> None:
    form = SignalForm((2, 3), RATE)
    mono = form.conform(np.array([[1, 2]], np.float32), SignalLook((1, 2), "float32", RATE))
    assert mono.tolist() == [[1, 2, 0], [1, 2, 0]]
    with pytest.raises(DataError, match="3 channels and 2"):
        form.conform(np.ones((3, 2), np.float32), SignalLook((3, 2), "float32", RATE))
    with pytest.raises(DataError, match="sounds are wanted"):
        form.conform(np.ones((2, 2), np.float32), Look((2, 2), "float32"))


def test_sounds_have_a_rate_and_pictures_none(pets: Path) -> None:
    with pytest.raises(DataError, match="no sounds, which alone have a rate"):
        load(pets, rate=8000)


# ---- series ----


@pytest.fixture
def moves(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes of four series of two channels, 5 to 8 moments: .csv with names, .csv without, .npy, float32 .npy."""
    for name in ("jump", "sit"):
        (tmp_path / "moves" / name).mkdir(parents=True)
        for i in range(4):
            values = rng.standard_normal((5 + i, 2)).round(3)
            path = tmp_path / "moves" / name / f"{i}.csv"
            if i < 2:
                head = "x,y\n" if i else ""
                path.write_text(head + "".join(f"{a},{b}\n" for a, b in values.tolist()))
            else:
                np.save(path.with_suffix(".npy"), values.astype((np.float64, np.float32)[i - 2]))
    return tmp_path / "moves"


def test_rows_are_moments_and_columns_channels(moves: Path) -> None:
    data = load(moves, val=0)
    assert (data.kind, data.train.shape, data.preprocessing.rate) == ("signal", (2, 8), None)
    last = np.load(moves / "jump/3.npy")
    at = list(data.train.names).index("jump/3.npy")
    assert np.array_equal(data.train.read([at])[0], last.T)
    short = data.train.read([list(data.train.names).index("jump/1.csv")])[0]
    rows = np.loadtxt(moves / "jump/1.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(short[:, :6], rows.T)
    assert np.array_equal(short[:, 6:], np.repeat(rows[-1:].T, 2, axis=1))
    assert note(data, "lengths").message.endswith("all get 8 values; 6 are followed by their last value")


def test_series_that_do_not_belong(moves: Path) -> None:
    (moves / "sit/a.csv").write_text("1,2\n3,x\n")
    (moves / "sit/b.csv").write_text("1,2,3\n3,4,5\n")
    (moves / "sit/c.csv").write_text("")
    np.save(moves / "sit/d.npy", np.zeros((2, 2, 2, 2, 2)))
    data = load(moves, val=0)
    assert len(data.train) == 8
    named = [name for n in data.notes if n.kind == "skipped" for name in n.names]
    assert len(named) == 4
    assert "sit/b.csv" in named
    assert "sit/c.csv: it holds no numbers" in named


def test_a_series_to_predict(moves: Path) -> None:
    data = load(moves, val=0)
    for name in ("jump/1.csv", "jump/2.npy"):
        at = list(data.train.names).index(name)
        assert np.array_equal(read_example(moves / name, data.preprocessing), data.train.read([at])[0])
    np.save(moves / "channels_first.npy", np.zeros((2, 8)))
    assert read_example(moves / "channels_first.npy", data.preprocessing).shape == (2, 8)
    np.save(moves / "other.npy", np.zeros((3, 8)))
    with pytest.raises(DataError, match="does not fit"):
        read_example(moves / "other.npy", data.preprocessing)
