"""The report's section on labels of cells: the overlap of every class, and examples beside what is and what was said.

A picture is shown whole, a volume by its middle cuts across depth, height and width, a signal as a strip.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens.data.cell_files import palette
from convlens.data.cell_set import IGNORED, Labels

from .report_pictures import stretch
from .report_text import section, table, text

SIDE = 288  # pixels of a panel's longest side at most
STRIP = 24  # rows of a signal's strip
NOTHING = (90, 90, 90)  # the colour of cells without a label
EXAMPLES = 6


@dataclass(frozen=True, eq=False)
class CellReport:
    """What the section shows.

    Args:
        rows: name, Dice, IoU and cells of every class.
        names: of the examples shown.
        x: the examples, (C, *spatial).
        y: what each cell is, (*spatial).
        said: what was said of it.
    """

    rows: Sequence[Mapping[str, object]]
    names: Sequence[str]
    x: Sequence[NDArray[np.generic]]
    y: Sequence[Labels]
    said: Sequence[Labels]


def cells(report: CellReport | None, classes: Sequence[str], split: str) -> str:
    """The section, empty without a report."""
    if report is None:
        return ""
    colours = palette(len(classes))
    legend = "".join(
        f'<span style="display:inline-block;width:1em;height:1em;margin:0 .3em 0 1em;vertical-align:-.1em;'
        f'background:rgb({",".join(map(str, colour))})"></span>{text(name)}'
        for name, colour in zip(classes, colours.tolist(), strict=True)
    )
    figures = "".join(
        _figure(*each) for each in list(zip(report.names, report.x, report.y, report.said, strict=True))[:EXAMPLES]
    )
    lead = (
        f"On the {text(split)} examples. Dice: twice the cells that are of a class and were said to be, over "
        "those that are and those that were said. From left to right: the example, what is, what was said, and where "
        "they differ."
    )
    body = f'{table(list(report.rows))}<p class="legend">{legend}</p>{figures}'
    return section("cells", "Cells", lead, body)


def _figure(name: str, x: NDArray[np.generic], y: Labels, said: Labels) -> str:
    rows = [np.concatenate(_spaced(panels), axis=1) for panels in _panels(x, y, said)]
    wide = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, wide - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(padded)).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure style="margin:1em 0"><img style="max-width:100%;image-rendering:pixelated" '
        f'alt="{text(name)}: the example, what is, what was said, and where they differ" '
        f'src="data:image/png;base64,{encoded}"><figcaption class="quiet">{text(name)}</figcaption></figure>'
    )


def _panels(x: NDArray[np.generic], y: Labels, said: Labels) -> list[list[NDArray[np.uint8]]]:
    """Rows of four panels (h, w, 3) each: one row a cut."""
    grey = np.stack([stretch(np.asarray(channel)) for channel in (x if len(x) == 3 else x[:1])])
    found = []
    for cut in _cuts(y.ndim):
        example, truth, guess = grey[(slice(None), *cut(grey.shape[1:]))], y[cut(y.shape)], said[cut(y.shape)]
        colour = np.broadcast_to(np.moveaxis(_plane(example, 1), 0, -1), (*_plane(example[0], 0).shape, 3))
        truth, guess = _plane(truth, 0), _plane(guess, 0)
        wrong = np.where((truth != guess) & (truth != IGNORED), 255, 30).astype(np.uint8)
        panels = [colour, _painted(truth), _painted(guess), np.repeat(wrong[..., None], 3, axis=2)]
        found.append([_shrunk(panel) for panel in panels])
    return found


def _cuts(axes: int) -> list[_Cut]:
    return [_Cut(axis) for axis in range(3)] if axes == 3 else [_Cut(None)]


@dataclass(frozen=True)
class _Cut:
    """The middle plane across an axis; None: all there is."""

    axis: int | None

    def __call__(self, shape: tuple[int, ...]) -> tuple[slice | int, ...]:
        return tuple(shape[i] // 2 if i == self.axis else slice(None) for i in range(len(shape)))


def _plane(cells_: NDArray[np.uint8], before: int) -> NDArray[np.uint8]:
    """A signal as a strip; planes as they are. ``before``: axes in front of the spatial ones."""
    if cells_.ndim - before == 2:
        return cells_
    return np.repeat(np.expand_dims(cells_, before), STRIP, axis=before)


def _painted(labels: Labels) -> NDArray[np.uint8]:
    colours = palette(256)
    colours[IGNORED] = NOTHING
    return np.asarray(colours[labels])


def _shrunk(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(panel.shape[:2]) // SIDE)
    return np.ascontiguousarray(panel[::step, ::step])


def _spaced(panels: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [np.pad(panel, ((0, 0), (0, 4), (0, 0)), constant_values=255) for panel in panels]
