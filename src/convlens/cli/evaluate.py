"""``convlens evaluate``: what a trained network says of labelled examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.words import LABEL, SOURCES


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
    counts = f"{found['right']:,} of {found['examples']:,}"
    print(f"{found['split']}: accuracy {found['accuracy']:.4f} ({counts}), loss {found['loss']:.4f}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class")
    for name in ("precision", "recall", "F1", "examples", "most often taken for"):
        table.add_column(name, justify="left" if name.startswith("most") else "right")
    for row in found["classes"]:
        table.add_row(
            row["name"],
            f"{row['precision']:.3f}",
            f"{row['recall']:.3f}",
            f"{row['f1']:.3f}",
            f"{row['support']:,}",
            row["taken_for"] or "",
        )
    table_console().print(table, markup=False)
    if out is not None:
        RunFolder.write_json(out, found)
        print(f"written  {out}")
