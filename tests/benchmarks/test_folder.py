"""The folder that is not all well: what is made is what is said, and a run is judged by what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.finding.folder import BROKEN, COLOUR, DEEP, EMPTY, GREY, KINDS, NONE, PART, judged, kind_of, made
from benchmarks.finding.truth import Photo

from convlens.data import PictureError
from convlens.data.pictures import read_picture


def test_every_kind_is_what_it_is_called(tmp_path: Path) -> None:
    photos = {kind: made(tmp_path, number, kind) for number, kind in enumerate(KINDS)}
    read = {kind: read_picture(photos[kind].path).pixels for kind in (COLOUR, GREY, DEEP, NONE)}
    width, height = PART.size
    assert {kind: pixels.shape for kind, pixels in read.items()} == {
        kind: (1 if kind == GREY else 3, height, width) for kind in read
    }
    assert [pixels.dtype for pixels in read.values()] == [np.uint8, np.uint8, np.uint16, np.uint8]
    assert [bool(len(photos[kind].boxes)) for kind in read] == [True, True, True, False]
    for kind, reason in ((BROKEN, "it is damaged"), (EMPTY, "it is empty")):
        with pytest.raises(PictureError, match=reason):
            read_picture(photos[kind].path)


@pytest.mark.parametrize("pictures", [12, 200])
def test_every_folder_has_all_kinds_and_is_marked_in_a_good_picture(pictures: int) -> None:
    kinds = [kind_of(number, pictures) for number in range(pictures)]
    assert set(kinds) == set(KINDS)
    assert kinds[0] == COLOUR
    odd = [kind for kind in kinds if kind not in (COLOUR, GREY)]
    assert len(odd) == len(set(odd))


def test_counts_are_held_against_the_truth() -> None:
    photos = [Photo(Path(name), np.zeros((true, 4))) for name, true in (("a", 3), ("b", 5), ("c", 2), ("d", 9))]
    rows = {
        "a": {"count": "3", "low": "2", "high": "3"},
        "b": {"count": "1", "low": "0", "high": "4"},
        "c": {"count": "4", "low": "", "high": ""},
    }
    found = judged(photos, rows, {"d": "it is empty"})
    assert (found["pictures"], found["objects"], found["counted"], found["exact"]) == (4, 10, 8, 1)
    assert (found["off_by"], found["held"], found["bounded"], found["named"]) == (4, 1, 2, ["it is empty"])
