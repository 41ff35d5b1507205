"""Do marks and pictures belong together? Which picture a mark means, and whether it lies inside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from convlens.data.mark import Mark, MarksError


def picture_names(paths: Sequence[str | Path]) -> list[str]:
    """Short names that tell pictures apart: each path from the deepest folder that holds them all.

    >>> picture_names(["day/one/a.png", "day/two/a.png"]), picture_names(["day/one/a.png"])
    (['one/a.png', 'two/a.png'], ['a.png'])
    """
    whole = [Path(os.path.abspath(path)) for path in paths]
    if not whole:
        return []
    try:
        shared = os.path.commonpath([path.parent for path in whole])
    except ValueError:  # two drives share nothing
        return [path.as_posix() for path in whole]
    return [path.relative_to(shared).as_posix() for path in whole]


def pictures_of(marks: Sequence[Mark], names: Sequence[str]) -> dict[str, list[Mark]]:
    """Give every mark to its picture.

    Args:
        marks: name pictures by their name here, or by paths that end like it, or by the end of such a name.
        names: of the pictures.

    Returns:
        The marks of each picture, pictures without marks too, in the order of ``names``.

    Raises:
        MarksError: a mark's picture is not among them, or could be several; a sentence for each name.

    >>> marks = [Mark("photos/one/a.png", "object", 1, 2)]
    >>> {name: len(found) for name, found in pictures_of(marks, ["one/a.png", "two/a.png"]).items()}
    {'one/a.png': 1, 'two/a.png': 0}
    """
    given: dict[str, list[Mark]] = {name: [] for name in names}
    by_last: dict[str, list[str]] = {}
    for name in given:
        by_last.setdefault(_parts(name)[-1], []).append(name)
    meant: dict[str, str] = {}
    wrong = []
    for mark in marks:
        if mark.image not in meant:
            found = _candidates(mark.image, given, by_last)
            if len(found) != 1:
                said = f"could be {' or '.join(found[:3])}; write more of its path" if found else _absent(mark, given)
                wrong.append(f"{mark.place} names the picture {mark.image}, which {said}")
                found = [""]
            meant[mark.image] = found[0]
        if meant[mark.image]:
            given[meant[mark.image]].append(mark)
    if wrong:
        raise MarksError(wrong)
    return given


def _candidates(image: str, given: Mapping[str, object], by_last: Mapping[str, Sequence[str]]) -> list[str]:
    if image in given:
        return [image]
    return [name for name in by_last.get(_parts(image)[-1], ()) if same_picture(image, name)]


def same_picture(image: str, name: str) -> bool:
    """Whether two names may mean one picture: one of them ends like the other, by whole parts of the path.

    >>> same_picture("photos/one/a.png", "one/a.png"), same_picture("one/a.png", "two/a.png")
    (True, False)
    """
    return all(a == b for a, b in zip(reversed(_parts(image)), reversed(_parts(name)), strict=False))


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in (".", "..")) or (name,)


def _absent(mark: Mark, given: Mapping[str, object]) -> str:
    if Path(mark.image).exists():
        return "is not among the pictures; add it to them"
    some = ", ".join(list(given)[:3]) + (", ..." if len(given) > 3 else "")
    return f"is not among the pictures ({some or 'there are none'})"


def check_marks(
    marks: Sequence[Mark], pictures: Mapping[str, tuple[int, int]], *, learned: bool = True
) -> dict[str, list[Mark]]:
    """Give every mark to its picture, and refuse those that do not lie in it.

    A box may hang over the edge as long as its centre is inside; a complete region only has to meet the picture.

    Args:
        marks: at least one is an object, where they are learned from.
        pictures: (height, width) in pixels by name.
        learned: whether they are learned from.

    Returns:
        The marks of each picture, as ``pictures_of`` does.

    Raises:
        MarksError: a sentence for each mark that is wrong.

    >>> check_marks([Mark("a.png", "object", 95, 10, 30, 30)], {"a.png": (100, 100)})
    Traceback (most recent call last):
        ...
    convlens.data.mark.MarksError: the mark at 95, 10 of a.png has its centre at 110, 25, outside the picture of
        100 x 100
    """
    if learned and not any(mark.kind == "object" for mark in marks):
        file = marks[0].where.rpartition(",")[0] if marks else ""
        inside = f" in {file}" if file else ""
        raise MarksError([f"no object is marked{inside}; mark at least one of those that are to be found"])
    given = pictures_of(marks, list(pictures))
    wrong = []
    for name, own in given.items():
        height, width = pictures[name]
        wrong += [f"{mark.place} {said}" for mark in own if (said := _outside(mark, height, width))]
    if wrong:
        raise MarksError(wrong)
    return given


def _outside(mark: Mark, height: int, width: int) -> str:
    picture = f"the picture of {width} x {height}"
    if mark.kind == "complete":
        assert mark.w is not None
        assert mark.h is not None
        meets = mark.x < width and mark.y < height and mark.x + mark.w > 0 and mark.y + mark.h > 0
        return "" if meets else f"at {mark.x:g}, {mark.y:g} ({mark.w:g} x {mark.h:g}) lies outside {picture}"
    x, y = mark.centre
    if 0 <= x <= width and 0 <= y <= height:
        return ""
    centre = f"is at {x:g}, {y:g}" if mark.is_point else f"has its centre at {x:g}, {y:g}"
    return f"{centre}, outside {picture}"
