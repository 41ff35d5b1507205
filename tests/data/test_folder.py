"""Folders of class folders as people have them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data import ArraySplit, DataError, Dataset, FileSplit, Note, load, read_example
from convlens.data.conform import Form, Look, Wanted, common_form, convert_cells, convert_channels, resize


def grey(path: Path, value: int = 0, size: tuple[int, int] = (4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size) + np.uint8(value)
    Image.fromarray(pixels).save(path)


def note(data: Dataset, kind: str) -> Note:
    (found,) = [n for n in data.notes if n.kind == kind]
    return found


def kinds(data: Dataset) -> list[str]:
    return [n.kind for n in data.notes]


def test_a_clean_folder(pets: Path) -> None:
    data = load(pets, val=0.25)
    assert data.classes == ("class2", "class10", "naïve, or not")
    assert (data.name, data.kind, data.train.shape, data.test) == ("pets", "picture", (3, 6, 5), None)
    assert kinds(data) == ["split"]
    assert np.bincount(data.train.y).tolist() == [9, 9, 9]
    for index in (0, 13):
        pixels = np.asarray(Image.open(pets / data.train.names[index]))
        assert np.array_equal(data.train.read([index])[0], np.moveaxis(pixels, 2, 0))
        assert data.classes[data.train.y[index]] == data.train.names[index].split("/")[0]


@pytest.mark.parametrize("val", ["val", "Valid", "VALIDATION"])
def test_split_folders(tmp_path: Path, val: str) -> None:
    for k, part in enumerate(("train", val, "test")):
        for c in "ab":
            if (part, c) != ("test", "b"):
                grey(tmp_path / part / c / "deep" / "er" / "x.png", 10 * k + ord(c))
    grey(tmp_path / "extra" / "y.png")
    data = load(tmp_path)
    assert {name: split.y.tolist() for name, split in data.splits.items()} == {
        "train": [0, 1],
        "val": [0, 1],
        "test": [0],
    }
    assert data.train.names[0] == "train/a/deep/er/x.png"
    assert note(data, "empty class").message == "test has no examples of b"
    assert note(data, "stray").names == ("extra/",)


def test_two_folders_for_one_split_and_no_train(tmp_path: Path) -> None:
    grey(tmp_path / "test" / "a" / "x.png")
    grey(tmp_path / "val" / "a" / "x.png")
    with pytest.raises(DataError, match="no train"):
        load(tmp_path)
    grey(tmp_path / "train" / "a" / "x.png")
    grey(tmp_path / "valid" / "a" / "x.png")
    with pytest.raises(DataError, match="two folders for val"):
        load(tmp_path)


def test_rubbish_is_passed_over_named_and_counted(pets: Path) -> None:
    (pets / ".DS_Store").write_bytes(b"x")
    (pets / "class2" / "Thumbs.db").write_bytes(b"x")
    (pets / "__MACOSX").mkdir()
    (pets / "README.md").write_text("hello")
    (pets / "nothing").mkdir()
    (pets / "class2" / "notes.txt").write_text("these are dogs, I think")
    (pets / "class2" / "empty.png").touch()
    (pets / "class10" / "cut.png").write_bytes((pets / "class10" / "0.png").read_bytes()[:60])
    (pets / "class10" / "gone.png").symlink_to("nowhere")
    data = load(pets, val=0)
    assert len(data.train) == 36
    assert note(data, "hidden").names == (".DS_Store", "__MACOSX", "class2/Thumbs.db")
    assert note(data, "stray").names == ("README.md",)
    assert note(data, "empty folder").names == ("nothing",)
    assert note(data, "empty class").names == ("nothing",)
    skipped = note(data, "skipped")
    assert skipped.message.startswith("4 files: ")
    assert [name.split(":")[0] for name in skipped.names] == [
        "class2/empty.png",
        "class2/notes.txt",
        "class10/cut.png",
        "class10/gone.png",
    ]


def test_links_that_lead_in_circles(pets: Path, tmp_path: Path) -> None:
    grey(tmp_path / "elsewhere" / "far.png", 99)
    (tmp_path / "elsewhere" / "again").symlink_to(".")
    (pets / "class2" / "up").symlink_to("..")
    (pets / "class2" / "other").symlink_to(pets / "class10")
    (pets / "class2" / "far").symlink_to(tmp_path / "elsewhere")
    (pets / "loop").symlink_to(".")
    data = load(pets, val=0)
    assert len(data.train) == 37
    assert set(note(data, "link").names) == {"class2/up", "class2/other", "loop", "class2/far/again"}


def test_odd_names(tmp_path: Path) -> None:
    names = ["a b", "ünï", "x\ny", "comma, here", "100%", "'quoted\""]
    for k, name in enumerate(names):
        grey(tmp_path / name / "1.png", k)
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    Image.new("L", (4, 4)).save(os.fsdecode(os.fsencode(tmp_path) + b"/\xff/1.png"))
    data = load(tmp_path, val=0)
    assert set(data.classes) == {name.replace("\n", "\\n") for name in names} | {"\\udcff"}
    assert len(data.train) == 7


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no class folders"):
        load(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("x")
    with pytest.raises(DataError, match=r"no picture that can be read; skipped: 1 file.*a/x\.png"):
        load(tmp_path)


def test_one_class_and_imbalance(tmp_path: Path) -> None:
    for k in range(20):
        grey(tmp_path / "a" / f"{k}.png", k)
    assert "one class" in kinds(load(tmp_path))
    grey(tmp_path / "b" / "x.png", 77)
    assert note(load(tmp_path, val=0), "imbalance").message == "train has 20 examples of a and 1 of b"


def test_grey_only_if_all_are_grey(tmp_path: Path) -> None:
    grey(tmp_path / "a" / "1.png")
    grey(tmp_path / "a" / "2.png", 3)
    assert load(tmp_path, val=0).train.shape == (1, 4, 4)
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "a" / "3.png")
    data = load(tmp_path, val=0)
    assert data.train.shape == (3, 4, 4)
    assert note(data, "mixed channels").names == ("a/1.png", "a/2.png")
    assert data.train.read([2])[0, :, 0, 0].tolist() == [1, 2, 3]
    data = load(tmp_path, val=0, channels=1)
    assert data.train.shape == (1, 4, 4)
    assert data.train.read([2])[0, 0, 0, 0] == 2  # 0.299 + 2·0.587 + 3·0.114 = 1.815


def test_channels_without_agreed_meaning_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for k in range(3):
        cells = np.full((4, 4, 5), k, np.uint16)
        tifffile.imwrite(tmp_path / "a" / f"{k}.tif", cells, photometric="minisblack", planarconfig="contig")
    grey(tmp_path / "a" / "grey.png")
    data = load(tmp_path, val=0)
    assert data.train.shape == (5, 4, 4)
    assert note(data, "skipped").names == ("a/grey.png",)


def test_the_widest_cells_win(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((2, 2), 255, np.uint8)).save(tmp_path / "a" / "1.png")
    Image.fromarray(np.full((2, 2), 4660, np.uint16)).save(tmp_path / "a" / "2.png")
    data = load(tmp_path, val=0)
    assert data.train.dtype == np.uint16
    assert data.train.read([0, 1])[:, 0, 0, 0].tolist() == [65535, 4660]
    tifffile.imwrite(tmp_path / "a" / "3.tif", np.full((2, 2), 0.25, np.float32))
    data = load(tmp_path, val=0)
    assert data.train.read([0, 1, 2])[:, 0, 0, 0].tolist() == [1.0, np.float32(4660 / 65535), 0.25]
    assert note(data, "mixed types").names == ("a/1.png", "a/2.png")


def test_the_most_common_size_then_the_smaller(tmp_path: Path) -> None:
    for k, size in enumerate([(4, 4), (8, 8), (4, 4), (8, 8), (5, 9)]):
        grey(tmp_path / "a" / f"{k}.png", k, size)
    data = load(tmp_path, val=0)
    assert data.train.shape == (1, 4, 4)
    assert note(data, "resized").names == ("a/1.png", "a/3.png", "a/4.png")
    assert load(tmp_path, val=0, size=(3, 7)).train.shape == (1, 3, 7)
    assert common_form([Look((1, 2, 9), "uint8"), Look((1, 3, 3), "uint8")], Wanted()).shape == (1, 3, 3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_shrinking_averages_over_everything(dtype: str) -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 200
    small = resize(board[None].astype(dtype), (8, 8))
    assert small.dtype == dtype
    assert np.abs(small.astype(float) - 100).max() <= 2


def test_conversions_keep_black_black_and_full_full() -> None:
    cells = np.array([0, 128, 255], np.uint8).reshape(1, 1, 3)
    assert convert_cells(cells, "uint16").ravel().tolist() == [0, 128 * 257, 65535]
    assert np.array_equal(convert_cells(convert_cells(cells, "uint16"), "uint8"), cells)
    assert np.array_equal(convert_cells(convert_cells(cells, "float32"), "uint8"), cells)
    with pytest.raises(DataError, match="bring them to 0 to 1"):
        convert_cells(np.full((1, 1, 1), 1.5, np.float32), "uint8")
    with pytest.raises(DataError, match="5 channels and 3"):
        convert_channels(np.zeros((5, 1, 1), np.uint8), 3)


def test_luma_is_pillows(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    ours = convert_channels(np.moveaxis(pixels, 2, 0), 1)[0]
    assert np.array_equal(ours, np.asarray(Image.fromarray(pixels).convert("L")))


def test_a_set_above_memory_streams_and_is_the_same_set(pets: Path) -> None:
    grey(pets / "class2" / "big grey.png", 5, (13, 17))
    Image.open(pets / "class2" / "3.png").save(pets / "class10" / "twin.png")
    kept, streamed = load(pets), load(pets, memory=1000)
    assert isinstance(kept.train, ArraySplit)
    assert isinstance(streamed.train, FileSplit)
    assert streamed.preprocessing == kept.preprocessing
    assert streamed.ranges == kept.ranges
    assert [n for n in streamed.notes if n.kind != "streamed"] == list(kept.notes)
    for name, split in kept.splits.items():
        other = streamed.splits[name]
        assert list(split.names) == list(other.names)
        assert np.array_equal(split.y, other.y)
        assert np.array_equal(split.read(range(len(split))), other.read(range(len(split))))


def test_read_example_follows_the_same_policy(pets: Path) -> None:
    grey(pets / "class2" / "big grey.png", 5, (13, 17))
    data = load(pets, val=0)
    for index in range(0, len(data.train), 7):
        assert np.array_equal(
            read_example(pets / data.train.names[index], data.preprocessing), data.train.read([index])[0]
        )
    np.save(pets / "a.npy", np.zeros((13, 17), np.uint16))
    example = read_example(pets / "a.npy", data.preprocessing)
    assert (example.shape, example.dtype) == ((3, 6, 5), np.uint8)
    assert data.preprocessing.apply(example[None]).dtype == np.float32
    with pytest.raises(DataError, match="no such file"):
        read_example(pets / "missing.png", data.preprocessing)
    tifffile.imwrite(pets / "float.tif", np.full((6, 5), 7.0, np.float32))
    with pytest.raises(DataError, match="0 to 1"):
        read_example(pets / "float.tif", data.preprocessing)


def test_a_form_pickles_with_its_reader() -> None:
    import pickle

    form = Form((1, 2, 3), "uint8")
    assert pickle.loads(pickle.dumps(form.read)).__self__ == form


@pytest.mark.parametrize("source", ["nowhere", "README.md"])
def test_an_unknown_source_lists_what_is_understood(tmp_path: Path, source: str) -> None:
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(DataError, match=r"fashion-mnist, a folder .* \.npz .* \.ts .* idx"):
        load(tmp_path / source)


@pytest.mark.parametrize(
    "bad",
    [
        {"val": 1.0},
        {"val": -0.1},
        {"val": float("nan")},
        {"seed": -1},
        {"size": (0, 4)},
        {"size": (4, 4, 4)},
        {"channels": 0},
    ],
)
def test_arguments_out_of_bounds(pets: Path, bad: dict[str, object]) -> None:
    with pytest.raises(DataError):
        load(pets, **bad)  # type: ignore[arg-type]


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    for k, name in enumerate(("a", "b")):
        grey(tmp_path / name / "1.png", k)
    for where in (tmp_path / "circle", tmp_path / "a" / "circle"):
        where.symlink_to(where)
    data = load(tmp_path, val=0)
    assert note(data, "stray").names == ("circle",)
    assert note(data, "skipped").names[0].startswith("a/circle: ")


def test_a_cell_type_that_is_prescribed(tmp_path: Path) -> None:
    grey(tmp_path / "a" / "1.png")
    tifffile.imwrite(tmp_path / "a" / "2.tif", np.full((4, 4), 257 * 9, np.uint16))
    data = load(tmp_path, val=0, dtype="uint8")
    assert data.train.dtype == np.uint8
    assert (data.train.read([1]) == 9).all()
    tifffile.imwrite(tmp_path / "a" / "3.tif", np.full((4, 4), 7, np.float32))
    with pytest.raises(DataError, match=r"a/3.tif does not fit: its values go from 7 to 7"):
        load(tmp_path, val=0, dtype="uint8")
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 1, 3, 3), np.uint8), y=[0, 1, 0, 1])
    with pytest.raises(DataError, match="has uint8 examples, not the uint16 that is wanted"):
        load(tmp_path / "x.npz", dtype="uint16")
    with pytest.raises(DataError, match="examples of 1x3x3, not the 3x3x3 that is wanted"):
        load(tmp_path / "x.npz", channels=3)
