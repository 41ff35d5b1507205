"""``convlens learn-kernel``: which kernel turned one picture, signal or volume into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BEFORE = "A photo, .wav, .csv, .npy or TIFF of several pages, before it was filtered."
AFTER = "The same afterwards; or smaller by the kernel's size less 1."
SIZE = "Taps along every axis, or one number an axis: 7, 1x9."
STEPS = "Steps of gradient descent; without, until it stands still."
RATE = "What a step goes of the gradient of the summed squared error; without, as far as is safe, with momentum."
OUT = "Where the kernel is kept: .npy or .csv, which --kernel of convlens filter reads, or a picture, .png."


def learn_kernel(
    before: Annotated[Path, typer.Argument(help=BEFORE)],
    after: Annotated[Path, typer.Argument(help=AFTER)],
    size: Annotated[str, typer.Option(help=SIZE)] = "7",
    steps: Annotated[int | None, typer.Option(help=STEPS)] = None,
    rate: Annotated[float | None, typer.Option(help=RATE)] = None,
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Let nothing be added to the cells.")] = False,
    out: Annotated[Path | None, typer.Option(help=OUT)] = None,
) -> None:
    """Find the kernel and bias that turn one picture, signal or volume into another."""
    from convlens.filtering.errors import FilterError
    from convlens.filtering.learning import learn_kernel as learn
    from convlens.filtering.media import read
    from convlens.filtering.telling import lines, write

    try:
        sizes = tuple(int(word) for word in size.lower().split("x"))
    except ValueError:
        raise FilterError(f'the size is a whole number, or one an axis as in 1x9, not "{size}"') from None
    first, second = read(before), read(after)
    if first.kind != second.kind:
        raise FilterError(f"{before} is a {first.kind}, but {after} a {second.kind}; give two of a kind")
    sizes = sizes * first.axes if len(sizes) == 1 else sizes
    learned = learn(first.cells, second.cells, sizes, bias=not no_bias, steps=steps, rate=rate)
    for line in lines(learned, whole=second.cells.dtype.kind in "iu"):
        print(line)
    if out is not None:
        write(learned, out)
        print(f"wrote    {out}")
