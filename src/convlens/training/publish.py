"""From a finished run to its report page: gathers what `report` draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from convlens.data import CellSplit
from convlens.data.alphabet import spelled
from convlens.network import Conv, Network
from convlens.network.layers import spell
from convlens.network.table import rows

from .fit import Job, initial
from .folder import RunFolder
from .judge import Judgement
from .judge_cells import CellJudgement
from .model import Model
from .report import RunReport, write
from .report_cells import CellReport

SPLITS = {"test": "test", "val": "validation", "train": "training"}


def layer_rows(network: Network) -> list[dict[str, Any]]:
    """The summary table of a network: a row a layer with its output, costs and receptive field.

    >>> layer_rows(Network.parse("1x28x28: conv 6 5 pad 2"))[0]["field"]
    '5x5'
    """
    return [
        {
            "name": row["layer"],
            "output": spell(tuple(row["output"])),
            "parameters": row["parameters"],
            "multiply_adds": row["multiply_adds"],
            "field": spell(tuple(row["field"])),
        }
        for row in rows(network)
    ]


def publish(
    folder: RunFolder,
    job: Job,
    model: Model,
    split: str,
    judged: Judgement | CellJudgement,
    result: dict[str, Any],
    net: str,
    command: str,
) -> None:
    """Write the run's report.html; ``net`` is what the person called the network."""
    data, examples = job.data, job.data.splits[split]
    report = RunReport(
        title=f"{net} on {data.name}",
        notation=str(job.network),
        classes=data.classes,
        settings={"data": data.name, "seed": job.seed, **job.recipe.to_json()},
        result=result,
        layers=layer_rows(job.network),
        epochs=folder.read_metrics(),
        labels=np.zeros(0, np.int64),
        probabilities=np.zeros((0, len(data.classes)), np.float32),
        names=(),
        read=lambda indices: np.zeros((0, 1, 1, 1), np.uint8),
        split=SPLITS[split],
        kernels=_first_kernels(job.network, dict(model.module().state_dict())),
        kernels_before=_first_kernels(job.network, dict(initial(job).state_dict())),
        notes=[(note.kind, note.message, note.names) for note in data.notes],
        command=command,
        spell=_spelling(job),
    )
    if isinstance(examples, CellSplit):
        assert isinstance(judged, CellJudgement)
        shown = CellReport(judged.rows(data.classes), examples.names, examples.x, examples.y, judged.said)
        report = replace(report, cells=shown)
    else:
        assert isinstance(judged, Judgement)
        report = replace(
            report,
            labels=judged.labels,
            probabilities=judged.probabilities,
            names=examples.names,
            read=examples.read,
        )
    write(report, folder.report)


def _spelling(job: Job) -> Callable[[np.ndarray], str] | None:
    """What makes characters of a raw example, of texts alone."""
    alphabet = job.preprocessing.alphabet
    return (lambda raw: spelled(raw, alphabet)) if job.preprocessing.kind == "text" else None


def _first_kernels(network: Network, state: dict[str, Any]) -> np.ndarray | None:
    """The first layer's weight (O, C / groups, *kernel) where it is a conv."""
    if not network.layers or not isinstance(network.layers[0], Conv):
        return None
    return np.asarray(state["0.weight"].detach().cpu().numpy(), dtype=np.float32)
