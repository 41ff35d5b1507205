"""Tables of series, a row an example: which column is the class, how the archives write them, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.data import DataError, load, read_example


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("1.5,2,3,cat\n4,5,6,dog\n", ("cat", "dog")),
        ("cat;1.5;2;3\ndog;4;5;6\n", ("cat", "dog")),
        ("1\t1.5\t2.25\t3.5\n2\t4\t5\t6.5\n", ("1", "2")),
        ("1.5,2.25,3.5,0\n4,5,6.5,1\n", ("0", "1")),
        ("a,b,c,label\n1,2,3,0\n4,5,6,1\n", ("0", "1")),
        ("class,b,c,d\n0,2,3,5\n1,5,6,7\n", ("0", "1")),
        ("-1,1.5,2,3.5\n1,4,5,6.5\n", ("-1", "1")),
        ("1.0,1.5,2,3.5\n0.0,4,5,6.5\n", ("0", "1")),
    ],
)
def test_where_the_classes_stand(tmp_path: Path, text: str, classes: tuple[str, ...]) -> None:
    data = load(write(tmp_path / "a.csv", text), val=0)
    assert (data.kind, data.classes, data.train.shape, len(data.train)) == ("signal", classes, (1, 3), 2)


@pytest.mark.parametrize(
    ("label", "first"), [("first", [2, 3, 4]), ("last", [1, 2, 3]), ("b", [1, 3, 4]), ("3", [1, 2, 4])]
)
def test_the_column_that_is_asked_for(tmp_path: Path, label: str, first: list[int]) -> None:
    data = load(write(tmp_path / "a.csv", "a,b,c,d\n1,2,3,4\n5,6,7,8\n"), val=0, label=label)
    assert data.train.read([0])[0, 0].tolist() == first
    assert data.train.names[0] == "a.csv:2"


def test_what_is_not_settled_is_asked(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.csv", "1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match=r"first column or its last; say which with --label"):
        load(whole)
    with pytest.raises(DataError, match=r"no column 'x' but 3 without names"):
        load(whole, label="x")
    with pytest.raises(DataError, match=r"no column '4' but 3, named p, q, r"):
        load(write(tmp_path / "b.csv", "p,q,r\n1,2,3\n4,5,6\n"), label="4")


def test_train_brings_test_along(tmp_path: Path) -> None:
    train = write(tmp_path / "Gun_TRAIN.tsv", "1\t0.5\t1.5\n2\t0.25\t1\n1\t0.5\t0.5\n")
    write(tmp_path / "Gun_TEST.tsv", "2\t0.5\t1.5\n")
    write(tmp_path / "Gun_TEST.ts", "not this one")
    for source in (train, tmp_path):
        data = load(source, val=0, label="first")
        assert (data.name, len(data.train), len(data.test or ())) == ("Gun", 3, 1)
    write(tmp_path / "Gun_TEST.tsv", "2\t0.5\n")
    with pytest.raises(DataError, match="make them alike"):
        load(train)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no rows of two columns"),
        ("1\n2\n", "no rows of two columns"),
        ("1,2,a\n3,b\n", "line 2 of .* has 2 columns and the first 3"),
        ("1,2,a\n3,,b\n", r"line 2 of .* holds '' where a number belongs"),
        ("1,nan,a\n3,4,b\n", "1 values that are NaN"),
        ("1,4,3,b\n1,2,x,a\n2,2,5,b\n", r"line 2 of .* holds 'x' where a number belongs"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        load(write(tmp_path / "a.csv", text))


def test_only_tables_have_a_column_of_classes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match="is no table, which alone"):
        load(tmp_path, label="first")
    with pytest.raises(DataError, match="is no table, which alone"):
        load(write(tmp_path / "a.ts", "@data\n1,2:x\n2,3:y\n"), label="first")


def test_bytes_that_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2,a\n\xff\xfe,2,b\n")
    with pytest.raises(DataError, match="no table in UTF-8"):
        load(tmp_path / "a.csv")


def test_a_row_a_moment_is_predicted(tmp_path: Path) -> None:
    own = load(write(tmp_path / "a.csv", "1.5,2,3,cat\n4,5,6,dog\n"), val=0).preprocessing
    assert read_example(write(tmp_path / "one.csv", "value\n7\n8\n"), own).tolist() == [[7, 8, 8]]
    np.save(tmp_path / "one.npy", np.arange(5.0))
    assert read_example(tmp_path / "one.npy", own).tolist() == [[0, 1, 2]]
