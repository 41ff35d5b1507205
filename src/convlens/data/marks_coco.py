"""Marks as COCO JSON: a category for each kind, a point as an annotation with one keypoint.

Other tools' files have one category of their own choosing, which is taken for the object; ``not`` and ``complete`` are
categories by these names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convlens.data.mark import KINDS, Kind, Mark, MarksError

Sizes = Mapping[str, tuple[int, int]]


def kinds_of(names: Sequence[str], where: str) -> dict[str, Kind]:
    """Which kind of mark the classes of a file stand for: the only one that has no name of ours is the object.

    >>> kinds_of(["coin", "not"], "a.json")
    {'coin': 'object', 'not': 'not'}

    Raises:
        MarksError: there are several that could be the object.
    """
    found: dict[str, Kind] = {}
    for name in names:
        word = name.strip().lower()
        found[name] = word if word in KINDS else "object"
    objects = [name for name in found if found[name] == "object"]
    if len(objects) > 1:
        raise MarksError(
            [f"{where} marks {', '.join(objects)}, and one kind of object is sought at a time; keep one of them"]
        )
    return found


def read_coco(path: Path, content: bytes) -> list[Mark]:
    """Read the boxes and single keypoints of a COCO file.

    Raises:
        MarksError: it is no COCO file, or an annotation is no mark; a sentence for each.
    """
    try:
        whole = json.loads(content)
        images = {image["id"]: str(image["file_name"]) for image in whole["images"]}
        names = {category["id"]: str(category["name"]) for category in whole["categories"]}
        annotations = list(whole["annotations"])
        used = dict.fromkeys(names[one["category_id"]] for one in annotations)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        told = f"{type(error).__name__}: {error}"
        raise MarksError([f"{path} is no COCO file with images, categories and annotations ({told})"]) from error
    kinds = kinds_of(list(used), str(path))
    marks: list[Mark] = []
    wrong: list[str] = []
    for at, one in enumerate(annotations):
        where = f"{path}, annotation {one.get('id', at)}"
        try:
            marks.append(_mark(one, images, kinds[names[one["category_id"]]], where))
        except MarksError as error:
            wrong += error.sentences
        except (KeyError, TypeError, ValueError) as error:
            wrong.append(f"{where} is no box or point in a picture of this file ({type(error).__name__}: {error})")
    if wrong:
        raise MarksError(wrong)
    return marks


def _mark(one: Mapping[str, Any], images: Mapping[Any, str], kind: Kind, where: str) -> Mark:
    image = images[one["image_id"]]
    if one.get("iscrowd"):
        raise MarksError([f"{where} is a crowd, which is no single object; remove it"])
    x, y, w, h = (float(n) for n in one["bbox"])
    points = one.get("keypoints") or []
    seen = [(float(a), float(b)) for a, b, v in zip(*[iter(points)] * 3, strict=True) if v]
    if w == 0 == h and len(seen) == 1:
        return Mark(image, kind, *seen[0], where=where)
    return Mark(image, kind, x, y, w, h, where)


def coco_bytes(marks: Sequence[Mark], sizes: Sizes) -> bytes:
    """A COCO file of these marks; a picture's width and height stand in it where ``sizes`` (H, W) knows them."""
    names = list(dict.fromkeys([*sizes, *(mark.image for mark in marks)]))
    images = [coco_image(at, name, sizes.get(name)) for at, name in enumerate(names, 1)]
    numbers = {name: at for at, name in enumerate(names, 1)}
    annotations = []
    for at, mark in enumerate(marks, 1):
        one = coco_box(at, numbers[mark.image], KINDS.index(mark.kind) + 1, (mark.x, mark.y, mark.w or 0, mark.h or 0))
        annotations.append(one | ({"keypoints": [mark.x, mark.y, 2], "num_keypoints": 1} if mark.is_point else {}))
    categories = [{"id": at, "name": kind, "keypoints": ["place"]} for at, kind in enumerate(KINDS, 1)]
    return coco_file(images, categories, annotations)


def coco_image(at: int, name: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """A picture's entry; ``size`` is (H, W)."""
    return {"id": at, "file_name": name} | ({"height": size[0], "width": size[1]} if size else {})


def coco_box(at: int, image: int, category: int, box: Sequence[float]) -> dict[str, Any]:
    """A box's entry; ``box`` is x, y, w, h."""
    x, y, w, h = box
    return {
        "id": at,
        "image_id": image,
        "category_id": category,
        "bbox": [x, y, w, h],
        "area": w * h,
        "iscrowd": 0,
    }


def coco_file(images: Sequence[Any], categories: Sequence[Any], annotations: Sequence[Any]) -> bytes:
    """The whole file."""
    whole = {"images": images, "categories": categories, "annotations": annotations}
    return (json.dumps(whole, allow_nan=False) + "\n").encode()
