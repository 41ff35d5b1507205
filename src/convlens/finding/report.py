"""The report of a search: one HTML file with the marks, the finds and near misses that tell most, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convlens.data import DataError, Mark
from convlens.data.atomic import replace
from convlens.data.mark import Kind
from convlens.training.report_page import whole
from convlens.training.report_pictures import sheet
from convlens.training.report_text import copyable, number, scrolled, section, text

from .finds import Boxes, Finds
from .outputs import overlay_names
from .places import Box, Place
from .results import Result
from .scripts import script
from .tiles import Tile, laid
from .why import Why

CORRECTIONS = "corrections.csv"
SHOWN = 18
"""Places of a section."""
PICTURES = 8
"""Pictures that a section opens at most: each may take a second to decode."""
KINDS = "object", "not"
"""Of marks, those that are shown."""
EXPLAINED = 6
"""Least certain finds of which it is said why they were found, and as many near misses."""
STYLE = """
.reasons { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 24px 40px; }
.reasons figure { margin: 0; } .reasons .why { display: inline-block; margin-right: 6px; border-radius: 3px; }
.reasons figcaption { margin-top: 6px; } .reasons b { margin-right: 8px; }
.trio { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 32px 40px; }
.trio h3 { margin: 0 0 12px; }
"""


@dataclass(frozen=True, eq=False)
class FindReport:
    """All that a search's page shows."""

    title: str
    command: str
    marks: Sequence[tuple[Mark, Path]]  # and the file of its picture
    taken: Sequence[tuple[Mark, Path]]  # what was taken for objects while the finder learned
    results: Sequence[Result]
    waiting: int  # pictures that were not searched yet
    point: float  # side of the box that is shown around a point, pixels
    why: Callable[[Path, list[Box]], Sequence[Why]]  # what speaks for places of a picture
    again: str = ""  # the command that learns from corrections.csv, which the page gives


def write(report: FindReport, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    replace(path, page(report).encode("utf-8", "replace"))


def page(report: FindReport) -> str:
    """The page's text."""
    found = [(result.path, result.finds) for result in report.results if result.finds is not None]
    # what a person marked is shown as such, and needs no reasons
    own = [(path, one.image, _places(one)[one.marked :]) for path, one in found]
    finds = [(score, Place(path, box), image) for path, image, places in own for box, score in places]
    near = [(score, Place(path, box), one.image) for path, one in found for box, score in _places(one.near)]
    finds.sort(key=lambda f: -f[0])
    half = max(-(-len(finds) // 2), len(finds) - SHOWN)  # of few finds none is shown twice
    surest, least = _tiles(finds[:half], "not"), _tiles(finds[: half - 1 if half else None : -1], "not")
    groups = {
        "surest": surest,
        "least": least,
        "near": _tiles(sorted(near, key=lambda f: -f[0]), "object"),
        **{kind: _marked(report, [one for one in report.marks if one[0].kind == kind], kind) for kind in KINDS},
        "taken": _marked(report, report.taken, "taken"),
    }
    css, shown, rows = laid(groups) if any(groups.values()) else ("", dict.fromkeys(groups, ""), [])
    reasons, why = _reasons(report, [*groups["least"][:EXPLAINED], *groups["near"][:EXPLAINED]])
    parts = [_head(report, [one for _, one in found]), _certainty(shown), _corrections(report, bool(rows)), why]
    parts += [_marks(report, shown), _pictures(report), _failures(report)]
    clicks = script("report") if rows else ""
    return whole(report.title, css + reasons + STYLE, parts, _data(report) | {"corrections": rows}, clicks)


def _places(boxes: Boxes) -> list[tuple[Box, float]]:
    return list(zip(map(tuple, boxes.boxes.tolist()), boxes.scores.tolist(), strict=True))


def _tiles(ranked: Iterable[tuple[float, Place, str]], correction: Kind) -> list[Tile]:
    """The first places, from few pictures."""
    tiles: list[Tile] = []
    opened: set[Path] = set()
    for score, place, image in ranked:
        if place.path in opened or len(opened) < PICTURES:
            opened.add(place.path)
            tiles.append(Tile(place, f"{score:.3f}", image, correction))
        if len(tiles) == SHOWN:
            break
    return tiles


def _marked(report: FindReport, marks: Sequence[tuple[Mark, Path]], name: str) -> list[Tile]:
    """The first of some marks."""
    tiles: list[Tile] = []
    for mark, path in marks[:SHOWN]:
        w, h = mark.w or report.point, mark.h or report.point
        x, y = mark.centre
        around = Place(path, (x - w / 2, y - h / 2, w, h))
        tiles.append(Tile(around, name, mark.image, "not" if name == "taken" else None))
    return tiles


def _head(report: FindReport, found: Sequence[Finds]) -> str:
    count = sum(one.count for one in found)
    failed = sum(1 for result in report.results if result.finds is None)
    facts = {"pictures searched": len(found), "marks": len(report.marks)}
    facts |= {"could not be read": failed} if failed else {}
    facts |= {"not searched yet": report.waiting} if report.waiting else {}
    listed = "".join(f"<div><dt>{name}</dt><dd>{number(value)}</dd></div>" for name, value in facts.items())
    interval = found[0].interval if len(found) == 1 else None
    credible = f'<p class="quiet">credible: {number(interval[0])} to {number(interval[1])}</p>' if interval else ""
    said = f"<p><b>found</b> in {number(len(found))} {'picture' if len(found) == 1 else 'pictures'}</p>"
    noted = Counter(one.note for one in found if one.note)
    of = {note: "" if many == len(found) else f" ({number(many)} of the pictures)" for note, many in noted.items()}
    notes = "".join(f'<p class="quiet">{text(note + some)}</p>' for note, some in of.items())
    command = copyable("command", report.command)
    return (
        f'<p class="eyebrow">convlens finding report</p><h1>{text(report.title)}</h1><div class="headline">'
        f'<div class="score"><p class="big">{number(count)}</p>{said}{credible}{notes}</div>'
        f'<dl class="facts">{listed}</dl></div>{command}'
    )


def _certainty(shown: dict[str, str]) -> str:
    titles = {"surest": "Surest finds", "least": "Least certain finds", "near": "Near misses"}
    none = '<p class="quiet">none</p>'
    columns = "".join(
        f'<div><h3>{title}</h3><div class="tiles">{shown[name]}</div>{"" if shown[name] else none}</div>'
        for name, title in titles.items()
    )
    lead = (
        "Each in the middle of its square, with its score; what was marked is shown below. Click what is wrong among "
        "the finds, and what is right among the near misses."
    )
    return section("certainty", "What was found", lead, f'<div class="trio">{columns}</div>')


def _corrections(report: FindReport, some: bool) -> str:
    """What was clicked, as rows of marks, and the command that learns from them."""
    if not some:
        return ""
    lead = (
        "A find that is clicked becomes a mark of kind <b>not</b>, a near miss one of kind <b>object</b>. Save them; "
        "a correction adds them to the marks and learns from them."
    )
    command = copyable("command", report.again)
    table = f'<pre id="rows" hidden></pre><p><a id="save" download="{CORRECTIONS}" hidden>save {CORRECTIONS}</a></p>'
    return section("corrections", "Corrections", lead, f'<p id="said">0 corrections</p>{table}{command}')


def _reasons(report: FindReport, tiles: Sequence[Tile]) -> tuple[str, str]:
    """A stylesheet and a section that say why places were found, or nearly."""
    found: list[tuple[Tile, Why]] = []
    for path in dict.fromkeys(tile.place.path for tile in tiles):
        own = [tile for tile in tiles if tile.place.path == path]
        try:
            found += zip(own, report.why(path, [tile.place.box for tile in own]), strict=True)
        except DataError:  # it was there when it was searched
            continue
    if not found:
        return "", ""
    found.sort(key=lambda pair: -float(pair[0].word))
    css, drawn = sheet("why", np.concatenate([why.tiles() for _, why in found]), 100)
    names = "the place", "what mattered there", "the mark it is most like"
    figures = []
    for at, (tile, why) in enumerate(found):
        three = "".join(
            f'<i class="why" role="img" aria-label="{name}" {place}></i>'
            for name, place in zip(names, drawn[3 * at : 3 * at + 3], strict=True)
        )
        said = f"<figcaption><b>{text(tile.word)}</b>{text(str(why))}</figcaption>"
        figures.append(f"<figure>{three}{said}</figure>")
    lead = (
        "Least certain finds and near misses: the place; the same, bright where covering it lowers the network's "
        "score; and the marked object that it is most like."
    )
    return css, section("why", "Why", lead, f'<div class="reasons">{"".join(figures)}</div>')


def _marks(report: FindReport, shown: dict[str, str]) -> str:
    kinds = Counter[str](mark.kind for mark, _ in report.marks)
    kinds["taken"] = len(report.taken)
    columns = "".join(
        f'<div><h3>{title} ({number(kinds[kind])})</h3><div class="tiles">{shown[kind]}</div></div>'
        for kind, title in (("object", "Objects"), ("not", "Not"), ("taken", "Taken for objects"))
        if shown[kind]
    )
    regions = kinds["complete"]
    lead = f"And {number(regions)} completely marked {'region' if regions == 1 else 'regions'}." if regions else ""
    if report.taken:
        lead += " What is most like them was taken for objects, too, while the finder learned. "
        lead += "Click what is wrong among these."
    return section("marks", "Marks", lead, f'<div class="trio">{columns}</div>') if report.marks else ""


def _pictures(report: FindReport) -> str:
    names = overlay_names([result.image for result in report.results])
    rows = []
    for result in report.results:
        if result.finds is None:
            continue
        low, high = result.finds.interval or ("–", "–")
        link = f'<a href="{_address(names[result.image])}">{text(result.image)}</a>'
        told = "; ".join(filter(None, (result.finds.note, *result.finds.remarks)))
        numbers = (number(result.finds.count), *(n if isinstance(n, str) else number(n) for n in (low, high)))
        cells = "".join(f'<td class="n">{cell}</td>' for cell in numbers)
        rows.append(f"<tr><td>{link}</td>{cells}<td>{text(told)}</td></tr>")
    head = "<th>picture</th>" + "".join(f'<th class="n">{name}</th>' for name in ("count", "low", "high")) + "<th></th>"
    body = scrolled("plain", head, "".join(rows))
    return section("pictures", "Pictures", "The counts, with the interval that is credible.", body) if rows else ""


def _address(path: str) -> str:
    """A relative path as a link has it: all but plain characters by their bytes.

    >>> _address("overlays/a b#1.png")
    'overlays/a%20b%231.png'
    """
    plain = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in path.encode("utf-8", "surrogateescape"))


def _failures(report: FindReport) -> str:
    failed = [result for result in report.results if result.finds is None]
    rows = "".join(f"<tr><td>{text(one.image)}</td><td>{text(one.reason)}</td></tr>" for one in failed)
    lead = "These pictures could not be read; the others were searched."
    body = scrolled("plain", "<th>picture</th><th>why</th>", rows)
    return section("failures", "Could not be read", lead, body) if failed else ""


def _data(report: FindReport) -> dict[str, object]:
    return {
        "title": report.title,
        "command": report.command,
        "counts": {r.image: r.finds.count for r in report.results if r.finds is not None},
        "intervals": {r.image: r.finds.interval for r in report.results if r.finds is not None},
        "failed": {r.image: r.reason for r in report.results if r.finds is None},
    }
