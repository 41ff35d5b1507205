"""Marks: every form holds what it can and refuses the rest, and what is wrong is named with file, line and value."""

from __future__ import annotations

import json
import math
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from convlens.data.errors import DataError
from convlens.data.marks import (
    Form,
    Mark,
    MarksError,
    append_marks,
    check_marks,
    picture_names,
    pictures_of,
    read_marks,
    write_marks,
)
from convlens.data.marks_csv import csv_bytes, read_csv

BOXES = [
    Mark("a.png", "object", 10, 20, 30, 40.5),
    Mark("a.png", "not", 50.25, 0, 8, 8),
    Mark("b.png", "complete", 0, 0, 64, 48),
]
POINTS = [*BOXES, Mark("b.png", "object", 5.5, 6), Mark("b.png", "not", 7, 8)]
SIZES = {"a.png": (96, 128), "b.png": (48, 64)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, (height, width) in SIZES.items():
        Image.fromarray(np.zeros((height, width), np.uint8)).save(name)
    return tmp_path


def near(found: list[Mark], wanted: list[Mark]) -> bool:
    def key(mark: Mark) -> tuple[object, ...]:
        return mark.image, mark.kind, *(None if n is None else round(n, 6) for n in (mark.x, mark.y, mark.w, mark.h))

    return [key(m) for m in found] == [key(m) for m in wanted]


@pytest.mark.parametrize("name", ["marks.csv", "marks.json"])
def test_files_hold_everything(here: Path, name: str) -> None:
    write_marks(name, POINTS, SIZES)
    assert read_marks(name) == POINTS
    assert [p.name for p in here.iterdir() if p.suffix == ".part"] == []


@pytest.mark.parametrize("form", ["yolo", "voc"])
def test_folders_hold_boxes_and_refuse_points(here: Path, form: Form) -> None:
    folder = here / "labels"
    (here / "images").mkdir()
    for name in SIZES:
        (here / name).rename(here / "images" / name)
    write_marks(folder, BOXES, SIZES, form=form)
    assert near(read_marks(folder), BOXES)
    with pytest.raises(MarksError, match=r"the mark at 5\.5, 6 of b\.png is a point"):
        write_marks(folder, POINTS, SIZES, form=form)
    assert near(read_marks(folder), BOXES), "a refused write changed the files"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(lambda s: s.strip() == s)


@given(
    st.lists(
        st.builds(
            Mark,
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(
                lambda s: s.strip() == s
            ),
            st.sampled_from(["object", "not", "complete"]),
            *[st.floats(-1e6, 1e6)] * 2,
            *[st.floats(1e-3, 1e6)] * 2,
        )
    )
)
def test_a_table_gives_back_every_bit(marks: list[Mark]) -> None:
    assert read_csv(Path("m.csv"), csv_bytes(marks)) == marks


def test_a_spreadsheet_in_europe(here: Path) -> None:
    text = "image;kind;x;y;w;h;who\r\na.png;Object;1,5;2;;;me\r\n;;;;;;\r\n"
    (here / "m.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_marks("m.csv") == [Mark("a.png", "object", 1.5, 2)]


def test_every_wrong_row_is_named_with_its_line_and_value(here: Path) -> None:
    rows = [
        "image,kind,x,y,w,h",
        "a.png,object,1,2,3,4",
        "a.png,object,one,2,3,4",
        "a.png,thing,1,2,3,4",
        "a.png,object,nan,2,3,4",
        "a.png,object,1,2,-3,4",
        "a.png,object,1,2,3,",
        "a.png,complete,1,2,,",
        "a.png,object,,2,,",
        ",object,1,2,,",
        "a.png,object,1,inf,,",
    ]
    Path("m.csv").write_text("\n".join(rows))
    with pytest.raises(MarksError) as raised:
        read_marks("m.csv")
    wanted = [
        "m.csv, line 3 has x = 'one', which is no number",
        "m.csv, line 4: the mark is of kind 'thing'; there are object, not, complete",
        "m.csv, line 5: the mark has x = nan, which is no number to measure with",
        "m.csv, line 6: the mark has the size -3 x 4; a box needs more than 0 x 0 pixels, a point none",
        "m.csv, line 7: the mark has w but no h; give both for a box, none for a point",
        "m.csv, line 8: the mark is a complete region without a size; give its w and h",
        "m.csv, line 9 has no x",
        "m.csv, line 10 has no image",
        "m.csv, line 11: the mark has y = inf, which is no number to measure with",
    ]
    assert list(raised.value.sentences) == wanted


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.csv", b"", "is empty; its first line is image,kind,x,y,w,h"),
        ("m.csv", b"\xef\xbb\xbf\n", "is empty"),
        ("m.csv", b"1,2\n", "line 1 lacks image, kind, x, y"),
        ("m.csv", b"image,x,y,w,h,score\n", "line 1 lacks kind"),
        ("m.csv", b"\xff\xfe\0", "not text in UTF-8"),
        ("m.json", b"{", "no COCO file"),
        ("m.json", b'{"images": [], "annotations": [{"category_id": 3}], "categories": []}', "no COCO file"),
        ("m.json", b"[" * 100_000, "no COCO file"),
        ("m.xml", b"<annotation>", "damaged XML"),
        ("m.xml", b"<other/>", "no Pascal VOC annotation"),
        ("m.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "declares a document type"),
        ("m.doc", b"", "holds no marks that its name tells"),
    ],
)
def test_what_is_no_file_of_marks_is_refused_by_name(here: Path, name: str, content: bytes, said: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(DataError, match=said) as raised:
        read_marks(name)
    assert name in str(raised.value)


def test_a_file_that_is_not_there(here: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file or folder gone\.csv"):
        read_marks("gone.csv")


def coco(here: Path, annotations: list[dict[str, object]], categories: list[str]) -> Path:
    whole = {
        "images": [{"id": 5, "file_name": "a.png"}],
        "categories": [{"id": at, "name": name} for at, name in enumerate(categories)],
        "annotations": [{"id": at, "image_id": 5, "category_id": 0} | one for at, one in enumerate(annotations)],
    }
    path = here / "m.json"
    path.write_text(json.dumps(whole))
    return path


def test_another_tool_s_one_category_is_the_object(here: Path) -> None:
    path = coco(here, [{"bbox": [1, 2, 3, 4]}, {"bbox": [5, 6, 7, 8], "category_id": 2}], ["coin", "unused", "Not"])
    assert read_marks(path) == [Mark("a.png", "object", 1, 2, 3, 4), Mark("a.png", "not", 5, 6, 7, 8)]


def test_two_things_at_once_are_refused(here: Path) -> None:
    path = coco(here, [{"bbox": [1, 2, 3, 4]}, {"bbox": [5, 6, 7, 8], "category_id": 1}], ["coin", "ring"])
    with pytest.raises(MarksError, match="marks coin, ring, and one kind of object is sought at a time"):
        read_marks(path)


def test_annotations_that_are_no_marks_are_named(here: Path) -> None:
    whole = [{"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, 4], "iscrowd": 1}, {"bbox": [1, 2, 0, 4]}, {"bbox": None}]
    with pytest.raises(MarksError) as raised:
        read_marks(coco(here, whole, ["coin"]))
    assert [f"annotation {at}" in said for at, said in enumerate(raised.value.sentences)] == [True] * 4


def test_pascal_counts_pixels_from_one_and_includes_both(here: Path) -> None:
    box = "<xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>2</ymax>"
    object_ = f"<object><name>dog</name><bndbox>{box}</bndbox></object>"
    Path("a.xml").write_text(f"<annotation><filename>a.png</filename>{object_}</annotation>")
    assert read_marks("a.xml") == [Mark("a.png", "object", 0, 1, 10, 1)]


def test_yolo_by_hand(here: Path) -> None:
    (here / "a.txt").write_text("0 0.5 0.5 0.25 0.125\n\n")
    assert read_marks(here) == [Mark("a.png", "object", 48, 42, 32, 12)]
    (here / "a.txt").write_text("0 0.5 0.5 0.25\n7 0 0 1 1\n")
    with pytest.raises(MarksError, match=r"a\.txt, line 1 has 4 words(.|\n)*class 7, which classes\.txt does not name"):
        read_marks(here)
    (here / "a.txt").write_text("0 0.5 x 0.25 1\n")
    with pytest.raises(MarksError, match=r"a\.txt, line 1 is '0 0\.5 x 0\.25 1'"):
        read_marks(here)
    (here / "c.txt").write_text("0 0.5 0.5 0.25 1\n")
    with pytest.raises(MarksError, match=r"c\.txt has boxes in fractions of its picture, and no picture is named c"):
        read_marks(here)


def test_yolo_does_not_mix_with_older_files(here: Path) -> None:
    write_marks(here / "labels", BOXES, SIZES, form="yolo")
    with pytest.raises(DataError, match=r"holds b\.txt, of no picture in these marks"):
        write_marks(here / "labels", BOXES[:2], {"a.png": SIZES["a.png"]}, form="yolo")


def test_a_place_that_cannot_be_written_is_told(here: Path) -> None:
    Path("m.csv").mkdir()
    with pytest.raises(DataError, match=r"cannot write m\.csv"):
        write_marks("m.csv", BOXES)


# ---- marks and pictures ----


def test_names_are_matched_by_the_end_of_the_path() -> None:
    names = ["one/a.png", "two/a.png", "two/b.png"]
    for image in ("b.png", "two/b.png", "photos/two/b.png", ".\\two\\b.png"):
        assert [len(own) for own in pictures_of([Mark(image, "object", 1, 1)], names).values()] == [0, 0, 1]
    with pytest.raises(MarksError, match=r"could be one/a\.png or two/a\.png; write more of its path"):
        pictures_of([Mark("a.png", "object", 1, 1)], names)
    with pytest.raises(MarksError, match=r"is not among the pictures \(one/a\.png, two/a\.png, two/b\.png\)"):
        pictures_of([Mark("three/b.png", "object", 1, 1)], names)


def test_short_names_tell_pictures_apart(here: Path) -> None:
    assert picture_names(["a.png", "sub/a.png"]) == ["a.png", "sub/a.png"]
    assert picture_names([here / "x/a.png", "x/b.png"]) == ["a.png", "b.png"]
    assert picture_names([]) == []


def test_an_image_that_exists_elsewhere_is_told_apart_from_one_that_does_not(here: Path) -> None:
    with pytest.raises(MarksError, match=r"b\.png, which is not among the pictures; add it to them"):
        check_marks([Mark("b.png", "object", 1, 1)], {"a.png": (9, 9)})
    with pytest.raises(MarksError, match=r"c\.png, which is not among the pictures \(a\.png\)"):
        check_marks([Mark("c.png", "object", 1, 1)], {"a.png": (9, 9)})


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (Mark("a.png", "object", 129, 5), "is at 129, 5, outside the picture of 128 x 96"),
        (Mark("a.png", "not", -20, 5, 30, 30), "has its centre at -5, 20, outside"),
        (Mark("a.png", "complete", 128, 0, 10, 10), r"at 128, 0 \(10 x 10\) lies outside"),
        (Mark("a.png", "object", 100, 90), ""),
        (Mark("a.png", "object", -10, 5, 30, 30), ""),
        (Mark("a.png", "complete", -100, -100, 1000, 1000), ""),
    ],
)
def test_marks_outside_their_picture(mark: Mark, said: str) -> None:
    marks = [Mark("a.png", "object", 1, 1), mark]
    if not said:
        assert check_marks(marks, SIZES) == {"a.png": marks, "b.png": []}
        return
    with pytest.raises(MarksError, match=said):
        check_marks(marks, SIZES)


def test_without_an_object_there_is_nothing_to_find() -> None:
    for marks in ([], [Mark("a.png", "not", 1, 2, 3, 4, where="m.csv, line 2")]):
        with pytest.raises(MarksError, match=r"no object is marked"):
            check_marks(marks, SIZES)


def test_a_long_list_of_faults_is_cut() -> None:
    marks = [Mark("a.png", "object", 1000, at) for at in range(40)]
    with pytest.raises(MarksError) as raised:
        check_marks(marks, SIZES)
    assert len(raised.value.sentences) == 40
    assert str(raised.value).endswith("and 30 more like these")


def test_where_a_mark_was_read_is_no_part_of_its_value() -> None:
    assert Mark("a", "object", 1, 2, where="x") == Mark("a", "object", 1, 2)
    assert math.isclose(Mark("a", "object", 1, 2, 3, 4).centre[0], 2.5)


def test_rows_are_added_and_what_stands_there_is_left_alone(here: Path) -> None:
    for text, wanted in (
        ("image,kind,x,y,w,h\na.png,object,1,2,3,4", "\na.png,not,50.25,0,8,8\nb.png,object,5.5,6,,\n"),
        (
            "\ufeffwho;Kind;image;h;w;y;x\r\nme;object;a.png;4;3;2;1,5\r\n",
            ";not;a.png;8;8;0;50,25\r\n;object;b.png;;;6;5,5\r\n",
        ),
        ("image;kind;x;y;w;h\n", "a.png;not;50.25;0;8;8\nb.png;object;5.5;6;;\n"),
    ):
        Path("marks.csv").write_bytes(text.encode())
        before = read_marks("marks.csv")
        append_marks("marks.csv", [])
        assert Path("marks.csv").read_bytes() == text.encode()
        append_marks("marks.csv", [POINTS[1], POINTS[3]])
        assert Path("marks.csv").read_bytes().decode() == text + wanted
        assert read_marks("marks.csv") == [*before, POINTS[1], POINTS[3]]


def test_rows_that_cannot_be_added_are_refused_and_nothing_is_written(here: Path) -> None:
    Path("points.csv").write_text("image,kind,x,y\na.png,object,1,2\n")
    with pytest.raises(MarksError, match=r"points\.csv, line 1 lacks w, h, and boxes are to be added"):
        append_marks("points.csv", BOXES)
    append_marks("points.csv", POINTS[-1:])
    assert read_marks("points.csv")[1:] == POINTS[-1:]
    with pytest.raises(DataError, match=r"there is no file gone\.csv"):
        append_marks("gone.csv", BOXES)
    write_marks("marks.json", BOXES)
    with pytest.raises(DataError, match=r"added to a \.csv alone, not to marks\.json"):
        append_marks("marks.json", BOXES)
    Path("broken.csv").write_text("image,kind,x,y,w,h\na.png,object,1,two,3,4\n")
    with pytest.raises(MarksError, match="line 2 has y = 'two'"):
        append_marks("broken.csv", BOXES)
    assert len(Path("broken.csv").read_text().splitlines()) == 2
