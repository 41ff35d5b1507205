"""``convlens info``: what this installation is and finds, or how the engine would run a network."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from convlens import __version__
from convlens.cli.words import scaled
from convlens.network import Network, print_layer

if TYPE_CHECKING:
    from rich.table import Table

    from convlens.engine.describe import Row

PACKAGES = ("torch", "numpy", "llvmlite", "pillow", "tifffile", "safetensors", "tensorboard")


def info(
    net: Annotated[str | None, typer.Argument(help="A named network, a line, or a model file: shows its plan.")] = None,
    training: Annotated[bool, typer.Option("--training", help="The plan for training it.")] = False,
) -> None:
    """Print versions, processor and data found; with a network, how the engine would run it."""
    if net is None:
        _installation()
    else:
        from convlens.cli.summary import network_of

        _plan(network_of(net), training)


def _installation() -> None:
    from convlens import engine

    rows = [
        ("convlens", __version__),
        ("python", platform.python_version()),
        *((name, _version(name)) for name in PACKAGES),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("cores", f"{engine.cores()} this process may use"),
        ("engine", f"{engine.host().name}, {engine.host().lanes} lanes; can run {_targets()}"),
        ("fashion-mnist", _fashion_mnist()),
    ]
    for name, value in rows:
        print(f"{name:14} {value}")


def _targets() -> str:
    from convlens import engine

    return ", ".join(target.name for target in engine.runnable())


def _plan(network: Network, training: bool) -> None:
    from rich.text import Text

    from convlens import engine
    from convlens.cli.console import table_console
    from convlens.engine import describe
    from convlens.engine.cost import most_alone
    from convlens.engine.single import single

    target = engine.host()
    plan = engine.plan(network, target, training=training)
    console = table_console()
    console.print(Text(str(network), style="bold"), soft_wrap=True)
    held = scaled(describe.scratch_bytes(plan), "B")
    console.print(f"\n{target.name}: {target.lanes} images a block, {held} of buffers a thread\n", soft_wrap=True)
    console.print(_table(describe.rows(plan)))
    alone = single(plan)
    if alone and not training:
        held, most = scaled(describe.scratch_bytes_of_one(alone), "B"), most_alone(plan, alone)
        pays = f"pays for up to {most} images behind the full blocks" if most else "never pays"
        console.print(f"\nan image alone, vectors of channels in a tile: {pays}; {held} of buffers\n", soft_wrap=True)
        console.print(_table(describe.rows_of_one(alone)))
    elif not training:
        console.print("\na layer has no kernel for an image alone: it costs as much as a block", soft_wrap=True)
    if found := engine.slower(network):
        console.print()
    for i, reason in found.items():
        console.print(f"layer {i + 1} ({print_layer(network.layers[i])}): {reason}", soft_wrap=True)
    if engine.outrun(network):
        console.print("that is most of the work: convlens train runs this network on PyTorch", soft_wrap=True)


def _table(rows: list[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layers of one kernel", overflow="fold")
    table.add_column("kernel")
    for name in ("tile", "input", "output", "multiply-adds", "of peak"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row.layers),
            row.kernel,
            row.tile,
            scaled(row.source_bytes, "B"),
            scaled(row.result_bytes, "B"),
            f"{row.multiply_adds:,}",
            "" if row.share is None else f"{row.share:.0%}",
        )
    return table


def _fashion_mnist() -> str:
    from convlens.data.fashion_mnist import FILES, SYSTEM, cache_folder

    name = FILES["train"][0].name
    for folder in (cache_folder() / "fashion-mnist", SYSTEM):
        if any((folder / f).is_file() for f in (name, f"{name}.gz")):
            return str(folder)
    return "not here yet; convlens train fashion-mnist fetches it"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
