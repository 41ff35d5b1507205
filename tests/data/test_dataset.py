"""Splits, preprocessing, holding out, duplicates, streaming."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convlens.data import ArraySplit, DataError, FileSplit, Preprocessing, describe, load
from convlens.data.assemble import assemble, preprocessing_of
from convlens.data.duplicates import duplicate_notes
from convlens.data.holdout import hold_out
from convlens.data.stream import batches
from convlens.data.survey import survey


def split_of(x: Any, y: Any = None) -> ArraySplit:
    x = np.asarray(x)
    return ArraySplit(x, np.zeros(len(x), np.int64) if y is None else np.asarray(y, np.int64))


# --- preprocessing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_moments_are_those_of_the_training_split(dtype: str, rng: np.random.Generator) -> None:
    x = (rng.random((300, 3, 31, 37)) * 250 + 3).astype(dtype)
    p, notes = preprocessing_of(split_of(x), survey(split_of(x)))
    wide = x.astype(np.longdouble) / p.scale
    assert p.mean == pytest.approx(wide.mean(axis=(0, 2, 3)).astype(float), rel=1e-12)
    assert p.std == pytest.approx(wide.std(axis=(0, 2, 3)).astype(float), rel=1e-12)
    seen = p.apply(x)
    assert notes == []
    assert seen.dtype == np.float32
    assert np.abs(seen.mean(axis=(0, 2, 3), dtype=np.float64)).max() < 1e-5
    assert seen.std(axis=(0, 2, 3), dtype=np.float64) == pytest.approx(np.ones(3), abs=1e-5)


def test_a_large_offset_loses_no_digits(rng: np.random.Generator) -> None:
    x = (1e6 + rng.standard_normal((50, 1, 1000))).astype(np.float32)
    p, _ = preprocessing_of(split_of(x), survey(split_of(x)))
    assert p.std[0] == pytest.approx(float(x.astype(np.longdouble).std()), rel=1e-9)


def test_gain_and_offset_are_apply(rng: np.random.Generator) -> None:
    x = rng.integers(0, 256, (5, 2, 4, 4), dtype=np.uint8)
    p = Preprocessing("picture", (2, 4, 4), "uint8", 255.0, (0.5, 0.1), (0.2, 0.3))
    by_hand = (x / 255 - np.array([0.5, 0.1])[:, None, None]) / np.array([0.2, 0.3])[:, None, None]
    assert np.abs(p.apply(x) - by_hand).max() < 1e-6
    assert np.array_equal(p.apply(x), x.astype(np.float32) * p.gain[:, None, None] + p.offset[:, None, None])
    for wrong in (x[:, :1], x.astype(np.uint16), x[:, :, :3]):
        with pytest.raises(DataError, match="the network sees"):
            p.apply(wrong)


def test_a_channel_that_never_varies_gets_std_one_and_a_note(rng: np.random.Generator) -> None:
    x = rng.random((9, 2, 7)).astype(np.float32)
    x[:, 1] = 0.1
    p, (note,) = preprocessing_of(split_of(x), survey(split_of(x)))
    assert p.std[1] == 1
    assert (note.kind, note.names) == ("constant", ("channel 1",))


GOOD = Preprocessing("picture", (1, 2, 3), "uint8", 255.0, (0.5,), (0.25,))


def test_preprocessing_survives_json() -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(GOOD.to_json()))) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "film"},
        {"kind": 3},
        {"kind": "volume"},
        {"shape": [1, 2]},
        {"shape": [1, 0, 3]},
        {"shape": [1, 2.0, 3]},
        {"shape": [True, 2, 3]},
        {"shape": [1, 2, 2**40]},
        {"shape": "123"},
        {"dtype": "float64"},
        {"dtype": ["uint8"]},
        {"scale": 1.0},
        {"scale": "255"},
        {"mean": []},
        {"mean": [float("nan")]},
        {"mean": [10**400]},
        {"std": [0.0]},
        {"std": [-1]},
        {"std": [float("inf")]},
        {"std": [None]},
        {"extra": 1},
    ],
)
def test_preprocessing_from_a_stranger_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="preprocessing"):
        Preprocessing.from_json({**GOOD.to_json(), **change})


@pytest.mark.parametrize("value", [None, [], "x", {}, {"kind": "picture"}])
def test_preprocessing_is_an_object(value: object) -> None:
    with pytest.raises(DataError):
        Preprocessing.from_json(value)


# --- holding out


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(st.integers(0, 4), min_size=1, max_size=80),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 2**40),
)
def test_held_out_by_class(y: list[int], fraction: float, seed: int) -> None:
    labels = np.array(y)
    chosen = hold_out(labels, fraction, seed)
    assert np.array_equal(chosen, np.unique(chosen))
    assert np.array_equal(chosen, hold_out(labels, fraction, seed))
    for label in np.unique(labels):
        count, share = int((labels == label).sum()), int((labels[chosen] == label).sum())
        assert share == min(max(int(fraction * count + 0.5), 1), count - 1)


def test_the_choice_is_the_same_for_ever() -> None:
    assert hold_out(np.arange(40) % 2, 0.2, seed=3).tolist() == CHOSEN
    assert hold_out(np.arange(40) % 2, 0.2, seed=4).tolist() != CHOSEN
    assert hold_out(np.arange(40) % 2, 0, seed=3).size == 0


CHOSEN = [0, 1, 8, 14, 18, 29, 37, 39]


def test_val_and_train_share_nothing(rng: np.random.Generator) -> None:
    x = np.arange(400, dtype=np.uint16).reshape(100, 1, 4)
    data = assemble("a", ["a", "b"], {"train": split_of(x, np.arange(100) % 2)}, [], val=0.2, seed=0)
    assert data.val is not None
    firsts = [set(split.read(range(len(split)))[:, 0, 0].tolist()) for split in (data.train, data.val)]
    assert [len(f) for f in firsts] == [80, 20]
    assert not firsts[0] & firsts[1]
    assert all(data.val.read([i])[0, 0, 0] == 4 * int(data.val.names[i][8:-1]) for i in range(20))


def test_the_cut_makes_no_leak() -> None:
    x = np.repeat(np.arange(10, dtype=np.uint8), 10).reshape(100, 1, 1)  # every example ten times
    data = assemble("a", ["a"], {"train": split_of(x)}, [], val=0.3, seed=0)
    assert data.val is None
    assert "leak" not in {note.kind for note in data.notes}


# --- duplicates


def test_duplicates_leaks_and_conflicts_are_told_apart() -> None:
    x = np.array([1, 2, 1, 3, 1], np.uint8).reshape(5, 1, 1)
    parts = {
        "train": ArraySplit(x, np.array([0, 0, 0, 1, 1]), ("a", "b", "c", "d", "e")),
        "test": ArraySplit(x[1:4], np.array([0, 0, 1]), ("f", "g", "h")),
    }
    notes = duplicate_notes(parts, {name: survey(split).digests for name, split in parts.items()}, ["no", "yes"])
    assert [(n.kind, n.names) for n in notes] == [
        ("duplicate", ("a = c = e",)),
        ("leak", ("a = c = e = g", "b = f", "d = h")),
        ("label conflict", ("a (no) = c (no) = e (yes) = g (no)",)),
    ]
    assert notes[0].message.startswith("2 train examples repeat an earlier one: ")
    assert notes[1].message.startswith("3 test examples are also in train: ")


def test_many_duplicates_are_all_named_and_three_are_spelled_out() -> None:
    x = np.repeat(np.arange(50, dtype=np.uint8), 2).reshape(100, 1, 1)
    split = split_of(x)
    (note,) = duplicate_notes({"train": split}, {"train": survey(split).digests}, ["a"])
    assert len(note.names) == 50
    assert note.message.endswith("; and 47 more")


def test_seventy_thousand_pictures_are_surveyed_at_once(rng: np.random.Generator) -> None:
    split = split_of(rng.integers(0, 256, (70_000, 1, 28, 28), dtype=np.uint8))
    start = time.process_time()
    digests = survey(split).digests
    assert duplicate_notes({"train": split}, {"train": digests}, ["a"]) == []
    assert time.process_time() - start < 5  # 0.4 s here; a quadratic search would take minutes


# --- splits and batches


def test_a_split_checks_what_it_is_made_of() -> None:
    with pytest.raises(DataError, match="float64"):
        split_of(np.zeros((2, 1, 3)))
    with pytest.raises(DataError, match="as many"):
        ArraySplit(np.zeros((2, 1, 3), np.uint8), np.zeros(3, np.int64))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_batches_of_an_array(dtype: str, rng: np.random.Generator) -> None:
    x = (rng.random((20, 1, 5)) * 200).astype(dtype)
    order = [np.array([3, 1]), np.array([19]), np.arange(20)[::-1]]
    got = list(batches(split_of(x, np.arange(20)), order))
    for (raw, y), places in zip(got, order, strict=True):
        assert np.array_equal(raw.numpy(), x[places])
        assert np.array_equal(y.numpy(), places)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_give_the_same_bits_as_memory(pets: Path, workers: int) -> None:
    kept, streamed = load(pets), load(pets, memory=0)
    assert isinstance(streamed.train, FileSplit)
    order = [np.random.default_rng(k).permutation(len(kept.train))[:7] for k in range(6)]
    before = torch.random.get_rng_state()
    pairs = list(zip(batches(kept.train, order), batches(streamed.train, iter(order), workers), strict=True))
    assert len(pairs) == 6
    assert torch.equal(before, torch.random.get_rng_state())
    for (a, ya), (b, yb) in pairs:
        assert torch.equal(a, b)
        assert torch.equal(ya, yb)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_breaks_later_is_reported_and_replaced_by_one_of_its_class(pets: Path, workers: int) -> None:
    train = load(pets, val=0, memory=0).train
    assert isinstance(train, FileSplit)
    whole = train.read(range(len(train)))
    (pets / train.names[4]).write_bytes(b"no longer a picture")
    (pets / train.names[11]).unlink()
    ((raw, y),) = batches(train, [np.arange(len(train))], workers)
    expected = whole.copy()
    expected[4], expected[11] = whole[5], whole[0]
    assert np.array_equal(raw.numpy(), expected)
    assert np.array_equal(y.numpy(), train.y)
    (note,) = train.report()
    assert note.kind == "broken"
    assert [name.split(":")[0] for name in note.names] == [train.names[4], train.names[11]]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_class_that_is_gone_is_one_sentence(pets: Path, workers: int) -> None:
    train = load(pets, val=0, memory=0).train
    for path in (pets / "class2").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="the disk"):
        train.read([0])
    with pytest.raises(DataError) as caught:
        list(batches(train, [np.array([0])], workers))
    assert "\n" not in str(caught.value)
    assert train.read([20]).shape == (1, 3, 6, 5)


def test_a_file_split_pickles(pets: Path) -> None:
    train = load(pets, memory=0).train
    assert np.array_equal(pickle.loads(pickle.dumps(train)).read([3]), train.read([3]))


# --- the door


def test_describe_is_json(pets: Path) -> None:
    (pets / "class2" / "x.txt").write_text("x")
    told = json.loads(json.dumps(describe(load(pets, val=0.25))))
    assert told["splits"]["train"]["classes"] == {"class2": 9, "class10": 9, "naïve, or not": 9}
    assert told["splits"]["val"]["examples"] == 9
    assert told["shape"] == [3, 6, 5]
    low, high = told["splits"]["train"]["range"]
    assert 0 <= low < 10
    assert 245 < high <= 255
    assert told["notes"]["skipped"][0]["names"] == ["class2/x.txt: it is not a picture in a known format"]


def test_the_room_opens_without_torch() -> None:
    code = "import sys, convlens.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
