"""Marks as Pascal VOC XML: a file a picture, boxes by their first and last pixel, counted from 1 and both included.

A line is a box; points have no place in this form. A document type is refused, since entities can be made to explode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from convlens.data.mark import Mark, MarksError, number
from convlens.data.marks_coco import kinds_of

Box = tuple[str, str, str, Sequence[float]]
"""Picture, class, where it was read, corners."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(files: Sequence[Path]) -> list[Mark]:
    """Read annotation files.

    Raises:
        MarksError: a file is no annotation, or an object no box; a sentence for each.
    """
    found: list[Box] = []
    wrong: list[str] = []
    for file in files:
        try:
            found += _objects(file)
        except MarksError as error:
            wrong += error.sentences
    if wrong:
        raise MarksError(wrong)
    kinds = kinds_of(list(dict.fromkeys(name for _, name, _, _ in found)), str(files[0].parent) if files else "")
    marks = []
    for image, name, where, (left, top, right, bottom) in found:
        try:
            marks.append(Mark(image, kinds[name], left - 1, top - 1, right - left + 1, bottom - top + 1, where))
        except MarksError as error:
            wrong += error.sentences
    if wrong:
        raise MarksError(wrong)
    return marks


def _objects(file: Path) -> list[Box]:
    content = file.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise MarksError([f"{file} declares a document type, which an annotation does not need; remove it"])
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise MarksError([f"{file} is damaged XML ({error})"]) from error
    image = (root.findtext("filename") or "").strip()
    if root.tag != "annotation" or not image:
        raise MarksError([f"{file} is no Pascal VOC annotation with a filename"])
    found: list[Box] = []
    for at, one in enumerate(root.findall("object"), 1):
        where = f"{file}, object {at}"
        name = (one.findtext("name") or "").strip()
        texts = [one.findtext(f"bndbox/{corner}") for corner in CORNERS]
        try:
            corners = [float(text or "") for text in texts]
        except ValueError as error:
            told = f"{where} is no box with name, {', '.join(CORNERS)} in numbers, but {texts}"
            raise MarksError([told]) from error
        if not name:
            raise MarksError([f"{where} has no name"])
        found.append((image, name, where, corners))
    return found


def voc_files(marks: Sequence[Mark], sizes: Mapping[str, tuple[int, int]]) -> dict[str, bytes]:
    """The annotation files, by name; ``sizes`` is (H, W) by picture.

    Raises:
        MarksError: a point, or two pictures of one file name.
    """
    names = dict.fromkeys([*sizes, *(mark.image for mark in marks)])
    wrong = [f"{m.place} is a point, which Pascal VOC cannot hold; write .csv or .json" for m in marks if m.is_point]
    stems = [PurePath(name).stem for name in names]
    wrong += [f"two pictures are named {stem}" for stem in dict.fromkeys(s for s in stems if stems.count(s) > 1)]
    if wrong:
        raise MarksError(wrong)
    return {
        f"{stem}.xml": _annotation(name, [mark for mark in marks if mark.image == name], sizes.get(name))
        for name, stem in zip(names, stems, strict=True)
    }


def _annotation(image: str, marks: Sequence[Mark], size: tuple[int, int] | None) -> bytes:
    root = Element("annotation")
    SubElement(root, "filename").text = image
    if size:
        element = SubElement(root, "size")
        for name, value in (("width", size[1]), ("height", size[0])):
            SubElement(element, name).text = str(value)
    for mark in marks:
        assert mark.w is not None
        assert mark.h is not None
        one = SubElement(root, "object")
        SubElement(one, "name").text = mark.kind
        box = SubElement(one, "bndbox")
        corners = (mark.x + 1, mark.y + 1, mark.x + mark.w, mark.y + mark.h)
        for name, at in zip(CORNERS, corners, strict=True):
            SubElement(box, name).text = number(repr(float(at)))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8")) + b"\n"
