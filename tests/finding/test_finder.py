"""A finder learns from a few marks what a person sees at once, gives the same again, and can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data import Mark, MarksError, PictureError, write_marks
from convlens.finding import Finder
from convlens.finding import finder as module
from convlens.finding.errors import FindingError
from convlens.finding.learning import Course
from convlens.finding.lessons import Lessons

from .scenes import SIDE, hits, mark, scene

pytestmark = pytest.mark.usefixtures("short")


def test_all_crosses_are_found_and_nothing_else_in_a_picture_that_was_not_learned_from(learned: Finder) -> None:
    picture, centres = scene(5)
    finds = learned.find(picture)
    assert hits(finds.boxes, centres) == len(centres)
    assert finds.count == len(centres)
    assert finds.interval is not None
    assert finds.interval[0] <= len(centres) <= finds.interval[1]
    assert (finds.scores[:-1] >= finds.scores[1:]).all()
    assert finds.scores.min() >= finds.threshold > finds.near.scores.max(initial=0)


def test_a_picture_without_a_cross_has_none(learned: Finder) -> None:
    finds = learned.find(scene(6, crosses=0, others=16)[0])
    assert finds.count == 0


def test_the_same_seed_gives_the_same_finder_and_another_another(learned: Finder) -> None:
    picture, centres = scene(0)
    marks = [mark("a", c) for c in centres[:3]]
    again = Finder.fit({"a": picture}, marks, seed=1)
    for name, weight in learned.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)
    other = Finder.fit({"a": picture}, marks, seed=2)
    assert any((other.weights[name] != weight).any() for name, weight in learned.weights.items())


def test_how_far_things_lean_is_asked_again_of_twice_as_many_marks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []

    def lean(objects: Sequence[object], *_: object) -> float:
        asked.append(len(objects))
        return np.pi / len(objects)

    monkeypatch.setattr(module, "lean", lean)
    monkeypatch.setattr(module, "FIRST", Course(steps=1, rate=1e-3))
    monkeypatch.setattr(module, "AGAIN", Course(steps=1, rate=1e-3))
    picture, centres = scene(0)
    finder = Finder.fit({"a": picture}, [mark("a", c) for c in centres[:2]])
    for count in (3, 4, 5):
        finder.save(tmp_path / "crosses.safetensors")
        finder = Finder.load(tmp_path / "crosses.safetensors")
        finder.correct([mark("a", c) for c in centres[:count]], {"a": picture})
    assert asked == [2, 4]
    assert finder.turn == pytest.approx(np.pi / 4)


def test_what_is_saved_finds_the_same_and_learns_on(learned: Finder, tmp_path: Path) -> None:
    picture, centres = scene(0)
    learned.save(tmp_path / "crosses.safetensors")
    loaded = Finder.load(tmp_path / "crosses.safetensors")
    before, after = learned.find(picture), loaded.find(picture)
    np.testing.assert_array_equal(before.boxes, after.boxes)
    np.testing.assert_array_equal(before.scores, after.scores)
    marks = [mark("a", c) for c in centres[:4]]
    with pytest.raises(FindingError, match="give them"):
        loaded.correct(marks)
    loaded.correct(marks, {"a": picture})
    assert hits(loaded.find(scene(5)[0]).boxes, scene(5)[1]) == 8
    assert loaded.marks == tuple(marks)
    replace(learned, grey=True).save(tmp_path / "crosses.safetensors")
    assert Finder.load(tmp_path / "crosses.safetensors").grey
    assert not learned.grey


def test_the_same_finder_is_the_same_file(learned: Finder, tmp_path: Path) -> None:
    files = [tmp_path / f"{turn}.safetensors" for turn in range(8)]
    for file in files:
        learned.save(file)
    assert len({file.read_bytes() for file in files}) == 1


def test_a_seed_below_zero_is_refused_before_anything_is_read() -> None:
    with pytest.raises(FindingError, match=r"a seed is a whole number from 0 on, not -1"):
        Finder.fit(["gone.png"], "gone.csv", seed=-1)


def test_a_file_that_is_no_finder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FindingError, match="there is no file"):
        Finder.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(FindingError, match="not a finder"):
        Finder.load(tmp_path / "text.safetensors")


def test_what_was_rejected_looks_less_like_an_object_to_the_network_after_a_correction() -> None:
    picture, centres = scene(0)
    marks = [mark("a", c) for c in centres[:3]]
    finder = Finder.fit({"a": picture}, marks, seed=1)
    # the cross that is said to be none is believed to be none
    wrong = mark("a", centres[7], "not")
    box = [[wrong.x, wrong.y, SIDE, SIDE]]
    before = finder.why(picture, box)[0].firm
    finder.correct([*marks, wrong])
    assert finder.why(picture, box)[0].firm < before - 1


def test_a_picture_that_was_learned_from_is_found_in_as_if_it_were_another() -> None:
    picture, centres = scene(0)
    finder = Finder.fit({"a": picture}, [mark("a", c) for c in centres[:3]], seed=1)
    at_once, elsewhere = finder.find(picture), scene(5)[0]
    assert not np.array_equal(finder.find(elsewhere).boxes, at_once.boxes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Lessons, "peaks", lambda *_: None)
        searched = finder.find(picture)
    np.testing.assert_array_equal(searched.boxes, at_once.boxes)
    np.testing.assert_array_equal(searched.scores, at_once.scores)
    seen = picture.copy()
    finder.find(seen)
    seen[:] = elsewhere
    np.testing.assert_array_equal(finder.find(seen).boxes, finder.find(elsewhere).boxes)


def test_marks_of_the_picture_count_in_its_answer_and_in_no_other(learned: Finder) -> None:
    picture, centres = scene(0)
    before = learned.find(picture)
    own = [mark("a", centres[0]), mark("a", centres[7], "not"), Mark("a", "object", 3, 3, 14, 12)]
    after = learned.find(picture, marks=own)
    assert hits(before.boxes, centres[7:]) == 1
    assert hits(after.boxes, centres[7:]) == 0
    assert after.count == before.count
    assert after.scores[:2].tolist() == [1, 1]
    assert (before.marked, after.marked) == (0, 2)
    assert [3, 3, 14, 12] in after.boxes.tolist()
    np.testing.assert_array_equal(learned.find(picture).boxes, before.boxes)


def test_points_alone_tell_how_large_things_are() -> None:
    picture, centres = scene(0)
    finder = Finder.fit({"a": picture}, [Mark("a", "object", x + 1, y - 1) for x, y in centres[:3]], seed=1)
    finds = finder.find(scene(5)[0])
    assert hits(finds.boxes, scene(5)[1]) >= 7
    np.testing.assert_allclose(np.median(finds.boxes[:, 2:], axis=0), SIDE, atol=4)


def test_files_of_any_kind_are_searched(learned: Finder, tmp_path: Path) -> None:
    picture, _ = scene(5)
    Image.fromarray(picture).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", picture)
    whole = learned.find(picture)
    for name in ("a.png", "b.tif"):
        found = learned.find(tmp_path / name)
        np.testing.assert_array_equal(found.boxes, whole.boxes)
        assert found.image == name
    grey = learned.find(picture[..., 0])
    assert grey.size == picture.shape[:2]
    assert grey.interval is None, "nobody marked a grey one"
    assert "it is grey" in grey.note
    assert replace(learned, grey=True).find(picture[..., 0]).interval is not None
    with pytest.raises(PictureError):
        learned.find(tmp_path / "none.png")
    with pytest.raises(ValueError, match="5 channels"):
        learned.find(np.zeros((40, 40, 5), np.uint8))


def test_it_is_known_whether_a_grey_picture_bears_an_object(learned: Finder) -> None:
    (picture, centres), (other, _) = scene(0), scene(5)
    pictures = {"colour": picture, "grey": other[..., 0]}
    marks = (mark("colour", centres[0]), Mark("grey", "not", 1, 1, 5, 5))
    assert not Lessons.read(learned.views, learned.box, pictures, marks).grey
    assert Lessons.read(learned.views, learned.box, pictures, (*marks, mark("grey", scene(5)[1][0]))).grey


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_sixteen_bits_and_floats_are_learned_from(dtype: type) -> None:
    picture, centres = scene(0)
    cells = (picture.astype(np.float64) * (1 if dtype is np.uint16 else 1 / 255)).astype(dtype)
    finder = Finder.fit({"a": cells[..., 0]}, [mark("a", c) for c in centres[:3]])
    finds = finder.find(cells[..., 0])
    assert hits(finds.boxes, centres) >= 6


def test_marks_come_from_a_file_and_wrong_ones_are_named(tmp_path: Path) -> None:
    picture, centres = scene(0)
    Image.fromarray(picture).save(tmp_path / "a.png")
    write_marks(tmp_path / "marks.csv", [mark("a.png", c) for c in centres[:3]])
    assert Finder.fit([tmp_path / "a.png"], tmp_path / "marks.csv").find(tmp_path / "a.png").count >= 6
    with pytest.raises(MarksError, match="not among the pictures"):
        Finder.fit({"a": picture}, [mark("b", centres[0])])
    with pytest.raises(MarksError, match="outside"):
        Finder.fit({"a": picture}, [Mark("a", "object", 1000, 10, 20, 20)])
    with pytest.raises(MarksError, match="no object"):
        Finder.fit({"a": picture}, [mark("a", centres[0], "not")])
    with pytest.raises(PictureError):
        Finder.fit([tmp_path / "a.png", tmp_path / "b.png"], [mark("b.png", centres[0])])
