"""The report of a training run: one HTML file that needs nothing else, neither network nor fonts nor a server.

Everything is drawn here, in Python; the page's script only opens what is already in it, sorts and copies. How the
pieces become a page is in ``report_page``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from convlens.data.alphabet import REST

from . import report_sections as sections
from . import report_tables as tables
from .report_cells import CellReport, cells
from .report_page import whole
from .report_pictures import Album, album
from .report_tally import Tally, tally_of
from .report_text import text
from .tensors import write_bytes

NAME = 120  # characters of an example's name that the page keeps


@dataclass(frozen=True)
class RunReport:
    """All that a run's page shows; N judged examples, read back from ``read`` only as far as they are drawn."""

    title: str  # "lenet on fashion-mnist"
    notation: str  # the network's line
    classes: tuple[str, ...]
    settings: dict[str, object]  # option -> value
    result: dict[str, object]  # test_accuracy, val_accuracy, epochs, seconds, images_per_second, parameters, ...
    layers: list[dict[str, object]]  # rows: name, output, parameters, multiply_adds, field
    epochs: list[dict[str, object]]  # rows of metrics: epoch, train_loss, train_accuracy, val_loss, val_accuracy, ...
    labels: np.ndarray  # (N,) the true class of each judged example; may be empty
    probabilities: np.ndarray  # (N, classes)
    names: Sequence[str]  # (N,)
    read: Callable[[np.ndarray], np.ndarray]  # indices -> raw examples (n, C, *spatial)
    split: str  # which split was judged: "test" | "validation"
    kernels: np.ndarray | None  # the first layer's weight (O, C, *kernel), after
    kernels_before: np.ndarray | None  # and before training
    notes: list[tuple[str, str, tuple[str, ...]]]  # kind, message, file names
    command: str  # the command line that made it
    spell: Callable[[np.ndarray], str] | None = None  # of texts: a raw example (1, W) -> what it says
    cells: CellReport | None = None  # where every cell has a label: what was said of each


def write(report: RunReport, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises ValueError where labels, probabilities, names and classes do not fit together.
    """
    write_bytes(Path(path), page(report).encode("utf-8", "replace"))  # a file name may hold bytes that are no text


def page(report: RunReport) -> str:
    """The page's text."""
    tally = tally_of(report.labels, report.probabilities, len(report.classes))
    if len(report.names) < tally.count:
        raise ValueError(f"{tally.count} labels need as many names, not {len(report.names)}")
    shown = tally.shown()
    pictures = album(report.read, shown, [f"example {_name(report, int(at))}" for at in shown], report.spell)
    kernel_css, kernel_section = sections.kernels(report.kernels, report.kernels_before)
    parts = _body(report, tally, pictures, shown, kernel_section)
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    return whole(report.title, pictures.css + kernel_css, parts, _data(report, tally), script)


def _body(report: RunReport, tally: Tally, pictures: Album, shown: np.ndarray, kernel_section: str) -> list[str]:
    """The header and the sections in the order of reading; one that has nothing to say is empty."""
    drawn = dict(zip((int(at) for at in shown), pictures.elements, strict=True))

    def tile(at: int) -> str:
        return _tile(report, tally, at, drawn[at]) if at in drawn else ""

    head = sections.headline(report.title, report.result, tally, report.split)
    head += sections.line("network", report.notation) + sections.line("command", report.command)
    how = {
        "signal": "Signals are drawn between their lowest and highest value.",
        "volume": "Volumes are shown by their middle slices across depth, height and width.",
        "picture": "",
        "text": f"{REST} stands for a character that is too rare for a channel of its own.",
    }[pictures.kind]
    if pictures.stretched and pictures.kind != "signal":
        how += " Each is stretched from its 0.5 % to its 99.5 % percentile for display."
    examples = sections.examples(tally, tile)
    if how and examples:
        examples += f'<p class="quiet how">{how.strip()}</p>'
    if tally.broken:
        words = "examples have probabilities that are not finite; those count as 0."
        head += f'<p class="warning">{tally.broken} {words}</p>'
    return [
        head,
        sections.curves(report.epochs, report.result.get("best_epoch")),
        cells(report.cells, report.classes, report.split),
        sections.confusion(tally, report.classes, tile, list(drawn)),
        examples,
        sections.per_class(tally, report.classes),
        kernel_section,
        tables.layers(report.layers),
        tables.settings(report.settings, report.result),
        tables.notes(report.notes),
    ]


def _name(report: RunReport, at: int) -> str:
    name = str(report.names[at])
    return name if len(name) <= NAME else "…" + name[-NAME:]


def _tile(report: RunReport, tally: Tally, at: int, picture: str) -> str:
    """An example: its picture, what it is, what it was taken for and how surely, and its name."""
    true, said = (text(report.classes[one[at]]) for one in (tally.labels, tally.predicted))
    name = _name(report, at)
    truly = (
        f'<span class="verdict truly" title="{true}">is {true}</span>'
        if tally.labels[at] != tally.predicted[at]
        else ""
    )
    return (
        f'<figure class="tile">{picture}<figcaption><b class="verdict" title="{said}">{said}</b>{truly}'
        f"<span>{100 * float(tally.confidence[at]):.1f} %</span>"
        f'<span title="{text(name)}">{text(PurePath(name).name)}</span></figcaption></figure>'
    )


def _data(report: RunReport, tally: Tally) -> dict[str, object]:
    """The page's numbers for machines, and the class names for its script."""
    return {
        "title": report.title,
        "notation": report.notation,
        "command": report.command,
        "split": report.split,
        "classes": list(report.classes),
        "counts": [[int(t), int(p), int(tally.counts[t, p])] for t, p in zip(*np.nonzero(tally.counts), strict=True)],
        "support": tally.counts.sum(axis=1).tolist(),
        "right": tally.right,
        "count": tally.count,
        "settings": report.settings,
        "result": report.result,
        "layers": report.layers,
        "epochs": report.epochs,
    }
