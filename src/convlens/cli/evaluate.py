"""``convlens evaluate``: what a trained network says of labelled examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli.words import LABEL, SOURCES

COLUMNS = ("precision", "recall", "F1", "examples", "most often taken for")


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model file, such as runs/lenet-fashion-mnist/model.safetensors.")],
    data: Annotated[str, typer.Argument(help=SOURCES)],
    split: Annotated[
        str | None, typer.Option(help="test, val or train. [default: the first of them that there is]")
    ] = None,
    label: Annotated[str | None, typer.Option(help=LABEL)] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the scores to this JSON file.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: the cores this process may use]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder to look for fashion-mnist in before the usual places.")
    ] = None,
) -> None:
    """Print accuracy, loss and per-class scores of a model on labelled data."""
    from rich.table import Table

    from convlens.cli.console import table_console
    from convlens.training import distributed
    from convlens.training.evaluation import evaluate as judge_model
    from convlens.training.folder import RunFolder
    from convlens.training.tensors import writable

    distributed.threads(threads)
    if out is not None:
        writable(out)
    found = judge_model(model, data, split=split, device=device, data_dir=data_dir, label=label)
    noun = " cells" if "dice" in found["classes"][0] else ""
    counts = f"{found['right']:,} of {found['examples']:,}{noun}"
    print(f"{found['split']}: accuracy {found['accuracy']:.4f} ({counts}), loss {found['loss']:.4f}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("class", *COLUMNS) if "dice" not in found["classes"][0] else ("class", "Dice", "IoU", "cells"):
        table.add_column(name, justify="left" if name in ("class", COLUMNS[-1]) else "right")
    for row in found["classes"]:
        table.add_row(*_cells(row))
    table_console().print(table, markup=False)
    if out is not None:
        RunFolder.write_json(out, found)
        print(f"written  {out}")


def _cells(row: dict[str, Any]) -> list[str]:
    """A class as a row of the table; its overlaps where cells were labelled."""
    if "dice" in row:
        return [row["name"], f"{row['dice']:.4f}", f"{row['iou']:.4f}", f"{row['cells']:,}"]
    scores = [f"{row[score]:.3f}" for score in ("precision", "recall", "f1")]
    return [row["name"], *scores, f"{row['support']:,}", row["taken_for"] or ""]
