"""What stands above a figure: the operation in convlens' notation, and the output's size as a formula with numbers."""

from __future__ import annotations

from convlens.network import Axis

from .look import INK, INPUT, KERNEL, MARGIN, MUTED, OUTPUT, PAPER, WIDTH, fitting
from .scene import Scene
from .shapes import Rect, Reel, Run

TITLE, FORMULA = 32.0, 23.0
"""Sizes of the letters."""
TALL = 4000.0
"""More than a canvas is high."""


def head(reel: Reel, runs: tuple[Run, ...], below: list[tuple[Run, ...]]) -> float:
    """Paper, a headline and lines below it; returns where they end."""
    reel.add(Rect(0, 0, WIDTH, TALL, PAPER))
    words = "".join(word for word, _ in runs)
    reel.text(WIDTH / 2, 48, runs, fitting([words], WIDTH - 2 * MARGIN, TITLE, bold=True), bold=True)
    for n, line in enumerate(below):
        reel.text(WIDTH / 2, 96 + 34 * n, line, FORMULA)
    return 96.0 + 34 * len(below)


def headline(scene: Scene) -> tuple[Run, ...]:
    """The layer that does the same in a network, and the shape that it makes.

    A network's layer does not flip; where the kernel is turned first, that is said.
    """
    out = "x".join(map(str, scene.network.output_shape))
    line = str(scene.network).removesuffix(" nobias")
    shape, _, layer = line.partition(": ")
    turned: tuple[Run, ...] = ((" with the kernel turned around", KERNEL.dark),) if scene.flip else ()
    return (
        (shape, INPUT.dark),
        (f": {layer}", INK),
        *turned,
        ("  →  ", MUTED),
        (out, OUTPUT.dark),
    )


def plain(scene: Scene) -> str:
    """The headline without colours."""
    return "".join(words for words, _ in headline(scene))


def formulas(scene: Scene) -> list[tuple[Run, ...]]:
    """For each axis how its size comes about; axes that are alike share a line."""
    names = ["length"] if scene.signal else ["height", "width"]
    found = scene.axes[2 - len(names) :]
    if len(set(found)) == 1 and len(names) == 2:
        names, found = ["height and width"], found[:1]
    return [((f"{name}:  ", MUTED), *sized(axis)) for name, axis in zip(names, found, strict=True)]


def sized(axis: Axis) -> tuple[Run, ...]:
    """``(padded - extent) // stride + 1`` as ``Axis.out`` has it, with its numbers.

    >>> "".join(words for words, _ in sized(Axis(7, 3, 2, 1, 1)))
    '(7 + 2·1 − 3) / 2 + 1 = 4'
    >>> "".join(words for words, _ in sized(Axis(8, 3, 2, 0, 0, 2)))
    '⌊(8 − (2·(3 − 1) + 1)) / 2⌋ + 1 = 2'
    """
    if axis.before == axis.after:
        padding = f" + 2·{axis.before}" if axis.before else ""
    else:
        padding = f" + {axis.before} + {axis.after}"
    extent: tuple[Run, ...] = ((str(axis.kernel), KERNEL.dark),)
    if axis.dilation > 1:
        extent = ((f"({axis.dilation}·(", INK), *extent, (" − 1) + 1)", INK))
    room: tuple[Run, ...] = ((str(axis.size), INPUT.dark), (f"{padding} − ", INK), *extent)
    if axis.stride > 1:
        floor = (axis.padded - axis.extent) % axis.stride
        room = (("⌊(" if floor else "(", INK), *room, (f") / {axis.stride}{'⌋' if floor else ''}", INK))
    return (*room, (" + 1 = ", INK), (str(axis.out), OUTPUT.dark))
