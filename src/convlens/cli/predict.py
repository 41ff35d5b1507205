"""``convlens predict``: the class of each file, as a table in a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Argument(help="A model file, such as runs/lenet-fashion-mnist/model.safetensors.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, volumes, videos, sounds, texts, .csv, .npy, .npz or .ts files of one example, or folders.",
            metavar="FILES...",
        ),
    ],
    lines: Annotated[
        bool, typer.Option("--lines", help="Each line of the files is an example: a text, or the numbers of a series.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The CSV to write: a row a file.")] = Path("predictions.csv"),
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: the cores this process may use]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Predict the class of each file; files that cannot be read get a row that says why."""
    import sys

    from rich.console import Console
    from rich.progress import track

    from convlens.training import distributed
    from convlens.training.errors import TrainingError
    from convlens.training.model import Model
    from convlens.training.prediction import files_of, lines_of, write_csv
    from convlens.training.prediction import predict as predict_files
    from convlens.training.tensors import writable

    distributed.threads(threads)
    writable(out)
    loaded = Model.load(model)
    places = lines_of(files_of(files), loaded) if lines else files_of(files)
    rows = predict_files(loaded, places, device)
    console = Console(stderr=True)
    found = list(
        track(rows, "predicting", total=len(places), console=console, transient=True, disable=not console.is_terminal)
    )
    write_csv(out, found, loaded.classes)
    failed = [p for p in found if p.error is not None]
    for p in found[:20] if sys.stdout.isatty() else []:
        print(f"{p.file}  {p.predicted or 'could not be read'}  {f'{p.probability:.3f}' if p.predicted else p.error}")
    counts: dict[str, int] = {}
    for p in found:
        if p.predicted is not None:
            counts[p.predicted] = counts.get(p.predicted, 0) + 1
    listed = ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda kv: -kv[1])[:10])
    noun = "lines" if lines else "files"
    print(f"{len(found) - len(failed):,} of {len(found):,} {noun} predicted{': ' + listed if listed else ''}")
    print(f"written  {out}")
    for p in failed[:10]:
        print(f"convlens: {p.file} could not be read: {p.error}", file=sys.stderr)
    if failed and len(failed) == len(found):
        raise TrainingError(f"none of the {len(found):,} {noun} could be read; the column error in {out} says why")
