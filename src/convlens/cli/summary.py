"""``convlens summary``: what a network is, layer by layer, without running it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli.words import NAMED, scaled
from convlens.network import (
    ZOO,
    Conv,
    Flatten,
    Linear,
    Network,
    activation_bytes,
    costs,
    fields,
    print_layer,
    resolve,
    total,
)
from convlens.network.layers import spell
from convlens.network.table import rows

ABSURD = 100_000_000
"""Parameters of one dense layer from which on the summary says what a convolution would need."""


def summary(
    net: Annotated[str, typer.Argument(help=f"{NAMED}, a line of notation, or a model file.")],
    compare: Annotated[
        list[str] | None, typer.Option(metavar="NET", help="Another network to set beside it; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show each layer's output, parameters, multiply-adds and receptive field, and the totals."""
    networks = [(text, network_of(text)) for text in [net, *(compare or [])]]
    if as_json:
        print(json.dumps([_values(network) for _, network in networks], indent=2))
        return
    if len(networks) == 1:
        _table(networks[0][1])
    else:
        _comparison(networks)


def network_of(text: str) -> Network:
    """The network that a person means: a model file's, a named one, or a line's."""
    from convlens.training.errors import TrainingError
    from convlens.training.header import MODEL, metadata

    named = text.endswith(".safetensors") or any(map(os.path.isfile, (text, os.path.join(text, MODEL))))
    if named and text not in ZOO:
        found = metadata(Path(text), "a convlens model").get("network")
        if found is None:
            raise TrainingError(f"{text} is a safetensors file, but not a convlens model; make one with convlens train")
        return Network.parse(found)
    return resolve(text)


def _values(network: Network) -> dict[str, Any]:
    whole = total(network)
    return {
        "network": str(network),
        "layers": rows(network),
        "parameters": whole.parameters,
        "parameter_bytes": whole.parameter_bytes,
        "multiply_adds": whole.multiply_adds,
        "activation_bytes": activation_bytes(network),
    }


def _same(numbers: list[int]) -> str:
    """Numbers an axis, as one where they agree."""
    return str(numbers[0]) if len(set(numbers)) == 1 else spell(tuple(numbers))


def _table(network: Network) -> None:
    from rich.table import Table
    from rich.text import Text

    from convlens.cli.console import table_console

    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    whole = total(network)
    table.add_column("layer", footer="total", overflow="fold")
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True, footer=f"{whole.parameters:,}")
    table.add_column("multiply-adds", justify="right", no_wrap=True, footer=f"{whole.multiply_adds:,}")
    for name in ("field", "jump", "start"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("input", spell(network.input_shape), "", "", "", "", "")
    for row in rows(network):
        table.add_row(
            Text(row["layer"]),
            spell(tuple(row["output"])),
            f"{row['parameters']:,}" if row["parameters"] else "",
            f"{row['multiply_adds']:,}" if row["multiply_adds"] else "",
            *((spell(tuple(row["field"])), _same(row["jump"]), _same(row["start"])) if row["field"] else ("", "", "")),
        )
    console = table_console()
    console.print(Text(str(network), style="bold"), soft_wrap=True)
    console.print()
    console.print(table)
    console.print()
    for sentence in _remarks(network):
        console.print(sentence, soft_wrap=True, markup=False)


def _remarks(network: Network) -> list[str]:
    whole = total(network)
    found = [
        f"{scaled(whole.parameters)} parameters take {scaled(whole.parameter_bytes, 'B')}; "
        f"the activations of one example {scaled(activation_bytes(network), 'B')} (float32)"
    ]
    for i, (layer, cost) in enumerate(zip(network.layers, costs(network), strict=True)):
        before = network.shapes[i]
        if isinstance(layer, Linear) and cost.parameters >= ABSURD and isinstance(network.layers[i - 1], Flatten):
            picture = network.shapes[i - 1]
            conv = Network(picture, (Conv(4, 5),))
            found.append(
                f"{print_layer(layer)} gives each of {scaled(before[0])} inputs its own weight: "
                f'{scaled(cost.parameters)} of them; "{conv}" shares {total(conv).parameters:,} over all positions'
            )
    return found


def _comparison(networks: list[tuple[str, Network]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from convlens.cli.console import table_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("network", overflow="fold")
    for name in ("output", "parameters", "bytes", "multiply-adds", "activations", "field"):
        table.add_column(name, justify="right", no_wrap=True)
    for text, network in networks:
        whole = total(network)
        seen = fields(network)[-1]
        table.add_row(
            Text(text if len(text) <= 60 else text[:57] + "..."),
            spell(network.output_shape),
            f"{whole.parameters:,}",
            scaled(whole.parameter_bytes, "B"),
            f"{whole.multiply_adds:,}",
            scaled(activation_bytes(network), "B"),
            spell(tuple(f.size for f in seen)) if seen else "",
        )
    console = table_console()
    console.print(table)
