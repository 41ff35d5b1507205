"""``convlens predict``: the class of each file, as a table in a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.words import SCHEDULER

if TYPE_CHECKING:
    from convlens.training.model import Model


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
    out: Annotated[
        Path | None,
        typer.Option(
            help="The CSV to write: a row a file; of a model that labels cells the file of labels, or a folder. "
            "[default: predictions.csv or predictions/]"
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: the cores this process may use]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    scheduler: Annotated[str, typer.Option(help=SCHEDULER)] = "",
) -> None:
    """Predict the class of each file, or of every cell in it; of files that cannot be read it is said why."""
    import sys

    from rich.console import Console
    from rich.progress import track

    from convlens.training import distributed
    from convlens.training.errors import TrainingError
    from convlens.training.model import Model
    from convlens.training.prediction import files_of, lines_of, predict_afar, write_csv
    from convlens.training.prediction import predict as predict_files
    from convlens.training.tensors import writable

    count = distributed.threads(threads)
    loaded = Model.load(model)
    if loaded.of_cells:
        if scheduler:
            raise TrainingError("--scheduler is for models that give a file one class, and this one labels its cells")
        _label(loaded, files_of(files), out, device, count)
        return
    out = out or Path("predictions.csv")
    writable(out)
    places = lines_of(files_of(files), loaded) if lines else files_of(files)
    rows = predict_files(loaded, places, device)
    if scheduler:
        rows = predict_afar(loaded, places, device, scheduler)
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


def _label(model: Model, files: list[Path], out: Path | None, device: str, threads: int) -> None:
    """Write the class of every cell of each file, and say which classes it holds."""
    import sys

    from convlens.training.errors import TrainingError
    from convlens.training.labelling import Labeller

    failed = 0
    for found in Labeller(model, device, threads).write(files, out):
        if found.written is None:
            failed += 1
            print(f"convlens: {found.file} could not be labelled: {found.error}", file=sys.stderr)
            continue
        cells = sum(found.counts)
        shares = (f"{name} {100 * n / cells:.1f} %" for name, n in zip(model.classes, found.counts, strict=True) if n)
        print(f"written  {found.written}  {', '.join(shares)}")
    if failed == len(files):
        raise TrainingError("none of the files could be labelled")
