"""``convlens filter`` and ``convlens kernels``: one kernel over photos, signals and volumes; those with names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

INPUTS = "Photos, .wav, .csv, .npy, .nii, Zarr arrays, TIFF files of several pages; patterns such as photos/*.jpg."
MEMORY = "Megabytes beyond which an input is filtered in pieces, which take that much in all."
KERNEL = 'A name ("gaussian 9 sigma 2"; see convlens kernels), rows of numbers ("0 -1 0; -1 5 -1; 0 -1 0"), or a file.'
OUT = "The file for one input, or a folder."
BORDER = "What lies outside, in numpy.pad's words: reflect, symmetric, edge, zero, wrap; or valid."
SHEET_ON = "A photo that is put through every kernel, on a contact sheet."


def filter(
    inputs: Annotated[list[str], typer.Argument(help=INPUTS, metavar="INPUT...")],
    kernel: Annotated[str, typer.Option(help=KERNEL)],
    out: Annotated[Path, typer.Option(help=OUT)],
    border: Annotated[str, typer.Option(help=BORDER)] = "reflect",
    stride: Annotated[int, typer.Option(help="Cells between neighbouring results.")] = 1,
    dilation: Annotated[int, typer.Option(help="Cells between neighbouring taps.")] = 1,
    flip: Annotated[bool, typer.Option("--flip", help="Turn the kernel around: convolve as mathematics does.")] = False,
    luminance: Annotated[bool, typer.Option("--luminance", help="Take colour pictures as their lightness.")] = False,
    memory: Annotated[float, typer.Option(help=MEMORY, min=0.01)] = 256,
) -> None:
    """Slide one kernel over photos, signals or volumes; the type stays, and what was cut off is counted.

    What is larger than --memory is filtered in pieces; stopped at any moment, the same command goes on from there.
    """
    from convlens.cli.progress import Stages
    from convlens.filtering.batch import Request, run

    given: Any = border
    request = Request(inputs, kernel, out, given, stride, dilation, flip, luminance, round(memory * 2**20))
    with Stages() as progress:
        for done in run(request, progress):
            print(f"wrote    {done.target}: {done.kind} of {done.shape}, {done.dtype}, {done.seconds:.2f} s")
            for remark in done.remarks:
                print(f"         {remark}")


def kernels(
    on: Annotated[Path | None, typer.Option(help=SHEET_ON)] = None,
    out: Annotated[Path, typer.Option(help="The file of the sheet.")] = Path("sheet.png"),
) -> None:
    """Show the kernels that have names, as a table, and on a photo."""
    from rich.table import Table

    from convlens.cli.console import table_console
    from convlens.filtering.gallery import GALLERY, told

    if on is not None:
        from convlens.filtering.sheet import contact_sheet

        contact_sheet(on, out)
        print(f"sheet    {out}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("kernel", "does", "size", "parameters", "formula", "source"):
        table.add_column(name, overflow="fold")
    for name in GALLERY:
        table.add_row(*told(name))
    table_console().print(table)
