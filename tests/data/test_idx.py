"""The idx format, from its bytes."""

from __future__ import annotations

import gzip
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convlens.data import DataError, load
from convlens.data.idx import read_idx
from tests.data.conftest import IDX_CODES, idx_bytes, write_idx

ANYWAY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANYWAY
@given(
    array=st.sampled_from(sorted(IDX_CODES)).flatmap(
        lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    ),
    packed=st.booleans(),
)
def test_what_was_written_is_read(tmp_path: Path, array: np.ndarray, packed: bool) -> None:
    back = read_idx(write_idx(tmp_path / ("a.gz" if packed else "a"), array))
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@ANYWAY
@given(raw=st.binary(max_size=60) | st.binary(max_size=30).map(lambda b: b"\0\0\x08\x01\0\0\0\x05" + b))
def test_random_bytes_are_a_sentence_or_an_array(tmp_path: Path, raw: bytes) -> None:
    for content in (raw, gzip.compress(raw), gzip.compress(raw)[:-5], b"\x1f\x8b" + raw):
        (tmp_path / "a").write_bytes(content)
        with suppress(DataError):
            assert isinstance(read_idx(tmp_path / "a"), np.ndarray)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("change", "match"), [(-1, "cut short|promises"), (1, "more than")])
def test_one_byte_too_few_or_too_many(tmp_path: Path, packed: bool, change: int, match: str) -> None:
    raw = idx_bytes(np.zeros((3, 4), np.int16))
    raw = raw + b"x" if change > 0 else raw[:change]
    (tmp_path / "a").write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(DataError, match=match):
        read_idx(tmp_path / "a")


def test_a_header_that_promises_terabytes_costs_nothing(tmp_path: Path) -> None:
    raw = struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**20, 2**8)
    for content in (raw, gzip.compress(raw + bytes(10**6))):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(DataError, match=r"promises|claims"):
            read_idx(tmp_path / "a")


def test_a_small_header_before_a_gzip_bomb_stops_at_the_header(tmp_path: Path) -> None:
    raw = struct.pack(">HBBI", 0, 8, 1, 4) + bytes(200 * 2**20)
    (tmp_path / "a").write_bytes(gzip.compress(raw))
    with pytest.raises(DataError, match="more than the 4 bytes"):
        read_idx(tmp_path / "a")


def test_a_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(idx_bytes(np.arange(100, dtype=np.uint8))))
    packed[-8] ^= 1
    (tmp_path / "a").write_bytes(packed)
    with pytest.raises(DataError, match="CRC"):
        read_idx(tmp_path / "a")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "a")


def test_a_folder_of_idx_files_is_a_set(tmp_path: Path, rng: np.random.Generator) -> None:
    for part, count in (("train", 30), ("t10k", 10)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 5, 4), dtype=np.uint8))
        write_idx(tmp_path / f"{part}-labels.idx1-ubyte", (np.arange(count) % 3 + 1).astype(np.uint8))
    data = load(tmp_path, val=0.2)
    assert (data.kind, data.train.shape, len(data.train), len(data.test or ())) == ("picture", (1, 5, 4), 24, 10)
    assert data.classes == ("1", "2", "3")
    assert [note.kind for note in data.notes] == ["labels", "split"]
    write_idx(tmp_path / "train-labels.idx1-ubyte", np.zeros(29, np.uint8))
    with pytest.raises(DataError, match="30 examples"):
        load(tmp_path)
    (tmp_path / "train-labels.idx1-ubyte").unlink()
    with pytest.raises(DataError, match="no idx file with the train labels"):
        load(tmp_path)
