"""Texts as codes of characters: files, lines and tables of them; the alphabet, which goes where the network goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convlens.data import DataError, Note, load, read_example
from convlens.data.alphabet import REST, codes, composed, learn_alphabet, preprocessing_of_texts, spelled
from convlens.data.conform import Wanted
from convlens.data.dataset import Dataset
from convlens.data.preprocessing import Preprocessing
from convlens.data.texts import text_set

GERMAN = ["Straße", "Mädchen", "fünf", "Größe", "schön", "Fuß", "heißen", "süß"]
FINNISH = ["yksi", "kaksi", "kolme", "neljä", "viisi", "kuusi", "seitsemän", "kahdeksan"]


def note(data: Dataset, kind: str) -> Note:
    (found,) = [n for n in data.notes if n.kind == kind]
    return found


def words(data: Dataset) -> list[str]:
    return [spelled(row, data.preprocessing.alphabet) for row in data.train.read(range(len(data.train)))]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, said in (("german", GERMAN), ("finnish", FINNISH)):
        (tmp_path / "words" / name).mkdir(parents=True)
        for i, word in enumerate(said):
            (tmp_path / "words" / name / f"{i}.txt").write_text(word + "\n", encoding="utf-8")
    return tmp_path / "words"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "lines").mkdir()
    for name, said in (("german", GERMAN), ("finnish", FINNISH)):
        (tmp_path / "lines" / f"{name}.txt").write_text("\n".join([*said, "", " "]), encoding="utf-8")
    return tmp_path / "lines"


def test_a_text_a_file(files: Path) -> None:
    data = load(files, val=0)
    assert (data.kind, data.classes, data.train.shape) == ("text", ("finnish", "german"), (1, 9))
    twice = {c for c in "".join(GERMAN + FINNISH) if "".join(GERMAN + FINNISH).count(c) > 1}
    assert data.preprocessing.alphabet == "".join(sorted(twice))
    assert data.preprocessing.shape == (len(twice) + 1, 9)
    assert words(data)[1] == "kaksi"
    assert words(data)[8] == f"{REST}traße"
    assert note(data, "lengths").message.startswith("the texts are 3 to 9 characters long, the median 5")
    assert "S" in note(data, "rest").names


def test_a_text_a_line(lines: Path) -> None:
    data = load(lines, val=0)
    assert (data.classes, len(data.train)) == (("finnish", "german"), 16)
    assert data.train.names[8] == "german.txt:1"
    assert load(lines, val=0.25).val is not None


def test_split_folders_of_lines(tmp_path: Path) -> None:
    for part, said in (("train", GERMAN), ("test", ["Haus", "Zeit"])):
        for name in ("a", "b"):
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / part / f"{name}.txt").write_text("\n".join(w + name for w in said), encoding="utf-8")
    data = load(tmp_path, val=0)
    assert {part: len(split) for part, split in data.splits.items()} == {"train": 16, "test": 4}
    assert "Z" not in data.preprocessing.alphabet  # of the training texts alone
    assert data.test is not None
    assert data.test.names[0] == "test/a.txt:1"
    (tmp_path / "valid").mkdir()
    (tmp_path / "val").mkdir()
    with pytest.raises(DataError, match="two folders for val"):
        load(tmp_path)


def test_files_that_are_no_texts(files: Path) -> None:
    (files / "german/a.png").write_bytes(b"\x89PNG")
    (files / "german/b.txt").write_bytes("süß".encode("latin-1"))
    (files / "german/c.txt").write_text(" \n\n")
    data = load(files, val=0)
    assert len(data.train) == 16
    assert note(data, "skipped").names == (
        "german/a.png: it is no .txt file",
        "german/b.txt: it is not text in UTF-8; save it as that",
        "german/c.txt: it is empty",
    )


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"no text that can be read; skipped: 1 file.*a\.txt: it is empty"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"empty holds no text that can be read; put some into it"):
        text_set("empty", [], ["a"], [], val=0.1, seed=0, wanted=Wanted())


def test_texts_that_two_classes_share_are_named(tmp_path: Path) -> None:
    (tmp_path / "no.txt").write_text("for\nhuse\n")
    (tmp_path / "en.txt").write_text("for\nhouse\n")
    assert note(load(tmp_path, val=0), "label conflict").names == ("en.txt:1 (en) = no.txt:1 (no)",)


def test_one_spelling() -> None:
    assert composed(" cafe\u0301\r\nau lait \n") == "café\nau lait"


def test_codes_are_what_was_written(rng: np.random.Generator) -> None:
    alphabet = "".join(sorted("abcdeößжи漢😀"))
    for length in (1, 5, 30):
        text = "".join(rng.choice(list(alphabet), 12))
        assert spelled(codes(text, alphabet, length), alphabet) == text[:length]
    assert codes("axb", "ab", 4).tolist() == [[1, 3, 2, 0]]
    assert codes("x", "", 2).tolist() == [[1, 0]]


def test_the_alphabet_is_what_occurs_often_and_fits_a_byte() -> None:
    assert learn_alphabet(["aa", "b", "b", "c"]) == "ab"
    assert learn_alphabet(["a" * 500_000, "bb", "c" * 5]) == "a"  # a hundred-thousandth is five
    many = [chr(0x4E00 + i) * (5 + i) for i in range(400)]
    alphabet = learn_alphabet(many)
    assert len(alphabet) == 254
    assert alphabet == "".join(sorted(alphabet))
    assert chr(0x4E00 + 399) in alphabet
    preprocessing_of_texts(alphabet, 9)


def test_one_channel_is_lit_a_character() -> None:
    own = preprocessing_of_texts("abc", 4)
    x = own.apply(np.stack([codes("cab!", "abc", 4), codes("b", "abc", 4)]))
    assert x.shape == (2, 4, 4)
    assert (x > 0).argmax(axis=1)[0].tolist() == [2, 0, 1, 3]
    assert (x[0] ** 2).mean() == pytest.approx(1)
    assert not x[1, :, 1:].any()


def test_the_alphabet_travels_with_the_preprocessing(files: Path, tmp_path: Path) -> None:
    own = load(files, val=0).preprocessing
    again = Preprocessing.from_json(own.to_json())
    assert again == own
    (tmp_path / "one.txt").write_text("kaksi ja kolme")
    assert spelled(read_example(tmp_path / "one.txt", again), own.alphabet) == f"kaksi{REST}{REST}a{REST}"
    (tmp_path / "others").mkdir()
    (tmp_path / "others/x.txt").write_text("zzzzzz\nzz\n")
    assert load(tmp_path / "others", val=0, like=again).preprocessing == own


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("alphabet", "ba", "order of Unicode"),
        ("alphabet", "abc", "3 channels for an alphabet of 3"),
        ("alphabet", 7, "as text"),
        ("scale", 255.0, "uint8 over 1"),
        ("rate", 8000, "gives a text the rate"),
        ("kind", "signal", "divides"),
        ("extra", 1, "exactly the fields"),
    ],
)
def test_a_preprocessing_that_cannot_be(field: str, value: object, match: str) -> None:
    written = preprocessing_of_texts("ab", 4).to_json()
    with pytest.raises(DataError, match=match):
        Preprocessing.from_json({**written, field: value})


def test_a_length_that_is_prescribed(lines: Path) -> None:
    data = load(lines, val=0, size=(4,))
    assert data.train.shape == (1, 4)
    assert len(note(data, "lengths").names) == 12
    with pytest.raises(DataError, match="a text has the size W"):
        load(lines, size=(4, 4))


# ---- tables of texts ----


def test_a_table_of_texts(tmp_path: Path) -> None:
    rows = [f'"{word}, {word}",german' for word in GERMAN] + [f"{word},finnish" for word in FINNISH]
    for head in ("", "text,language\n", "sentence,label\n"):
        (tmp_path / "words.csv").write_text(head + "\n".join(rows), encoding="utf-8")
        if head == "text,language\n":
            data = load(tmp_path / "words.csv", val=0, label="last")
            assert data.classes == ("finnish", "german", "language")  # nothing tells such a first row from the others
            continue
        data = load(tmp_path / "words.csv", val=0)
        assert (data.kind, data.classes, len(data.train)) == ("text", ("finnish", "german"), 16)


def test_a_table_of_texts_with_other_columns(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\ttext\tlabel\n1\tone two\ta\n2\tthree\tb\n3\tfour\ta\n")
    data = load(tmp_path / "t.tsv", val=0)
    assert (data.kind, data.classes) == ("text", ("a", "b"))
    assert data.train.names[0] == "t.tsv:2"
    (tmp_path / "u.tsv").write_text("author\ttext\tlabel\nme\tone two\ta\nyou\tthree\tb\n")
    with pytest.raises(DataError, match="words besides its classes"):
        load(tmp_path / "u.tsv")
