"""Tiles of a report: places as small pictures with two lines below, some of which become rows of marks when clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convlens.data.mark import Kind
from convlens.training.report_pictures import sheet
from convlens.training.report_text import text

from .places import Place, crops

STYLE = """
.tiles { --pic: 100px; }
.tile[data-at] { cursor: pointer; }
.tile[aria-pressed="true"] .pic { outline: 3px solid var(--warn); }
.tile[aria-pressed="true"] b { font-size: 0; }
.tile[aria-pressed="true"] b::after { content: "→ " attr(data-becomes); font-size: 13px; color: var(--warn); }
"""

Row = tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """A place to be shown, with what stands below it: a word, its picture's name, and what it becomes when clicked."""

    place: Place
    word: str
    image: str
    correction: Kind | None = None

    @property
    def row(self) -> Row | None:
        """The row of marks that it becomes; None if it becomes none, or its picture's name is no text.

        >>> from pathlib import Path
        >>> Tile(Place(Path("a.png"), (1, 2, 3, 4)), "0.9", "a.png", "not").row
        ('a.png', 'not', '1.00', '2.00', '3.00', '4.00')
        """
        try:
            self.image.encode()
        except UnicodeEncodeError:  # names of some disks are bytes that say nothing
            return None
        return (self.image, self.correction, *(f"{n:.2f}" for n in self.place.box)) if self.correction else None

    def element(self, drawn: str, row: int | None) -> str:
        """As HTML, drawn as told; what becomes a row of marks, which is the so manyth, can be pressed."""
        word, image = text(self.word), text(self.image)
        button = f' data-at="{row}" role="button" tabindex="0" aria-pressed="false"' if row is not None else ""
        becomes = f' data-becomes="{self.correction}"' if row is not None else ""
        return (
            f'<figure class="tile"{button}><i class="pic" role="img" aria-label="{word} in {image}" {drawn}></i>'
            f'<figcaption><b{becomes}>{word}</b><span title="{image}">{image}</span></figcaption></figure>'
        )


def laid(groups: Mapping[str, Sequence[Tile]]) -> tuple[str, dict[str, str], list[Row]]:
    """A stylesheet with all pictures, the tiles of each group as HTML, and the rows that the clicked ones become."""
    css, drawn = sheet("pic", crops([tile.place for tiles in groups.values() for tile in tiles]), 100)
    places, rows, shown = iter(drawn), list[Row](), dict[str, str]()
    for name, tiles in groups.items():
        shown[name] = ""
        for tile in tiles:
            row = tile.row
            shown[name] += tile.element(next(places), len(rows) if row else None)
            rows += [row] if row else []
    return css + STYLE, shown, rows
