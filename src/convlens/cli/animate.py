"""``convlens animate``: a kernel slides over an input, step by step, with its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

INPUT = 'Rows of numbers ("0 1 2; 3 4 5; 6 7 8"; channels parted by |), a .csv, .npy or .wav, or a photo.'
KERNEL = 'A name with its size ("box 3"; see convlens kernels), rows of numbers, or a file.'
WITH = "A second signal: convolution, cross-correlation and auto-correlation, below each other."
OUT = "The file: .svg or .gif (they play), .mp4 (by ffmpeg), .png (one step)."
PAD = "Cells added at each side: 1, 1x2, 1+2, same."
STRIDE = "Cells from one place of the window to the next: 2, 2x1."
DILATION = "Cells from one tap to the next: 2, 2x1."
FLIP = "Turn the kernel around first: convolve as mathematics does."
BORDER = "What stands in the padding, in numpy.pad's words: zero, reflect, symmetric, edge, wrap."
ADD = "Add up the channels, each under the same kernel; a kernel with a plane for each always does."
STEP = "Show one place of the window alone, counted from 1."
FRAMES = "Steps at most; of more some are shown, evenly spread."
SECONDS = "How long each step lasts; without, long enough to read it."


def animate(
    source: Annotated[str, typer.Argument(help=INPUT, metavar="INPUT")],
    out: Annotated[Path, typer.Option(help=OUT)],
    kernel: Annotated[str | None, typer.Option(help=KERNEL)] = None,
    other: Annotated[str | None, typer.Option("--with", help=WITH)] = None,
    pad: Annotated[str, typer.Option(help=PAD)] = "0",
    stride: Annotated[str, typer.Option(help=STRIDE)] = "1",
    dilation: Annotated[str, typer.Option(help=DILATION)] = "1",
    flip: Annotated[bool, typer.Option("--flip", help=FLIP)] = False,
    border: Annotated[str, typer.Option(help=BORDER)] = "zero",
    add: Annotated[bool, typer.Option("--add", help=ADD)] = False,
    step: Annotated[int | None, typer.Option(help=STEP)] = None,
    frames: Annotated[int, typer.Option(help=FRAMES)] = 150,
    seconds: Annotated[float | None, typer.Option(help=SECONDS)] = None,
    width: Annotated[int, typer.Option(help="Pixels.")] = 960,
) -> None:
    """Show a kernel at work: the window slides, the products are written out, the output fills."""
    from convlens.cli.progress import Stages
    from convlens.filtering.animation import compare, shown
    from convlens.filtering.errors import FilterError
    from convlens.filtering.figures.given import given

    lies: Any = border
    x = given(source)
    if kernel is not None and other is None:
        found = shown(x, kernel, pad, stride, dilation, flip, lies, add, step, frames, seconds, width)
    elif other is not None and kernel is None:
        a, b = (one[0] if len(one) == 1 else one for one in (x, given(other)))
        found = compare(a, b, step, frames, seconds, width)
    else:
        raise FilterError("say what slides: either --kernel, or --with and a second signal to compare with")
    with Stages() as stages:
        found.save(out, stages)
    lasts = "" if out.suffix.lower() == ".png" else f", {found.seconds:.1f} s"
    print(f"wrote    {out}: {found.film.title}{lasts}, {out.stat().st_size / 1000:.0f} kB")
    for remark in found.remarks:
        print(f"         {remark}")
