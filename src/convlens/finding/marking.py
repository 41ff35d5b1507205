"""A page to mark on: what a person draws on pictures there becomes a table of marks. One file, without a server."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from convlens.data import Mark
from convlens.data.atomic import replace
from convlens.data.marks_csv import row_of
from convlens.training.report_page import whole
from convlens.training.report_text import copyable, number, section, text

from .additions import parted
from .errors import FindingError
from .overlay import shown
from .scripts import script

PICTURES, LONGEST = 12, 4096
"""Pictures of a page, which browsers hold whole, and pixels of the longer side of each at most."""
EXACT = 1_500_000
"""Pixels up to which a picture is stored without loss."""
TABLE = "marks.csv"
KINDS = (
    ("object", "one of those that are sought"),
    ("not", "a place that is none"),
    ("complete", "a region in which every object is marked"),
)
STYLE = """
.controls { position: sticky; top: 42px; z-index: 4; background: var(--paper); display: flex; flex-wrap: wrap;
  gap: 8px 26px; align-items: center; padding: 10px 0; font-size: 14px; }
.controls button:disabled { color: var(--soft); cursor: default; }
.window { overflow: auto; max-height: 82vh; background: var(--card); }
.window svg { display: block; cursor: crosshair; touch-action: pinch-zoom; }
.mark { fill: transparent; stroke-width: 2; vector-effect: non-scaling-stroke; cursor: pointer;
  filter: drop-shadow(0 0 1px #101216); }
.mark.object { stroke: #26e8be; } .mark.not { stroke: #ff5436; }
.mark.complete { stroke: #6aa5ff; stroke-dasharray: 8 5; pointer-events: stroke; }
"""


def write(path: Path, pictures: Mapping[str, Path], marks: Sequence[Mark], command: str = "") -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the page.
        pictures: the file of each, by the name that marks will have for it.
        marks: that there are already; those of other pictures are kept as they are.
        command: what finds by the marks, to be shown.

    Raises:
        PictureError: a picture cannot be read.
        MarksError: a mark could be of several pictures.
        FindingError: there are more than PICTURES.
        OSError: it cannot be written.
    """
    if len(pictures) > PICTURES:
        raise FindingError(
            f"a page takes {PICTURES} pictures at most, not {len(pictures):,}; "
            "name the few that are to be marked: five marks in one are a start"
        )
    own, others = parted(marks, list(pictures))
    here = [dataclasses.replace(mark, image=name) for name, some in own.items() for mark in some]
    head = (
        '<p class="eyebrow">convlens marks</p><h1>Mark a few</h1><p class="lead">Draw a box around a thing, or click '
        "its middle; click a mark to take it away. What is not marked is unknown, not absent.</p>"
    )
    sheets = [_sheet(at, name, path) for at, (name, path) in enumerate(pictures.items())]
    parts = [head + copyable("then", command), _controls(), *sheets]
    page = whole("marks", STYLE, parts, {"marks": [row_of(mark) for mark in here + others]}, script("marking"))
    replace(path, page.encode("utf-8", "replace"))


def _controls() -> str:
    kinds = "".join(
        f'<label title="{what}"><input type="radio" name="kind" value="{kind}"'
        f"{' checked' if key == 1 else ''}> {kind} <kbd>{key}</kbd></label>"
        for key, (kind, what) in enumerate(KINDS, 1)
    )
    zoom = '<label>zoom <input type="range" id="zoom" min="-2" max="4" step="0.5" value="0"></label>'
    keep = f'<button id="undo">take back the last</button><a id="save" download="{TABLE}">save {TABLE}</a>'
    return f'<div class="controls">{kinds}{zoom}<span id="said"></span>{keep}</div>'


def _sheet(at: int, name: str, path: Path) -> str:
    image, scale = shown(path, LONGEST)
    width, height = round(image.width / scale), round(image.height / scale)
    drawn = f'<image href="{_address(image)}" width="{width}" height="{height}" preserveAspectRatio="none"/><g></g>'
    sheet = f'<svg data-picture="{text(name)}" viewBox="0 0 {width} {height}">{drawn}</svg>'
    size = f"{number(width)} x {number(height)} pixels"
    return section(f"picture{at}", text(name), size, f'<div class="window">{sheet}</div>')


def _address(image: Image.Image) -> str:
    """A picture as the address of itself."""
    held = io.BytesIO()
    form = "PNG" if image.width * image.height <= EXACT else "JPEG"
    image.save(held, form, quality=92)
    return f"data:image/{form.lower()};base64,{base64.b64encode(held.getvalue()).decode()}"
