"""Arrays in .npz files, honest and not."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convlens.data import DataError, load, read_example
from convlens.data.arrays import read_npy, read_npz

ANYWAY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Y = np.arange(12) % 3
X = np.random.default_rng(0).random((12, 2, 8)).astype(np.float32)


def save(tmp_path: Path, **arrays: Any) -> Path:
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


@pytest.mark.parametrize(("shape", "kind"), [((2, 8), "signal"), ((3, 4, 5), "picture"), ((1, 3, 4, 5), "volume")])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_round_trip(tmp_path: Path, shape: tuple[int, ...], kind: str, dtype: str, packed: bool) -> None:
    x = (np.random.default_rng(1).random((12, *shape)) * 250).astype(dtype)
    (np.savez_compressed if packed else np.savez)(tmp_path / "a.npz", x=np.asfortranarray(x), y=Y)
    data = load(tmp_path / "a.npz", val=0)
    assert (data.kind, data.train.shape, data.train.dtype) == (kind, shape, dtype)
    assert np.array_equal(data.train.read(range(12)), x)
    assert data.classes == ("0", "1", "2")


def test_splits_words_and_classes(tmp_path: Path) -> None:
    words = np.array(["dog", "cat", "emu"])[Y]
    path = save(
        tmp_path, x_train=X, y_train=words, x_val=X[:3] + 1, y_val=words[:3], x_test=X[:2] + 2, y_test=words[:2]
    )
    data = load(path)
    assert data.classes == ("cat", "dog", "emu")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 12, "val": 3, "test": 2}
    assert data.train.y[:3].tolist() == [1, 0, 2]
    assert data.train.names[11] == "train[11]"
    assert load(save(tmp_path, x=X, y=words, classes=np.array(["emu", "dog", "cat"]))).classes == ("emu", "dog", "cat")
    assert load(save(tmp_path, x=X, y=Y, classes=np.array(["a", "b", "c"]))).classes == ("a", "b", "c")
    assert load(save(tmp_path, x=X, y=Y[:, None])).train.y.max() == 2


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"x": X}, "no y"),
        ({"y": Y}, "neither x and y"),
        ({"x": X, "y": Y[:5]}, "12 examples"),
        ({"x": X, "y": np.zeros((12, 3))}, "shape"),
        ({"x": X, "y": np.array(3)}, "shape"),
        ({"x": X, "y": Y * 1.0}, r"astype\(int\)"),
        ({"x": X, "y": Y - 1}, "negative label -1"),
        ({"x": X, "y": Y, "classes": np.array(["a", "b"])}, "label 2"),
        ({"x": X, "y": Y, "classes": np.array(["a", "a", "b"])}, "twice"),
        ({"x": X, "y": Y, "classes": np.array([1, 2, 3])}, "list of strings"),
        ({"x": X, "y": Y, "x_train": X, "y_train": Y}, "twice"),
        ({"x": X[:, 0], "y": Y}, r"\(N, C, W\)"),
        ({"x": np.zeros((12, 1, 1, 1, 1, 1)), "y": Y}, "shape"),
        ({"x": np.zeros((12, 1, 0)), "y": Y}, "empty"),
        ({"x": X[:0], "y": Y[:0]}, "no training examples"),
        ({"x": X.astype(complex), "y": Y}, "complex"),
        ({"x": X.astype(str), "y": Y}, "holds <U"),
        ({"x": np.where(X > 0.9, np.nan, X), "y": Y}, "NaN"),
        ({"x": X.astype(np.float64) * 1e300, "y": Y}, "too large"),
        ({"x": np.array([{}, []], object), "y": Y}, "Python objects"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :1], "y_test": Y}, "make them the same"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(str)}, "words"),
    ],
)
def test_what_does_not_make_a_set_is_a_sentence(tmp_path: Path, arrays: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match):
        load(save(tmp_path, **arrays))


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (np.arange(24).reshape(12, 1, 2) + 2**24, "rounded"),
        (np.linspace(0, 1, 24).reshape(12, 1, 2), "rounded"),
        (np.arange(72, dtype=np.uint8).reshape(12, 3, 2), "shape"),
        (np.arange(12 * 60, dtype=np.uint16).reshape(12, 5, 4, 3), "shape"),
    ],
)
def test_what_is_read_otherwise_than_it_was_meant_is_noted(tmp_path: Path, x: Any, kind: str) -> None:
    assert [n.kind for n in load(save(tmp_path, x=x, y=Y), val=0).notes] == [kind]


@pytest.mark.parametrize("dtype", [bool, "int8", "int16", "int64", "float16", "float64", ">u2", ">f4"])
def test_other_cells_are_kept_exactly_where_they_fit(tmp_path: Path, dtype: Any) -> None:
    x = (np.arange(12) % 2).reshape(12, 1, 1).astype(dtype)
    data = load(save(tmp_path, x=x, y=Y), val=0)
    assert data.train.dtype == ("uint16" if dtype == ">u2" else "float32")
    assert np.array_equal(data.train.read(range(12)), x)
    assert "rounded" not in {n.kind for n in data.notes}


def test_gaps_in_the_labels_are_noted(tmp_path: Path) -> None:
    data = load(save(tmp_path, x=X, y=Y * 5 + 1), val=0)
    assert data.classes == ("1", "6", "11")
    assert data.train.y[:3].tolist() == [0, 1, 2]
    assert [n.kind for n in data.notes] == ["labels"]


@ANYWAY
@given(raw=st.binary(max_size=200))
def test_random_bytes(tmp_path: Path, raw: bytes) -> None:
    for content in (raw, b"PK\x03\x04" + raw, b"\x93NUMPY" + raw, b"\x93NUMPY\x01\x00" + raw):
        for name, read in (("a.npz", load), ("a.npy", read_npy)):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError):
                read(tmp_path / name)


@ANYWAY
@given(
    places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6), packed=st.booleans()
)
def test_a_whole_file_with_some_bytes_changed(tmp_path: Path, places: list[tuple[int, int]], packed: bool) -> None:
    buffer = io.BytesIO()
    arrays = {"x": X, "y": Y, "classes": np.array(["a", "b", "c"])}
    (np.savez_compressed if packed else np.savez)(buffer, **arrays)
    raw = bytearray(buffer.getvalue())
    for place, value in places:
        raw[place % len(raw)] = value
    (tmp_path / "a.npz").write_bytes(raw)
    with suppress(DataError):
        load(tmp_path / "a.npz")


def npy_with(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1099511627776,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" * 1,
    ],
)
def test_a_lying_header(tmp_path: Path, header: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy_with(header, bytes(8)))
    with pytest.raises(DataError):
        load(tmp_path / "a.npz")


def test_characters_that_unicode_lacks(tmp_path: Path) -> None:
    header = "{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("classes.npy", npy_with(header, b"\xff\xff\xff\x7f"))
    with pytest.raises(DataError, match="Unicode"):
        read_npz(tmp_path / "a.npz", ["classes"])


def test_examples_in_arrays(tmp_path: Path) -> None:
    p = load(save(tmp_path, x=X, y=Y), val=0).preprocessing
    np.save(tmp_path / "one.npy", X[3].astype(np.float64))
    np.savez(tmp_path / "alone.npz", whatever=X[3:4])
    np.savez(tmp_path / "named.npz", x=X[3], y=2)
    for name in ("one.npy", "alone.npz", "named.npz"):
        assert np.array_equal(read_example(tmp_path / name, p), X[3]), name
    np.save(tmp_path / "long.npy", np.zeros((2, 9), np.float32))
    np.savez(tmp_path / "two.npz", a=X[3], b=X[3])
    (tmp_path / "no.png").write_bytes(b"x")
    for name, match in (
        ("long.npy", "cut or pad"),
        ("two.npz", "arrays a, b"),
        ("no.png", "sees a signal"),
        ("a.npz", "12, 2, 8"),
    ):
        with pytest.raises(DataError, match=match):
            read_example(tmp_path / name, p)
