"""``convlens data``: what a data source holds, and what is odd about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli.words import LABEL, SOURCES, scaled, sizes
from convlens.network.layers import spell

NAMES_SHOWN = 10


def data(
    source: Annotated[str, typer.Argument(help=SOURCES)],
    val: Annotated[float, typer.Option(help="Fraction held out for validation where the data brings none.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the validation split.")] = 0,
    size: Annotated[
        str | None,
        typer.Option(help="Bring files to this size, such as 32 or 32x48, or length. [default: what fits most]"),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Bring sounds to so many samples a second. [default: the most common]")
    ] = None,
    label: Annotated[str | None, typer.Option(help=LABEL)] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder to look for fashion-mnist in before the usual places.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the names of all files.")] = False,
) -> None:
    """Show splits, classes, shapes and value ranges of a data source, and every warning with its files."""
    from convlens.data import describe, load_set

    wanted = None if size is None else sizes(size, "--size")
    found = load_set(source, data_dir=data_dir, val=val, seed=seed, size=wanted, rate=rate, label=label)
    values = describe(found)
    if as_json:
        print(json.dumps(values, indent=2, default=str))
    else:
        _show(values)


def _show(values: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from convlens.cli.console import table_console

    console = table_console()
    shape = spell(tuple(values["shape"]))
    console.print(
        f"{values['name']}: {values['kind']}s of {shape}, {values['dtype']}{_more(values)}",
        markup=False,
        soft_wrap=True,
    )
    for name, split in values["splits"].items():
        low, high = split["range"]
        console.print(
            f"{name:6} {split['examples']:,} examples, {scaled(split['bytes'], 'B')} in {split['where']}, "
            f"values {low:g} to {high:g}",
            soft_wrap=True,
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class")
    for name in values["splits"]:
        table.add_column(name, justify="right", no_wrap=True)
    for name in values["classes"]:
        table.add_row(Text(name), *(f"{split['classes'][name]:,}" for split in values["splits"].values()))
    console.print()
    console.print(table)
    for kind, notes in values["notes"].items():
        for note in notes:
            console.print(f"\n{kind}: {note['message']}", markup=False, soft_wrap=True)
            for file in note["names"][:NAMES_SHOWN]:
                console.print(f"  {file}", markup=False, soft_wrap=True)
            if len(note["names"]) > NAMES_SHOWN:
                console.print(f"  and {len(note['names']) - NAMES_SHOWN:,} more (all with --json)", soft_wrap=True)


def _more(values: dict[str, Any]) -> str:
    """Of sounds their rate and time, of texts their alphabet."""
    preprocessing = values["preprocessing"]
    if rate := preprocessing.get("rate"):
        return f", {rate:,} samples a second ({preprocessing['shape'][-1] / rate:.2f} s)"
    if values["kind"] != "text":
        return ""
    alphabet = preprocessing.get("alphabet", "")
    return (
        f", an alphabet of {len(alphabet)} characters and one for the rest: {json.dumps(alphabet, ensure_ascii=False)}"
    )
