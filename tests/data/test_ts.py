"""Signals in .ts files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.data import DataError, load, read_example

HEAD = (
    "# a remark\n% another\n@problemName Tiny\n@timeStamps false\n@univariate true\n@classLabel true up down\n@data\n"
)
TRAIN = HEAD + "1,2,3:up\n3.5,2,-1e-1:down\n\n# late\n1,5,9:up\n4,2,1 : down \n"
TEST = HEAD + "0,1,2:up\n"


def write(tmp_path: Path, text: str, name: str = "a.ts") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_one_file(tmp_path: Path) -> None:
    data = load(write(tmp_path, TRAIN), val=0)
    assert (data.name, data.kind, data.train.shape, data.test) == ("a", "signal", (1, 3), None)
    assert data.classes == ("up", "down")
    assert data.train.read([1])[0, 0].tolist() == [3.5, 2.0, np.float32(-0.1)]
    assert data.train.y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("names", [("Tiny_TRAIN.ts", "Tiny_TEST.ts"), ("tiny_train.ts", "tiny_test.ts")])
def test_train_finds_test_and_the_other_way_round(tmp_path: Path, names: tuple[str, str]) -> None:
    train, test = write(tmp_path, TRAIN, names[0]), write(tmp_path, TEST, names[1])
    for source in (train, test, tmp_path):
        data = load(source, val=0)
        assert (len(data.train), len(data.test or ())) == (4, 1)
        assert data.name.lower() == "tiny"
    train.unlink()
    with pytest.raises(DataError, match="to train on"):
        load(test)


def test_several_sets_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path, TRAIN, "A_TRAIN.ts")
    write(tmp_path, TRAIN, "B_TRAIN.ts")
    with pytest.raises(DataError, match=r"A_TRAIN\.ts, B_TRAIN\.ts; name the file"):
        load(tmp_path)


def test_many_channels(tmp_path: Path) -> None:
    data = load(write(tmp_path, "@data\n1,2:3,4:b\n5,6:7,8:a\n"), val=0)
    assert data.train.shape == (2, 2)
    assert data.classes == ("a", "b")
    assert data.train.read([0]).tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no @data"),
        ("1,2,3:up\n", "no @data line comes before"),
        (HEAD, "no signals"),
        (HEAD + "1,?,3:up\n", r"line 8 .* missing value"),
        (HEAD + "1,NaN,3:up\n", "fill the gaps"),
        (HEAD + "1,2,3:up\n1,2:up\n", r"line 9 .* 2 and 3 values"),
        (HEAD + "1,2,3:up\n1,2,3:1,2,3:up\n", "2 channels and the first 1"),
        (HEAD + "1,2,3\n", "':' and a class"),
        (HEAD + "1,2,3:\n", "':' and a class"),
        (HEAD + "1,two,3:up\n", "'1,two,3', which is no number"),
        (HEAD + "1,2,3:sideways\n", "'sideways'"),
        (HEAD + "1e300,2,3:up\n", "too large"),
        ("@timestamps true\n@data\n(0,1):a\n", "even steps"),
        ("@targetlabel true\n@data\n1,2:0.5\n", "no classes"),
        ("@classlabel false\n@data\n1,2\n", "no classes"),
    ],
)
def test_what_is_not_read_is_a_sentence(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        load(write(tmp_path, text))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="UTF-8"):
        load(tmp_path / "a.ts")


def test_a_test_file_of_another_length(tmp_path: Path) -> None:
    write(tmp_path, TRAIN, "T_TRAIN.ts")
    write(tmp_path, HEAD + "1,2:up\n", "T_TEST.ts")
    with pytest.raises(DataError, match="make them the same"):
        load(tmp_path)


def test_one_signal_to_predict(tmp_path: Path) -> None:
    p = load(write(tmp_path, TRAIN), val=0).preprocessing
    assert read_example(write(tmp_path, TEST, "one.ts"), p).tolist() == [[0, 1, 2]]
    with pytest.raises(DataError, match="one example"):
        read_example(tmp_path / "a.ts", p)
